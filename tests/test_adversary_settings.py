"""H35, H36, H51 to H54, H56 to H58: what is read, shown and asked is what is touched."""

import os
import pty
import shlex
import subprocess

import pytest
from checkout import PASSWORD, edit


@pytest.fixture
def precious(backscope):
    """Give a database beside the target, and fail if it was touched."""
    name = f"precious_{backscope.name}"
    backscope.postgres.sql(f"CREATE DATABASE {name} TEMPLATE {backscope.name} OWNER scope")
    before = backscope.postgres.databases()[name], backscope.postgres.rows(name)
    yield name
    assert (backscope.postgres.databases()[name], backscope.postgres.rows(name)) == before
    backscope.postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


def test_h35_dotenv_is_edited_in_the_last_moment(backscope, precious):
    """A real flask reads the new .env; what was shown is pinned, so it opens that all the same."""
    do = f"sed -i.old 's/{backscope.name}/{precious}/' .env"
    result = backscope.run("clear", SHELL_BEFORE="flask*", DO=do)
    assert result.code == 0, result
    assert precious in (backscope.folder / ".env").read_text()
    assert backscope.sql("SELECT * FROM sequences") == []


def test_h36_two_readings_of_dotenv(backscope, precious):
    backscope.write_env(POSTGRES_DB=None)
    with (backscope.folder / ".env").open("a") as file:
        file.write(f"NAME={precious}\nPOSTGRES_DB=${{NAME}}\n")
    for action in (["clear"], ["rebuild", "--confirm", backscope.name], ["undo"], ["disposable"]):
        error = backscope.refused(*action, NAME=backscope.name).err
        assert "POSTGRES_DB in .env holds a ${…} that Backscope and Flask read differently" in error


@pytest.mark.parametrize(
    ("name", "value"), [("POSTGRES_HOST", "localhost"), ("POSTGRES_USER", "boss")]
)
@pytest.mark.slow
def test_h51_another_server_or_role_is_said_and_asked(backscope, name, value):
    if name == "POSTGRES_USER":  # it may do all that scope may
        backscope.postgres.sql("CREATE ROLE boss SUPERUSER LOGIN PASSWORD '" + PASSWORD + "'")
    try:
        result = backscope.refused("clear", **{name: value})
        assert f"{name}={value} is from the environment, .env says" in result.out
        assert "This clears all the stored data of" in result.out
        assert f"CONFIRM={backscope.name}" in result.err
    finally:
        backscope.postgres.sql("DROP ROLE IF EXISTS boss")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{user}:{password}@", "{password}:{user}@"),
        ("{user}:{password}@{host}:{port}", "{user}@{host}{password}"),
        ("{user}:{password}@{host}", "{user}:{password}{host}"),
        ("/{database}", "/{password}"),
    ],
)
@pytest.mark.slow
def test_h52_a_wrong_url_does_not_show_the_password(backscope, old, new):
    """Result refuses the password; the tool says what it can."""
    edit(backscope.folder / "flaskr/config.py", old, new)
    assert "Flask would open" in backscope.refused("clear").err


@pytest.mark.slow
def test_h52_an_error_that_quotes_the_url(backscope):
    line = "raise KeyError(chosen.SQLALCHEMY_DATABASE_URI)"
    edit(backscope.folder / "flaskr/__init__.py", "    db.init_app", f"    {line}\n    db.init_app")
    assert "scope:***@" in backscope.refused("rebuild", "--confirm", backscope.name).err
    assert "scope:***@" in backscope.unchanged("clear").out
    out = backscope.start("clear", "--verbose").communicate()[0]  # with its traceback
    assert "scope:***@" in out
    assert PASSWORD not in out


def test_h53_a_question_that_nobody_sees_is_not_asked(backscope):
    """The terminal is there to type at, but what is said goes into a file."""
    master, slave = pty.openpty()
    os.write(master, f"{backscope.name}\n".encode())
    before = backscope.snapshot()
    try:
        result = subprocess.run(
            backscope.argv("rebuild"), cwd=backscope.folder, env=backscope.environ, stdin=slave,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    finally:
        os.close(master)
        os.close(slave)
    assert result.returncode == 2, result
    assert "the question is not on a terminal" in result.stderr
    assert "make db-rebuild KEEP=1 # loses nothing" in result.stderr
    assert backscope.snapshot() == before


@pytest.mark.slow
def test_h54_odd_files_and_closed_streams(backscope):
    os.mkfifo(backscope.folder / "migrations/versions/odd.py")
    (backscope.folder / "migrations/versions/binary.py").write_bytes(b"\0\xff")
    closed = " ".join(map(shlex.quote, backscope.argv("rebuild", "--keep"))) + " >&- 2>&- <&-"
    environ = {**backscope.environ, **backscope.fast}
    ended = subprocess.run(["sh", "-c", closed], cwd=backscope.folder, env=environ, timeout=60)
    assert ended.returncode == 0
    assert set(backscope.mine()) == {backscope.name, f"{backscope.name}.~1~"}
    (backscope.folder / ".env").unlink()
    os.mkfifo(backscope.folder / ".env")
    result = backscope.run("clear")
    assert result.code == 2, result
    assert ".env is no file" in result.err


@pytest.mark.slow
def test_h56_what_a_dry_run_prints_does_the_same(backscope):
    before = backscope.mine()[backscope.name]
    script = backscope.run("rebuild", "--keep", "--dry-run").out
    environ = {**backscope.environ, **backscope.fast, "PGPASSWORD": PASSWORD, "PGPORT": "1"}
    other = backscope.folder.parent / "other"  # as of another environment that is active
    other.mkdir()
    (other / "flask").write_text("#!/bin/sh\nexit 9\n")
    (other / "flask").chmod(0o755)
    environ["PATH"] = f"{other}:{environ['PATH']}"
    shell = {"env": environ, "cwd": backscope.folder, "text": True, "capture_output": True}
    subprocess.run(["sh", "-e"], input=script, check=True, **shell)
    assert backscope.mine()[f"{backscope.name}.~1~"] == before
    assert backscope.sql("SELECT * FROM sequences") == []
    assert backscope.folders() == ["migrations", "migrations.~1~"]


def test_h57_a_log_of_somebody_elses(backscope):
    line = "raise PermissionError(13, 'Permission denied', 'logs/api.log')"
    edit(backscope.folder / "flaskr/__init__.py", "    db.init_app", f"    {line}\n    db.init_app")
    error = backscope.refused("rebuild", "--confirm", backscope.name).err
    assert f"sudo rm {backscope.folder}/logs/*.log*" in error


def test_h58_the_disposable_database(backscope, precious):
    backscope.write_env(POSTGRES_DISPOSABLE_DB=backscope.name)
    error = backscope.refused("disposable").err
    assert f"POSTGRES_DISPOSABLE_DB is {backscope.name} like POSTGRES_DB" in error
    assert "flask test empties it" in backscope.run("status").out
    other = f"{backscope.name}_disposable"
    backscope.postgres.sql(f"CREATE DATABASE {other} TEMPLATE {backscope.name} OWNER scope")
    backscope.write_env(POSTGRES_DISPOSABLE_DB=other, APP_ENVIRONMENT="testing")
    before = backscope.snapshot()
    result = backscope.run("disposable")
    assert result.code == 0, result
    assert result.trace == [f"dropdb {other}", f"createdb {other}"]
    after = backscope.snapshot()
    assert after[0].pop(other) != before[0].pop(other)
    assert after[1].pop(other) == {}
    before[1].pop(other)
    assert after == before
