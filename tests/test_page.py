"""The page's procedures, purely: what they say, and the look right before the first touch."""

import signal
from dataclasses import replace
from types import SimpleNamespace

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
)

from backscope_reset import Clear, Rebuild
from resetting import Interrupted, Refused, guards, signals
from resetting.building import locale_options, source_of
from resetting.commands import copy, flask
from resetting.contents import UNFINISHED
from resetting.disposable import Disposable
from resetting.facts import App
from resetting.moment import look_again
from resetting.sequences import Forget
from resetting.undo import Undo


def test_a_rebuild_says_whose_migrations_it_takes():
    seen = facts_of(database=None, folders=folders_of("x"), others={"x": "other"})
    (row,) = Rebuild(wish_of()).rows(seen)
    assert row == ("Migrations", "migrations -> migrations.~1~, those of other")
    (row,) = Rebuild(wish_of()).rows(facts_of())
    assert row == ("Migrations", "migrations -> migrations.~1~")


def test_after_a_row_that_does_not_fit_the_same_again_would_not_help():
    rebuild = Rebuild(wish_of(carry=True))
    copying = copy("old", "new", '"t"', ["a"])
    assert rebuild.retry(copying) == "make db-rebuild KEEP=1   leaves the rows in what it keeps"
    for other in (flask("db", "init"), None):
        assert rebuild.retry(other) == "make db-rebuild CARRY=1   tries it again"


def test_where_only_a_folder_is_kept():
    undo = Undo(wish_of("undo", number=2))
    (finding,) = undo.refuses(facts_of(folders=folders_of("a", n2="b")))
    assert finding.what == "Nothing of scope is kept as number 2, only a folder of migrations."
    (finding,) = Undo(wish_of("undo")).refuses(facts_of())
    assert finding.mend == "make db-rebuild KEEP=1   keeps what it replaces"


def again(procedure, before, now):
    """Look again with a server that shows `now`."""
    server = SimpleNamespace(holds_lock=lambda: True, look=lambda looks: now)
    return look_again(server, procedure, before)


def test_h40_rows_that_came_while_backscope_answered_are_asked_about():
    empty, full = facts_of(database=database_of(rows=0)), facts_of()
    with pytest.raises(Refused) as refused:
        again(Rebuild(wish_of()), empty, full)
    (finding,) = refused.value.findings
    assert finding.what == "scope has got rows meanwhile."
    assert again(Rebuild(wish_of()), full, full).database == full.database  # that was asked about
    assert again(Rebuild(wish_of(confirm="scope")), empty, full).database == full.database
    kept = Rebuild(wish_of(keep=True))
    assert "RENAME" in str(next(kept.steps(again(kept, empty, full))))


def test_h43_a_signal_that_code_in_c_has_swallowed_ends_the_run_all_the_same(monkeypatch):
    monkeypatch.setattr(signals, "CAME", [])
    with signals.Signals():
        pass
    signals.end_what_looks()
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Interrupted), signals.Signals():
        pass
    for number in signals.ENDINGS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_h58_the_main_database_is_the_one_of_dotenv_too():
    environ = {"POSTGRES_DB": "other"}
    settings = settings_of(environ, POSTGRES_DISPOSABLE_DB="scope")
    disposable = Disposable(wish_of("disposable"))
    (finding,) = disposable.unfit(disposable.target(settings))
    assert finding.what.startswith("POSTGRES_DISPOSABLE_DB is scope like POSTGRES_DB")


def test_where_rows_come_from_is_said_unless_they_are_set_aside_just_now():
    carry = Rebuild(wish_of(carry=True))
    kept = {2: database_of("scope.~2~")}
    rows = dict(carry.rows(facts_of(database=None, kept=kept)))
    assert rows["Rows from"] == "scope.~2~: 7 MB, sequences 3, revision a"
    assert "Rows from" not in dict(carry.rows(facts_of(kept=kept)))
    for plain in (Rebuild(wish_of()), Rebuild(wish_of(keep=True))):  # as after a KEEP=1 was killed
        said = dict(plain.rows(facts_of(database=None, kept=kept)))["Kept"]
        assert said == "scope.~2~: 7 MB, sequences 3, revision a"
        assert "Kept" not in dict(plain.rows(facts_of(kept=kept)))


def test_h24_while_another_reset_runs_what_backscope_opened_is_not_held_against_it():
    facts = facts_of(busy=True, app=App(elsewhere="Backscope opened another scope."))
    (finding,) = Clear(wish_of("clear")).in_the_way(facts)
    assert finding.what.startswith("Another reset of scope, or in this checkout, is still")
    found = said(Clear(wish_of("clear")).in_the_way(replace(facts, busy=False)))
    assert found == ["Backscope opened another scope."]
    alone = replace(facts, reached=False)  # who has no connection has no lock, either
    assert said(Clear(wish_of("clear")).in_the_way(alone)) == found


