"""A real server, a real checkout and recorded commands for the tests."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import psycopg2
import pytest

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "pw-sEcret.17"
COUNTER = itertools.count(1)
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:  # & and nohup would make all children deaf
        signal.signal(number, lambda *_: None)
PROGRAMS = ("dropdb", "createdb", "psql", "mv", "rm")

# Every command that the tool runs is one of these: it records how it was called, does
# what the test wants of it (patterns over its command line), and runs the real one.
RECORDER = """#!/bin/sh
name=${0##*/}
call="$name"
for word; do call="$call $word"; done
printf '%s\\n' "$call" >>"$TRACE"
env >"$TRACE.env"
unset COVERAGE_PROCESS_CONFIG COVERAGE_PROCESS_START
case "$call" in ${FAIL:-nothing}) echo "the recorder lets $name fail"; exit 3 ;; esac
case "$call" in ${FAIL_ONCE:-nothing}) rm "$ONCE" 2>/dev/null && exit 3 ;; esac
case "$call" in ${HANG:-nothing}) trap 'echo INT >>"$TRACE.signal"; exit 9' INT
    trap 'echo TERM >>"$TRACE.signal"; exit 9' TERM
    echo $$ >"$FIFO"; while :; do sleep 0.05; done ;; esac
case "$call" in ${KILL_BEFORE:-nothing}) kill -9 $PPID; exit ;; esac
case "$call" in ${KILL_DURING:-nothing}) kill -9 $PPID ;; esac
case "$call" in ${SHELL_BEFORE:-nothing}) sh -c "$DO" ;; esac
case "$call" in ${INSTEAD:-nothing}) eval "$DO"; exit ;; esac
here=$(cd "$(dirname "$0")" && pwd)
if [ "$name" = flask ]; then set -- "$here/python" -m flask "$@"; else set -- "$name" "$@"; fi
PATH=$REAL_PATH
if [ -n "$FAST" ]; then case "$call" in  # what flask does, without the cost of Python
    "flask db init") set -- cp -R "$MODEL/migrations" migrations ;;
    "flask db migrate") set -- true ;;
    "flask db upgrade") set -- psql -qX -o /dev/null -d "$FAST" -f "$MODEL/../schema.sql" ;;
esac; fi
case "$call" in ${KILL_AFTER:-nothing}) "$@"; kill -9 $PPID; exit ;; esac
exec "$@"
"""


@contextlib.contextmanager
def throwaway() -> Iterator[Dict[str, str]]:
    """Give the variables of a throw-away server, run by bin/with-postgres."""
    script = (
        "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, str(ROOT / "bin/with-postgres"), sys.executable, "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout
        yield dict(json.loads(process.stdout.readline()))
        process.stdin.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Dict[str, str]]:
    """Give the server that the tests share."""
    with throwaway() as variables:
        yield variables


class Postgres:
    """The server as its superuser sees it."""

    def __init__(self, variables: Dict[str, str]) -> None:
        self.variables = variables
        self.host, self.port = variables["PGHOST"], variables["PGPORT"]
        self.bin = variables["PATH"].split(os.pathsep)[0]

    def connect(self, database: str = "postgres", **options: Any) -> Any:
        """Connect as the superuser, or as `user`, committing each statement."""
        who = {"user": self.variables["PGUSER"], "password": self.variables["PGPASSWORD"]}
        connection = psycopg2.connect(
            host=self.host,
            port=self.port,
            dbname=database,
            options="-c lock_timeout=30s",  # a test that locks itself out shall fail
            **{**who, **options},
        )
        connection.autocommit = True
        return connection

    def sql(self, query: str, database: str = "postgres", **options: Any) -> List[Tuple[Any, ...]]:
        """Run one statement and give its rows."""
        with contextlib.closing(self.connect(database, **options)) as connection:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall()) if cursor.description else []

    def databases(self) -> Dict[str, int]:
        """All databases with their oids."""
        return {name: oid for name, oid in self.sql("SELECT datname, oid::int FROM pg_database")}

    def rows(self, database: str) -> Dict[str, List[Tuple[Any, ...]]]:
        """All rows of all tables of a database."""
        tables = self.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database)
        return {
            table: self.sql(f'SELECT * FROM "{table}" ORDER BY 1', database) for (table,) in tables
        }


@pytest.fixture(scope="session")
def postgres(server: Dict[str, str]) -> Postgres:
    """Give the server, with a role like a developer's."""
    postgres = Postgres(server)
    postgres.sql(f"CREATE ROLE scope LOGIN CREATEDB PASSWORD '{PASSWORD}'")
    return postgres


