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

from . import Problem, Refused, identifier
from .backscope import hints
from .settings import APPLICATION, LOOKS, PINNED, SQL, Settings
from .state import LIMIT, Database, Session, State, Table


def fetch(connection: Connection, query: str, *values: object) -> list[dict[str, Any]]:
    """Give all rows of a query, by the names of its columns; raise psycopg2.Error."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return [dict(row) for row in cursor.fetchall()]


def column(connection: Connection, table: Table | None, query: str) -> list[Any] | None:
    """Give a column; None: not there, locked, hidden by a policy, not ours, or too long to read."""
    with contextlib.suppress(psycopg2.Error):
        if table:
            name = identifier(table.schema, table.name)
            return [row["one"] for row in fetch(connection, query.format(name))]
    return None


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
        fetch(connection, SQL[name])
    return connection


class Server:
    """The looking connection to the maintenance database, and what is seen through it."""

    connection: Any = None  # the first query connects

    def __init__(self, settings: Settings, condition: str, exact: bool) -> None:
        """Connect; raise Refused if there is no connection.

        The sequences for which the `condition` holds are looked for. Rows are counted to a
        limit, and what takes over two seconds is not seen, unless it has to be `exact`.
        """
        self.settings, self.condition, self.exact = settings, condition, exact
        self.fetch("SELECT 1")
        host = settings.host or self.connection.info.host or ""  # the socket that libpq took
        self.settings = replace(settings, host=host)

    def fetch(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Run a query; raise Refused if the server does not answer, with its words."""
        try:
            self.connection = self.connection or connect(self.settings, "postgres")
            return fetch(self.connection, query, *values)
        except psycopg2.Error as error:
            said, settings = self.settings.mask(str(error)).strip(), self.settings
            what = f"No connection to {settings.where} as {settings.user}:\n{said}"
            raise Refused(Problem(what, *hints(said, settings))) from None

    def lock(self) -> bool:
        """Take the lock of the database and that of the checkout; False if one is taken.

        Every command inherits their descriptors: if the tool itself is killed, the locks
        last as long as what it left running.
        """
        folder = os.open(self.settings.checkout, os.O_RDONLY)
        for descriptor in (self.connection.fileno(), folder):
            os.set_inheritable(descriptor, True)
        with contextlib.suppress(OSError):  # of a file system without locks
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        key = zlib.crc32(self.settings.database.encode())
        return bool(self.fetch("SELECT pg_try_advisory_lock(%s) AS got", key)[0]["got"])

    def look(self) -> State:
        """Look at everything; raise Refused if the server does not answer any more."""
        about = self.fetch(SQL["about"])[0]
        found = {row["name"]: Database(**row) for row in self.fetch(SQL["databases"])}
        name, checkout = self.settings.database, self.settings.checkout
        database = self._inside(found[name], self.exact) if name in found else Database(name)
        copied = self.exact and (not database.tables or bool(database.comment))
        kept = {n: self._inside(found[one], copied) for n, one in numbers(name, found)}
        folders = numbers("migrations", os.listdir(checkout))
        there = os.path.lexists(checkout / "migrations")
        return State(
            self.settings, **about, database=database, template=found["template1"], kept=kept,
            folders={n: revisions(checkout / one) for n, one in folders},
            migrations=revisions(checkout / "migrations") if there else None,
        )  # fmt: skip

    def _inside(self, database: Database, exact: bool) -> Database:
        """Give a database with what is inside; what cannot be counted is not called empty."""
        limit = "" if exact else f"LIMIT {LIMIT}"
        count = f"SELECT count(*) AS one FROM (SELECT FROM {{}} {limit}) AS few"
        ids = f"SELECT id::text AS one FROM {{}} WHERE {self.condition} ORDER BY id"
        try:
            with contextlib.closing(connect(self.settings, database.name, exact)) as inner:
                sessions = [Session(**row) for row in fetch(inner, SQL["sessions"])]
                database = replace(database, sessions=sessions)
                tables = [Table(**row) for row in fetch(inner, SQL["tables"])]
                counts = [column(inner, table, count) for table in tables]
                counted = [replace(t, rows=n[0] if n else None) for t, n in zip(tables, counts)]
                seen = replace(database, tables=counted)
                version, table = seen.find(None, "alembic_version"), seen.find(None, "sequences")
                revisions = column(inner, version, "SELECT version_num::text AS one FROM {}")
                return replace(
                    seen,
                    tables=[one for one in counted if one is not version],
                    others={row["kind"]: row["count"] for row in fetch(inner, SQL["others"])},
                    revisions=frozenset(revisions or ()),
                    found=column(inner, table, ids) if self.condition else None,
                )
        except psycopg2.Error as error:
            return replace(database, tables=None, trouble=self.settings.mask(str(error)).strip())

    def progress(self) -> dict[str, Any]:
        """Give how many rows our COPY has brought, and who holds a lock that we wait for."""
        query = SQL["progress" if self.connection.server_version >= 140000 else "waits"]
        with contextlib.suppress(psycopg2.Error):
            return next(iter(fetch(self.connection, query, APPLICATION)), {})
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
