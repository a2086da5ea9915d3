"""bin/with-postgres: a server for one command, and nothing left when that has ended."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pexpect
import pytest
from postgres import ROOT

TOOL = (sys.executable, str(ROOT / "bin/with-postgres"))
REPORT = 'echo "$PG_TMPDIR $PG_SOCKET_DIR $PGPORT $PGPASSWORD"'
# Says what is there, and waits; after a signal, asks the server.
WAIT = f"trap 'psql -Atc \"SELECT 6 * 7\"; exit 5' INT TERM; {REPORT}; read line"
# Programs of a server that is none: it begins when it is told to, and does not start at once.
INITDB = '#!/bin/sh\nmkdir data && echo $$ >"{0}/began" && read -r line <"{0}/go"\n'


@pytest.fixture
def stub():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for program, text in (("initdb", INITDB), ("pg_ctl", "#!/bin/sh\n")):
            (folder / program).write_text(text.format(folder))
            (folder / program).chmod(0o755)
        for fifo in ("began", "go"):
            os.mkfifo(folder / fifo)
            (folder / fifo).chmod(0o666)
        yield folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_start_waits_for_it_and_ends_it(stub, number):
    environ = {**os.environ, "PG_BIN": str(stub)}
    streams = {"stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*TOOL, "echo", "run"], env=environ, **streams)
    (stub / "began").read_text()
    process.send_signal(number)
    (stub / "go").write_text("\n")
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == 128 + number


def test_ctrl_c_is_the_commands_to_handle():
    terminal = pexpect.spawn(TOOL[0], [TOOL[1], "sh", "-c", WAIT], timeout=60, encoding="utf-8")
    report = terminal.readline()
    terminal.sendintr()
    terminal.expect_exact("42")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 5
    assert not [path for path in report.split()[:2] if os.path.exists(path)]
