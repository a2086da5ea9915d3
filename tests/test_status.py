"""db-status, db-clear SEQ= and db-unflag."""

import contextlib

import pytest


def table(result):
    """The rows of the status screen, by their label."""
    found, label = {}, ""
    for line in result.out.splitlines():
        label = line[:11].strip() or label
        found[label] = (found.get(label, "") + " " + line[13:]).strip()
    return found


def test_the_state_of_a_good_database(backscope):
    before = backscope.snapshot()
    result = backscope.run("status")
    assert result.code == 0, result
    assert backscope.snapshot() == before
    assert result.trace == []
    seen = table(result)
    assert backscope.name in seen["Database"]
    assert "4 tables" in seen["Database"]
    assert seen["Settings"] == "DB HOST PORT USER PASSWORD APP_ENVIRONMENT: from .env"
    assert seen["Rows"] == "searches 0, sequences 3, user 0"
    assert seen["Revision"].endswith("the newest in migrations")
    assert seen["A clear"] == seen["A rebuild"] == "could run"
    assert not {"Sessions", "Stuck", "Kept"} & set(seen)


def test_where_each_setting_came_from(backscope):
    backscope.write_env(POSTGRES_HOST=None, APP_ENVIRONMENT=None)
    seen = table(backscope.run("status", POSTGRES_USER="scope"))
    assert "USER: from the environment" in seen["Settings"]
    assert "HOST APP_ENVIRONMENT: by default" in seen["Settings"]
    assert "DB PORT PASSWORD: from .env" in seen["Settings"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE alembic_version SET version_num = 'feedface'", "unknown to this checkout"),
        ("DELETE FROM alembic_version", "none recorded; the newest in migrations is"),
        ("DROP TABLE alembic_version", "none recorded; the newest in migrations is"),
        (None, "behind: the newest in migrations is 0002"),
    ],
)
def test_the_revision_in_words(backscope, change, words):
    if change:
        backscope.sql(change)
    else:
        (head,) = backscope.sql("SELECT version_num FROM alembic_version")[0]
        (backscope.folder / "migrations/versions/b.py").write_text(
            f"revision = '0002'\ndown_revision = '{head}'\n"
        )
    assert words in table(backscope.run("status"))["Revision"]


def test_migrations_that_cannot_be_read(backscope):
    (backscope.folder / "migrations/versions/b.py").write_text("revision = ")
    assert "migrations cannot be read" in table(backscope.run("status"))["Revision"]


def test_status_without_database_and_without_server(fresh):
    result = fresh.run("status")
    assert result.code == 1, result
    seen = table(result)
    assert "not there yet" in seen["Database"]
    assert "no migrations folder" in seen["Revision"]
    assert "There is no database" in seen["A clear"]
    assert seen["A rebuild"] == "could run"
    fresh.write_env(POSTGRES_PORT="1")
    result = fresh.run("status")
    assert result.code == 1, result
    assert "Connection refused" in table(result)["A rebuild"]


def test_status_tells_of_sessions_and_of_what_stops_what(backscope):
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("LOCK TABLE sequences")
        pid = session.info.backend_pid
        result = backscope.run("status")
    assert result.code == 1, result
    seen = table(result)
    assert f"pid {pid}" in seen["Sessions"]
    assert "locks sequences" in seen["A clear"]
    assert "make db-clear FORCE=1" in seen["A clear"]
    assert "make db-rebuild FORCE=1" in seen["A rebuild"]
    assert "sequences ?" in seen["Rows"]


def stick(backscope, count, first=101):
    backscope.sql(
        "INSERT INTO sequences (id, shift, values_requested) SELECT 'A' || lpad(i::text, 6, '0'),"
        f" 0, true FROM generate_series({first}, {first + count - 1}) i"
    )


def test_h30_stuck_downloads_are_told_and_mended(backscope):
    stick(backscope, 7)
    seen = table(backscope.run("status"))["Stuck"]
    assert seen.startswith("A000101, A000102, A000103, A000104, A000105 and 2 more")
    assert "make db-unflag" in seen
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
    assert "No such flag is set" in result.out


def test_only_some_sequences_are_forgotten(backscope):
    result = backscope.run("clear", "a000001 A2", "A000999")
    assert result.code == 0, result
    assert result.calls == ["psql"]
    assert "2 forgotten: A000001 A000002; not cached: A000999" in result.out
    assert backscope.sql("SELECT id FROM sequences") == [("A000003",)]
    result = backscope.run("clear", "A1")
    assert (result.code, result.trace) == (0, [])
    assert "there is nothing to do" in result.out


def test_malformed_numbers_are_all_named(backscope):
    error = backscope.refused("clear", "A000001", "B7 A0000045", "A", "45", "A٤٥", "';--").err
    for bad in ("B7", "A0000045", "A,", "45", "';--"):
        assert bad in error
    assert "A000001" not in error.splitlines()[2]
    assert "SEQ is empty" in backscope.refused("clear", "").err
    assert "SEQ is empty" in backscope.refused("unflag", " ").err


@pytest.mark.parametrize("action", [["clear", "A1"], ["unflag"]])
@pytest.mark.parametrize(
    "change",
    ['ALTER TABLE sequences RENAME "values" TO terms', "DROP TABLE sequences"],
)
def test_a_table_of_another_backscope(backscope, action, change):
    backscope.sql(change)
    assert "it is of another Backscope" in backscope.refused(*action).err
    assert "no table sequences with" in table(backscope.run("status"))["Stuck"]


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


def test_a_large_table_costs_no_more(backscope):
    backscope.sql(
        "INSERT INTO sequences (id, shift, values_requested)"
        " SELECT 'B' || i, 0, false FROM generate_series(1, 2000) i"
    )
    assert "sequences about 2,003" in table(backscope.run("status"))["Rows"]
