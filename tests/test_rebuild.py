"""What a rebuild promises: what it refuses, when it asks, what it looks at afterwards."""

import os
import re

import pexpect
import pytest
from checkout import edit, slowly
from postgres import PASSWORD

ENCODING = "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = '{}'"
CITEXT = """echo 'UndefinedObject: type "citext" does not exist'; exit 1"""


def confirmed(backscope, **environ):
    """Run a rebuild whose question is answered beforehand."""
    return backscope.run("rebuild", "--confirm", backscope.name, **environ)


@pytest.mark.parametrize(
    "holds",
    [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT lo_from_bytea(0, 'x')",
        "CREATE SCHEMA far; CREATE TABLE far.t AS SELECT 1",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
        # H59: two tables whose names look the same with a dot
        'CREATE TABLE "a.b" AS SELECT 1; CREATE SCHEMA a; CREATE TABLE a.b (); '
        'GRANT USAGE ON SCHEMA a TO scope; GRANT SELECT ON a.b, "a.b" TO scope',
        # H47: what cannot be counted is not called empty
        "GRANT INSERT ON searches TO scope; ALTER TABLE searches OWNER TO postgres",
        "ALTER TABLE searches OWNER TO scope; ALTER TABLE searches ENABLE ROW LEVEL SECURITY,"
        " FORCE ROW LEVEL SECURITY; CREATE POLICY none ON searches USING (false)",
    ],
)  # fmt: skip
def test_whatever_would_be_lost_is_asked_about(backscope, holds):
    backscope.sql(f"DELETE FROM sequences; {holds}")
    error = backscope.refused("rebuild").err  # nobody is there to be asked (H53)
    assert 0 < error.lower().index("keep") < error.lower().index("confirm")


def test_the_question_names_what_is_lost_and_two_ways_that_lose_nothing(backscope):
    """H63, and what is typed has to be the name itself."""
    for typed, status in (("yes", 2), (backscope.name, 0)):
        before, terminal = backscope.snapshot(), backscope.spawn("rebuild")
        for words in ("3 sequences", "(?i)keep", "(?i)carry", "Type its name to go on: "):
            terminal.expect(words)
        terminal.sendline(typed)
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == status, terminal.before
        assert (backscope.snapshot() == before) == (status == 2)
    assert backscope.ids() == []


@pytest.mark.parametrize("keep", [False, True])
def test_a_link_is_renamed_alone(backscope, keep):
    """H21."""
    (backscope.folder / "migrations").rename(backscope.folder.parent / "elsewhere")
    (backscope.folder / "migrations").symlink_to(backscope.folder.parent / "elsewhere")
    before = os.listdir(backscope.folder.parent / "elsewhere")
    result = backscope.run("rebuild", "--keep") if keep else confirmed(backscope)
    assert result.code == 0, result
    assert (backscope.folder / "migrations.~1~").is_symlink()
    assert not (backscope.folder / "migrations").is_symlink()
    assert os.listdir(backscope.folder.parent / "elsewhere") == before


def answered(backscope, meanwhile):
    """Start a rebuild on a terminal, type the name once `meanwhile` has happened, and wait."""
    terminal = backscope.spawn("rebuild")
    terminal.expect_exact("Type its name to go on: ")
    kept = meanwhile()
    before = backscope.snapshot()
    terminal.sendline(backscope.name)
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal, before, kept


@pytest.mark.parametrize("change", ["name", "rows", "session", "lock"])
def test_whatever_changes_while_it_asks_is_refused(backscope, change):
    """H40, H41: another database takes the name, rows come, a session, or the lock is lost."""
    name, sql = backscope.name, backscope.postgres.sql
    sql(f"CREATE DATABASE {name}_other TEMPLATE {name} OWNER scope")

    def meanwhile():
        if change == "name":
            sql(f"ALTER DATABASE {name} RENAME TO {name}_away")
            sql(f"ALTER DATABASE {name}_other RENAME TO {name}")
        elif change == "rows":
            backscope.sql("INSERT INTO searches (term) VALUES ('x')")
        elif change == "lock":
            sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        return backscope.as_scope() if change == "session" else None

    terminal, before, _ = answered(backscope, meanwhile)
    assert terminal.exitstatus == 2, terminal.before
    assert "Nothing was changed" in terminal.before
    assert (backscope.snapshot(), backscope.take_trace()) == (before, [])


