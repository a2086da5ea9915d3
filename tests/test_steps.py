"""What the procedures beside the page do and say, purely: their steps, results and ways back."""

from dataclasses import replace

import pytest
from facts_of import (
    contents_of,
    database_of,
    facts_of,
    folders_of,
    said,
    session_of,
    settings_of,
    table_of,
    wish_of,
)  # fmt: skip

from resetting import Failed, aside, building, results
from resetting.contents import UNFINISHED
from resetting.disposable import Disposable
from resetting.facts import App, Lock
from resetting.pairs import MISPLACED
from resetting.procedures import Procedure, same_contents
from resetting.sequences import Forget, Unflag
from resetting.undo import Undo

C, DE = ("C", "C", "c", ""), ("de_DE", "de_DE", "c", "")


def shown(steps):
    """The steps as they are typed."""
    return [str(step) for step in steps]


def failing(result, *arguments):
    """What a result says when it is not as it should be."""
    with pytest.raises(Failed) as caught:
        result(*arguments)
    return caught.value.finding.what


@pytest.mark.parametrize(
    ("old", "template", "options"),
    [
        (None, ("UTF8", DE), ""),
        (None, ("SQL_ASCII", C), "-E UTF8 -T template0"),
        (None, ("LATIN1", DE), "-E UTF8 -l C -T template0"),
        (("UTF8", C), ("UTF8", C), ""),
        (("UTF8", DE), ("UTF8", C), "-E UTF8 -l de_DE -T template0"),
        (("UTF8", ("C", "de_DE", "c", "")), ("UTF8", C),
         "-E UTF8 --lc-collate=C --lc-ctype=de_DE -T template0"),
        (("UTF8", ("C", "C", "i", "de-DE")), ("UTF8", C),
         "-E UTF8 -l C --locale-provider=icu --icu-locale=de-DE -T template0"),
    ],
)  # fmt: skip
def test_h33_the_new_database_has_the_encoding_and_locale_of_the_old(old, template, options):
    made = database_of(encoding=old[0], locale=old[1]) if old else None
    template1 = database_of("template1", encoding=template[0], locale=template[1])
    facts = facts_of(database=made, template=template1)
    assert " ".join(building.locale_options(facts)) == options


def test_rows_come_along_with_their_keys():
    table = table_of(columns=("id", "old"), serials={"id": 17})
    source = database_of(contents=contents_of(table, table_of("s.empty", rows=0, columns=("x",))))
    models = {"sequences": ("id", "new"), "s.empty": ("x",), "searches": ("term",)}
    comment, copy, done = building.carry_steps(
        facts_of(app=App(tables=models)), source, "scope.~1~"
    )
    assert f"database {source.oid} are still to come" in str(comment)
    assert copy.argv[-1] == 'COPY (SELECT "id" FROM "sequences") TO STDOUT'
    assert copy.into.argv[-1].startswith('COPY "sequences" ("id") FROM STDIN; SELECT setval(')
    assert 'GREATEST(17, (SELECT max("id"::bigint) FROM "sequences")))' in copy.into.argv[-1]
    assert str(done).endswith("IS NULL'")


def test_h11_nobody_stays_connected_to_what_is_set_aside():
    closed, ended, renamed = shown(aside.set_aside(database_of(), 2, end=True))
    assert "ALLOW_CONNECTIONS false" in closed
    assert "pg_terminate_backend" in ended
    assert renamed.endswith("""RENAME TO "scope.~2~"; ALTER DATABASE "scope.~2~" \
ALLOW_CONNECTIONS true'""")


def test_h42_putting_back_removes_only_what_this_run_made():
    before = facts_of(folders=folders_of())
    kept = {1: database_of("scope.~1~", open=False)}
    now = facts_of(
        database=database_of(oid=5, rows=0), kept=kept, folders=folders_of(("b",), n1=("a",))
    )
    assert shown(aside.put_back(before, now, made=(), number=1)) == []
    made = ("createdb", "flask")
    filled = replace(now, database=database_of(oid=5))
    assert shown(aside.put_back(before, filled, made, number=1)) == [], "who stored that?"
    assert shown(aside.put_back(before, replace(filled, copied=True), made, number=1))
    assert shown(aside.put_back(before, now, made, number=1))[1:] == [
        "dropdb --force scope",
        """psql -X -d postgres -c 'ALTER DATABASE "scope.~1~" RENAME TO "scope"'""",
        "rm -r migrations", "mv migrations.~1~ migrations",
    ]  # fmt: skip
    assert shown(aside.put_back(before, replace(now, reached=False), made, number=1)) == []
    others = shown(aside.put_back(before, now, made[:1], number=1))
    assert others[-2:] == ["mv migrations migrations.~2~", "mv migrations.~1~ migrations"]


