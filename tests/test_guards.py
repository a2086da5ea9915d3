"""What is in the way on the server and in the checkout, a guard at a time; purely."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from facts_of import (
    contents_of,
    database_of,
    facts_of,
    folder_of,
    folders_of,
    said,
    session_of,
    settings_of,
    table_of,
    wish_of,
)

from backscope_reset import Clear
from resetting import guards, misfits
from resetting.commands import copy, dropdb, flask, mv
from resetting.contents import UNFINISHED
from resetting.facts import App, Folders, Lock
from resetting.pairs import MISPLACED
from resetting.sequences import Forget


def test_a_confirmation_is_the_very_name():
    for confirm, host in ((None, "localhost"), ("scope", "localhost"), ("scope@h", "h")):
        settings = settings_of(POSTGRES_HOST=host)
        assert list(guards.confirmation(wish_of(confirm=confirm), settings)) == []
    for confirm, host in (
        ("", "localhost"),
        ("scope ", "localhost"),
        ("Scope", "::1"),
        ("scope", "h"),
    ):
        settings = settings_of(POSTGRES_HOST=host)
        (finding,) = guards.confirmation(wish_of(confirm=confirm), settings)
        assert finding.what.endswith(f"but the target is {settings.answer}.")
        assert finding.mend == "make db-status   shows the target"


def test_a_key_that_the_old_table_generates_comes_along():
    app = App(tables={"sequences": ["id"]}, keys={"sequences": ["id"]})
    for table, refused in ((table_of(generated=("id",)), False), (table_of(columns=("x",)), True)):
        where = database_of(contents=contents_of(table))
        found = guards.source(wish_of(carry=True), facts_of(app=app), where)
        assert [one.what for one in found] == refused * [
            "scope has no sequences.id, a key of the models: its rows could not keep theirs."
        ]


def test_h19_what_else_is_in_the_way_is_mended_there():
    production = settings_of(APP_ENVIRONMENT="production")
    facts = facts_of(settings=production, database=None, sessions=(session_of(),))
    first, second, *_ = Clear(wish_of("clear")).in_the_way(facts)
    assert first.mend.startswith("make db-clear PRODUCTION=1   ")
    assert second.mend == "make db-rebuild PRODUCTION=1   sets it up"


def test_h19_production():
    for facts in (
        facts_of(settings=settings_of(APP_ENVIRONMENT="production")),
        facts_of(app=App(production=True)),
    ):
        (finding,) = guards.production(wish_of("clear"), facts)
        assert finding.mend.startswith("make db-clear PRODUCTION=1 ")
        assert list(guards.production(wish_of(production=True), facts)) == []
    assert list(guards.production(wish_of(), facts_of())) == []


def test_h24_another_reset_is_running():
    assert said(guards.busy(wish_of(), facts_of(busy=True)))[0].startswith("Another reset of scope")
    assert list(guards.busy(wish_of(), facts_of())) == []


def test_h11_sessions_are_listed_with_how_to_end_them():
    one, two = session_of(), session_of(12, port=-1, application="psql", state="")
    (finding,) = guards.sessions(wish_of("clear"), facts_of(), [one, two])
    assert finding.what.splitlines() == [
        "2 sessions are in the way:",
        "  pid 11 on scope: flask, role scope, idle since 12:00, from 127.0.0.1 port 5000",
        "  pid 12 on scope: psql, role scope, by the socket",
    ]
    assert finding.mend.splitlines() == [
        "lsof -nP -iTCP:5000   tells which program to stop",
        "make db-clear FORCE=1   ends them",
    ]
    assert list(guards.sessions(wish_of(force=True), facts_of(), [one])) == []
    assert list(guards.sessions(wish_of(), facts_of(), [])) == []
    away = facts_of(settings=settings_of(POSTGRES_HOST="db.example"))
    assert "lsof" not in next(guards.sessions(wish_of(), away, [one])).mend


def test_sessions_of_others_are_not_ours_to_end():
    found = [session_of(), session_of(12, can_end=False, port=0)]
    for force in (False, True):
        (finding,) = guards.sessions(wish_of(force=force), facts_of(), found)
        head = "2 sessions are in the way, and scope may not end 1 of them:"
        assert finding.what.startswith(head)
        assert "   as a superuser" in finding.mend
        assert "pg_terminate_backend(12)" in finding.mend
        assert "pg_terminate_backend(11)" not in finding.mend
        assert "FORCE" not in finding.mend


def test_h12_each_session_that_holds_locks_comes_once_with_its_worst():
    one, two = session_of(), session_of(12)
    locks = [Lock(one, "a", "x"), Lock(two, "b", "y"), Lock(one, "c", "z")]
    assert {s.pid: s.holds for s in guards.blocked_by(locks)} == {11: "a", 12: "b"}
    assert len(guards.blocked_by(locks)) == 2
    assert str(guards.blocked_by(locks[:1])[0]).startswith("pid 11 locks a: flask")


def test_h23_a_database_that_cannot_be_used():
    wish, trouble = wish_of("clear"), guards.Finding("It is locked.", "wait")
    for changes, what, mend in (
        ({"database": None}, "There is no database scope on localhost:5432.", "make db-rebuild "),
        (
            {"database": database_of(valid=False)},
            "scope is what an interrupted",
            "make db-rebuild ",
        ),
        ({"database": database_of(open=False)}, "scope accepts no connections.", "psql "),
        ({"database": database_of(contents=None), "trouble": trouble}, "It is locked.", "wait"),
    ):
        (finding,) = guards.usable(wish, facts_of(**changes))
        assert finding.what.startswith(what)
        assert finding.mend.startswith(mend)
    assert list(guards.usable(wish, facts_of())) == []
    (finding,) = guards.whole(wish_of(keep=True), facts_of(database=database_of(valid=False)))
    assert finding.mend == "make db-rebuild   replaces it"
    assert list(guards.whole(wish_of(), facts_of())) == []
    assert list(guards.whole(wish_of(), facts_of(database=None))) == []


def test_an_unfinished_rebuild_is_not_painted_over():
    empty = database_of(contents=contents_of())
    (finding,) = guards.half_built(wish_of("clear"), facts_of(database=empty))
    assert finding.mend == "make db-rebuild   finishes it"
    kept = {1: database_of("scope.~1~")}  # a KEEP=1 or CARRY=1 was killed before it was filled
    for guard, database, folders in (
        (guards.half_built, empty, folders_of(None, n1="a")), (guards.usable, None, folders_of()),
    ):  # fmt: skip
        facts = facts_of(database=database, kept=kept, folders=folders)
        (finding,) = guard(wish_of("clear"), facts)
        assert finding.mend.splitlines()[-3:] == [
            "make db-rebuild CARRY=1   finishes it, with the rows of scope.~1~",
            "make db-rebuild   finishes it, empty", "make db-undo N=1   brings scope.~1~ back",
        ]  # fmt: skip
    (finding,) = Forget(wish_of("clear")).refuses(facts_of(database=empty, kept=kept))
    assert finding.what.startswith("scope has no tables and no revision")  # not: no such columns
    for contents in (contents_of(revisions="a"), contents_of(table_of()), None):
        database = database_of(contents=contents)
        assert list(guards.half_built(wish_of(), facts_of(database=database))) == []


def test_h23_rows_that_are_still_to_come():
    kept = {1: database_of("scope.~1~")}
    half = database_of(comment=UNFINISHED.format(1009), contents=contents_of())
    facts = facts_of(database=half, kept=kept)
    (finding,) = guards.half_filled(wish_of("clear"), facts)
    assert finding.mend.splitlines() == [
        "make db-rebuild CARRY=1   fetches them", "make db-undo N=1   brings scope.~1~ back",
    ]  # fmt: skip
    moved = {1: database_of("scope.~1~", oid=7), 4: database_of("scope.~4~", oid=1009)}
    (later,) = guards.half_filled(wish_of("clear"), replace(facts, kept=moved))
    assert later.what.startswith("The rows of scope.~4~ are still to come"), "undone meanwhile"
    assert list(guards.half_built(wish_of("clear"), facts)) == [finding]
    assert list(guards.half_filled(wish_of(carry=True), facts)) == []
    assert list(guards.half_filled(wish_of("clear"), facts_of(kept=kept))) == []


def test_h15_what_a_role_may_not_do_inside():
    wish = wish_of("clear")
    assert list(guards.may_clear(wish, facts_of())) == []
    assert list(guards.may_clear(wish, facts_of(database=None))) == []
    tables = (table_of(), table_of("a.b", owned=False), table_of("c", owned=False))
    models = App(tables={"sequences": (), "a.b": (), "c": ()})
    database = database_of(contents=contents_of(*tables, creates=False))
    (create,) = guards.may_clear(wish, facts_of(database=database))  # nobody knows what it drops
    facts = facts_of(database=database, app=models)
    create, own = guards.may_clear(wish, facts)
    assert 'GRANT CREATE ON SCHEMA public TO "scope"' in create.mend
    assert own.what == "The role scope does not own a.b, c, which a clear drops."
    other, change = own.mend.splitlines()
    assert other.startswith("${EDITOR:-vi} ")  # it is whose it is
    assert shlex.split(change.split("   ")[0])[-1] == (
        'ALTER TABLE "a"."b" OWNER TO "scope"; ALTER TABLE "c" OWNER TO "scope"')  # fmt: skip


def test_what_a_clear_cannot_drop():
    """A view, or a table of another schema, that needs what is dropped; models need each other."""
    for other, app, needs in (
        (table_of("t"), App(), "no.v"),
        (table_of("t"), App(tables={"sequences": (), "t": ()}), "no.v"),
        (table_of("t"), App(tables={"sequences": ()}), "no.v, t"),
        (table_of("t", view=True), App(), "no.v, t"),  # a materialized view, which is no model's
    ):
        needed = table_of(needed_by=("t", "no.v"))
        facts = facts_of(app=app, database=database_of(contents=contents_of(needed, other)))
        (finding,) = guards.may_clear(wish_of("clear"), facts)
        assert finding.what == f"A clear cannot drop the tables that are needed by {needs}."
        assert finding.mend.startswith("make db-rebuild KEEP=1 ")


def test_h15_a_role_that_may_not_change_rows():
    contents = contents_of(table_of(rows=None, changeable=False))
    (finding,) = guards.sequence_table(wish_of(), facts_of(database=database_of(contents=contents)))
    assert "GRANT SELECT, UPDATE, DELETE ON sequences" in finding.mend
    assert "row-level" not in finding.what


def test_a_table_of_sequences_that_is_none():
    contents = contents_of(sequence_columns=frozenset({"id", "x"}))
    facts = facts_of(database=database_of(contents=contents))
    (finding,) = guards.sequence_table(wish_of("unflag"), facts)
    assert finding.what == "scope has no sequences.values or values_requested."
    assert finding.mend.startswith("make db-rebuild CARRY=1 ")
    assert list(guards.sequence_table(wish_of(), facts_of())) == []
    assert list(guards.sequence_table(wish_of(), facts_of(database=None))) == []


def test_h47_rows_that_a_policy_hides():
    contents = contents_of(table_of(rows=None))
    facts = facts_of(database=database_of(contents=contents))
    (finding,) = guards.sequence_table(wish_of("unflag"), facts)
    assert "may not see all rows of sequences" in finding.what
    assert "DISABLE ROW LEVEL SECURITY'   as the owner of sequences" in finding.mend
    locked = replace(facts, locks=(Lock(session_of(), "sequences", "x"),))
    assert list(guards.sequence_table(wish_of("unflag"), locked)) == []


def test_h44_nothing_is_advised_that_misplaced_migrations_refuse():
    """As after a killed undo of a half-built database: the rebuild would refuse."""
    empty = database_of(contents=contents_of())
    kept = {2: database_of("scope.~2~", revisions="b")}
    facts = facts_of(database=empty, kept=kept, folders=folders_of("b"))
    (finding,) = guards.undo_begun(wish_of(), facts)
    assert finding.mend == "make db-undo   finishes it"
    (finding,) = guards.half_built(wish_of("clear"), facts)
    assert finding.mend == "make db-undo   moves the migrations first"


def test_h13_h14_what_the_server_does_not_allow():
    assert list(guards.may_replace(wish_of(), facts_of(), [database_of()])) == []
    facts = facts_of(maintained=False, creates=False)
    found = list(guards.may_replace(wish_of(), facts, [database_of(owner="boss", owned=False)]))
    commands = ("GRANT CONNECT ON DATABASE postgres", "CREATEDB", 'ALTER DATABASE "scope" OWNER')
    for finding, command in zip(found, commands):
        (line,) = (one for one in finding.mend.splitlines() if one.startswith("psql "))
        assert "as a superuser" in line
        assert command in line
    assert found[2].what == "scope is owned by boss, so scope may not drop or rename it."
    assert found[2].mend.startswith("${EDITOR:-vi} ")  # it is whose it is: name another one
    assert found[2].mend.splitlines()[0].endswith("   names another one")
    stray = facts_of(settings=settings_of({"POSTGRES_USER": "boss"}))
    (other,) = guards.may_replace(wish_of(), stray, [database_of(owned=False)])
    assert other.mend.startswith("unset POSTGRES_USER ")
    dis = facts_of(settings=settings_of(POSTGRES_DISPOSABLE_DB="dis"))
    for name, lines in (("dis", 2), ("scope.~1~", 1)):
        (other,) = guards.may_replace(wish_of(), dis, [database_of(name, owned=False)])
        assert len(other.mend.splitlines()) == lines


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"sessions": (session_of(database="template1"),)}, "template1 is in use"),
        ({"template": None}, "template1 is missing or is no"),
        ({"template": database_of("template1", owned=False)}, "template1 is missing or is no"),
        ({"template": database_of("template1", outdated=True)}, "collations of another system"),
    ],
)  # fmt: skip
def test_h16_a_template_that_cannot_be_copied(changes, what):
    (finding,) = guards.template(facts_of(**changes), [])
    assert what in finding.what
    assert "   as a superuser" in finding.mend
    assert list(guards.template(facts_of(**changes), ["-T", "template0"])) == []
    assert list(guards.template(facts_of(), [])) == []


def test_h21_what_stops_a_renaming(tmp_path):
    file = tmp_path / "migrations"
    file.touch()
    folders = Folders(True, replace(folder_of(), path=file), {})
    (finding,) = misfits.folders(wish_of(), facts_of(folders=folders))
    assert finding.what.endswith("migrations is no folder.")
    for checkout, mend in ((tmp_path, "chmod u+w "), (Path("/none"), "ls -ld /none   tells who ")):
        facts = facts_of(writable=False, settings=settings_of(checkout=checkout))
        (finding,) = misfits.folders(wish_of(), facts)
        assert finding.mend.startswith(mend)
    link = tmp_path / "link"
    link.symlink_to(Path("nowhere"))
    for path in (tmp_path, link, tmp_path / "none"):
        folders = Folders(True, replace(folder_of(), path=path), {})
        assert list(misfits.folders(wish_of(), facts_of(folders=folders))) == []


def test_h44_an_undo_that_is_begun_comes_first():
    swapped = facts_of(kept={1: database_of("scope.~1~", "b")}, folders=folders_of("b", n1="a"))
    (finding,) = guards.undo_begun(wish_of(), swapped)
    assert finding.mend == "make db-undo   finishes it"
    assert list(guards.undo_begun(wish_of(), facts_of())) == []


def test_programs_that_are_not_there():
    steps = [dropdb("a"), flask("db", "init"), mv("a", "b"), copy("a", "b", "t", ["c"])]
    assert list(misfits.programs(facts_of(), steps)) == []
    (finding,) = misfits.programs(facts_of(programs=frozenset({"mv"})), steps)
    assert finding.what == "dropdb, psql are not on the PATH."
    (finding,) = misfits.programs(facts_of(programs=frozenset({"mv", "psql"})), steps)
    assert finding.what == "dropdb is not on the PATH."


def test_h23_rows_that_are_to_come_have_to_be_seen():
    closed = database_of("scope.~1~", contents=None, open=False)
    carry = wish_of(carry=True)
    (finding,) = guards.source(carry, facts_of(), closed)
    assert finding.what.startswith("scope.~1~ cannot be looked into")
    opens, keeps = finding.mend.splitlines()
    assert 'ALTER DATABASE "scope.~1~" ALLOW_CONNECTIONS true' in opens
    assert keeps == "make db-rebuild KEEP=1   keeps it as it is"
    (finding,) = guards.source(carry, facts_of(), replace(closed, open=True))
    assert finding.mend == keeps
    assert list(guards.source(wish_of(keep=True), facts_of(), closed)) == []
    assert list(guards.source(carry, facts_of(), database_of())) == []
    assert list(guards.source(carry, facts_of(), None)) == []


def test_h21_a_mount_point_cannot_be_renamed(tmp_path, mocker):
    here = Folders(True, replace(folder_of(), path=tmp_path), {})
    mocker.patch("os.path.ismount", return_value=True)
    (finding,) = misfits.folders(wish_of(), facts_of(folders=here))
    assert finding.what == f"{tmp_path} is a mount point, which cannot be renamed."


def test_h44_migrations_that_were_moved_by_hand_stop_no_rebuild():
    moved = facts_of(kept={1: database_of("scope.~1~", "b")}, folders=folders_of(None, n4="a"))
    assert list(guards.undo_begun(wish_of(), moved)) == []
    swapped = replace(moved, folders=folders_of("b", n4="a"))
    (finding,) = guards.undo_begun(wish_of(), swapped)
    assert finding.what == f"The migrations are {MISPLACED}."
