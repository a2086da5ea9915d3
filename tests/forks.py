"""Runs of the tool in processes that are forked from a Python which has loaded its packages.

That is most of what a start costs. As a program this is that Python: `server` starts it.
"""

import gc
import inspect
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import coverage

TOOL = Path(__file__).resolve().parent.parent / "backscope_reset.py"


class Forks:
    """The Python of a virtual environment that is asked for runs."""

    def __init__(self, venv, environ):
        """Start it; it ends when its standard input does."""
        self.venv = venv
        self.control, theirs = socket.socketpair()
        command = [str(venv / "bin/python"), __file__]
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=subprocess.DEVNULL, env=environ
        )
        theirs.close()

    def ask(self, message, *descriptors):
        """Send a message, perhaps with files, and give the number that is answered."""
        socket.send_fds(self.control, [message], descriptors)
        return int(self.control.recv(8))

    def close(self):
        """Let it end."""
        self.control.close()
        self.process.wait()


class Fork:
    """A run, for a test what subprocess.Popen would be."""

    def __init__(self, forks, arguments, folder, environ):
        """Start it; `lives` ends when the process does, whatever it leaves running."""
        self.forks, self.returncode = forks, None
        options = {"mode": "w+", "encoding": "utf-8", "errors": "surrogateescape"}
        self.out, self.err = (tempfile.TemporaryFile(**options, newline="") for _ in "12")
        self.lives, end = os.pipe()
        with tempfile.TemporaryFile("w+") as asked:
            json.dump([arguments, str(folder), environ], asked)
            asked.seek(0)
            files = (one.fileno() for one in (asked, self.out, self.err))
            self.pid = forks.ask(b"run", *files, end)
        os.close(end)

    def poll(self, timeout=0):
        """Give the exit status, negative for a signal; None while it runs."""
        if self.returncode is None and select.select([self.lives], [], [], timeout)[0]:
            os.close(self.lives)
            self.returncode = self.forks.ask(str(self.pid).encode())
        return self.returncode

    def communicate(self):
        """Wait until it ends, and give what it has printed."""
        try:
            self.poll(timeout=None)
        finally:
            if self.returncode is None:  # the test has taken too long
                os.kill(self.pid, signal.SIGKILL)
        for one in (self.out, self.err):
            one.seek(0)
        with self.out, self.err:
            return self.out.read(), self.err.read()

    def send_signal(self, number):
        """Send a signal to it alone."""
        os.kill(self.pid, number)


def be_run(asked, out, err, lives):
    """Be what `python backscope_reset.py ARGUMENTS` is once its packages are loaded."""
    with os.fdopen(asked) as file:
        arguments, folder, environ = json.load(file)
    os.set_inheritable(lives, False)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    coverage.process_startup()  # if the environment says so
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as Python does when it starts
    sys.argv = [str(TOOL), *arguments]
    try:
        runpy.run_path(str(TOOL), run_name="__main__")
    except SystemExit as error:
        sys.stdout.flush()
        os._exit(error.code)  # to tear all down would take longer than the run


def server(control):
    """Fork a run for each message with files, else say how the process of that number ended."""
    known = set(sys.modules)
    runpy.run_path(str(TOOL))
    for name in set(sys.modules) - known:
        if name.partition(".")[0] == "resetting":
            del sys.modules[name]  # each run loads the tool itself, and so all that it computes
    inspect.stack()  # coverage asks for it when it starts; what it has found out is kept
    gc.freeze()  # what no run writes to is not copied
    while True:
        message, files, *_ = socket.recv_fds(control, 8, 4)
        if not message:
            return
        if files:
            answer = os.fork()
            if not answer:
                control.detach()
                be_run(*files)
            for one in files:
                os.close(one)
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(int(message), 0)[1])
        control.send(f"{answer:8}".encode())


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server(socket.socket(fileno=0))
