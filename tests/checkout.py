"""A checkout of the stand-in, its database, the recorded commands, and the tool run on it."""

import contextlib
import fcntl
import os
import re
import subprocess

import pexpect
import psycopg2
import pytest
from forks import Fork
from postgres import PASSWORD, ROOT

# Each command that the tool runs is one of these: it records how it was called, runs the
# shell commands DO where the call fits the pattern BEFORE, the real program, and DO where it
# fits AFTER. Unless FAST is empty, SQL does what flask would, without its cost.
RECORDER = (ROOT / "tests/recorder.sh").read_text()
# What a process that loads Backscope's app does first: with FAST it answers what the model's
# answered, which RECORD has noted; its coverage, which costs a lot, is measured where asked for.
PROBE = """
import os, subprocess, sys
if [*getattr(sys, "orig_argv", ()), "", ""][1].endswith("guarded_app.py"):
    path = os.environ.pop("RECORD", "")
    if path:
        open(path, "wb").write(subprocess.run(sys.orig_argv, stdout=subprocess.PIPE).stdout)
    elif os.environ.get("FAST"):
        path = os.environ["MODEL"] + "/../probe.json"
    if path:
        os.read(0, 65536), os.write(1, open(path, "rb").read())
        os._exit(0)
    if "COVER_INSIDE" not in os.environ:
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
"""
# What to DO: fail, fail once, kill the tool, or hang until a signal comes, which is recorded.
FAIL = 'echo "the recorder lets $name fail"; exit 3'
FAIL_ONCE = '[ -e "$TRACE.once" ] || { touch "$TRACE.once"; exit 3; }'
KILL = 'mkdir "$TRACE.killed" && kill -9 $PPID'  # once: the next one's parent is a stranger
HANG = """for sig in INT TERM HUP; do trap "echo $sig >>'$TRACE.signal'; exit 9" $sig; done
echo $$ >"$FIFO"; for n in $(seq 400); do sleep 0.05; done; exit 9"""


def slowly(*values):
    """Mark a parameter as one that only `make test-all` runs."""
    return pytest.param(*values, marks=pytest.mark.slow)


class Result(str):
    """How a run of the tool ended; as a string, all of it, which pytest shows in full."""

    def __new__(cls, code, out, err, trace, name):
        """Give it; `calls` has psql's as `psql DATABASE SQL`, and the database as `scope`."""
        self = super().__new__(cls, f"{code}\n{out}--\n{err}--\n" + "\n".join(trace))
        self.code, self.out, self.err, self.trace = code, out, err, trace
        calls = [call.replace(name, "scope") for call in trace]
        self.calls = [re.sub(r"^psql -X( -q)? -d (.+?) -c ", r"psql \2 ", one) for one in calls]
        self.all, self.said = out + err, " ".join((out + err).split())  # whatever the lines
        assert not re.search("Traceback|The tool itself failed", self), self
        assert PASSWORD not in self
        return self