def test_h19_where_backscope_itself_asks_confirm_is_not_said_to_be_enough():
    facts = facts_of(settings=settings_of(APP_ENVIRONMENT="production"))
    instead = Clear(wish_of("clear", production=True)).instead(facts)
    assert instead.startswith("make db-clear PRODUCTION=1   on a terminal, with yes to")
    assert instead.endswith("CONFIRM=scope   answers this, but not what Backscope asks")
    some = Forget(wish_of("clear", production=True, sequences=("A000045",))).instead(facts)
    assert some.endswith("CONFIRM=scope   answers in advance")


def test_h22_a_dropdb_that_was_ended_and_done_all_the_same_is_told():
    gone = Rebuild(wish_of()).afterwards(facts_of(), facts_of(database=None))
    assert gone.what == "There is no database scope any more."
    assert Rebuild(wish_of()).afterwards(facts_of(), facts_of()).what == ""
    away = facts_of(database=None, reached=False)
    assert Rebuild(wish_of()).afterwards(facts_of(), away).what == ""


def test_where_nobody_was_waited_for_nobody_looks_again():
    clear, before = Clear(wish_of("clear")), facts_of()
    assert look_again(None, clear, before) is before


def test_what_was_meant_to_narrow_a_clear_has_it_asked():
    assert not Clear(wish_of("clear")).loses(facts_of())
    left_out = Clear(wish_of("clear", left_out=("SEQ",), meant={"sequences": ("A000045",)}))
    assert left_out.instead(facts_of()) == "make db-clear SEQ=A000045   is what may be meant"
    assert left_out.loses(facts_of()) == "This clears all the stored data of scope: sequences 3."
    assert not left_out.loses(facts_of(database=database_of(rows=0)))
    others = facts_of(app=App(tables={"public.other": ["id"]}))  # whatever it is called there
    assert left_out.loses(others) == "This clears all the stored data of scope: sequences 3."


def test_h20_what_a_clear_leaves_is_said_before_it_where_somebody_reads_first():
    here = settings_of()
    for wish, settings, what in (
        (wish_of("clear"), here, "config"),  # it neither asks nor waits
        (wish_of("clear", dry_run=True), here, "app"),
        (wish_of("clear", meant={"sequences": ("A000045",)}), here, "app"),
        (wish_of("clear"), settings_of(POSTGRES_HOST="db.example"), "app"),
        (wish_of("clear", confirm="scope@db"), settings_of(POSTGRES_HOST="db.example"), "config"),
    ):
        assert Clear(wish).asked(settings) == what
    contents = contents_of(
        table_of(), table_of("mine", rows=2, owned=False), table_of("no", rows=0)
    )
    clear, database = (
        Clear(wish_of("clear", meant={"sequences": ("A000045",)})),
        database_of(contents=contents),
    )
    facts = facts_of(database=database, app=App(tables={"sequences": ["id"]}))
    assert list(clear.rows(facts)) == [("Stays", "mine 2: not in the models")]
    assert clear.loses(facts) == "This clears all the stored data of scope: sequences 3."
    assert list(clear.in_the_way(facts)) == []  # a clear does not drop it, so need not own it
    unknown = facts_of(database=database)
    assert list(clear.rows(unknown)) == []
    assert clear.loses(unknown).endswith(": sequences 3, mine 2.")
    assert list(clear.in_the_way(unknown)) == []  # nor is it known what it drops


def test_what_is_no_row_is_lost_as_well():
    contents = contents_of(table_of(rows=0), others={"view": 1, "large object": 2})
    facts = facts_of(database=database_of(contents=contents, revisions=()))
    assert Rebuild(wish_of()).loses(facts).startswith(
        "This wipes out the entire structure and contents of scope:"
        " no rows, 1 view, 2 large objects.")  # fmt: skip
    assert Rebuild(wish_of(keep=True)).keeps(facts) is facts.database
    kept = {1: facts.database}
    carried = facts_of(app=App(tables={"sequences": ("id",)}), database=None, kept=kept)
    stays = dict(Rebuild(wish_of(carry=True)).rows(carried))["Stays there"]
    assert stays == "1 view, 2 large objects: not in the models"
    assert Clear(wish_of("clear", meant={"sequences": ("A000001",)})).loses(facts) == ""
    nothing = contents_of(table_of(rows=0))
    assert Rebuild(wish_of()).loses(facts_of(database=database_of(contents=nothing))) == ""


def test_a_clear_is_only_enough_if_it_can_run_and_clears_all():
    for other, says in (
        (table_of("t", rows=0), True), (table_of("t"), False),
        (table_of("t", rows=0, needed_by=("sequences",)), True),
    ):  # fmt: skip
        for needed_by, ends in (((), says), (("v",), False)):
            contents = contents_of(table_of(needed_by=needed_by), other)
            app = App(tables={"sequences": ("id",)}, differences=())
            facts = facts_of(app=app, database=database_of(contents=contents))
            said = Rebuild(wish_of()).loses(facts)
            assert said.endswith(".\nmake db-clear   is enough") == ends
            assert "already those of the models" in said


def test_whom_force_ends_is_said_before():
    session = session_of()
    facts = facts_of(sessions=(session, session_of(12, can_end=False)))
    assert ("Ends", str(session)) in list(Rebuild(wish_of(force=True)).shown(facts))
    assert "Ends" not in dict(Rebuild(wish_of()).shown(facts))


