"""A checkout of the stand-in, its database, the recorded commands, and the tool run on it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import psycopg2

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "pw-sEcret.17"
COUNTER = itertools.count(1)
PROGRAMS = ("dropdb", "createdb", "psql", "mv", "rm")

# Every command that the tool runs is one of these: it records how it was called, does
# what the test wants of it (patterns over its command line), and runs the real one.
RECORDER = r"""#!/bin/sh
name=${0##*/}
call="$name"
for word; do call="$call $word"; done
printf '%s\n' "$call" >>"$TRACE"
env >"$TRACE.env"
[ -n "$COVER_INSIDE" ] || unset COVERAGE_PROCESS_CONFIG COVERAGE_PROCESS_START
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
if [ -n "$FAST" ]; then  # what flask does, without the cost of Python
    model="$MODEL/migrations/versions"
    old=$(sed -n "s/^revision[^=]*= *['\"]\([^'\"]*\)['\"].*/\1/p" "$model"/*.py)
    case "$call" in
    "flask db init") set -- mkdir -p migrations/versions ;;
    "flask db migrate") new=$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
        set -- sh -c 'sed "s/$1/$2/" "$3"/*.py >"migrations/versions/$2_.py"' . \
            "$old" "$new" "$model" ;;
    "flask db upgrade") new=$(ls migrations/versions | sed -n 's/_.*py$//p')
        set -- psql -qX -o /dev/null -d "$FAST" -f "$MODEL/../schema.sql" \
            -c "UPDATE public.alembic_version SET version_num = '$new'" ;;
    "flask clear-database")
        set -- psql -qX -d "$FAST" -c 'TRUNCATE sequences, searches, "user"' ;;
    esac
fi
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
            **{"options": "-c lock_timeout=30s", **who, **options},  # no test shall hang
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
        """All rows of all tables of a database; of a table that is locked, the file it is in."""
        find = "SELECT relname, relfilenode FROM pg_class WHERE relkind = 'r' AND oid >= 16384"
        found: Dict[str, List[Tuple[Any, ...]]] = {}
        with contextlib.closing(self.connect(database, options="-c lock_timeout=20ms")) as one:
            cursor = one.cursor()
            cursor.execute(find)
            for table, file in cursor.fetchall():
                try:
                    cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
                    found[table] = list(cursor.fetchall())
                except psycopg2.errors.LockNotAvailable:
                    found[table] = [(file,)]
        return found


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
        return [call.split(" -X")[0] for call in self.trace]


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

    def unchanged(self, *arguments: str, **environ: str) -> Result:
        """Run the tool, which must end with nothing changed: databases, rows, files."""
        before = self.snapshot()
        result = self.run(*arguments, **environ)
        assert result.code == 2, result
        assert "Nothing was changed." in result.err or "usage:" in result.err, result
        assert self.snapshot() == before, result
        return result

    def refused(self, *arguments: str, **environ: str) -> Result:
        """Run the tool, which must refuse, with nothing changed, before the first command."""
        result = self.unchanged(*arguments, **environ)
        assert result.trace == [], result
        return result

    def hang(self, pattern: str, *arguments: str, **environ: str) -> Tuple[Any, int]:
        """Start the tool and wait until a command hangs; give both the process and its child."""
        return self.start(*arguments, HANG=pattern, **environ), self.hung()

    def hung(self) -> int:
        """Wait until a command hangs, and give its process id."""
        descriptor = os.open(self.fifo, os.O_RDWR)
        try:
            assert select.select([descriptor], [], [], 60)[0], "no command hangs"
            return int(os.read(descriptor, 100))
        finally:
            os.close(descriptor)

    def mine(self) -> Dict[str, int]:
        """The databases of this test with their oids."""
        return {k: oid for k, oid in self.postgres.databases().items() if k.startswith(self.name)}

    def snapshot(self) -> Tuple[Any, ...]:
        """Everything there is: databases, their rows, files and what is in them, but no logs."""
        databases = self.mine()
        rows = {}
        for name in databases:
            with contextlib.suppress(psycopg2.Error):
                rows[name] = self.postgres.rows(name)
        files = {}
        for path in sorted(self.folder.rglob("*")):
            if not {".git", "logs"} & set(path.relative_to(self.folder).parts):
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


def edit(path: Path, old: str, new: str) -> None:
    """Replace what has to be in a file."""
    text = path.read_text()
    assert old in text, text
    path.write_text(text.replace(old, new))


def content(backscope: Backscope) -> Tuple[Any, ...]:
    """Whose database, sequences and migrations are current."""
    files = backscope.folder / "migrations"
    oid = backscope.mine().get(backscope.name)
    return (
        oid,
        backscope.sql("SELECT id FROM sequences ORDER BY 1") if oid else None,
        sorted(path.name for path in files.rglob("*.py")) if files.exists() else None,
    )
