"""What `db-status` says, from facts that nobody had to look at."""

import shlex
import subprocess
import time
from dataclasses import replace

import pytest
from facts_of import (
    contents_of,
    database_of,
    facts_of,
    folder_of,
    folders_of,
    settings_of,
    table_of,
    wish_of,
)

from resetting import Finding, status
from resetting.contents import UNFINISHED
from resetting.facts import App, Folders
from resetting.pairs import MISPLACED

WISH = wish_of("status", given={"POSTGRES_DB": "scope"})


def show(capsys, verdicts=None, **changes):
    """All that is shown, by label."""
    status.show(WISH, facts_of(**changes), verdicts or {})
    rows, label = {}, ""
    for line in capsys.readouterr().out.splitlines():
        label = line[:13].strip() or label
        rows[label] = "\n".join(filter(None, [rows.get(label), line[13:]]))
    return rows


def test_a_state_without_anything_to_say_is_short(capsys):
    assert show(capsys, app=App(differences=()), stuck=()) == {
        "Settings": "DB USER PASSWORD: from .env\nHOST PORT APP_ENVIRONMENT: by default",
        "Revision": "a, the newest in migrations",
        "Models": "no table or column differs, as far as Alembic sees",
    }


def test_a_server_without_the_database_is_short_too(capsys):
    assert set(show(capsys, database=None, folders=folders_of(None))) == {"Settings"}


def test_where_each_setting_comes_from():
    settings = settings_of({"POSTGRES_DB": "x", "POSTGRES_HOST": ""}, POSTGRES_HOST="b")
    assert status.settings_in_words(facts_of(settings=settings)).splitlines() == [
        "DB: from the environment",
        "USER PASSWORD: from .env",
        "PORT APP_ENVIRONMENT: by default",
    ]


@pytest.mark.parametrize(
    ("recorded", "changes", "text"),
    [
        ("", {}, "none recorded"),
        ("", {"folders": folders_of(None)}, "none recorded; there is no migrations folder"),
        (
            "b",
            {"folders": folders_of("ab")},
            "b, one of the heads of migrations, a, b",
        ),
        ("b", {}, "b; its migrations are missing"),
        ("b", {"folders": folders_of(None)}, "b; its migrations are missing"),
        ("b", {"folders": folders_of("a", n3="b")}, "b; its migrations are in migrations.~3~"),
    ],
)
def test_h44_which_revision_belongs_to_what(recorded, changes, text):
    facts = facts_of(database=database_of(revisions=recorded), **changes)
    assert status.revision_in_words(facts) == Finding(text, "")