def test_settings_that_change_while_it_asks_change_nothing(backscope):
    """H35: what was shown is what is touched."""
    other, old = f"{backscope.name}_other", backscope.mine()[backscope.name]
    backscope.postgres.sql(f"CREATE DATABASE {other} TEMPLATE {backscope.name} OWNER scope")
    answered(backscope, lambda: backscope.write_env(POSTGRES_DB=other))
    assert backscope.mine()[backscope.name] != old
    assert len(backscope.sql("SELECT * FROM sequences", database=other)) == 3


@pytest.mark.parametrize("keep", [True, False])
def test_somebody_creates_the_database_before_our_createdb(backscope, keep):
    """H42: it is theirs, and stays."""
    tool = f"PATH=$REAL_PATH PGPASSWORD={PASSWORD}"
    theirs = f"{tool} createdb {backscope.name} && {tool} psql -qXd {backscope.name} -c"
    do = f"{theirs} 'CREATE TABLE theirs AS SELECT 1 AS one'"
    old = backscope.mine()[backscope.name]
    words = ["--keep"] if keep else ["--confirm", backscope.name]
    result = backscope.run("rebuild", *words, BEFORE="createdb*", DO=do)
    assert result.code == 1, result
    assert sum(call.startswith("dropdb") for call in result.trace) == (not keep)
    assert backscope.postgres.rows(backscope.name) == {"theirs": ["(1)"]}
    assert backscope.mine().get(f"{backscope.name}.~1~") == (old if keep else None)


def test_our_connection_that_is_lost_after_createdb_loses_nothing(backscope):
    old, ends = backscope.mine()[backscope.name], "SELECT pg_terminate_backend(pid) FROM pg_locks"
    do = f"""PATH=$REAL_PATH psql -qXd postgres -c "{ends} WHERE locktype = 'advisory'\""""
    result = backscope.run("rebuild", "--keep", AFTER="createdb*", DO=do)
    assert result.code == 1 and "status" in result.err, result
    assert backscope.run("undo").code == 0 and backscope.mine()[backscope.name] == old


def test_a_migrate_that_made_nothing_is_no_success(backscope):
    """H18."""
    drop = "psql -qXd $FAST -c 'DROP TABLE searches'"
    for fault, said in (({"BEFORE": "flask db upgrade", "DO": "exit 0"}, "migrate"),
                        ({"AFTER": "flask db upgrade", "DO": drop}, "searches")):  # fmt: skip
        result = confirmed(backscope, **fault)
        assert result.code == 1, result
        assert said in result.err


@pytest.mark.parametrize(
    "way", [{"BEFORE": "flask db upgrade", "DO": CITEXT}, slowly({"FAST": ""})]
)
def test_a_cause_in_the_code_is_shown_and_no_advice_promises_to_finish(backscope, way):
    """H60, with a type of an extension that is not installed."""
    models = backscope.folder / "flaskr/nscope/models.py"
    edit(models, "import db\n", "import db\nfrom sqlalchemy.dialects.postgresql import CITEXT\n")
    edit(models, "name = db.Column(db.String)", "name = db.Column(CITEXT)")
    result = confirmed(backscope, **way)
    assert result.code == 1, result
    for words in ('type "citext" does not exist', "CREATE EXTENSION citext", "revision none"):
        assert words in result.said
    assert "finish" not in result.err
    assert re.search("mend|cause", result.err), result


def test_the_encoding_and_locale_of_the_old_database_are_kept(backscope):
    """H33."""
    name, more = backscope.name, "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    backscope.drop()
    backscope.postgres.sql(f"CREATE DATABASE {name} OWNER scope {more}")
    result = backscope.run("rebuild")
    assert result.code == 0, result
    assert backscope.postgres.sql(ENCODING.format(name)) == [("LATIN1", "C")]
