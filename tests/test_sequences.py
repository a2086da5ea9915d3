"""db-clear SEQ= and db-unflag (H30): some rows change, all others stay."""

import contextlib

import pytest


def stick(backscope, count, first=101):
    backscope.sql(
        "INSERT INTO sequences (id, shift, values_requested) SELECT 'A' || lpad(i::text, 6, '0'),"
        f" 0, true FROM generate_series({first}, {first + count - 1}) i"
    )


def test_h30_stuck_downloads_are_told_and_mended(backscope):
    stick(backscope, 7)
    out = backscope.run("status").out
    assert "A000101, A000102, A000103, A000104, A000105 and 2 more" in out
    assert "make db-unflag" in out
    result = backscope.run("unflag", "a101")
    assert result.code == 0, result
    assert "1 un-flagged: A000101" in result.out
    result = backscope.run("unflag", "A101", "A102")
    assert "1 un-flagged: A000102; not flagged: A000101" in result.out
    with contextlib.closing(backscope.as_scope()) as session:
        result = backscope.run("unflag")
        assert "a download really in progress" in result.out
        assert f"pid {session.info.backend_pid}" in result.out
    assert "5 un-flagged: A000103 A000104 A000105 A000106 A000107" in result.out
    flags = "SELECT count(*) FILTER (WHERE values_requested), count(*) FROM sequences"
    assert backscope.sql(flags) == [(3, 10)]  # those with values keep their flag
    result = backscope.run("unflag")
    assert (result.code, result.trace) == (0, [])
    assert "No download is stuck" in result.out
    stick(backscope, 1021, 1000)
    out = backscope.run("unflag").out
    assert "1,021 un-flagged: A001000 " in out and "A001019 and 1,001 more, in" in out


def test_only_some_sequences_are_forgotten(backscope):
    result = backscope.run("clear", "a000001 A2", "A000999")
    assert result.code == 0, result
    assert result.calls == ["psql"]
    assert "2 forgotten: A000001 A000002; not cached: A000999" in result.out
    assert backscope.sql("SELECT id FROM sequences") == [("A000003",)]
    result = backscope.run("clear", "A1")
    assert (result.code, result.trace) == (0, [])
    assert "there is nothing to do" in result.out


@pytest.mark.slow
def test_rows_that_come_back_are_told(backscope):
    stick(backscope, 1)
    for words in (["clear", "A1"], ["unflag"]):
        error = backscope.unchanged(*words, INSTEAD="psql*", DO="exit 0").err
        assert "came back" in error
        error = backscope.unchanged(*words, FAIL="psql*").err
        assert "ended with exit status 3" in error


@pytest.mark.slow
def test_malformed_numbers_are_all_named(backscope):
    error = backscope.refused("clear", "A000001", "B7 A0000045", "A", "45", "A٤٥", "';--").err
    for bad in ("B7", "A0000045", "A,", "45", "';--"):
        assert bad in error
    assert "A000001" not in error.splitlines()[2]
    assert "SEQ is empty" in backscope.refused("clear", "").err
    assert "SEQ is empty" in backscope.refused("unflag", " ").err


@pytest.mark.parametrize(
    "change", ['ALTER TABLE sequences RENAME "values" TO terms', "DROP TABLE sequences"]
)
@pytest.mark.slow
def test_a_table_of_another_backscope(backscope, change):
    backscope.sql(change)
    for action in (["clear", "A1"], ["unflag"]):
        error = backscope.refused(*action).err
        assert f"{backscope.name} has no sequences." in error
        assert "make db-rebuild CARRY=1" in error
    assert "not looked for" in backscope.run("status").out


@pytest.mark.slow
def test_a_lock_stops_an_unflag_only_if_it_conflicts(backscope):
    stick(backscope, 1)
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("SELECT * FROM sequences")
        assert backscope.run("unflag").code == 0
        stick(backscope, 1, 200)
        session.cursor().execute("LOCK TABLE searches IN SHARE MODE")
        session.cursor().execute("LOCK TABLE sequences IN EXCLUSIVE MODE")
        assert "locks sequences" in backscope.refused("unflag").err
        result = backscope.run("unflag", "--force")
        assert [call.split()[0] for call in result.trace] == ["psql", "psql"]
        assert "1 un-flagged" in result.out
    stick(backscope, 1, 300)
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("LOCK TABLE sequences")  # which are stuck cannot be seen before
        assert "No download is flagged any more in" in backscope.run("unflag", "--force").out
