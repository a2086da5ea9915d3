"""What tests in memory are made of; `import builders as make`."""

import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from resetting.options import Options
from resetting.problems import Failed, Refused
from resetting.settings import DEFAULTS, Settings
from resetting.snapshot import App, Column, Database, Model, Server, Session, Snapshot, Table

SECRET = "pw-sEcret.17"
UTF8 = ["UTF8", "C.UTF-8", "C.UTF-8"]
LATIN = ["LATIN1", "C", "C"]
SERVER = Server(160004, "1.5", False, True, "postgres", "postgres")
TEMPLATE = Database("template1", 1, locale=UTF8)
USUAL = {**DEFAULTS, "POSTGRES_DB": "scope", "POSTGRES_USER": "scope"}
USUAL.update(POSTGRES_PASSWORD=SECRET, POSTGRES_DISPOSABLE_DB="scope_test")


def cases(names, table):
    """Return the mark that runs a test once for each row of a table, under the row's name."""
    return pytest.mark.parametrize(names, list(table.values()), ids=list(table))


def settings(values=None, **fields):
    """Return settings as of an ordinary `.env`, with other `values` and fields."""
    read = {**USUAL, **(values or {})}
    database, host, port, user, password = list(read.values())[:5]
    usual = Settings(Path("/backscope"), read, read, {}, database, host, port, user, password)
    return replace(usual, **fields)


def options(command="rebuild", environ=None, dry_run=False, **given):
    return Options(command, given, environ or {}, dry_run)


def table(name="sequences", rows=3, **fields):
    usual = Table(
        "public", name, name, zlib.crc32(name.encode()), True, ["id"], {}, ["column id text"], rows
    )
    return replace(usual, **{"version": str(rows), **fields})


def session(pid, locks_table=False, blocks_sequences=False, **fields):
    return Session(pid, f"pid {pid}", locks_table, blocks_sequences)


def database(name="scope", *revisions, **fields):
    """Return a database of ours with one table; without `revisions` it records r1."""
    usual = Database(
        name, zlib.crc32(name.encode()), "scope", locale=UTF8, size="8 MB", tables=[table()]
    )
    return replace(usual, **{"revisions": frozenset(revisions or ["r1"]), **fields})


def column(name="id", **fields):
    return Column(name, False, None, 0, False)._replace(**fields)


def model(*columns, name="sequences", schema=None):
    return Model(schema, name, list(columns) or [column()])


def snapshot(given=None, **fields):
    """Return a snapshot: a database with rows, its migrations, no backups, one model."""
    seen = given or settings()
    usual = {"server": SERVER, "database": database(seen.database), "template": TEMPLATE}
    usual.update(beside=Database(f"{seen.database}.~0~"), backups={}, folders={})
    usual.update(migrations=frozenset(["r1"]), app=App(models=[model()]))
    usual.update(programs=["psql", "createdb", "dropdb"])
    return Snapshot(settings=seen, **{**usual, **fields})


def lines(steps):
    return [str(step) for step in steps]


def messages(problems):
    """Return what some problems say, and the commands that help, as one text."""
    texts = []
    for problem in problems:
        texts += [problem.message, *(f"{hint.command} to {hint.purpose}" for hint in problem.hints)]
    return "\n".join(texts)


def outcome(function, *arguments):
    """Return the exit status with which a call fails or is refused, and what it says."""
    with pytest.raises((Refused, Failed)) as caught:
        function(*arguments)
    error = caught.value
    return f"{getattr(error, 'status', 2)}: {messages(error.args)}"
