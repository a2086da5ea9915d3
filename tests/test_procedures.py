"""The two procedures: the trace of calls is the specification of their order."""

import pytest

FLASK = ["flask db init", "flask db migrate", "flask db upgrade"]
SIX = ["dropdb {0}", "mv migrations migrations.~1~", "createdb {0}", *FLASK]


def steps(backscope):
    return [step.format(backscope.name) for step in SIX]


def test_clear_runs_the_documented_command(backscope):
    result = backscope.run("clear")
    assert result.code == 0, result
    assert result.trace == ["flask clear-database"]
    assert "[1/1] flask clear-database" in result.out
    assert f"{backscope.name} is cleared: 3 tables, no rows" in result.out
    assert backscope.sql("SELECT * FROM sequences") == []


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
    assert f"3 tables at revision {revision}" in result.out
    assert backscope.folders() == ["migrations", "migrations.~1~"]


def test_the_first_rebuild_leaves_out_what_is_not_there(fresh):
    result = fresh.run("rebuild")
    assert result.code == 0, result
    assert result.trace == [f"createdb {fresh.name}", *FLASK]
    assert "not there yet" in result.out
    assert "none yet" in result.out
    assert fresh.sql("SELECT * FROM sequences") == []


def test_the_target_is_shown_before_the_first_command(backscope):
    out = backscope.run("clear").out
    target = f"{backscope.name} on {backscope.postgres.host}:{backscope.postgres.port} as scope"
    assert 0 < out.index(target) < out.index("flask clear-database")


@pytest.mark.parametrize("number", range(6))
def test_each_failing_step_stops_the_rebuild(backscope, number):
    wanted = steps(backscope)
    result = backscope.run(
        "rebuild", "--confirm", backscope.name, FAIL=wanted[number], **backscope.fast
    )
    assert result.code == 1, result
    assert result.trace == wanted[: number + 1]
    assert "the recorder lets" in result.out
    assert "exit status 3" in result.err
    assert ", ".join(wanted[:number]) in result.err
    again = backscope.run("rebuild", "--confirm", backscope.name, **backscope.fast)
    assert again.code == 0, again
    assert backscope.sql("SELECT * FROM sequences") == []


def test_a_failing_clear_is_told(backscope):
    result = backscope.run("clear", FAIL="flask*")
    assert result.code == 1, result
    assert "flask clear-database ended with exit status 3" in result.err
    assert backscope.run("clear").code == 0


def test_output_is_shown_as_it_comes_with_verbose(backscope):
    assert "Database cleared" not in backscope.run("clear").out
    assert "Database cleared" in backscope.run("clear", "--verbose").out


@pytest.mark.parametrize(
    ("action", "calls"),
    [
        (["clear"], ["flask clear-database"]),
        (["rebuild"], SIX),
        (["rebuild", "--keep"], ['ALTER DATABASE :"name" RENAME TO :"kept"', *SIX[1:]]),
        (["clear", "A1"], ["psql", "DELETE FROM sequences"]),
        (["unflag"], ["psql", "UPDATE sequences"]),
    ],
)
def test_the_dry_run_prints_and_does_nothing(backscope, action, calls):
    before = backscope.snapshot()
    result = backscope.run(*action, "--dry-run")
    assert result.code == 0, result
    assert result.trace == []
    assert backscope.snapshot() == before
    places = [result.out.index(call.format(backscope.name)) for call in calls]
    assert places == sorted(places)


def test_the_dry_run_tells_what_would_be_refused(backscope):
    with backscope.as_scope():
        result = backscope.refused("rebuild", "--dry-run")
    assert f"dropdb {backscope.name}" in result.out
    assert "1 session is in the way" in result.err


def test_the_printed_dry_run_does_the_same_when_typed(backscope, tmp_path):
    import subprocess

    backscope.fill(0)
    script = backscope.run("clear", "A1", "a000002", "--dry-run").out.split("\n\n", 1)[1]
    postgres = backscope.postgres
    subprocess.run(
        ["sh", "-c", script], check=True,
        env={"PATH": f"{postgres.bin}:/usr/bin:/bin", **postgres.variables},
    )  # fmt: skip
    assert backscope.sql("SELECT id FROM sequences") == [("A000003",)]


def test_a_child_gets_what_flask_uses_and_nothing_else(backscope):
    wrong = {
        "PGHOST": "nowhere.invalid", "PGPORT": "1", "PGUSER": "nobody", "PGDATABASE": "x",
        "PGSERVICE": "nothing", "PGPASSFILE": "/none", "PGOPTIONS": "-c search_path=none",
        "PGPASSWORD": "wrong", "PGTARGETSESSIONATTRS": "standby",
    }  # fmt: skip
    confirm = ["--confirm", backscope.name]
    result = backscope.run("rebuild", *confirm, **wrong, **backscope.fast)  # H27
    assert result.code == 0, result
    lines = (backscope.trace.parent / "trace.env").read_text().splitlines()
    seen = dict(line.split("=", 1) for line in lines if line.startswith("PG"))
    assert seen.pop("PGOPTIONS") == "-c lock_timeout=5s"  # H12
    assert (seen["PGHOST"], seen["PGPORT"]) == (backscope.postgres.host, backscope.postgres.port)
    assert not {"PGDATABASE", "PGSERVICE", "PGPASSFILE", "PGTARGETSESSIONATTRS"} & set(seen)


def test_psqlrc_and_pager_and_locale_have_no_effect(backscope):
    (backscope.folder.parent / "home" / ".psqlrc").write_text("\\echo chatty\n\\set QUIET off\n")
    german = {"LC_ALL": "de_DE.UTF-8", "PAGER": "cat >/dev/null; sleep 600", "PSQL_PAGER": "false"}
    result = backscope.run("clear", "A1", "--verbose", **german)  # H28
    assert result.code == 0, result
    assert "chatty" not in result.out
    assert backscope.sql("SELECT count(*) FROM sequences") == [(2,)]