def test_h18_h47_what_was_built_is_looked_at():
    wish, before = wish_of(), facts_of(app=App(tables={"sequences": ()}))
    whole = facts_of(database=database_of(rows=0))
    assert "rebuilt: 1 table at revision a" in results.built(wish, before, whole, None)
    first = replace(before, database=None)
    assert "is set up" in results.built(wish, first, whole, None)
    for contents, what in (
        (None, "could not be checked"), (contents_of(), "has no revision"),
        (contents_of(revisions=["a"]), "lacks the tables sequences"),
        (contents_of(table_of(rows=1), revisions=["a"]), "is not empty: template1 brought"),
    ):  # fmt: skip
        now = facts_of(database=database_of(contents=contents))
        assert what in failing(results.built, wish, before, now, None)
    carry = wish_of(carry=True)
    aside = before.database
    assert "Not all rows came along" in failing(results.built, carry, before, whole, aside)
    same = facts_of(database=database_of(rows=3), kept={2: database_of("scope.~2~", rows=9)})
    assert "carried over: sequences 3" in results.built(carry, before, same, aside)


def test_h19_h20_what_was_cleared_is_looked_at():
    before = facts_of()
    assert "took no action" in failing(results.cleared, wish_of("clear"), before, before, "")
    both = contents_of(table_of(), table_of("searches", 2))
    left = facts_of(database=database_of(contents=contents_of(table_of("searches", 2, oid=9))))
    full = facts_of(database=database_of(contents=both))
    said = failing(results.cleared, wish_of("clear"), full, left, "")
    assert "still holds rows in searches 2: not in the models; gone: sequences 3." in said
    assert results.remains(full, left) == "scope holds 1 table, searches 2 now."
    assert results.remains(left, left) == ""  # that was said already
    assert "cannot be seen" in results.remains(full, facts_of(database=None))


@pytest.mark.parametrize("procedure", [Forget, Unflag])
def test_h23_sequences_wait_until_all_rows_have_come(procedure):
    half = database_of(comment=UNFINISHED.format(1009))
    facts = facts_of(database=half, kept={1: database_of("scope.~1~")})
    (finding,) = procedure(wish_of("clear")).refuses(facts)
    assert finding.what == "The rows of scope.~1~ are still to come to scope."


def test_some_sequences():
    wish = wish_of("clear", sequences=("A000001", "A000002"), force=True)
    seen = facts_of(cached=("A000001",), locks=(Lock(session_of(), "sequences", "ExclusiveLock"),))
    forget = Forget(wish)
    assert [step.argv[-1] for step in forget.steps(seen)] == [
        "SELECT pg_terminate_backend(11)",
        "DELETE FROM sequences WHERE id IN ('A000001', 'A000002')",
    ]
    away = replace(seen, settings=settings_of(POSTGRES_HOST="db.example"))
    assert forget.loses(away) == "This clears A000001 of scope."
    assert forget.loses(seen) == forget.loses(facts_of()) == ""
    assert "came back" in failing(forget.result, seen, seen)
    assert forget.result(seen, facts_of()) == "1 forgotten: A000001; not cached: A000002"
    unflag = Unflag(replace(wish, verb="unflag"))
    stuck = replace(seen, stuck=("A000001",), sessions=(session_of(),))
    assert "a download really in progress" in next(unflag.rows(stuck))[1]
    assert list(unflag.steps(stuck))[1].argv[-1].endswith("IN ('A000001', 'A000002')")
    assert "came back" in failing(unflag.result, stuck, stuck)
    assert unflag.unchanged(stuck, stuck)
    assert "cannot be seen" in failing(forget.result, seen, facts_of(database=None))
    assert "cannot be seen" in failing(unflag.result, stuck, facts_of(stuck=None))
    assert unflag.idle(replace(stuck, stuck=None)) == ""  # it could not be looked at
    others = replace(stuck, stuck=("A000003",))
    assert unflag.idle(others) == "No download of A000001 A000002 is stuck in scope"


