"""bin/with-postgres: a server for the length of a command, and nothing of it afterwards."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import slowly
from postgres import ROOT

WITH_POSTGRES = [sys.executable, str(ROOT / "bin/with-postgres")]


def gone(base):
    running = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True).stdout
    return not Path(base).exists() and base not in running


def test_it_runs_a_command_on_a_server_of_its_own_and_leaves_nothing(postgres):
    """Any number at once, as the tests' own runs, too; the exit status is the command's."""
    script = 'echo "$PG_SOCKET_DIR"; psql -XAtc "select inet_server_addr(), current_user"; exit 7'
    command = [*WITH_POSTGRES, "sh", "-c", script]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    base, answer = done.stdout.split()
    assert (done.returncode, answer) == (7, "127.0.0.1|postgres")
    assert gone(base)


def test_a_misuse_has_exit_status_2():
    for words, environ in (([], {}), (["true"], {"PG_BIN": "/nonexistent"})):
        run = {"env": {**os.environ, **environ}, "capture_output": True}
        assert subprocess.run([*WITH_POSTGRES, *words], **run).returncode == 2


@pytest.mark.parametrize("number", [signal.SIGINT, slowly(signal.SIGTERM)])
def test_it_ends_with_its_command_on_a_signal(number):
    command = [*WITH_POSTGRES, "sh", "-c", "echo $PG_SOCKET_DIR; exec sleep 99"]
    run = {"stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(command, **run) as process:
        base = process.stdout.readline().strip()
        kill = os.killpg if number == signal.SIGINT else os.kill  # as a terminal does it
        kill(process.pid, number)
        assert process.wait(30) == 128 + number
    assert gone(base)
