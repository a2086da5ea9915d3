"""All commands go where Flask goes, whatever the shell says (H25, H27 to H29, H32)."""

import os
import subprocess
from pathlib import Path

import pytest
from checkout import PASSWORD

from resetting.settings import EXACT, PATIENCE

WRONG = {
    "PGHOST": "nowhere.invalid", "PGPORT": "1", "PGUSER": "nobody", "PGDATABASE": "x",
    "PGSERVICE": "nothing", "PGPASSFILE": "/none", "PGOPTIONS": "-c search_path=none",
    "PGPASSWORD": "wrong", "PGTARGETSESSIONATTRS": "standby", "PGHOSTADDR": "127.0.0.2",
}  # fmt: skip


def children_environment(backscope):
    """Give what the last recorded command found in its environment."""
    lines = Path(f"{backscope.trace}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_h25_the_password_is_nowhere(backscope):
    leak = f"echo the password is {PASSWORD}; exit 3"
    for flags in ([], ["--verbose"]):
        result = backscope.run("clear", *flags, INSTEAD="flask*", DO=leak)  # Result looks for it
        assert "the password is ***" in result.out
    process, child = backscope.hang("flask*", "clear", "--verbose")
    for pid in (process.pid, child):
        words = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert said and PASSWORD not in said
    os.kill(child, 15)
    backscope.finish(process)
    backscope.write_env(POSTGRES_PASSWORD=PASSWORD + "x")
    assert PASSWORD not in backscope.refused("clear").err


@pytest.mark.slow
def test_h27_libpqs_variables_redirect_nothing(backscope):
    for dotenv in ({}, {"PGHOSTADDR": "127.0.0.2", "PGSERVICE": "nothing"}):
        backscope.write_env(**dotenv)
        backscope.fill(1 if dotenv else 0)
        result = backscope.run("clear", **WRONG)  # the real flask
        assert result.code == 0, result
        assert backscope.sql("SELECT * FROM sequences") == []
    confirm = ["--confirm", backscope.name]
    backscope.fill()
    result = backscope.run("rebuild", *confirm, **WRONG, **backscope.fast)
    assert result.code == 0, result
    seen = {k: v for k, v in children_environment(backscope).items() if k.startswith("PG")}
    assert seen.pop("PGOPTIONS") == f"{PATIENCE} {EXACT}"  # H12
    assert seen.pop("PGHOSTADDR") == "127.0.0.1"  # the one that answered, not the one exported
    assert (seen["PGHOST"], seen["PGPORT"]) == (backscope.postgres.host, backscope.postgres.port)
    assert (seen["PGUSER"], seen["PGPASSWORD"]) == ("scope", PASSWORD)
    gone = {"PGDATABASE", "PGSERVICE", "PGPASSFILE", "PGTARGETSESSIONATTRS"}
    assert not gone & set(seen)


@pytest.mark.slow
def test_h28_psqlrc_and_pager_and_locale_have_no_effect(backscope):
    (backscope.folder.parent / "home" / ".psqlrc").write_text("\\echo chatty\n\\set QUIET off\n")
    german = {"LC_ALL": "de_DE.UTF-8", "PAGER": "cat >/dev/null; sleep 600", "PSQL_PAGER": "false"}
    result = backscope.run("clear", "A1", "--verbose", **german)
    assert result.code == 0, result
    assert "chatty" not in result.out
    assert backscope.sql("SELECT count(*) FROM sequences") == [(2,)]


@pytest.mark.slow
def test_h29_another_machine(backscope):
    """A host that only the resolver knows to be this machine stands for another one."""
    host = "127.1"
    backscope.write_env(POSTGRES_HOST=host)
    error = backscope.refused("clear", "--confirm", backscope.name).err
    assert f"the target is {backscope.name}@{host}" in error
    result = backscope.refused("clear")  # it asks, and nobody answers
    assert f"{backscope.name} on {host}:" in result.out
    assert f"CONFIRM={backscope.name}@{host}" in result.err
    assert backscope.run("clear", "--confirm", f"{backscope.name}@{host}").code == 0
    assert backscope.sql("SELECT * FROM sequences") == []


@pytest.mark.slow
def test_h32_the_unix_socket(backscope):
    folder = backscope.postgres.variables["PG_SOCKET_DIR"]
    backscope.write_env(POSTGRES_HOST="")
    result = backscope.run("clear", PGHOST=folder)  # the real flask
    assert result.code == 0, result
    assert f"the socket in {folder}" in result.out
    confirm = ["--confirm", backscope.name]
    result = backscope.run("rebuild", *confirm, **backscope.fast, PGHOST=folder)
    assert result.code == 0, result
    assert children_environment(backscope)["PGHOST"] == folder


@pytest.mark.parametrize("flags", [[], ["--verbose"]])
@pytest.mark.slow
def test_a_command_that_prints_megabytes_or_no_utf_8(backscope, flags):
    noise = "yes 'one more line of it' | head -c 3000000; head -c 200000 /dev/zero | tr '\\0' x;"
    noise += " printf '\\377\\376 \\303\\n the last line\\n'; exit 5"
    result = backscope.run("clear", *flags, INSTEAD="flask*", DO=noise)
    assert result.code == 2, result
    assert "the last line" in result.out
    if not flags:
        assert len(result.out) < 10000
