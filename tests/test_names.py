"""Whatever a database is called, it is that one, or the name is refused."""

import subprocess

import pytest
from checkout import slowly
from postgres import PASSWORD

from resetting.steps import identifier

NAMES = ("1-db", "ünï.~x~")
TABLE = (
    "CREATE TABLE sequences (id text, values text, values_requested bool);"
    "INSERT INTO sequences VALUES ('A000001'), ('A000002'); ALTER TABLE sequences OWNER TO scope"
)


@pytest.fixture
def others(fresh):
    """Return a checkout whose database a test names; fail if another one was touched."""
    fresh.write_env(POSTGRES_DB="")
    before = fresh.postgres.databases()
    yield fresh
    after = fresh.postgres.databases()
    for made in set(after) - set(before):
        fresh.postgres.sql(f"DROP DATABASE {identifier(made)}")
    assert before.items() <= after.items()


@pytest.mark.parametrize("name", ["My DB", *map(slowly, NAMES)])
def test_h26_each_name_works(others, name):
    """A drop, a createdb, renames, SQL: by the tool, and by `sh` from what a dry run prints."""
    sql, databases = others.postgres.sql, others.postgres.databases
    before, backup = databases(), f"{name}.~1~"
    for one in (name, backup):
        sql(f"CREATE DATABASE {identifier(one)} OWNER scope")
    others.done("disposable", POSTGRES_DISPOSABLE_DB=name, CONFIRM=name, POSTGRES_DB="x")
    new = databases()
    assert set(new) - set(before) == {name, backup}
    others.done("undo", POSTGRES_DB=name)
    assert databases() == {**new, name: new[backup], backup: new[name]}
    sql(TABLE, name)
    shown = others.done("clear --seq A1 --dry-run", POSTGRES_DB=name)
    environ = {**others.environ, "POSTGRES_PASSWORD": PASSWORD}
    subprocess.run(["sh", "-ec", shown.out], env=environ, check=True)
    assert sql("SELECT id FROM sequences", name) == [("A000002",)]