def test_migrations_that_another_database_took_come_back_by_mv(tmp_path):
    changes = {"folders": folders_of("x", n3="b", n1="y"), "others": {"x": "other"}}
    facts = facts_of(database=database_of(revisions="b"), **changes)
    told = status.revision_in_words(facts)
    what = "b; its migrations are in migrations.~3~; migrations are those of other"
    assert told.what == what
    words, purpose = told.mend.split("   ")
    for name, revision in (("migrations", "x"), ("migrations.~1~", "y"), ("migrations.~3~", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / revision).touch()
    subprocess.run(words.replace("/srv/backscope", str(tmp_path)), shell=True, check=True)
    moved = {path.parent.name: path.name for path in tmp_path.glob("*/*")}
    assert moved == {"migrations": "b", "migrations.~1~": "y", "migrations.~2~": "x"}
    assert purpose == "brings them back"


def test_migrations_that_a_kept_database_needs_are_not_moved_away():
    changes = {"folders": folders_of("x", n1="b"), "others": {"x": "other"}}
    kept = {1: database_of("scope.~1~", "b")}
    facts = facts_of(database=database_of(revisions="b"), kept=kept, **changes)
    assert not status.revision_in_words(facts).mend


def test_several_heads_are_one_newest_revision():
    heads = Folders(True, folder_of(revisions="abc", heads="bc"), {})
    facts = facts_of(database=database_of(revisions="cb"), folders=heads)
    assert status.revision_in_words(facts).what == "b, c, the newest in migrations"
    facts = facts_of(database=database_of(revisions="a"), folders=heads)
    told = status.revision_in_words(facts).what
    assert told.startswith("a, behind the newest in migrations, b, c")


def in_words(finding):
    return ": ".join(filter(None, [finding.what, finding.mend]))


def kept_of(number=1, revisions="b", **changes):
    return {number: database_of(f"scope.~{number}~", revisions, **changes)}


EMPTY = database_of(contents=contents_of())
BACK = "\nmake db-undo N=1 POSTGRES_DB=scope   brings scope.~1~ back"
CURES = f"""make db-rebuild CARRY=1 POSTGRES_DB=scope   finishes it, with the rows of scope.~1~
make db-rebuild POSTGRES_DB=scope   finishes it, empty{BACK}"""
HALF = database_of(comment=UNFINISHED.format(1009))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, ""),
        ({"kept": kept_of(), "folders": folders_of("a", n1="b")}, ""),
        ({"kept": kept_of(), "folders": folders_of("b", n1="a")},
         f"the migrations are {MISPLACED}: make db-undo POSTGRES_DB=scope   moves them"),
        ({"kept": kept_of(), "database": HALF}, "the rows of scope.~1~ are still to come: make"
         f" db-rebuild CARRY=1 POSTGRES_DB=scope   fetches them{BACK}"),
        ({"database": HALF}, ""),  # what it was filled from is gone
        ({"kept": kept_of(), "database": None}, f"scope is not there: {CURES}"),
        ({"database": None}, ""),
        ({"database": None, "kept": kept_of(owned=False)}, ""),  # it is another role's
        ({"database": EMPTY}, "scope has no tables and no revision: make db-rebuild"
         " POSTGRES_DB=scope   finishes it"),
        ({"database": EMPTY, "kept": kept_of()}, f"scope has no tables and no revision: {CURES}"),
        ({"database": database_of(contents=None)}, ""),
        ({"database": database_of(contents=None, open=False)}, "scope accepts no connections: psql"
         " 'host=localhost port=5432 user=scope dbname=postgres' -c 'ALTER DATABASE \"scope\""
         " ALLOW_CONNECTIONS true'   opens it"),
        ({"database": database_of(contents=None, open=False, valid=False)}, ""),
    ],
)  # fmt: skip
def test_h44_what_was_interrupted_and_what_finishes_it(changes, text):
    assert in_words(status.unfinished_in_words(WISH, facts_of(**changes))) == text


def test_how_the_database_differs_from_the_models():
    def words(**app):
        tables = contents_of(table_of(), table_of("old", 7), table_of("empty", 0), revisions="a")
        facts = facts_of(app=App(**app), database=database_of(contents=tables))
        return in_words(status.models_in_words(WISH, facts))

    assert words() == ""  # it was not compared
    assert words(differences=("sequences.extra is not in scope",)) == (
        "sequences.extra is not in scope: make db-rebuild CARRY=1 POSTGRES_DB=scope"
    )
    extra = {"differences": ("sequences.extra is not in scope and must not be null",)}
    assert "KEEP=1" in words(**extra, full=["sequences"])
    assert "CARRY=1" in words(**extra, full=["empty"])  # no row is there to come along
    models = {"sequences": ("id",)}
    assert words(differences=(), tables=models) == (
        "a clear would leave old 7\nno table or column differs, as far as Alembic sees"
    )


def test_h20_what_a_clear_would_leave_needs_rows_and_known_models():
    facts = facts_of(app=App(differences=(), tables={"sequences": ()}))
    assert "would leave" not in status.models_in_words(WISH, facts).what


def kept_words(whole=True, **changes):
    return [(one.what, one.mend.splitlines()) for one in
            status.kept_in_words(WISH, facts_of(**changes), whole)]  # fmt: skip


