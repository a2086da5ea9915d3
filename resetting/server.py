"""The connection that looks, which also holds the lock; nothing is touched here."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterable

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from . import Problem, Refused, queries
from .backscope import hints
from .queries import rows
from .settings import APPLICATION, LOOKS, PINNED, PREPARE, Settings
from .state import LIMIT, Database, State


def connect(settings: Settings, database: str, exact: bool = False) -> Connection:
    """Give a read-only connection that commits each statement; raise psycopg2.Error.

    An `exact` one looks as long as it takes.
    """
    connection = psycopg2.connect(
        dbname=database, host=settings.host or None, port=settings.port, user=settings.user,
        password=settings.password or None, connect_timeout=10, client_encoding="UTF8",
        options=f"{LOOKS} {PINNED}{' -c statement_timeout=0' * exact}",
        application_name="backscope-reset looks", cursor_factory=RealDictCursor,
    )  # fmt: skip
    connection.autocommit = True
    for statement in PREPARE:
        rows(connection, statement)
    return connection


class Server:
    """The looking connection to the maintenance database, and what is seen through it."""

    def __init__(self, settings: Settings, condition: str) -> None:
        """Connect; raise Refused if there is no connection.

        The sequences for which the `condition` holds are looked for.
        """
        self.settings, self.condition, self.made = settings, condition, 0
        self._connect()
        host = settings.host or self.connection.info.host or ""  # the socket that libpq took
        self.settings = replace(settings, host=host)

    def _connect(self) -> None:
        settings = self.settings
        try:
            self.connection, self.locked = connect(settings, "postgres"), False
        except psycopg2.Error as error:
            said = settings.mask(str(error)).strip()
            what = f"No connection to {settings.where} as {settings.user}:\n{said}"
            raise Refused(Problem(what, *hints(said, settings))) from None

    def lock(self, stack: contextlib.ExitStack) -> bool:
        """Take the lock of the database and that of the checkout; False if one is taken.

        Every command inherits their descriptors: if the tool itself is killed, the locks
        last as long as what it left running.
        """
        folder = os.open(self.settings.checkout, os.O_RDONLY)
        stack.callback(os.close, folder)
        for descriptor in (self.connection.fileno(), folder):
            os.set_inheritable(descriptor, True)
        with contextlib.suppress(OSError):  # of a file system without locks
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        key = zlib.crc32(self.settings.database.encode())
        taken = rows(self.connection, "SELECT pg_try_advisory_lock(%s) AS got", key)
        self.locked = bool(taken[0]["got"])
        return self.locked

    def close(self) -> None:
        """Close the connection, and so give the lock back."""
        self.connection.close()

    def look(self, exact: bool = False) -> State:
        """Look at everything; raise Refused if the server does not answer any more.

        Rows are counted to a limit and what takes over two seconds is not seen, unless `exact`.
        """
        try:
            about = rows(self.connection, queries.ABOUT)[0]
        except psycopg2.Error:  # it was started anew
            self._connect()
            about = rows(self.connection, queries.ABOUT)[0]
        found = {row["name"]: Database(**row) for row in rows(self.connection, queries.DATABASES)}
        name, checkout = self.settings.database, self.settings.checkout
        database = self._inside(found.get(name, Database(name)), exact)
        all_of = exact and (not database.tables or bool(database.comment))  # what a CARRY copies
        kept = {n: self._inside(found[one], all_of) for n, one in numbers(name, found)}
        folders = {
            n: revisions(checkout / one) for n, one in numbers("migrations", os.listdir(checkout))
        }
        there = os.path.lexists(checkout / "migrations")
        return State(
            self.settings, **about, template=found["template1"], kept=kept, folders=folders,
            database=database,
            migrations=revisions(checkout / "migrations") if there else None,
        )  # fmt: skip

    def _inside(self, database: Database, exact: bool) -> Database:
        if not database.oid:
            return database
        try:
            connection = connect(self.settings, database.name, exact)
            with contextlib.closing(connection):
                return queries.inside(
                    connection, database, self.condition, "" if exact else f"LIMIT {LIMIT}"
                )
        except psycopg2.Error as error:
            return replace(database, tables=None, trouble=self.settings.mask(str(error)).strip())

    def note_made(self) -> None:
        """Note the oid of the database that this run's createdb has just made."""
        query = "SELECT oid::int8 FROM pg_database WHERE datname = %s"
        self.made = rows(self.connection, query, self.settings.database)[0]["oid"]

    def progress(self) -> dict[str, Any]:
        """Give how many rows our COPY has brought, and who holds a lock that we wait for."""
        copied = queries.COPIED if self.connection.server_version >= 140000 else "NULL"
        with contextlib.suppress(psycopg2.Error):
            return next(
                iter(rows(self.connection, queries.PROGRESS.format(copied), APPLICATION)), {}
            )
        return {}


def numbers(stem: str, names: Iterable[str]) -> list[tuple[int, str]]:
    """Give the names that are backups of a stem, with their numbers."""
    pattern = re.compile(re.escape(stem) + r"\.~(0|[1-9][0-9]*)~")
    return [(int(found[1]), one) for one in names for found in [pattern.fullmatch(one)] if found]


def revisions(folder: Path) -> frozenset[str]:
    """Give the revisions in a folder of migrations (Alembic, "Create a Migration Script")."""
    files = [one for one in folder.glob("versions/*.py") if os.access(one, os.R_OK)]
    text = "\n".join(one.read_text(errors="replace") for one in files)
    return frozenset(re.findall(r"^revision\b[^=\n]*=\s*['\"](\w+)", text, re.MULTILINE))