def test_the_disposable_database():
    procedure = Disposable(wish_of("disposable", force=True))
    assert shown(procedure.steps(facts_of())) == ["dropdb --force scope", "createdb scope"]
    assert said(procedure.refuses(facts_of(creates=False)))
    assert "not there" in failing(procedure.result, facts_of(), facts_of())
    assert procedure.unchanged(facts_of(), facts_of())
    empty = facts_of(database=database_of(oid=5, contents=contents_of()))
    assert procedure.result(facts_of(), empty) == "scope is there, empty"


def test_h44_how_far_an_undo_came_is_said():
    kept = {1: database_of("scope.~1~", ("b",))}
    before = facts_of(kept=kept, folders=folders_of(n1=("b",)))
    undo = Undo(wish_of("undo", force=True))
    assert "not begun" in undo.afterwards(before, before).what
    assert "cannot be seen" in undo.afterwards(before, replace(before, reached=False)).what
    swapped = {1: database_of("scope.~1~", ("a",))}
    begun = replace(before, database=database_of(revisions=("b",), oid=9), kept=swapped)
    assert "begun, not finished" in undo.afterwards(before, begun).what
    assert "begun" in failing(undo.result, before, begun)
    done = replace(begun, folders=folders_of(("b",), n1=("a",)))
    assert "finished" in undo.afterwards(before, done).what
    assert list(undo.rows(begun)) == [("Migrations", MISPLACED)]
    busy = replace(before, sessions=(session_of(),))
    assert "ALLOW_CONNECTIONS false" in shown(undo.steps(busy))[0]
    (opening,) = undo.put_back(before, replace(before, database=database_of(open=False)), ())
    assert "ALLOW_CONNECTIONS true" in str(opening)
    elsewhere = replace(begun, folders=folders_of(None, n1=("a",)))  # another checkout rebuilt it
    assert undo.result(begun, elsewhere).startswith(
        "The migrations are where they belong, but those of scope are missing; the databases stay"
    )
    bare = replace(elsewhere, database=database_of(contents=contents_of(), oid=9))
    assert "missing" not in undo.result(begun, bare)  # it records none
    alone = replace(before, database=None)
    assert [label for label, _ in undo.rows(alone)] == ["Comes"]


def test_a_procedure_that_says_nothing_of_its_own():
    base = Procedure(wish_of("new"))
    facts = facts_of()
    assert list(base.refuses(facts)) == list(base.steps(facts)) == list(base.rows(facts)) == []
    assert base.loses(facts) == base.idle(facts) == base.afterwards(facts, facts).what == ""
    assert list(base.put_back(facts, facts, True)) == []
    assert base.blocking(replace(facts, sessions=(session_of(),))) == [session_of()]
    with pytest.raises(NotImplementedError):
        base.result(facts, facts)


def test_what_stays_is_not_told_of_models_that_are_not_known():
    carry = {"kept": {1: database_of("scope.~1~")}}
    assert building.stays(facts_of(**carry), None) == ""
    assert building.stays(facts_of(app=App(tables={}), **carry), None) == "sequences 3"


def test_a_table_that_was_emptied_keeps_counting():
    table = table_of(rows=0, columns=("id",), serials={"id": 17})
    old = database_of("scope.~1~", contents=contents_of(table))
    facts = facts_of(app=App(tables={"sequences": ["id"]}))
    assert "17" in str(list(building.carry_steps(facts, old, old.name))[1])


def test_rows_that_are_only_estimated_are_unchanged_if_nothing_was_done_to_them():
    one, two, three = (contents_of(table_of(rows=rows, exact=False, changes=changes))
                       for rows, changes in ((20_000, 7), (21_000, 7), (20_000, 9)))  # fmt: skip
    assert same_contents(one, two)
    assert not same_contents(one, three)