class Backscope:
    """A checkout of the stand-in, its database, and the tool to run on it."""

    def __init__(self, folder, name, postgres, forks):
        self.folder, self.name, self.postgres, self.forks = folder, name, postgres, forks
        self.venv, self.afresh = forks.venv, False
        self.trace, self.fifo = folder.parent / "trace", folder.parent / "fifo"
        os.mkfifo(self.fifo)
        self.settings = {
            "POSTGRES_USER": "scope", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": name,
            "POSTGRES_HOST": postgres.host, "POSTGRES_PORT": postgres.port,
            "APP_ENVIRONMENT": "development",
        }  # fmt: skip
        self.write_env()
        real = f"{postgres.bin}:/usr/bin:/bin:/usr/local/bin"
        self.environ = {
            "PATH": f"{self.venv}/bin:{real}", "REAL_PATH": real, "HOME": str(folder.parent),
            "TRACE": str(self.trace), "FIFO": str(self.fifo), "FAST": name,
            "LANG": "C.UTF-8", "TERM": "xterm", "PYTHONDONTWRITEBYTECODE": "1",
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE")},
        }  # fmt: skip

    def write_env(self, **changes):
        """Write .env; None leaves a variable out."""
        values = {**self.settings, **changes}
        lines = [f"{key}='{value}'\n" for key, value in values.items() if value is not None]
        (self.folder / ".env").write_text("".join(lines))

    def argv(self, *arguments):
        """Give the command line of the tool."""
        return [str(self.venv / "bin/python"), str(ROOT / "backscope_reset.py"), *arguments]

    def start(self, *arguments, **environ):
        """Start the tool in the checkout."""
        environ = {**self.environ, **environ}
        if not self.afresh:
            return Fork(self.forks, arguments, self.folder, environ)
        stdin, pipe = subprocess.DEVNULL, subprocess.PIPE
        return subprocess.Popen(self.argv(*arguments), cwd=self.folder, env=environ, stdin=stdin,
                                stdout=pipe, stderr=pipe, text=True)  # fmt: skip

    def finish(self, process):
        """Wait for the tool, and for what a killed one left running; take what was called."""
        out, err = process.communicate()
        folder, killed = os.open(self.folder, os.O_RDONLY), process.returncode == -9
        if killed:  # what it started has inherited both its locks
            fcntl.flock(folder, fcntl.LOCK_EX)
        os.close(folder)
        while killed and self.postgres.sql("SELECT FROM pg_locks WHERE locktype = 'advisory'"):
            pass
        return Result(process.returncode, out, err, self.take_trace(), self.name)

    def take_trace(self):
        """Give the calls since the last time."""
        trace = self.trace.read_text().splitlines() if self.trace.exists() else []
        self.trace.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(f"{self.trace}.killed")
        return trace

    def run(self, *arguments, **environ):
        """Run the tool in the checkout."""
        return self.finish(self.start(*arguments, **environ))

    def unchanged(self, *arguments, **environ):
        """Run the tool, which must end with nothing changed: databases, rows, files."""
        before = self.snapshot()
        result = self.run(*arguments, **environ)
        assert result.code == 2, result
        assert "Nothing was changed." in result.err or "usage:" in result.err, result
        assert self.snapshot() == before, result
        return result

    def refused(self, *arguments, **environ):
        """Run the tool, which must refuse, with nothing changed, before the first command."""
        result = self.unchanged(*arguments, **environ)
        assert result.trace == [], result
        return result

    def spawn(self, *arguments, **environ):
        """Run the tool on a terminal of its own."""
        argv, size = self.argv(*arguments), (24, 80)
        return pexpect.spawn(argv[0], argv[1:], 30, cwd=str(self.folder), encoding="utf-8",
                             env={**self.environ, **environ}, dimensions=size)  # fmt: skip

    def hung(self):
        """Wait until a command hangs (HANG), and give its process id."""
        return int(self.fifo.read_text())

    def mine(self):
        """Give the databases of this test with their oids."""
        return {k: oid for k, oid in self.postgres.databases().items() if k.startswith(self.name)}

    def snapshot(self):
        """Give all there is: databases, their rows, files and what is in them, but no logs."""
        rows, files, databases = {}, {}, self.mine()
        for name in databases:
            with contextlib.suppress(psycopg2.Error):
                rows[name] = self.postgres.rows(name)
        for path in sorted(self.folder.rglob("*")):
            if not {".git", "logs", "__pycache__"} & set(path.relative_to(self.folder).parts):
                link = os.readlink(path).encode() if path.is_symlink() else b""
                files[path] = link or (path.read_bytes() if path.is_file() else b"")
        return databases, rows, files

    def sql(self, query, **options):
        """Run a statement in the database, as the superuser."""
        return self.postgres.sql(query, options.pop("database", self.name), **options)

    def ids(self, number=0):
        """Give the sequences that are cached, in a kept database where it has a number."""
        name = f"{self.name}.~{number}~" if number else self.name
        return [one for (one,) in self.sql("SELECT id FROM sequences ORDER BY 1", database=name)]

    def as_scope(self, database=""):
        """Connect as Backscope would."""
        return self.postgres.connect(database or self.name, user="scope", password=PASSWORD)

    def fill(self, count=3):
        """Cache some sequences."""
        self.sql(
            "INSERT INTO sequences (id, shift, \"values\", values_requested) SELECT 'A' ||"
            f" lpad(i::text, 6, '0'), 0, ARRAY['1', '2'], true FROM generate_series(1, {count}) i"
        )

    def folders(self):
        """Give the migrations folders with the revisions in them."""
        paths = sorted(self.folder.glob("migrations*"))
        return {path.name: sorted(one.stem for one in path.glob("versions/*.py")) for path in paths}

    def drop(self):
        """Remove the databases of this test."""
        self.postgres.sql("UPDATE pg_database SET datconnlimit = -1 WHERE datconnlimit = -2")
        for name in self.mine():
            quoted = name.replace('"', '""')
            self.postgres.sql(f'DROP DATABASE "{quoted}" WITH (FORCE)')


def edit(path, old, new):
    """Replace what has to be in a file."""
    text = path.read_text()
    assert old in text, text
    path.write_text(text.replace(old, new))
