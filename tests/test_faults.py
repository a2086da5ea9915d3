"""Faults of the machine: no traceback, nothing half-claimed, and the same command mends it."""

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Backscope, Postgres, throwaway

STEPS = ["dropdb*", "mv*", "createdb*", "flask db init", "flask db migrate", "flask db upgrade"]


@pytest.fixture(scope="module")
def own(built, environment_folder, recorders, tmp_path_factory):
    """Give a checkout on a server of its own, which may be stopped and started."""
    with throwaway() as variables:
        postgres = Postgres(variables)
        postgres.sql("CREATE ROLE scope LOGIN CREATEDB PASSWORD 'pw-sEcret.17'")
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


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_crashes_in_a_step(own, step):
    result = own.run("rebuild", "--confirm", "own", SHELL_BEFORE=step, DO=crash(own), **own.fast)
    assert result.code in (0, 1), result  # mv and init do not need the server
    for _ in range(200):  # until it has recovered
        result = own.run("rebuild", "--confirm", "own", **own.fast)
        if result.code == 0:
            break
        assert result.code == 2, result
        assert "No connection to" in result.err
    assert result.code == 0, result
    assert own.sql("SELECT * FROM sequences") == []


def test_createdb_that_fails_once(backscope):
    once = backscope.folder.parent / "once"
    once.touch()
    confirm = ["--confirm", backscope.name]
    environ = {"FAIL_ONCE": "createdb*", "ONCE": str(once), **backscope.fast}
    result = backscope.run("rebuild", *confirm, **environ)
    assert result.code == 1, result
    assert f"Done before: dropdb {backscope.name}, mv migrations migrations.~1~." in result.err
    assert "there is no database" in backscope.run("status").out.lower()
    assert backscope.run("rebuild", *confirm, **environ).code == 0


def test_a_connection_limit_that_is_reached(backscope, postgres):
    postgres.sql("ALTER ROLE scope CONNECTION LIMIT 1")
    try:
        for action in (["clear"], ["rebuild", "--keep"]):
            error = backscope.refused(*action).err
            assert "too many connections for role" in error
            assert 'ALTER ROLE "scope" CONNECTION LIMIT -1' in error
        admin = {name: postgres.variables[name] for name in ("PGUSER", "PGPASSWORD", "PGDATABASE")}
        words = " ".join(f"{name}='{value}'" for name, value in admin.items())
        postgres.sql("ALTER ROLE scope CONNECTION LIMIT 2")
        result = backscope.run(  # it is reached in the middle
            "rebuild", "--keep", SHELL_BEFORE="createdb*",
            DO=f"{words} psql -qXc 'ALTER ROLE scope CONNECTION LIMIT 1'",
        )  # fmt: skip
        assert result.code == 1, result
        assert "too many connections for role" in result.out
        assert "make db-undo mends it" in result.err
    finally:
        postgres.sql("ALTER ROLE scope CONNECTION LIMIT -1")
    assert backscope.run("undo").code == 0
    assert len(backscope.sql("SELECT * FROM sequences")) == 3
    assert backscope.run("clear").code == 0


@pytest.mark.parametrize("flags", [[], ["--verbose"]])
def test_a_command_that_prints_megabytes_or_no_utf_8(backscope, flags):
    noise = "yes 'one more line of it' | head -c 3000000; head -c 200000 /dev/zero | tr '\\0' x;"
    noise += " printf '\\377\\376 \\303\\n the last line\\n'; exit 5"
    result = backscope.run("clear", *flags, INSTEAD="flask*", DO=noise)
    assert result.code == 1, result
    assert "the last line" in result.out
    if not flags:
        assert len(result.out) < 10000
    assert backscope.run("clear").code == 0


def test_a_full_disk_under_the_checkout(backscope):
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a full disk needs root, who may mount a small one")
    disk = backscope.folder.parent / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        small = disk / "backscope"
        shutil.copytree(backscope.folder, small, symlinks=True)
        with contextlib.suppress(OSError), open(disk / "filler", "wb") as filler:
            while True:
                filler.write(bytes(1000))
                filler.flush()
        before = backscope.snapshot()
        result = backscope.run(
            "rebuild", "--keep", "--backscope-dir", str(small), INSTEAD="flask db migrate",
            DO="cat /dev/zero >migrations/versions/new.py",
        )  # fmt: skip
        assert result.code == 1, result
        assert "Everything is as it was before" in result.err
        after = backscope.snapshot()
        assert (after[0], after[1]) == (before[0], before[1])
        assert sorted(path.name for path in small.glob("migrations*")) == ["migrations"]
        (disk / "filler").unlink()
        here = ["--backscope-dir", str(small)]
        assert backscope.run("rebuild", "--keep", *here, **backscope.fast).code == 0
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_read_only_checkout(backscope):
    if os.geteuid() == 0:
        mount = ["mount", "--bind", str(backscope.folder), str(backscope.folder)]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount a folder read-only")
        subprocess.run(["mount", "-o", "remount,ro,bind", str(backscope.folder)], check=True)
    else:
        backscope.folder.chmod(0o555)
    try:
        error = backscope.refused("rebuild", "--confirm", backscope.name).err
        assert "is not writable" in error
        assert backscope.refused("undo").code == 2
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", "-l", str(backscope.folder)], check=True)
        else:
            backscope.folder.chmod(0o755)


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
        assert own.run("rebuild", *confirm, **own.fast).code == 0
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

    mocker.patch.object(tool, "reset", side_effect=KeyError("odd"))
    mocker.patch.object(tool.signal, "signal")
    assert tool.main(["status"]) == 1
    assert "The tool itself failed: KeyError: 'odd'" in capsys.readouterr().err


def test_a_probe_that_hangs_is_given_up(mocker, backscope):
    import backscope_reset as tool

    (backscope.folder / "flaskr/config.py").write_text("import time\ntime.sleep(1000)\n")
    mocker.patch.object(tool, "LOAD_TIMEOUT", 0.5)
    mocker.patch.object(tool.sys, "executable", str(backscope.venv / "bin/python"))
    with tool.probing(backscope.folder, False, backscope.environ) as probe:
        assert "did not load within" in tool.answer_of(probe)["error"]
    assert probe.poll() == -9