def test_h5_production_in_dotenv_is_said_and_asked_about_where_the_environment_says_another():
    settings = settings_of({"APP_ENVIRONMENT": "development"}, APP_ENVIRONMENT="production")
    assert settings.overrides == ["APP_ENVIRONMENT"]
    assert "sequences 3" in Clear(wish_of("clear")).loses(facts_of(settings=settings))
    assert settings_of({"APP_ENVIRONMENT": "development"}).overrides == []  # what it is anyway


def test_h58_only_dotenv_calls_a_database_disposable():
    disposable = Disposable(wish_of("disposable"))
    for environ, dotenv, asks in (
        ({}, {"POSTGRES_DISPOSABLE_DB": "dis"}, False),
        ({"POSTGRES_DISPOSABLE_DB": "dis"}, {}, True),
        ({"POSTGRES_DISPOSABLE_DB": "dis"}, {"POSTGRES_DISPOSABLE_DB": "dat"}, True),
        ({"POSTGRES_DB": "other"}, {"POSTGRES_DISPOSABLE_DB": "dis"}, False),
        ({"POSTGRES_PORT": "5433"}, {"POSTGRES_DISPOSABLE_DB": "dis"}, True),  # another server's
    ):
        settings = disposable.target(settings_of(environ, **dotenv))
        for database, holds in (
            (database_of("dis"), ": sequences 3."), (database_of("dis", rows=0), ""), (None, ""),
            (database_of("dis", contents=None, valid=False), ""),
        ):  # fmt: skip
            said = disposable.loses(facts_of(settings=settings, database=database))
            assert bool(said) == bool(asks and holds)
            assert said.endswith(holds if asks else "")
        others = contents_of(table_of(rows=0), table_of("thesis", None))  # perhaps somebody else's
        for contents, holds in ((None, ", which cannot be looked into."), (others, ": thesis ?.")):
            dis = database_of("dis", contents=contents)
            said = disposable.loses(facts_of(settings=settings, database=dis))
            assert said.endswith(f"This wipes out dis{holds}")
            assert (".env does not call dis disposable" in said) == asks


def test_h14_what_somebody_else_keeps_is_not_ours_to_take():
    mine, theirs = database_of("scope.~1~"), database_of("scope.~7~", owned=False, owner="anna")
    both = {7: theirs, 1: mine}
    facts = facts_of(database=None, kept=both)
    assert Undo(wish_of("undo")).number(facts) == 1
    assert Undo(wish_of("undo")).number(facts_of(kept={7: theirs})) == 7  # and that is refused
    assert Undo(wish_of("undo", number=7)).number(facts) == 7
    assert "scope.~1~" in guards.finishing(wish_of(), facts)
    assert "scope.~7~" not in guards.finishing(wish_of(), facts)
    bare = facts_of(database=None, kept={1: replace(mine, contents=contents_of())})
    assert guards.finishing(wish_of(), bare) == "make db-rebuild   finishes it", "no rows are there"
    only = facts_of(database=None, kept={7: theirs})
    assert guards.finishing(wish_of(), only) == "make db-rebuild   finishes it"
    assert source_of(facts, None) is mine
    assert source_of(only, None) is None
    odd = replace(theirs, encoding="LATIN1")
    assert locale_options(facts_of(database=None, kept={7: odd})) == []
    assert "LATIN1" in locale_options(facts_of(database=None, kept={7: replace(odd, owned=True)}))


def test_what_a_rebuild_would_lose_and_what_loses_less():
    def says(*tables, **app):
        kept = {1: database_of("scope.~1~")}
        old = database_of(contents=contents_of(table_of(rows=3), *tables))
        facts = facts_of(app=App(**app), kept=kept, database=old)
        return Rebuild(wish_of()).loses(facts).partition("sequences 3.")[2]

    assert says(differences=()) == (
        " Its tables and columns are already those of the models, as far as Alembic sees."
        "\nmake db-clear   is enough"
    )
    models = {"sequences": ["id"]}
    assert says(differences=("x",), tables=models, full=["sequences"]) == ""
    carry = "\nmake db-rebuild CARRY=1   would bring the rows along"
    assert says(differences=("x",), tables=models) == carry
    assert says(differences=("x",), tables={"others": ["id"]}) == "", "none would come"
    assert says() == ""
    both = database_of(contents=contents_of(table_of(rows=3), table_of("own", rows=2)))
    facts = facts_of(app=App(differences=("x",), tables=models), database=both)
    assert Rebuild(wish_of()).loses(facts).endswith(f"{carry}, but not own 2")
    half = facts_of(kept={1: database_of("scope.~1~")},
                    database=database_of(comment=UNFINISHED.format(1009)))  # fmt: skip
    carry = Rebuild(wish_of(carry=True))
    assert carry.keeps(half) is half.database, "somebody stored something meanwhile"
    assert carry.keeps(replace(half, copied=True)) is None
    assert carry.loses(half) == carry.loses(replace(half, copied=True)) == ""