def test_what_is_kept_comes_with_what_brings_it_back_and_what_removes_it():
    kept = {**kept_of(2, "c", contents=None), **kept_of()}
    first, second = kept_words(kept=kept, folders=folders_of("a", n1="b"))
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(folder_of().since))
    assert first == (
        f"scope.~1~: 7 MB, sequences 3, revision b and migrations.~1~ since {since}",
        ["make db-undo N=1 POSTGRES_DB=scope   brings it back",
         "dropdb -h localhost -p 5432 -U scope scope.~1~ && rm -r /srv/backscope/migrations.~1~"
         "   removes it"],
    )  # fmt: skip
    assert second == (
        "scope.~2~: 7 MB, cannot be looked into; its migrations are not there",
        ["make db-undo N=2 POSTGRES_DB=scope   brings it back",
         "dropdb -h localhost -p 5432 -U scope scope.~2~   removes it"],
    )  # fmt: skip
    ((text, _),) = kept_words(kept=kept_of(contents=contents_of()))
    assert "7 MB, no rows, revision none;" in text
    others = {"folders": folders_of("a", n1="x"), "others": {"x": "other"}}
    ((text, _),) = kept_words(kept=kept_of(contents=contents_of()), **others)
    assert text.endswith("revision none; its migrations are not there")  # they are another's
    ((text, mend),) = kept_words(kept=kept_of(owned=False, owner="lim"))
    assert (text[:18], mend) == ("scope.~1~ of lim: ", [])  # which may not be dropped or renamed


def test_what_is_kept_has_the_folder_with_its_revision_whatever_its_number():
    folders = folders_of("a", n1="x", n4="b")
    ((text, mend),) = kept_words(kept=kept_of(), folders=folders, others={"x": "other"})
    assert text.endswith(" and migrations.~4~")  # since when, only its own number tells
    assert "rm" not in mend[-1]  # only what has the same number goes with it
    ((text, mend),) = kept_words(kept=kept_of(), folders=folders_of("b"))
    assert "and migrations" in text
    assert "rm" not in mend[-1]  # what is called migrations is in use


def test_h23_what_may_be_the_only_rows_is_not_offered_for_removal():
    ((_, mend),) = kept_words(whole=False, kept=kept_of(), folders=folders_of("a", n1="b"))
    assert mend == ["make db-undo N=1 POSTGRES_DB=scope   brings it back"]


def test_what_is_left_over_goes_with_one_command_and_is_nobodys():
    folders = folders_of("a", n1="b", n2="c", n3="x", n4="d", n5="a", n6="e")
    facts = facts_of(folders=folders, kept={**kept_of(), **kept_of(7, "e")}, others={"x": "other"})
    left = status.left_over_in_words(facts)  # 5 has the revision of scope, 6 that of scope.~7~
    assert left.what == "migrations.~2~, migrations.~4~: of no database on localhost:5432"
    assert left.mend == (
        "rm -r /srv/backscope/migrations.~2~ /srv/backscope/migrations.~4~   removes them"
    )
    moving = replace(facts, folders=folders_of("b", n1="c"))  # 1 is to be that of scope.~1~
    assert status.left_over_in_words(moving) == Finding(
        left.what.replace("~2~, migrations.~4~", "~1~"), ""
    )
    bare = {8: database_of("scope.~8~", contents=contents_of())}  # it records no revision
    assert (
        status.left_over_in_words(facts_of(folders=folders_of("a", n8="c"), kept=bare)).what == ""
    )
    hidden = status.left_over_in_words(replace(facts, hidden=("x", "y")))
    unless = "unless of x or y, which the role scope cannot look into"
    assert hidden == Finding(f"{left.what}, {unless}", "")
    moved = replace(facts, settings=settings_of({"POSTGRES_PORT": "5433"}))
    away = status.left_over_in_words(moved)
    assert away.what.endswith("on localhost:5433, but perhaps of one on the server that .env names")
    assert away.mend == ""
    one = facts_of(folders=folders_of("a", n2="c"))
    assert status.left_over_in_words(one).mend.endswith("   removes it")
    assert status.left_over_in_words(facts_of()).what == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"folders": folders_of("a", n1="b", n2="b"), "kept": {**kept_of(), **kept_of(2)}},
        {"folders": folders_of(None, n1="ab"), "kept": kept_of()},  # and scope has revision a
        {"folders": folders_of("a", n1="bx"), "kept": kept_of(), "others": {"x": "other"}},
    ],
)
def test_migrations_that_somebody_else_needs_stay(changes):
    removals = [mend[-1] for _, mend in kept_words(**changes)]
    assert removals[0].endswith("scope.~1~   removes it") and "rm" not in removals[0]


