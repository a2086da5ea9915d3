"""What is seen through one connection, which also holds the lock; it changes nothing."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections import Counter
from dataclasses import replace
from typing import Sequence

import psycopg2
from psycopg2.extensions import connection as Connection

from .command import Command
from .connection import (
    SERVER_ERRORS,
    SQL,
    Row,
    connect,
    connect_for_maintenance,
    error_text,
    fetch,
)
from .environment import find_backups, installed_programs, read_revisions
from .hints import find_hints
from .options import Options
from .problems import Hint, Problem, Refused
from .settings import APPLICATION_NAME, Settings
from .snapshot import COUNT_LIMIT, Database, Server, Session, Snapshot, Table
from .steps import identifier, numbered


class Inspector:
    """What can be seen of a server and a checkout through one connection."""

    def __init__(self, settings: Settings, options: Options, kind: type[Command]) -> None:
        """Connect; raise Refused if there is no connection.

        The sequences are looked for that the kind of command is about, and the rows are counted
        to the end if it says so; those of backups always to a limit.
        """
        self.settings = settings
        self.options = options
        self.condition = kind.condition(options)
        self.counts_all = kind.counts_all
        self.counted_oids: set[int] = set()
        self.template_objects: set[tuple[str, int]] = set()
        try:
            self.connection = connect_for_maintenance()
        except SERVER_ERRORS as error:
            raise self.refused(error) from None
        superuser = self.fetch(SQL["server"])[0]["superuser"]
        host = settings.host or self.connection.info.host or ""  # the socket that libpq took
        self.settings = replace(settings, host=host, superuser=superuser)
        with contextlib.suppress(*SERVER_ERRORS):
            with contextlib.closing(connect("template1")) as template:
                self.template_objects = read_objects(template)

    def fetch(self, query: str, *values: object) -> list[Row]:
        """Return the rows of a query; raise Refused with the words of a server that fails."""
        try:
            return fetch(self.connection, query, *values)
        except SERVER_ERRORS as error:
            raise self.refused(error) from None

    def refused(self, error: Exception) -> Refused:
        """Return what is raised for a connection that is not there, with what helps."""
        text = self.settings.mask(error_text(error))
        message = f"No connection to {self.settings.server_label} as {self.settings.user}:"
        hints = find_hints(text, self.settings, self.options) or [self.settings.edit_hint]
        if not text:  # some builds of psycopg2 lose what is not UTF-8
            text = f"The server's message cannot be read ({type(error).__name__})."
            psql = self.settings.client("psql", "-d", "postgres", user=self.settings.user)
            hints = [Hint(psql, "see what the server says"), *hints]
        return Refused(Problem(f"{message}\n{text}", *hints))

    def find_oid(self, name: str) -> int:
        """Return the oid of a database that was created just now; 0 if there is none."""
        for row in self.fetch(SQL["oid"], name):
            return int(row["value"])
        return 0

    def lock(self) -> bool:
        """Take the lock of the database; return whether it is ours.

        Every command inherits the connection: if the tool itself is killed, the lock lasts as
        long as what it left running; a flask that waits needs a moment to end.
        """
        os.set_inheritable(self.connection.fileno(), True)
        try:
            fetch(self.connection, SQL["lock"], zlib.crc32(self.settings.database.encode()))
        except psycopg2.errors.LockNotAvailable:
            return False
        return True

    def inspect(self) -> Snapshot:
        """Return all that is seen; raise Refused if the server does not answer any more."""
        server = Server(**self.fetch(SQL["server"])[0])
        found = {row["name"]: Database(**row) for row in self.fetch(SQL["databases"])}
        if server.version >= 150000:
            for row in self.fetch(SQL["outdated_collations"]):
                name = row["value"]
                found[name] = replace(found[name], collation_outdated=True)
        name = self.settings.database
        database = found.get(name, Database(name))
        template = found.get("template1", Database("template1"))
        pairs = {number: found[backup] for number, backup in find_backups(name, found).items()}
        beside = pairs.pop(0, Database(numbered(name, 0)))
        if self.counts_all:
            self.counted_oids |= {database.oid, beside.oid}
        checkout = self.settings.checkout
        folders = dict(find_backups("migrations", os.listdir(checkout)))
        if beside.oid:
            folders.pop(0, None)  # its own, which is built together with it
        migrations = None
        if os.path.lexists(checkout / "migrations"):
            migrations = read_revisions(checkout / "migrations")
        return Snapshot(
            settings=self.settings,
            server=server,
            database=self.look_inside(database),
            template=template,
            beside=self.look_inside(beside),
            backups={number: self.look_inside(backup) for number, backup in pairs.items()},
            migrations=migrations,
            folders={number: read_revisions(checkout / path) for number, path in folders.items()},
            programs=installed_programs(self.settings.child_environment()["PATH"]),
        )

    def look_inside(self, database: Database) -> Database:
        """Return a database with its contents, or with the error if they cannot be seen."""
        if not database.oid:
            return database
        try:
            with contextlib.closing(connect(database.name)) as connection:
                sessions = [Session(**row) for row in fetch(connection, SQL["sessions"])]
                database = replace(database, sessions=sessions)
                return self.read_contents(database, connection)
        except SERVER_ERRORS as error:
            text = self.settings.mask(error_text(error))
            return replace(database, tables=None, error=text)

    def read_contents(self, database: Database, connection: Connection) -> Database:
        """Return a database with its tables, their rows and what else it holds."""
        limit = None
        if database.oid not in self.counted_oids:
            limit = COUNT_LIMIT
        tables = [Table(**row) for row in fetch(connection, SQL["tables"])]
        tables = [count_rows(connection, table, limit) for table in tables]
        found = replace(database, tables=tables)
        version_table = found.find(None, "alembic_version")
        query = "SELECT version_num::text AS value FROM {}"
        revisions = read_column(connection, version_table, query)
        matching_ids = None
        if self.condition:
            query = f"SELECT id::text AS value FROM {{}} WHERE {self.condition} ORDER BY id"
            matching_ids = read_column(connection, found.find(None, "sequences"), query)
        own_objects = read_objects(connection) - self.template_objects
        return replace(
            found,
            tables=[table for table in tables if table is not version_table],
            may_create_tables=fetch(connection, SQL["inside"])[0]["value"],
            other_objects=Counter(kind for kind, _ in own_objects),
            revisions=frozenset(revisions or ()),
            matching_ids=matching_ids,
        )

    def copied_rows(self) -> int:
        """Return how many rows our COPY has brought so far, which servers tell since 14."""
        with contextlib.suppress(*SERVER_ERRORS):
            for row in fetch(self.connection, SQL["progress"], APPLICATION_NAME):
                return int(row["value"])
        return 0


def read_objects(connection: Connection) -> set[tuple[str, int]]:
    """Return the kind and the oid of whatever else would be lost with a database."""
    return {(row["kind"], row["oid"]) for row in fetch(connection, SQL["other_objects"])}


def count_rows(connection: Connection, table: Table, limit: int | None) -> Table:
    """Return a table with its rows counted, to a limit; None: locked, hidden, or not ours."""
    name = identifier(table.schema, table.name)
    enough = "ALL"
    if limit:
        enough = str(limit + 1)
    with contextlib.suppress(*SERVER_ERRORS):
        query = SQL["count"].format(table=name, oid=table.oid, limit=enough)
        found = fetch(connection, query)[0]
        if limit and found["rows"] > limit:
            found.update(rows=limit, limited=True)
        return replace(table, **found)
    return table


def read_column(connection: Connection, table: Table | None, query: str) -> Sequence[str] | None:
    """Return a column of a table; None if there is no table, or it cannot be read."""
    if table is None:
        return None
    name = identifier(table.schema, table.name)
    with contextlib.suppress(*SERVER_ERRORS):
        return [row["value"] for row in fetch(connection, query.format(name))]
    return None
