"""Time the tool against the same commands typed by hand; `make bench` runs it.

It runs on a throw-away server and a copy of the stand-in Backscope, or of the checkout in
BACKSCOPE_DIR with the environment of PYTHON. Every figure is a ratio of medians of runs that
alternated; BENCH_ROUNDS sets how many.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = max(3, int(os.environ.get("BENCH_ROUNDS", "7")))
SIX = "set -e; dropdb scope; mv migrations old.$$; createdb scope; flask db init; flask db migrate;"
BY_HAND = ("sh", "-c", f"{SIX} flask db upgrade")
COPY = "flask db upgrade; pg_dump -a -t sequences old | psql -qX scope"
INSERT = (
    'TRUNCATE sequences; INSERT INTO sequences (id, shift, "values", values_requested, name)'
    " SELECT 'A' || i, 0, ARRAY['1', '2', '3', '5', '8'], true, {name}"
    " FROM generate_series(1, {{rows}}) i"
)
FEW = INSERT.format(name="'a name'")
# 2,500 bytes a row that cannot be compressed: 400 rows are 1 MB on the disk.
RANDOM = "(SELECT string_agg(md5((random() * i * j)::text), '') FROM generate_series(1, 75) j)"
LONG = INSERT.format(name=RANDOM)
DOTENV = "POSTGRES_DB=scope\nPOSTGRES_USER=scope\nPOSTGRES_PASSWORD=pw\n"
SERVER = "POSTGRES_HOST=${PGHOST}\nPOSTGRES_PORT=${PGPORT}\n"


class Bench:
    """A checkout, and the ways to work on it; each gives its seconds."""

    def __init__(self, folder: Path) -> None:
        source = os.environ.get("BACKSCOPE_DIR")
        python = shutil.which(os.environ.get("PYTHON", "python3")) if source else sys.executable
        self.folder = folder / "backscope"
        ignore = shutil.ignore_patterns("migrations*", ".env", ".venv", "oeisdata", "__pycache__")
        shutil.copytree(source or ROOT / "tests/standin", self.folder, symlinks=True, ignore=ignore)
        (self.folder / ".env").write_text(DOTENV + SERVER)
        self.sql("CREATE ROLE scope LOGIN CREATEDB SUPERUSER PASSWORD 'pw'", "postgres")
        out = ("MAKEFLAGS", "MAKELEVEL", "BACKSCOPE_DIR", "PYTHON", "PYTHONDONTWRITEBYTECODE")
        path = os.pathsep.join([str(Path(python or "").parent), os.environ["PATH"]])
        given = {**os.environ, "PGUSER": "scope", "PGPASSWORD": "pw", "PATH": path}
        self.environ = {name: value for name, value in given.items() if name not in out}
        self.prefix: tuple[str, ...] = ()  # in front of each command
        if not (self.folder / ".git").exists():  # which Backscope asks when it loads
            git = "git -c user.name=b -c user.email=b@localhost commit -q --allow-empty -m b"
            self.run("sh", "-c", f"git init -q && {git}")

    def sql(self, query: str, database: str = "scope") -> None:
        """Run a statement as the superuser."""
        subprocess.run(["psql", "-qXc", query, database], check=True)

    def run(self, *command: str) -> float:
        """Run a command; what it says is of interest only if it fails."""
        began, place = time.perf_counter(), {"cwd": self.folder, "env": self.environ}
        words = [*self.prefix, *command]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, **place)
        assert done.returncode == 0, done
        return time.perf_counter() - began

    def make(self, *words: str) -> float:
        """Run make."""
        return self.run("make", "-f", str(ROOT / "Makefile"), *words)

    def prune(self) -> None:
        """Remove what is kept."""
        drop = "for n in 1 2 3; do dropdb --if-exists scope.~$n~; done"
        self.run("sh", "-c", f"rm -rf migrations.~*; {drop}")

    def keep(self, word: str, fill: str = "SELECT 1") -> float:
        """Rebuild beside the current database, in which something is stored before."""
        self.prune()
        self.sql(fill)
        return self.make("db-rebuild", word)

    def dump(self) -> float:
        """Do the same by hand."""
        self.sql("ALTER DATABASE scope RENAME TO old", "postgres")
        self.run("createdb", "scope")  # which is what the six commands drop
        took = self.run("sh", "-c", f"{SIX} {COPY}")
        self.run("dropdb", "old")
        return took

    def copied(self) -> float:
        """Copy the database in the server."""
        self.run("dropdb", "--if-exists", "copy")
        return self.run("createdb", "-T", "scope", "copy")


def compare(title: str, tool: Any, other: Any, rounds: int = ROUNDS) -> None:
    """Print the medians of two ways that alternate, and their ratio."""
    both = [(other(), tool()) for _ in range(rounds)]
    two, one = (statistics.median(times) for times in zip(*both))
    print(f"{title:<58}{one:7.2f} s {two:7.2f} s   {one / two:5.2f}", flush=True)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(Path(temporary))
        run, make = bench.run, bench.make
        print(f"{f'medians of {ROUNDS} runs':<58}{'this':>9} {'other':>9}   ratio")
        make("db-rebuild")
        clear = partial(run, "flask", "clear-database")
        compare("make db-clear : flask clear-database", partial(make, "db-clear"), clear)
        rebuild, six = partial(make, "db-rebuild", "CONFIRM=scope"), partial(run, *BY_HAND)
        compare("make db-rebuild : the six commands in a script", rebuild, six)
        for word in ("KEEP=1", "CARRY=1"):
            title = f"make db-rebuild {word}, 3 rows : the six commands"
            compare(title, partial(bench.keep, word, FEW.format(rows=3)), six)
        if shutil.which("taskset"):
            bench.prefix = ("taskset", "-c", "0")
            compare("make db-rebuild : the six commands, on one core", rebuild, six)
            bench.prefix = ()
        for size in (1, 1024):
            bench.sql(LONG.format(rows=400 * size))
            make("db-rebuild", "CARRY=1")
            undo = partial(make, "db-undo")
            compare(f"make db-undo : createdb -T, at {size} MB", undo, bench.copied)
        compare(
            "CARRY=1 : six commands, pg_dump | psql, 1 GB",
            partial(bench.keep, "CARRY=1"),
            bench.dump,
            rounds=3,
        )


if __name__ == "__main__":
    main()