def test_what_cannot_be_looked_into_might_need_what_is_left_over():
    folders = folders_of("a", n2="c")
    assert status.left_over_in_words(facts_of(folders=folders)).mend
    hidden = status.left_over_in_words(facts_of(folders=folders, hidden=("bobs",)))
    unread = replace(folders, numbered={2: replace(folders.numbered[2], read=False)})
    for left in (hidden, status.left_over_in_words(facts_of(folders=unread))):
        assert left.what.startswith("migrations.~2~: of no database")
        assert left.mend == ""


def test_what_an_older_run_kept_is_not_what_finishes_this_one():
    """A plain rebuild was interrupted, which set its migrations aside as number 2."""
    folders = folders_of(None, n1="a", n2="b")
    folders.numbered[2] = replace(folders.numbered[2], since=9.0)
    kept = {1: database_of("scope.~1~", ("a",))}
    said = status.unfinished_in_words(WISH, facts_of(database=EMPTY, kept=kept, folders=folders))
    first, second, _ = said.mend.splitlines()
    assert first.endswith("finishes it, empty")
    assert second.endswith("with the rows of scope.~1~")


def test_paths_that_are_removed_are_quoted():
    folder = replace(folder_of(), path=settings_of().checkout / "my $x" / "migrations.~2~")
    command = status.removal([folder])
    assert shlex.split(command) == ["rm", "-r", str(folder.path)]


@pytest.mark.parametrize(
    ("stuck", "text"),
    [
        ((), ""),
        (("A1",), "A1 requested, no values: make db-unflag POSTGRES_DB=scope"),
        (tuple("abcdef"), "a, b, c, d, e and 1 more requested, no values: make db-unflag"
         " POSTGRES_DB=scope"),
        (None, "not looked for: the table sequences is locked, or too large"),
    ],
)  # fmt: skip
def test_h30_downloads_that_never_finished(stuck, text):
    assert in_words(status.stuck_in_words(WISH, facts_of(stuck=stuck))) == text
    assert in_words(status.stuck_in_words(WISH, facts_of(database=EMPTY))) == ""
    other = database_of(contents=contents_of(table_of(), sequence_columns=frozenset({"id"})))
    unknown = status.stuck_in_words(WISH, facts_of(database=other)).what
    assert unknown == "not looked for: the table sequences is not as it is known"


def test_h58_the_disposable_database_is_the_main_one(capsys):
    settings = settings_of(POSTGRES_DISPOSABLE_DB="scope")
    assert show(capsys, settings=settings)["Disposable"] == (
        "POSTGRES_DISPOSABLE_DB is scope too: flask test empties it"
    )
    assert "Disposable" not in show(capsys, settings=settings_of(POSTGRES_DISPOSABLE_DB="dis"))


def test_what_could_run_and_what_would_be_refused_each_once(capsys):
    both, one = Finding("It is busy.", "wait"), Finding("It is full.", "empty it")
    status.show(
        WISH, facts_of(kept=kept_of()), {"clear": [both], "rebuild": [both, one], "undo": []}
    )
    out = capsys.readouterr().out
    assert "A clear      would be refused\n" in out
    assert "A undo       could run: make db-undo POSTGRES_DB=scope\n" in out
    assert "Kept         scope.~1~: " in out
    assert "\nIn the way of a clear and a rebuild:\n  It is busy.\n      wait\n" in out
    assert "\nIn the way of a rebuild:\n  It is full.\n      empty it\n" in out
    assert out.count("It is busy") == 1
