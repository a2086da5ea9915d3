"""The page's procedures: the trace of calls is the specification of their order."""

import subprocess

import pytest
from checkout import PASSWORD

FLASK = ["flask db init", "flask db migrate", "flask db upgrade"]
SIX = ["dropdb {0}", "mv migrations migrations.~1~", "createdb {0}", *FLASK]


def steps(backscope):
    return [step.format(backscope.name) for step in SIX]


@pytest.mark.inside
@pytest.mark.slow
def test_clear_runs_the_documented_command(backscope):
    backscope.sql("INSERT INTO searches (term) VALUES ('fib')")
    result = backscope.run("clear")
    assert result.code == 0, result
    assert result.trace == ["flask clear-database"]
    assert "[1/1] flask clear-database" in result.out
    gone = "gone: searches 1, sequences 3"
    assert f"{backscope.name} is cleared: 3 tables, no rows; {gone}, in " in result.out
    assert backscope.sql("SELECT * FROM sequences") == []
    target = f"{backscope.name} on {backscope.postgres.host}:{backscope.postgres.port} as scope"
    assert 0 < result.out.index(target) < result.out.index("flask clear-database")
    assert "Database cleared" not in result.out
    assert "Database cleared" in backscope.run("clear", "--verbose").out


@pytest.mark.inside
def test_rebuild_runs_the_documented_commands_in_order(backscope):
    oid = backscope.mine()[backscope.name]
    result = backscope.run("rebuild", "--confirm", backscope.name)
    assert result.code == 0, result
    assert result.trace == steps(backscope)
    for number, step in enumerate(steps(backscope), 1):
        assert f"[{number}/6] {step}" in result.out
    assert backscope.mine() != {backscope.name: oid}
    assert backscope.sql("SELECT * FROM sequences") == []
    (revision,) = backscope.sql("SELECT version_num FROM alembic_version")[0]
    assert f"is rebuilt: 3 tables at revision {revision}, in " in result.out
    assert backscope.folders() == ["migrations", "migrations.~1~"]


@pytest.mark.slow
def test_the_first_rebuild_leaves_out_what_is_not_there(fresh):
    result = fresh.run("rebuild")
    assert result.code == 0, result
    assert result.trace == [f"createdb {fresh.name}", *FLASK]
    for words in ("not there yet", "none yet", f"{fresh.name} is set up: 3 tables"):
        assert words in result.out
    assert fresh.sql("SELECT * FROM sequences") == []


@pytest.mark.parametrize("number", [0, 1, 2, 5, *(pytest.param(n, marks=pytest.mark.slow)
                                                   for n in (3, 4))])  # fmt: skip
@pytest.mark.slow
def test_each_failing_step_stops_the_rebuild(backscope, number):
    wanted, confirm = steps(backscope), ["--confirm", backscope.name]
    result = backscope.run("rebuild", *confirm, FAIL=wanted[number], **backscope.fast)
    assert result.code == (1 if number else 2), result
    assert result.trace == wanted[: number + 1]
    assert "the recorder lets" in result.out
    assert "exit status 3" in result.err
    assert ", ".join(wanted[:number]) in result.err
    again = backscope.run("rebuild", *confirm, **backscope.fast)
    assert again.code == 0, again
    assert backscope.sql("SELECT * FROM sequences") == []


def test_a_failing_clear_is_told(backscope):
    error = backscope.unchanged("clear", FAIL="flask*").err
    assert "flask clear-database ended with exit status 3" in error
    error = backscope.unchanged("clear", INSTEAD="flask*", DO="exit 0").err
    assert (
        "Backscope took no action" in error and "if so, make db-rebuild KEEP=1 starts anew" in error
    )
    half = f"PATH=$REAL_PATH psql -qX -d {backscope.name} -c 'TRUNCATE sequences'; exit 3"
    result = backscope.run("clear", INSTEAD="flask*", DO=half)
    assert result.code == 1, result
    assert "Nothing was changed" not in result.err


@pytest.mark.parametrize(
    ("action", "calls"),
    [
        (["clear"], ["flask clear-database"]),
        (["rebuild"], SIX),
        (["rebuild", "--keep"], ['ALTER DATABASE "{0}" RENAME TO "{0}.~1~"', *SIX[1:]]),
        (["clear", "A1"], ["psql", "DELETE FROM sequences"]),
        (["unflag"], ["psql", "UPDATE sequences"]),
    ],
)
@pytest.mark.slow
def test_the_dry_run_prints_and_does_nothing(backscope, action, calls):
    before = backscope.snapshot()
    result = backscope.run(*action, "--dry-run")
    assert result.code == 0, result
    assert result.trace == []
    assert backscope.snapshot() == before
    places = [result.out.index(call.format(backscope.name)) for call in calls]
    assert places == sorted(places)
    typed = [line for line in result.out.splitlines() if not line.startswith("#")]
    assert typed[0].startswith("export PGHOST=")


@pytest.mark.slow
def test_the_dry_run_tells_what_would_be_refused(backscope):
    with backscope.as_scope():
        result = backscope.refused("rebuild", "--dry-run")
    assert f"dropdb {backscope.name}" in result.out
    assert "1 session is in the way" in result.err


def test_the_printed_dry_run_does_the_same_when_typed(backscope):
    script = backscope.run("clear", "A1", "a000002", "--dry-run").out
    environ = {"PATH": f"{backscope.postgres.bin}:/usr/bin:/bin", "PGPASSWORD": PASSWORD}
    subprocess.run(["sh", "-c", script], check=True, env=environ)
    assert backscope.sql("SELECT id FROM sequences") == [("A000003",)]
