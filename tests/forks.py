"""Runs of the tool in processes that are forked from a Python which has loaded its packages.

That is most of what a start costs. As a program this is that Python: `Forks` starts it.
"""

import gc
import inspect
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import coverage

TOOL = str(Path(__file__).resolve().parent.parent / "backscope_reset.py")


class Forks:
    """The Python of a virtual environment; a line for each request, a number for the answer."""

    def __init__(self, venv, environ):
        """Start it; it ends when its standard input does."""
        self.venv, pipe = venv, subprocess.PIPE
        command = [str(venv / "bin/python"), __file__]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environ, text=True)

    def ask(self, *request):
        """Have the tool run, which gives its process id, or wait for that process."""
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())


class Fork:
    """A run, for a test what subprocess.Popen would be."""

    def __init__(self, forks, arguments, folder, environ):
        self.forks, self.returncode = forks, None
        text = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
        self.files = [tempfile.NamedTemporaryFile("r", **text) for _ in ("out", "err")]
        names = [file.name for file in self.files]
        self.pid = forks.ask(arguments, str(folder), environ, names)

    def communicate(self):
        """Wait until it ends, negative for a signal, and give what it has printed."""
        try:
            self.returncode = self.forks.ask(self.pid)
        except BaseException:  # the test has taken too long
            os.kill(self.pid, signal.SIGKILL)
            self.forks.process.stdout.readline()
            raise
        return [file.read() for file in self.files]


def be_run(arguments, folder, environ, names):
    """Be what `python backscope_reset.py ARGUMENTS` is once its packages are loaded."""
    for number, name in enumerate((os.devnull, *names)):
        file = os.open(name, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    coverage.process_startup()  # if the environment says so
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as Python does when it starts
    sys.argv = [TOOL, *arguments]
    try:
        runpy.run_path(TOOL, run_name="__main__")
    except SystemExit as error:
        sys.stdout.flush()
        os._exit(error.code)  # to tear all down would take longer than the run


def main():
    """Answer until there are no more requests."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runpy.run_path(TOOL)
    for name in [one for one in sys.modules if one.partition(".")[0] == "resetting"]:
        del sys.modules[name]  # each run loads the tool itself, and so all that it computes
    inspect.stack()  # coverage asks for it when it starts; what it has found out is kept
    gc.freeze()  # what no run writes to is not copied
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        if request[1:]:
            answer = os.fork()
            if not answer:
                be_run(*request)
        else:
            answer = os.waitstatus_to_exitcode(os.waitpid(request[0], 0)[1])
        print(answer, flush=True)


if __name__ == "__main__":
    main()
