"""A checkout of the stand-in, its database, the recorded commands, and the tool run on it."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pexpect
import psycopg2
import pytest
from postgres import PASSWORD, ROOT

import backscope_reset

# What the probe is started with: with FAST its answer is a recorded one, with RECORD it is noted.
INTERPRETER = """#!/bin/sh
[ -n "$COVER_INSIDE" ] || unset COVERAGE_PROCESS_CONFIG COVERAGE_PROCESS_START
[ -z "$RECORD" ] || { "${0%/*}/python" "$@" | tee "$RECORD"; exit; }
gate=${BACKSCOPE_RESET##*'"gate": '}
[ -z "$FAST" ] || { read -r _ <"/dev/fd/${gate%%[!0-9]*}" && exec cat "$MODEL/../probe.json"; }
exec "${0%/*}/python" "$@"
"""
# The tool, started afresh: with another name of the interpreter, with which the probe is started.
LAUNCH = """import runpy, sys
sys.executable, *sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")"""
# What a recorded program does: fail, kill the tool, or hang until a signal comes, which is noted.
FAIL = 'echo "the recorder lets $name fail"; exit 3'
KILL = 'mkdir "$TRACE.killed" && kill -9 $PPID'  # once: the next one's parent is a stranger
HANG = """for sig in INT TERM HUP; do trap "echo $sig >>'$TRACE.signal'; exit 9" $sig; done
echo $$ >"$FIFO"; for n in $(seq 400); do sleep 0.05; done; exit 9"""
# How it runs SQL of its own, in Backscope's database or in another one.
PSQL = 'PATH=$REAL_PATH PGAPPNAME=somebody psql -qX -o /dev/null -d "${DB:-$POSTGRES_DB}" -c '
STORE = f"{PSQL} \"INSERT INTO searches (term) VALUES ('late')\""
END_LOCKS = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
# An app that connects while it loads, in two threads, and reads what is not there.
CONNECTS = """    def connect(): app.app_context().push(); db.session.execute(db.text('SELECT 1'))
    __import__('threading').Thread(target=connect).start(); connect(); open(0).read()
    return app"""
CLIENTS = """import contextlib, psycopg2, sys, threading, time
def work():
    while True:
        with contextlib.suppress(psycopg2.Error):
            connection = psycopg2.connect(sys.argv[1])
            while True:
                connection.cursor().execute("SELECT 1")
                connection.commit()
                time.sleep(0.01)  # which leaves the machine to others
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
print(flush=True)
sys.stdin.read()"""
# A hint is a command alone on its line, its purpose above it; all that were printed are collected.
HINT = re.compile(r"^    To (\S.*):\n      (\S.*)\n", re.M)
COLLECTED = set()  # by this process, in all tests
SHELLS = [shell for shell in map(shutil.which, ("sh", "zsh")) if shell]


def collect_hints(text):
    """Return the purposes and commands of the hints in a text, and keep the commands."""
    hints = HINT.findall(text)
    COLLECTED.update(command for _, command in hints)
    return hints


def syntax_errors(commands):
    """Return the commands that a shell does not take, or takes for something else (H101)."""
    found = [command for command in commands if re.search(r"\s#|\.\.\.|…", command)]
    for shell in SHELLS:
        text = "\n".join(sorted(commands)) + "\n"
        done = subprocess.run([shell, "-n"], input=text, text=True, capture_output=True)
        found += [done.stderr] * bool(done.returncode)
    return found


def hinted(result, key):
    """Return the one printed command that has a key word in it."""
    (command,) = {command for _, command in result.hints if key in command}
    return command


def follow(backscope, command, **environ):
    """Run a printed command as a superuser would who is asked for a password."""
    password = backscope.postgres.variables["PGPASSWORD"]
    environ = {**backscope.environ, "PGPASSWORD": password, **environ}
    done = subprocess.run(["sh", "-c", command], cwd="/", env=environ, capture_output=True)
    assert done.returncode == 0, (command, done)
    backscope.take_trace()
    return done.stdout.decode()


def cases(table):
    return [(slowly if "slow" in name else pytest.param)(*table[name], id=name) for name in table]


def slowly(*values, **more):
    return pytest.param(*values, marks=pytest.mark.slow, **more)


def edit(path, old, new):
    text = path.read_text()
    assert old in text, text
    path.write_text(text.replace(old, new))


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def wait_until_gone(*pids):
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        time.sleep(0.01)


@contextlib.contextmanager
def clients(backscope):
    """Have three clients use the database, which connect again at once."""
    place = f"host={backscope.postgres.host} port={backscope.postgres.port} user=scope"
    argv = [sys.executable, "-c", CLIENTS, f"{place} password={PASSWORD} dbname={backscope.name}"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield
        process.stdin.close()


class Result(str):
    """How a run of the tool ended; as a string, all of it, which pytest shows in full."""

    def __new__(cls, code, out, err, trace, name):
        """Return it; `calls` has psql's as `psql DATABASE SQL`, and the database as `scope`."""
        self = super().__new__(cls, f"{code}\n{out}--\n{err}--\n" + "\n".join(trace))
        self.code, self.out, self.err, self.trace = code, out, err, trace
        calls = [call.replace(name, "scope") for call in trace]
        self.calls = [re.sub(r"^psql -X( -q)? -d (.+?) -c ", r"psql \2 ", one) for one in calls]
        self.said = " ".join((out + err).split())  # whatever the lines
        self.hints = collect_hints(out) + collect_hints(err)
        assert not re.search("Traceback|The tool itself failed", self), self
        assert PASSWORD not in self
        return self


class Fork:
    """A run of the tool in a process that is forked from this one, which has loaded it."""

    def __init__(self, arguments, folder, environ):
        self.files = [tempfile.TemporaryFile() for _ in ("out", "err")]
        self.pid = os.fork()
        if self.pid == 0:
            status = 99
            try:
                self.prepare(folder, environ)
                status = backscope_reset.main(list(arguments), dict(environ))
            except SystemExit as error:
                status = error.code
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)

    def prepare(self, folder, environ):
        """Have all be as for `python backscope_reset.py ARGUMENTS` once its packages are loaded."""
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, file in enumerate([nothing, *(file.fileno() for file in self.files)]):
            os.dup2(file, number)
        for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        sys.prefix = environ["VENV"]
        sys.executable = f"{environ['VENV']}/bin/recorded-python"
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def communicate(self):
        self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        for file in self.files:
            file.seek(0)
        return [file.read().decode(errors="surrogateescape") for file in self.files]


class Terminal(pexpect.spawn):
    """A run of the tool on a terminal."""

    def end(self, keys=""):
        """Type, and return the exit status; `before` and `said` have what was shown since."""
        self.send(keys)
        self.expect(pexpect.EOF)
        self.close()
        self.said = " ".join(self.before.split())
        assert "Traceback" not in self.said
        return self.exitstatus


class Backscope:
    """A checkout and its database, {} in the words of a command."""

    def __init__(self, folder, name, postgres, venv):
        self.folder, self.name, self.postgres, self.venv = folder, name, postgres, venv
        self.afresh = False  # whether the tool is started as a program of its own
        files = ("trace", "fault", "fifo")
        self.trace, self.fault, self.fifo = (folder.parent / file for file in files)
        os.mkfifo(self.fifo)
        self.set_fault()
        self.settings = {"POSTGRES_USER": "scope", "POSTGRES_PASSWORD": PASSWORD}
        self.settings.update(POSTGRES_DB=name, APP_ENVIRONMENT="development")
        self.settings.update(POSTGRES_HOST=postgres.host, POSTGRES_PORT=postgres.port)
        self.write_env()
        real = f"{postgres.bin}:/usr/bin:/bin:/usr/local/bin"
        self.environ = {key: text for key, text in os.environ.items() if key.startswith("COVERAGE")}
        variables = f"""PATH={venv}/bin:{venv}/programs:{real} REAL_PATH={real} HOME={folder.parent}
            VENV={venv} TRACE={self.trace} FIFO={self.fifo} FAULT={self.fault} FAST=1
            MODEL={postgres.model} LANG=C.UTF-8 TERM=xterm PYTHONDONTWRITEBYTECODE=1"""
        self.environ.update(word.split("=", 1) for word in variables.split())

    def write_env(self, **changes):
        values = {**self.settings, **changes}.items()
        (self.folder / ".env").write_text("".join(f"{key}='{value}'\n" for key, value in values))

    def set_fault(self, before=("", ""), after=("", "")):
        """Have the calls that fit a shell pattern do something before or after they run."""
        lines = ["before() { :; }\n"]
        for name, (pattern, commands) in (("before", before), ("after", after)):
            quoted = re.sub("([^*]+)", r"'\1'", pattern)
            if pattern:
                lines.append(f'{name}() {{ case "$call" in {quoted}) {commands}\n;; esac\n}}\n')
        self.fault.write_text("".join(lines))

    def argv(self, *arguments):
        python = [f"{self.venv}/bin/python", "-c", LAUNCH, f"{self.venv}/bin/recorded-python"]
        return [*python, str(ROOT / "backscope_reset.py"), *arguments]

    def start(self, words, before=("", ""), after=("", ""), **environ):
        self.set_fault(before, after)
        arguments = words.replace("{}", self.name).split()
        environ = {**self.environ, **environ}
        if not self.afresh:
            return Fork(arguments, self.folder, environ)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        pipes.update(stdin=subprocess.DEVNULL, cwd=self.folder, env=environ)
        return subprocess.Popen(self.argv(*arguments), **pipes)

    def finish(self, process):
        """Wait for the tool, and for what a killed one left running; take what was called."""
        out, err = process.communicate()
        killed = process.returncode == -9  # what it started has inherited its lock
        while killed and self.postgres.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"):
            pass
        return Result(process.returncode, out, err, self.take_trace(), self.name)

    def take_trace(self):
        trace = self.trace.read_text().splitlines() if self.trace.exists() else []
        self.trace.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(f"{self.trace}.killed")
        return trace

    def run(self, words, code=None, **environ):
        """Run the tool in the checkout, which must end with this exit status, if one is given."""
        result = self.finish(self.start(words, **environ))
        assert code in (None, result.code), result
        return result

    def done(self, words, **environ):
        return self.run(words, 0, **environ)

    def unchanged(self, words, code=2, **environ):
        """Run the tool, which must end with nothing changed: databases, rows, files."""
        before = self.snapshot()
        result = self.run(words, code, **environ)
        assert re.search("Nothing was changed.|Everything is as it was|usage:", result.said), result
        assert self.snapshot() == before, result
        return result

    def refused(self, words, **environ):
        """Run the tool, which must refuse, with nothing changed, before the first command."""
        result = self.unchanged(words, **environ)
        assert result.trace == [], result
        return result

    def spawn(self, words, before=("", ""), after=("", ""), **environ):
        self.set_fault(before, after)
        program, *arguments = self.argv(*words.replace("{}", self.name).split())
        place = {"cwd": str(self.folder), "encoding": "utf-8", "codec_errors": "replace"}
        return Terminal(program, arguments, 30, env={**self.environ, **environ}, **place)

    def hung(self):
        return int(self.fifo.read_text())

    def signals(self):
        append(file := self.folder.parent / "trace.signal", "")
        return file.read_text().split()

    def mine(self):
        return {k: oid for k, oid in self.postgres.databases().items() if k.startswith(self.name)}

    def snapshot(self):
        """Return all there is: databases, their rows, files and what is in them, but no logs."""
        rows, files, databases = {}, {}, self.mine()
        for name in databases:
            with contextlib.suppress(psycopg2.Error):
                rows[name] = self.postgres.rows(name)
        for path in sorted(self.folder.rglob("*")):
            if not {".git", "logs", "__pycache__"} & set(path.relative_to(self.folder).parts):
                link = os.readlink(path).encode() if path.is_symlink() else b""
                files[path] = link or (path.read_bytes() if path.is_file() else b"")
        return databases, rows, files

    def sql(self, query, database="", **options):
        return self.postgres.sql(query, database or self.name, **options)

    def ids(self, number=0):
        name = f"{self.name}.~{number}~" if number else self.name
        return [one for (one,) in self.sql("SELECT id FROM sequences ORDER BY 1", name)]

    @contextlib.contextmanager
    def session(self, database="", autocommit=False, **who):
        who = {"user": "scope", "password": PASSWORD, **who}
        connection = self.postgres.connect(database or self.name, **who)
        connection.autocommit = autocommit
        with contextlib.closing(connection):
            yield connection.cursor(), connection.info.backend_pid

    def fill(self, count=3):
        columns = 'id, shift, "values", values_requested'
        values = "'A' || lpad(i::text, 6, '0'), 0, ARRAY['1', '2'], true"
        rows = f"SELECT {values} FROM generate_series(1, {count}) i"
        self.sql(f"INSERT INTO sequences ({columns}) {rows}")

    def folders(self):
        paths = sorted(self.folder.glob("migrations*"))
        return {path.name: sorted(one.stem for one in path.glob("versions/*.py")) for path in paths}

    def drop(self):
        self.postgres.sql("UPDATE pg_database SET datconnlimit = -1 WHERE datconnlimit = -2")
        for name in self.mine():
            quoted = name.replace('"', '""')
            self.postgres.sql(f'DROP DATABASE "{quoted}" WITH (FORCE)')