@pytest.fixture(scope="session")
def environment_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a virtual environment whose flask records its calls."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next((folder / "lib").glob("python3*/site-packages"))
    real = [path for path in sys.path if path.endswith("site-packages")]
    # Measuring the coverage of a probe that loads the app costs a lot; few tests need it.
    spare = (
        "import os; '_probe' in open('/proc/self/cmdline').read() and 'COVER_PROBE' not in"
        " os.environ and os.environ.pop('COVERAGE_PROCESS_CONFIG', None)"
    )
    lines = [spare] * Path("/proc/self/cmdline").exists()
    lines += [f"import site; site.addsitedir({path!r})" for path in real]
    (packages / "real.pth").write_text("\n".join(lines))
    (folder / "bin" / "flask").write_text(RECORDER)
    (folder / "bin" / "flask").chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def recorders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of recording programs, for the PATH."""
    folder = tmp_path_factory.mktemp("recorders")
    for name in PROGRAMS:
        (folder / name).write_text(RECORDER)
        (folder / name).chmod(0o755)
    return folder


def make_checkout(folder: Path) -> Path:
    """Copy the stand-in Backscope, as a git checkout."""
    shutil.copytree(ROOT / "tests/standin", folder, ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-C", str(folder)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "stand-in"]):
        subprocess.run([*git, *command], check=True)
    return folder


class Result:
    """How a run of the tool ended."""

    def __init__(self, code: int, out: str, err: str, trace: List[str]) -> None:
        self.code, self.out, self.err, self.trace = code, out, err, trace
        self.all = out + err
        assert "Traceback" not in self.all, self.all
        assert "The tool itself failed" not in self.all, self.all
        assert PASSWORD not in self.all + "".join(trace), self.all

    def __repr__(self) -> str:
        return f"exit status {self.code}\n{self.out}\n--\n{self.err}\n--\n{self.trace}"

    @property
    def calls(self) -> List[str]:
        """The calls without what psql was told."""
        return [call.split(" -qX")[0] for call in self.trace]


class Backscope:
    """A checkout of the stand-in, its database, and the tool to run on it."""

    def __init__(self, folder: Path, name: str, postgres: Postgres, venv: Path, bin: Path) -> None:
        self.folder, self.name, self.postgres, self.venv = folder, name, postgres, venv
        self.fast = {"FAST": name}
        self.trace = folder.parent / "trace"
        self.fifo = folder.parent / "fifo"
        os.mkfifo(self.fifo)
        home = folder.parent / "home"
        home.mkdir()
        self.settings = {
            "POSTGRES_USER": "scope", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": name,
            "POSTGRES_HOST": postgres.host, "POSTGRES_PORT": postgres.port,
            "APP_ENVIRONMENT": "development",
        }  # fmt: skip
        self.write_env()
        real = os.pathsep.join([postgres.bin, "/usr/bin", "/bin", "/usr/local/bin"])
        self.environ = {
            "PATH": os.pathsep.join([str(bin), real]), "REAL_PATH": real, "HOME": str(home),
            "LANG": "C.UTF-8", "TRACE": str(self.trace), "FIFO": str(self.fifo), "TERM": "xterm",
            "PYTHONDONTWRITEBYTECODE": "1",
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE")},
        }  # fmt: skip

    def write_env(self, **changes: Optional[str]) -> None:
        """Write .env; None leaves a variable out."""
        values = {**self.settings, **changes}
        lines = [f"{key}='{value}'\n" for key, value in values.items() if value is not None]
        (self.folder / ".env").write_text("".join(lines))

    def argv(self, *arguments: str) -> List[str]:
        """The command line of the tool."""
        return [str(self.venv / "bin/python"), str(ROOT / "backscope_reset.py"), *arguments]

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start the tool in the checkout."""
        environ = {**self.environ, **environ}
        if any(name.startswith("KILL_") for name in environ):  # it would leave half a file
            environ = {name: environ[name] for name in environ if "COVERAGE" not in name}
        return subprocess.Popen(
            self.argv(*arguments), cwd=self.folder, env=environ,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", errors="surrogateescape",
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str]) -> Result:
        """Wait for the tool and take what it said and called."""
        out, err = process.communicate(timeout=120)
        trace = self.trace.read_text().splitlines() if self.trace.exists() else []
        self.trace.unlink(missing_ok=True)
        return Result(process.returncode, out, err, trace)

    def run(self, *arguments: str, **environ: str) -> Result:
        """Run the tool in the checkout."""
        return self.finish(self.start(*arguments, **environ))

    def refused(self, *arguments: str, **environ: str) -> Result:
        """Run the tool, which must refuse with nothing changed: databases, rows, files."""
        before = self.snapshot()
        result = self.run(*arguments, **environ)
        assert result.code == 2, result
        assert result.trace == [], result
        assert self.snapshot() == before, result
        assert result.err.strip(), result
        return result

    def mine(self) -> Dict[str, int]:
        """The databases of this test with their oids."""
        return {k: oid for k, oid in self.postgres.databases().items() if k.startswith(self.name)}

    def snapshot(self) -> Tuple[Any, ...]:
        """Everything there is: databases, their rows, files and what is in them."""
        databases = self.mine()
        rows = {}
        for name in databases:
            with contextlib.suppress(psycopg2.Error):
                rows[name] = self.postgres.rows(name)
        files = {}
        for path in sorted(self.folder.rglob("*")):
            if ".git" not in path.relative_to(self.folder).parts:
                key = str(path.relative_to(self.folder))
                link = os.readlink(path) if path.is_symlink() else None
                files[key] = link or (path.read_bytes() if path.is_file() else b"")
        return databases, rows, files

    def sql(self, query: str, **options: Any) -> List[Tuple[Any, ...]]:
        """Run a statement in the database, as the superuser."""
        return self.postgres.sql(query, options.pop("database", self.name), **options)

    def as_scope(self, database: str = "") -> Any:
        """Connect as Backscope would."""
        return self.postgres.connect(database or self.name, user="scope", password=PASSWORD)

    def fill(self, count: int = 3) -> None:
        """Cache some sequences."""
        self.sql(
            "INSERT INTO sequences (id, shift, \"values\", values_requested) SELECT 'A' ||"
            f" lpad(i::text, 6, '0'), 0, ARRAY['1', '2'], true FROM generate_series(1, {count}) i"
        )

    def folders(self) -> List[str]:
        """The migrations folders."""
        return sorted(path.name for path in self.folder.glob("migrations*"))

    def drop(self) -> None:
        """Remove the databases of this test."""
        for name in self.mine():
            quoted = name.replace('"', '""')
            self.postgres.sql(f'ALTER DATABASE "{quoted}" ALLOW_CONNECTIONS true')
            self.postgres.sql(f'DROP DATABASE "{quoted}" WITH (FORCE)')


