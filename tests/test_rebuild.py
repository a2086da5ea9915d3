"""What a rebuild promises: when it asks, how (H63), what is noticed; who is in its way."""

import os
import signal
import subprocess

import pytest
from checkout import END_LOCKS, HANG, cases, slowly
from postgres import PASSWORD

PROMPT = "Type the database name to continue: "
HIDDEN = """ALTER TABLE searches ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY none ON searches USING (false)"""
DOTS = """CREATE TABLE "a.b" AS SELECT 1; CREATE SCHEMA a; CREATE TABLE a.b ();
    GRANT USAGE ON SCHEMA a TO scope; GRANT SELECT ON a.b, "a.b" TO scope"""
LOST = {
    "h59 names with a dot": [DOTS],
    "h47 what cannot be read": ["ALTER TABLE searches OWNER TO postgres"],
    "slow h47 what a policy hides": [HIDDEN],
}


@pytest.mark.parametrize("sql", cases(LOST))
def test_whatever_would_be_lost_is_asked_about(backscope, sql):
    backscope.sql(f"DELETE FROM sequences; {sql}")
    error = backscope.refused("rebuild").err  # nobody is there to be asked (H53)
    assert 0 < error.index("KEEP=1") < error.index("CONFIRM")


CHANGES = {
    "h72 a changed row": ("{}", "UPDATE sequences SET name = 'x' WHERE id = 'A010400'"),
    "slow h41 a lost lock": ("postgres", END_LOCKS),
}


@pytest.mark.parametrize(("database", "statements"), cases(CHANGES))
def test_what_changes_while_it_asks_is_refused(backscope, database, statements):
    name = backscope.name
    backscope.postgres.sql(f"CREATE DATABASE {name}_other TEMPLATE {name} OWNER scope")
    backscope.sql("DELETE FROM sequences")
    backscope.fill(10_500)
    terminal = backscope.spawn("rebuild")
    terminal.expect_exact(PROMPT)
    for statement in statements.replace("{}", name).split(";"):
        backscope.postgres.sql(statement, database.replace("{}", name))
    before = backscope.snapshot()
    assert terminal.end(f"{name}\r") == 2, terminal.before
    assert "Nothing was changed" in terminal.said
    assert (backscope.snapshot(), backscope.take_trace()) == (before, [])


def test_h92_what_template1_has_is_not_counted(backscope):
    function = "FUNCTION {}() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    backscope.postgres.sql(f"CREATE {function.format('handy')}", "template1")
    try:
        assert "function" not in backscope.done("rebuild --carry").said
        backscope.sql(f"DELETE FROM sequences; CREATE {function.format('own')}")
        assert "1 function" in backscope.refused("rebuild").said
    finally:
        backscope.postgres.sql("DROP FUNCTION handy()", "template1")


@pytest.mark.slow
def test_h24_a_second_reset_waits_and_is_refused(backscope):
    first = backscope.start("clear", before=("flask*", HANG))
    child = backscope.hung()
    os.kill(first.pid, signal.SIGKILL)  # its flask lives on, and has inherited the lock
    assert "Another reset" in backscope.run("clear", 2).err
    os.kill(child, signal.SIGTERM)
    assert backscope.finish(first).code == -9


@pytest.mark.parametrize("words", ["clear", slowly("clear --seq A1"), slowly("unflag")])
def test_h12_a_lock_in_the_way_is_named_and_ended(backscope, words):
    backscope.sql("UPDATE sequences SET \"values\" = NULL WHERE id = 'A000001'")
    with backscope.session() as (cursor, pid), backscope.session() as (idle, idle_pid):
        cursor.execute("LOCK TABLE sequences IN ACCESS EXCLUSIVE MODE")
        error = backscope.refused(words).err
        assert f"pid {pid}" in error and str(idle_pid) not in error
        assert f"pid {pid}" in backscope.done("status").said
        backscope.done(f"{words} --force")
        idle.execute("SELECT 1")


TABLE = (
    "CREATE TABLE sequences (id text, values text, values_requested bool);"
    "INSERT INTO sequences VALUES ('A000001'), ('A000002'); ALTER TABLE sequences OWNER TO scope"
)


def test_h26_a_name_with_spaces_and_umlauts(fresh):
    """A drop, a createdb, renames, SQL: by the tool, and by `sh` from what a dry run prints."""
    sql = fresh.postgres.sql
    name = f"{fresh.name} Ünï-x.~y"
    backup = f"{name}.~1~"
    for created in (name, backup):
        sql(f'CREATE DATABASE "{created}" OWNER scope')
    old = fresh.mine()
    fresh.done("disposable", POSTGRES_DISPOSABLE_DB=name, CONFIRM=name, POSTGRES_DB="x")
    new = fresh.mine()
    assert (set(new), new[backup]) == ({name, backup}, old[backup])
    fresh.done("undo", POSTGRES_DB=name)
    assert fresh.mine() == {name: new[backup], backup: new[name]}
    sql(TABLE, name)
    shown = fresh.done("clear --seq A1 --dry-run", POSTGRES_DB=name)
    environ = {**fresh.environ, "POSTGRES_PASSWORD": PASSWORD}
    subprocess.run(["sh", "-ec", shown.out], env=environ, check=True)
    assert sql("SELECT id FROM sequences", name) == [("A000002",)]
