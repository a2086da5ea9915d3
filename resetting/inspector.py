"""What is seen through one connection, which also holds the lock; it changes nothing."""

import os
import re
import zlib
from collections import Counter
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import psycopg2
from psycopg2.extensions import AsIs
from psycopg2.extras import RealDictCursor

from .environment import find_backups, installed_programs, read_revisions
from .hints import find_hints
from .problems import Problem, Refused
from .settings import APPLICATION_NAME, READ_OPTIONS
from .snapshot import COUNT_LIMIT, Database, Server, Session, Snapshot, Table
from .steps import identifier, numbered

# All SQL that inspects, by its name.
LOOK = Path(__file__).with_name("look.sql").read_text()
SQL = dict(re.findall(r"-- name: (\w+)\n(.*?)(?=\n-- name:|\Z)", LOOK, re.DOTALL))
SERVER_ERRORS = (psycopg2.Error, UnicodeDecodeError)  # the second: a message in Latin-1


def error_text(error):
    """Return what libpq or the server said, whatever encoding it is in."""
    if isinstance(error, UnicodeDecodeError):
        return error.object.decode(errors="replace").strip()
    return str(error).strip() or "Its message cannot be read."  # some psycopg2 lose Latin-1


def fetch(connection, query, *values):
    """Return all rows of a query, by the names of its columns; raise SERVER_ERRORS."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchall()


def connect(database):
    """Return a read-only connection that commits each statement; raise SERVER_ERRORS.

    libpq reads the rest in the environment, which is that of the commands ("Environment
    Variables").
    """
    connection = psycopg2.connect(
        dbname=database,
        options=READ_OPTIONS,
        cursor_factory=RealDictCursor,
    )
    connection.autocommit = True
    return connection


def connect_for_maintenance():
    """Return a connection to postgres or else to template1, as createdb does."""
    try:
        return connect("postgres")
    except SERVER_ERRORS as error:
        if "postgres" in error_text(error):
            with suppress(*SERVER_ERRORS):
                return connect("template1")
        raise


class Inspector:
    """What can be seen of a server and a checkout through one connection."""

    def __init__(self, settings, options, kind):
        """Connect; raise Refused if there is no connection.

        The sequences are looked for that the kind of command is about, and the rows are counted
        to the end if it says so; those of backups always to a limit.
        """
        self.settings = settings
        self.options = options
        self.condition = kind.condition(options)
        self.counts_all = kind.counts_all
        self.counted_oids = set()
        self.template_objects = []
        try:
            self.connection = connect_for_maintenance()
        except SERVER_ERRORS as error:
            raise self.refused(error) from None
        superuser = self.fetch("server")[0]["superuser"]
        host = settings.host or self.connection.info.host or ""  # the socket that libpq took
        self.settings = replace(settings, host=host, superuser=superuser)
        with suppress(*SERVER_ERRORS), closing(connect("template1")) as template:
            self.template_objects = fetch(template, SQL["other_objects"])

    def fetch(self, name, *values):
        """Return the rows of a query of look.sql; raise Refused with the server's words."""
        try:
            return fetch(self.connection, SQL[name], *values)
        except SERVER_ERRORS as error:
            raise self.refused(error) from None

    def refused(self, error):
        """Return what is raised for a connection that is not there, with what helps."""
        settings = self.settings
        text = settings.mask(error_text(error))
        hints = find_hints(text, settings, self.options) or [settings.edit_hint]
        message = f"No connection to {settings.server_label} as {settings.user}:"
        return Refused(Problem(f"{message}\n{text}", *hints))

    def find_oid(self, name):
        """Return the oid of a database that was created just now; 0 if there is none."""
        return sum(row["value"] for row in self.fetch("oid", name))

    def lock(self):
        """Take the lock of the database; return whether it is ours.

        Every command inherits the connection: if the tool itself is killed, the lock lasts as
        long as what it left running; a flask that waits needs a moment to end.
        """
        os.set_inheritable(self.connection.fileno(), True)
        key = zlib.crc32(self.settings.database.encode())
        return self.fetch("lock", key)[0]["value"]

    def inspect(self):
        """Return all that is seen; raise Refused if the server does not answer any more."""
        server = Server(**self.fetch("server")[0])
        outdated = "false"
        if server.version >= 150000:
            outdated = "datcollversion <> pg_database_collation_actual_version(oid)"
        rows = self.fetch("databases", AsIs(outdated))
        found = {row["name"]: Database(**row) for row in rows}
        name = self.settings.database
        database = found.get(name, Database(name))
        pairs = {number: found[backup] for number, backup in find_backups(name, found).items()}
        beside = pairs.pop(0, Database(numbered(name, 0)))
        if self.counts_all:
            self.counted_oids |= {database.oid, beside.oid}
        checkout = self.settings.checkout
        folders = {}
        for number, folder in find_backups("migrations", os.listdir(checkout)).items():
            folders[number] = read_revisions(checkout / folder)
        if beside.oid:
            folders.pop(0, None)  # its own, which is built together with it
        return Snapshot(
            settings=self.settings,
            server=server,
            database=self.look_inside(database),
            template=found.get("template1", Database("template1")),
            beside=self.look_inside(beside),
            backups={number: self.look_inside(backup) for number, backup in pairs.items()},
            migrations=read_revisions(checkout / "migrations"),
            folders=folders,
            programs=installed_programs(self.settings.child_environment()["PATH"]),
        )

    def look_inside(self, database):
        """Return a database with its contents, or with the error if they cannot be seen."""
        if not database.usable:
            return database
        try:
            with closing(connect(database.name)) as connection:
                return self.read_contents(database, connection)
        except SERVER_ERRORS as error:
            return replace(database, error=self.settings.mask(error_text(error)))

    def read_contents(self, database, connection):
        """Return a database with its tables, their rows and what else it holds."""
        limit = COUNT_LIMIT
        if database.oid in self.counted_oids:
            limit = "NULL"
        tables = [Table(**row) for row in fetch(connection, SQL["tables"])]
        revisions = read_column(connection, "alembic_version", "version_num", "true")
        objects = fetch(connection, SQL["other_objects"])
        own_objects = [row for row in objects if row not in self.template_objects]
        return replace(
            database,
            sessions=[Session(**row) for row in fetch(connection, SQL["sessions"])],
            tables=[count_rows(connection, table, limit) for table in tables],
            closed_schema=fetch(connection, SQL["inside"])[0]["value"],
            other_objects=Counter(row["kind"] for row in own_objects),
            revisions=frozenset(revisions or ()),
            matching_ids=read_column(connection, "sequences", "id", self.condition),
        )

    def copied_rows(self):
        """Return how many rows our COPY has brought so far, which servers tell since 14."""
        with suppress(*SERVER_ERRORS):
            for row in fetch(self.connection, SQL["progress"], APPLICATION_NAME):
                return row["value"]
        return 0


def count_rows(connection, table, limit):
    """Return a table with its rows counted, to a limit; None: locked, hidden, or not ours."""
    name = identifier(table.schema, table.name)
    with suppress(*SERVER_ERRORS):
        query = SQL["count"].format(table=name, oid=table.oid, limit=limit)
        return replace(table, **fetch(connection, query)[0])
    return table


def read_column(connection, table, column, condition):
    """Return a column of a table in its order; None if there is none, or it cannot be read."""
    query = f"SELECT {column}::text AS value FROM {table} WHERE {condition} ORDER BY {column}"
    with suppress(*SERVER_ERRORS):
        return [row["value"] for row in fetch(connection, query)]
    return None
