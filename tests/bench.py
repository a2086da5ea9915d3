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

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = max(3, int(os.environ.get("BENCH_ROUNDS", "7")))
CREATE = "createdb scope; flask db init; flask db migrate; flask db upgrade"
SIX = f"set -e; dropdb scope; mv migrations old.$$; {CREATE}"
RENAME = 'set -e; psql -qXc "ALTER DATABASE scope RENAME TO old" postgres; mv migrations old.$$'
DUMP = f"{RENAME}; {CREATE}; pg_dump -a -t sequences old | psql -qX scope"
COPY = "dropdb --if-exists copy; createdb -T scope copy"
PRUNE = "rm -rf migrations.~*; for n in 1 2 3; do dropdb --if-exists scope.~$n~; done"
GIT = "git init -q; git -c user.name=b -c user.email=b@localhost commit -q --allow-empty -m b"
# A row has 2,500 bytes that cannot be compressed: 400 rows are 1 MB on the disk.
FILL = """TRUNCATE sequences; INSERT INTO sequences (id, shift, values_requested, name)
    SELECT 'A' || i, 0, true, string_agg(md5((random() * i * j)::text), '')
    FROM generate_series(1, {}) i, generate_series(1, 75) j GROUP BY i"""
DOTENV = """POSTGRES_DB=scope\nPOSTGRES_USER=scope\nPOSTGRES_PASSWORD=pw
POSTGRES_HOST=${PGHOST}\nPOSTGRES_PORT=${PGPORT}\n"""


class Bench:
    """A checkout, and the ways to work on it; each returns its seconds."""

    def __init__(self, folder):
        source = os.environ.get("BACKSCOPE_DIR", ROOT / "tests/standin")
        python = shutil.which(os.environ.get("PYTHON", sys.executable))
        self.folder = folder / "backscope"
        ignore = shutil.ignore_patterns("migrations*", ".env", ".venv", "oeisdata", "__pycache__")
        shutil.copytree(source, self.folder, symlinks=True, ignore=ignore)
        (self.folder / ".env").write_text(DOTENV)
        self.sql("CREATE ROLE scope LOGIN CREATEDB SUPERUSER PASSWORD 'pw'", "postgres")
        path = f"{Path(python).parent}:{os.environ['PATH']}"
        self.environ = {**os.environ, "PGUSER": "scope", "PGPASSWORD": "pw", "PATH": path}
        for name in ("MAKEFLAGS", "MAKELEVEL", "BACKSCOPE_DIR", "PYTHON"):
            self.environ.pop(name, None)
        self.prefix = ()  # in front of each command
        if not (self.folder / ".git").exists():  # which Backscope asks when it loads
            self.run("sh", "-c", GIT)

    def sql(self, query, database="scope"):
        subprocess.run(["psql", "-qXc", query, database], check=True)

    def run(self, *command):
        began = time.perf_counter()
        place = {"cwd": self.folder, "env": self.environ, "stdin": subprocess.DEVNULL}
        done = subprocess.run([*self.prefix, *command], capture_output=True, **place)
        assert done.returncode == 0, done
        return time.perf_counter() - began

    def make(self, *words):
        return self.run("make", "-f", str(ROOT / "Makefile"), *words)

    def keep(self, word):
        self.run("sh", "-c", PRUNE)
        self.sql("INSERT INTO searches (term) VALUES ('a')")
        return self.make("db-rebuild", word)

    def dump(self):
        self.run("dropdb", "--if-exists", "old")
        return self.run("sh", "-c", DUMP)


def compare(title, tool, other, rounds=ROUNDS):
    both = [(other(), tool()) for _ in range(rounds)]
    two, one = (statistics.median(times) for times in zip(*both))
    print(f"{title:<58}{one:7.2f} s {two:7.2f} s   {one / two:5.2f}", flush=True)


def main():
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(Path(temporary))
        print(f"{f'medians of {ROUNDS} runs':<58}{'this':>9} {'other':>9}   ratio")
        bench.make("db-rebuild")
        clear = partial(bench.make, "db-clear"), partial(bench.run, "flask", "clear-database")
        compare("make db-clear : flask clear-database", *clear)
        six = partial(bench.run, "sh", "-c", SIX)
        rebuild = partial(bench.make, "db-rebuild", "CONFIRM=scope")
        compare("make db-rebuild : the six commands in a script", rebuild, six)
        for word in ("KEEP=1", "CARRY=1"):
            compare(f"make db-rebuild {word} : the six commands", partial(bench.keep, word), six)
        if shutil.which("taskset"):
            bench.prefix = ("taskset", "-c", "0")
            compare("make db-rebuild : the six commands, on one core", rebuild, six)
            bench.prefix = ()
        for size in (1, 1024):
            bench.sql(FILL.format(400 * size))
            bench.make("db-rebuild", "CARRY=1")
            ways = partial(bench.make, "db-undo"), partial(bench.run, "sh", "-c", COPY)
            compare(f"make db-undo : createdb -T, at {size} MB", *ways)
        title = "CARRY=1 : six commands, pg_dump | psql, 1 GB"
        compare(title, partial(bench.keep, "CARRY=1"), bench.dump, rounds=3)


if __name__ == "__main__":
    main()
