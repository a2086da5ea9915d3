"""Whatever a database is called, it is that one, or the name is refused."""

import pytest
from checkout import slowly
from postgres import PASSWORD
from test_make import MAKEFILE, run

from resetting import identifier

NAMES = ('a"b', "-dash", "My DB", "a=b", "postgresql://x", "ünï $HOME'\\")
TABLE = (
    "CREATE TABLE sequences (id text, values text, values_requested bool);"
    "INSERT INTO sequences VALUES ('A000001'), ('A000002'); ALTER TABLE sequences OWNER TO scope"
)


@pytest.fixture
def others(fresh):
    """Give a checkout whose database a test names; fail if another one was touched."""
    fresh.write_env(POSTGRES_DB=None)
    before = fresh.postgres.databases()
    yield fresh
    after = fresh.postgres.databases()
    for made in set(after) - set(before):
        fresh.postgres.sql(f"DROP DATABASE {identifier(made)}")
    assert before.items() <= after.items()


@pytest.mark.parametrize("name", [*NAMES[:2], *map(slowly, NAMES[2:])])
def test_h26_each_name_works(others, name):
    """A drop, a createdb, renames, SQL: by the tool, and by `sh` from what make -n prints."""
    sql, databases = others.postgres.sql, others.postgres.databases
    before = databases()
    for one in (name, f"{name}.~1~"):
        sql(f"CREATE DATABASE {identifier(one)} OWNER scope")
    old = databases()
    result = others.run("disposable", POSTGRES_DISPOSABLE_DB=name, CONFIRM=name, POSTGRES_DB="x")
    assert result.code == 0, result
    new = databases()
    assert set(new) - set(before) == {name, f"{name}.~1~"}
    assert new[name] != old[name]
    result = others.run("undo", POSTGRES_DB=name)
    assert result.code == 0, result
    assert databases() == {**new, name: new[f"{name}.~1~"], f"{name}.~1~": new[name]}
    sql(TABLE, name)
    environ = {"POSTGRES_DB": name, "PGPASSWORD": PASSWORD}
    shown = run(others, *MAKEFILE, "-n", "db-clear", "SEQ=A1", **environ)
    done = run(others, "sh", "-ec", shown.stdout, **environ)
    assert (shown.returncode, done.returncode) == (0, 0), (shown, done)
    assert sql("SELECT id FROM sequences", name) == [("A000002",)]
