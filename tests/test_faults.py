"""Faults of the server: no traceback, nothing half-claimed, and the same command mends it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from checkout import PASSWORD, Backscope, Postgres, throwaway

STEPS = ["dropdb*", "mv*", "createdb*", "flask db init", "flask db migrate", "flask db upgrade"]
OFTEN = ("createdb*", "flask db upgrade")


@pytest.fixture(scope="module")
def own(built, environment_folder, recorders, tmp_path_factory):
    """Give a checkout on a server of its own, which may be stopped and started."""
    with throwaway() as variables:
        postgres = Postgres(variables)
        postgres.sql(f"CREATE ROLE scope LOGIN CREATEDB PASSWORD '{PASSWORD}'")
        folder = tmp_path_factory.mktemp("own") / "backscope"
        shutil.copytree(built.folder, folder, symlinks=True)
        backscope = Backscope(folder, "own", postgres, environment_folder, recorders)
        backscope.environ["MODEL"] = str(built.folder)
        assert backscope.run("rebuild", **backscope.fast).code == 0
        yield backscope


def crash(backscope):
    """Give a shell command that crashes all sessions, as a power cut would; the server recovers.

    PostgreSQL ends every session and recovers when one of them is killed by SIGKILL.
    """
    data = Path(backscope.postgres.variables["PG_SOCKET_DIR"]) / "data"
    return f"kill -9 $(head -1 {data}/postmaster.pid | xargs -I@ pgrep -P @ | tail -1)"


@pytest.mark.parametrize(
    "step", [pytest.param(s, marks=[] if s in OFTEN else pytest.mark.slow) for s in STEPS]
)
@pytest.mark.slow
def test_a_server_that_crashes_in_a_step(own, step):
    own.fill()
    result = own.run("rebuild", "--confirm", "own", SHELL_BEFORE=step, DO=crash(own), **own.fast)
    if result.code == 2:  # the dropdb came too late
        assert len(own.sql("SELECT * FROM sequences")) == 3
    assert result.code in (0, 1, 2), result  # mv and init do not need the server
    for _ in range(200):  # until it has recovered
        result = own.run("rebuild", "--confirm", "own", **own.fast)
        if result.code == 0:
            break
        assert result.code == 2, result
        assert "No connection to" in result.err
    assert result.code == 0, result
    assert own.sql("SELECT * FROM sequences") == []


@pytest.mark.slow
def test_a_full_disk_under_the_server(own):
    """Createdb copies template1, which lies on a disk with no room for a copy."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a full disk needs root, who may mount a small one")
    base = Path(own.postgres.variables["PG_SOCKET_DIR"])
    disk = base / "disk"
    disk.mkdir()
    owner = base.stat()
    options = f"size=9m,uid={owner.st_uid},gid={owner.st_gid},mode=700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    sql = own.postgres.sql
    confirm = ["--confirm", "own"]
    try:
        own.fill()
        before = own.snapshot()
        sql(f"CREATE TABLESPACE small LOCATION '{disk}'")
        sql("ALTER DATABASE template1 SET TABLESPACE small")
        result = own.run("rebuild", "--keep", **own.fast)
        assert result.code == 1, result
        assert re.search("No space left|could not write", result.out), result
        assert "Everything is as it was before" in result.err
        assert own.snapshot() == before
        result = own.run("rebuild", *confirm, **own.fast)
        assert result.code == 1, result
        assert "Done before: dropdb own, mv migrations" in result.err
        subprocess.run(["mount", "-o", "remount,size=99m", str(disk)], check=True)
        assert own.run("rebuild", *confirm, **own.fast).code == 0
    finally:  # the server is of no use to anybody now; this is its last test
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_the_tool_itself_fails_without_a_traceback(mocker, capsys):
    import backscope_reset as tool

    mocker.patch.object(tool, "seeing", side_effect=KeyError("odd"))
    mocker.patch("signal.signal")
    assert tool.main(["status"], {}) == 1
    error = capsys.readouterr().err
    assert "The tool itself failed: KeyError in " in error
    assert "odd" not in error