@pytest.fixture(scope="session")
def built(
    postgres: Postgres, environment_folder: Path, recorders: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Backscope:  # fmt: skip
    """Give a checkout whose database the tool has rebuilt: the model of all others."""
    folder = make_checkout(tmp_path_factory.mktemp("built") / "backscope")
    backscope = Backscope(folder, "model", postgres, environment_folder, recorders)
    result = backscope.run("rebuild")
    assert result.code == 0, result
    subprocess.run(
        [f"{postgres.bin}/pg_dump", "--no-owner", "-f", str(folder.parent / "schema.sql"), "model"],
        env={**os.environ, **postgres.variables}, check=True,
    )  # fmt: skip
    return backscope


@pytest.fixture
def fresh(
    built: Backscope, postgres: Postgres, environment_folder: Path, recorders: Path,
    tmp_path: Path, request: pytest.FixtureRequest,
) -> Iterator[Backscope]:  # fmt: skip
    """Give a checkout without database and migrations."""
    folder = tmp_path / "backscope"
    ignore = shutil.ignore_patterns("migrations", ".env", "api.log")
    shutil.copytree(built.folder, folder, symlinks=True, ignore=ignore)
    name = f"scope_{next(COUNTER)}"
    backscope = Backscope(folder, name, postgres, environment_folder, recorders)
    backscope.environ["MODEL"] = str(built.folder)
    if re.match("test_(h2|h7|h9|h17|h18)", request.node.name):
        backscope.environ["COVER_PROBE"] = "1"
    yield backscope
    backscope.drop()


@pytest.fixture
def backscope(fresh: Backscope, built: Backscope, postgres: Postgres) -> Backscope:
    """Give a checkout with a database, some rows in it, and migrations."""
    postgres.sql(f"CREATE DATABASE {fresh.name} TEMPLATE model OWNER scope")
    shutil.copytree(built.folder / "migrations", fresh.folder / "migrations")
    fresh.fill()
    return fresh
