"""Time the tool against the same commands typed by hand; `make bench` runs it.

It runs on a throw-away server (bin/with-postgres) and a copy of the stand-in
Backscope, or of the checkout in BACKSCOPE_DIR with the environment of PYTHON.
Every figure is a ratio of medians of runs that alternated; BENCH_ROUNDS sets how many.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List

import pexpect

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = max(7, int(os.environ.get("BENCH_ROUNDS", "7")))
BY_HAND = """set -e
dropdb scope
mv migrations old.$$
createdb scope
flask db init
flask db migrate
flask db upgrade
"""
# 2,500 incompressible bytes a row, so that `size` MB are on the disk.
FILLER = (
    "CREATE TABLE filler AS SELECT i, (SELECT string_agg(md5((random() * i * j)::text), '')"
    " FROM generate_series(1, 75) j) FROM generate_series(1, {rows}) i"
)
# The same in the table of sequences, which a rebuild can carry over.
SEQUENCES = (
    "INSERT INTO sequences (id, shift, values_requested, name) SELECT 'A' || i, 0, true,"
    " (SELECT string_agg(md5((random() * i * j)::text), '') FROM generate_series(1, 75) j)"
    " FROM generate_series(1, {rows}) i"
)
DUMP = "pg_dump -a -t sequences old | psql -qX scope"


class Bench:
    """A checkout and the two ways to work on it."""

    def __init__(self, folder: Path) -> None:
        source = os.environ.get("BACKSCOPE_DIR") or str(ROOT / "tests/standin")
        python = shutil.which(os.environ.get("PYTHON") or "python3") or "python3"
        if "BACKSCOPE_DIR" not in os.environ:
            python = sys.executable
        self.folder = folder / "backscope"
        ignore = shutil.ignore_patterns("migrations*", ".env", ".venv", "oeisdata", "__pycache__")
        shutil.copytree(source, self.folder, symlinks=True, ignore=ignore)
        if not (self.folder / ".git").exists():
            for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "copy"]):
                who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
                subprocess.run(["git", "-C", str(self.folder), *who, *words], check=True)
        host, port = os.environ["PGHOST"], os.environ["PGPORT"]
        (self.folder / ".env").write_text(
            "POSTGRES_USER=scope\nPOSTGRES_PASSWORD=pw\nPOSTGRES_DB=scope\n"
            f"POSTGRES_HOST={host}\nPOSTGRES_PORT={port}\nAPP_ENVIRONMENT=development\n"
        )
        self.sql("CREATE ROLE scope LOGIN CREATEDB SUPERUSER PASSWORD 'pw'", "postgres")
        bin_dir = str(Path(python).parent)
        self.environ: Dict[str, str] = {**os.environ, "PGUSER": "scope", "PGPASSWORD": "pw"}
        left_out = ("MAKEFLAGS", "MAKELEVEL", "BACKSCOPE_DIR", "PYTHON", "PYTHONDONTWRITEBYTECODE")
        for name in left_out:
            self.environ.pop(name, None)
        self.environ["PATH"] = os.pathsep.join([bin_dir, self.environ["PATH"]])

    def sql(self, query: str, database: str = "scope") -> None:
        """Run a statement as the superuser."""
        subprocess.run(["psql", "-qXc", query, database], check=True, stdout=subprocess.DEVNULL)

    def run(self, *command: str) -> float:
        """Run a command; the result is its time in seconds."""
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )  # fmt: skip
        took = time.perf_counter() - began
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return took

    def make(self, *words: str) -> float:
        """Run make on the copy; the result is its time in seconds."""
        return self.run("make", "-f", str(ROOT / "Makefile"), *words)

    def carry(self) -> float:
        """Seconds of a rebuild that carries all rows over; what it keeps is removed."""
        self.run("sh", "-c", "rm -rf migrations.~*")
        took = self.make("db-rebuild", "CARRY=1")
        self.run("dropdb", "scope.~1~")
        return took

    def dump(self) -> float:
        """Seconds of the same by hand, by pg_dump."""
        self.run("psql", "-qXc", "ALTER DATABASE scope RENAME TO old", "postgres")
        self.run("createdb", "scope")  # for the dropdb that the six commands begin with
        took = self.run("sh", "-c", f"{BY_HAND}{DUMP}")
        self.run("dropdb", "old")
        return took

    def typed(self) -> float:
        """Seconds between the confirmation of a rebuild and its end, the app loaded meanwhile."""
        self.sql("INSERT INTO sequences (id, shift, values_requested) VALUES ('A1', 0, true)")
        words = ["-f", str(ROOT / "Makefile"), "db-rebuild"]  # with a row, or it would not ask
        terminal = pexpect.spawn("make", words, cwd=str(self.folder), env=self.environ, timeout=120)
        terminal.expect("Type its name to go on: ")
        time.sleep(2)  # as a person does; it is no part of what is timed
        began = time.perf_counter()
        terminal.send("scope\r")
        terminal.expect(pexpect.EOF)
        terminal.close()
        if terminal.exitstatus:
            sys.exit(f"the rebuild failed:\n{terminal.before.decode()}")
        return time.perf_counter() - began


def compare(
    title: str, tool: Callable[[], float], hand: Callable[[], float], rounds: int = ROUNDS
) -> None:
    """Print the medians of two ways that alternate, and their ratio."""
    ours: List[float] = []
    theirs: List[float] = []
    for _ in range(rounds):
        theirs.append(hand())
        ours.append(tool())
    one, two = statistics.median(ours), statistics.median(theirs)
    print(f"{title:<58}{one:7.2f} s {two:7.2f} s   {one / two:5.2f}", flush=True)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(Path(temporary))
        print(f"{f'medians of {ROUNDS} runs':<58}{'this':>9} {'other':>9}   ratio")
        bench.make("db-rebuild")
        compare(
            "backscope_reset.py --help : python3 -c pass",
            lambda: bench.run("python3", str(ROOT / "backscope_reset.py"), "--help"),
            lambda: bench.run("python3", "-c", "pass"),
        )  # fmt: skip
        compare(
            "make db-clear : flask clear-database",
            lambda: bench.make("db-clear"), lambda: bench.run("flask", "clear-database"),
        )  # fmt: skip
        by_hand = lambda: bench.run("sh", "-c", BY_HAND)  # noqa: E731
        rebuild = lambda: bench.make("db-rebuild", "CONFIRM=scope")  # noqa: E731
        compare("make db-rebuild : the six commands in a script", rebuild, by_hand)
        compare("the same, from the confirmation to the end", bench.typed, by_hand)

        bench.run("createdb", "-T", "scope", "million")
        bench.sql(
            "INSERT INTO sequences (id, shift, \"values\", values_requested) SELECT 'A' || i, 0,"
            " ARRAY['1', '2', '3', '5', '8'], true FROM generate_series(1, 1000000) i",
            "million",
        )
        compare(
            "make db-status : a million sequences, an empty database",
            lambda: bench.make("db-status", "POSTGRES_DB=million"),
            lambda: bench.make("db-status"),
        )  # fmt: skip
        bench.run("dropdb", "million")

        bench.sql(SEQUENCES.format(rows=400 * 1024))
        compare(
            "make db-rebuild CARRY=1 : six commands, pg_dump | psql, 1 GB",
            bench.carry, bench.dump, rounds=3,
        )  # fmt: skip
        bench.make("db-clear")
        bench.make("db-rebuild", "KEEP=1")
        for size in (1, 1024):
            bench.sql("SET client_min_messages = error; DROP TABLE IF EXISTS filler")
            bench.sql(FILLER.format(rows=400 * size))
            copy = ["createdb", "-T", "scope", "copy"]

            def copied(copy: List[str] = copy) -> float:
                took = bench.run(*copy)
                bench.run("dropdb", "copy")
                return took

            # An undo swaps: two of them, and the filled database is current again.
            compare(
                f"make db-undo : createdb -T, at {size} MB",
                lambda: (bench.make("db-undo") + bench.make("db-undo")) / 2, copied,
            )  # fmt: skip


if __name__ == "__main__":
    main()
