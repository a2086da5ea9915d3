"""db-clear: Backscope's own command, and a look at what it has left."""

import pytest
from checkout import FAIL


@pytest.mark.inside
def test_a_clear_loses_the_rows_and_nothing_else(backscope):
    before, rows, files = backscope.snapshot()
    result = backscope.run("clear", FAST="")
    assert result.code == 0, result
    after = {**rows[backscope.name], "sequences": []}
    assert backscope.snapshot() == (before, {backscope.name: after}, files)


def test_what_did_nothing_is_no_success(backscope):
    """H47, and a clear that failed says what failed."""
    backscope.sql("UPDATE sequences SET \"values\" = NULL WHERE id = 'A000002'")
    before = backscope.snapshot()
    for words in (["unflag"], ["clear", "A1"]):
        assert backscope.run(*words, BEFORE="psql*", DO="exit 0").code in (1, 2)
        assert backscope.snapshot() == before
    assert "no action" in backscope.unchanged("clear", BEFORE="flask*", DO="exit 0").err
    assert "recorder lets flask fail" in backscope.unchanged("clear", BEFORE="flask*", DO=FAIL).said


def test_rows_that_a_clear_leaves_are_told(backscope):
    """H20: tables that are not in the models, wherever they are."""
    backscope.sql("CREATE TABLE own AS SELECT 1; CREATE MATERIALIZED VIEW filled AS SELECT 1")
    backscope.sql('CREATE SCHEMA "Far" AUTHORIZATION scope; CREATE TABLE "Far".away (id serial)')
    backscope.sql('INSERT INTO "Far".away DEFAULT VALUES')
    for table in ("TABLE own", 'TABLE "Far".away', "MATERIALIZED VIEW filled"):
        backscope.sql(f"ALTER {table} OWNER TO scope")
    result = backscope.run("clear")
    assert result.code == 1, result
    for name in ("own", "Far.away", "filled"):
        assert f"1 {name}" in result.said


def test_what_is_not_there_cannot_be_cleared(fresh):
    assert "There is no database" in fresh.refused("clear").err
    fresh.postgres.sql(f"CREATE DATABASE {fresh.name} OWNER scope")
    assert "rebuild" in fresh.refused("clear").err
