"""The connection that looks, which also holds the lock, and what it sees; nothing is touched."""

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

from . import Problem, Refused
from .backscope import hints
from .settings import APPLICATION, LOOKS, PINNED, SQL, Settings
from .state import LIMIT, Database, Session, State, Table
from .steps import identifier


def rows(connection: Connection, query: str, *values: object) -> list[dict[str, Any]]:
    """Give all rows of a query, by the names of its columns; raise psycopg2.Error."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return [dict(row) for row in cursor.fetchall()]


def column(connection: Connection, table: Table, query: str) -> list[str] | None:
    """Give a column; None if it is locked, hidden by a policy, not ours, or takes too long."""
    with contextlib.suppress(psycopg2.Error):
        found = rows(connection, query.format(identifier(table.schema, table.name)))
        return [row["one"] for row in found]
    return None


def inside(connection: Connection, database: Database, condition: str, limit: str) -> Database:
    """Give a database with what is inside; what cannot be counted is not called empty.

    The sequences for which the `condition` holds are looked for; rows are counted to a `limit`.
    """
    count = f"SELECT count(*) AS one FROM (SELECT FROM {{}} {limit}) AS few"
    tables = [Table(**row) for row in rows(connection, SQL["tables"])]
    counts = [column(connection, table, count) for table in tables]
    counted = [one._replace(rows=int(n[0]) if n else None) for one, n in zip(tables, counts)]
    versions = [one for one in counted if one.name == "alembic_version" and one.visible]
    query = "SELECT version_num::text AS one FROM {}"
    revisions = [column(connection, one, query) or () for one in versions]
    seen = replace(database, tables=[one for one in counted if one not in versions])
    sequences = seen.find(None, "sequences") if condition else None
    query = f"SELECT id::text AS one FROM {{}} WHERE {condition} ORDER BY id"
    return replace(
        seen,
        others={row["kind"]: row["count"] for row in rows(connection, SQL["others"])},
        revisions=frozenset(one for some in revisions for one in some),
        found=column(connection, sequences, query) if sequences else None,
        sessions=[Session(**row) for row in rows(connection, SQL["sessions"])],
    )


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
    for name in ("settings", "search_path"):
        rows(connection, SQL[name])
    return connection


def no_connection(settings: Settings, error: Exception) -> Refused:
    """Make the error of a server that does not answer, with what it says and what helps."""
    said = settings.mask(str(error)).strip()
    what = f"No connection to {settings.where} as {settings.user}:\n{said}"
    return Refused(Problem(what, *hints(said, settings)))


class Server:
    """The looking connection to the maintenance database, and what is seen through it."""

    def __init__(self, settings: Settings, condition: str) -> None:
        """Connect; raise Refused if there is no connection.

        The sequences for which the `condition` holds are looked for.
        """
        self.condition, self.made = condition, 0
        try:
            self.connection = connect(settings, "postgres")
        except psycopg2.Error as error:
            raise no_connection(settings, error) from None
        host = settings.host or self.connection.info.host or ""  # the socket that libpq took
        self.settings = replace(settings, host=host)

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
        taken = self._rows("SELECT pg_try_advisory_lock(%s) AS got", key)
        return bool(taken[0]["got"])

    def look(self, exact: bool = False) -> State:
        """Look at everything; raise Refused if the server does not answer any more.

        Rows are counted to a limit and what takes over two seconds is not seen, unless `exact`.
        """
        about = self._rows(SQL["about"])[0]
        found = {row["name"]: Database(**row) for row in self._rows(SQL["databases"])}
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

    def _rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        try:
            return rows(self.connection, query, *values)
        except psycopg2.Error as error:
            raise no_connection(self.settings, error) from None

    def _inside(self, database: Database, exact: bool) -> Database:
        if not database.oid:
            return database
        try:
            connection = connect(self.settings, database.name, exact)
            with contextlib.closing(connection):
                return inside(
                    connection, database, self.condition, "" if exact else f"LIMIT {LIMIT}"
                )
        except psycopg2.Error as error:
            return replace(database, tables=None, trouble=self.settings.mask(str(error)).strip())

    def note_made(self) -> None:
        """Note the oid of the database that this run's createdb has just made; raise Refused."""
        query = "SELECT oid::int8 FROM pg_database WHERE datname = %s"
        self.made = self._rows(query, self.settings.database)[0]["oid"]

    def progress(self) -> dict[str, Any]:
        """Give how many rows our COPY has brought, and who holds a lock that we wait for."""
        query = SQL["progress" if self.connection.server_version >= 140000 else "waits"]
        with contextlib.suppress(psycopg2.Error):
            return next(iter(rows(self.connection, query, APPLICATION)), {})
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
