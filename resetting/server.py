"""The connection that looks, the locks, waiting for what still runs. Nothing is touched here."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import time
import zlib
from dataclasses import replace
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from . import Finding, looking, misfits
from .backscope import LOOKING
from .contents import Database
from .facts import Facts, Looks
from .folders import look_at_folders
from .looking import rows
from .pairs import half_carried, holds
from .settings import APPLICATION, CONNECT_TIMEOUT, Settings

WHO = "SELECT current_setting('lock_timeout') AS patience, current_user::text AS role"
MAINTENANCE = "postgres"  # the database that a rebuild leaves alone
PATIENCE = 1200  # looks, 20 a second, until what our commands left running is given up


def connect(settings: Settings, database: str, patience: str = "2s") -> Connection:
    """Give a read-only, self-committing connection; raise psycopg2.Error if there is none.

    Rows that a policy would hide are an error, not an absence (H47).
    """
    connection = psycopg2.connect(
        dbname=database, host=settings.host or None, hostaddr=settings.address or None,
        port=settings.port, user=settings.user,
        password=settings.password or None, connect_timeout=CONNECT_TIMEOUT, client_encoding="UTF8",
        options=f"-c lock_timeout=1s -c statement_timeout={patience} -c row_security=off"
        " -c default_transaction_read_only=on",
        application_name=LOOKING, cursor_factory=RealDictCursor,
    )  # fmt: skip
    connection.autocommit = True
    if connection.server_version >= 140000:  # it waits as long as a question is open (H41)
        rows(connection, "SELECT set_config('idle_session_timeout', '0', false)")
    return connection


def reached(connection: Connection, settings: Settings) -> Settings:
    """Give the settings with the very place that answered, so that no other can (H39).

    A name may have several addresses, and libpq a socket folder of its own.
    """
    with socket.socket(fileno=os.dup(connection.fileno())) as ours:
        if ours.family == socket.AF_UNIX:
            return replace(settings, host=connection.info.host or "")
        return replace(settings, address=ours.getpeername()[0])


class Server:
    """The looking connection, which also holds the lock, and what is seen through it."""

    def __init__(self, settings: Settings) -> None:
        """Connect to the maintenance database or, where that is closed, to the target."""
        self.settings = settings
        self.made_oid = 0
        self.key = (0x4253, zlib.crc32(settings.database.encode()) & 0x7FFFFFFF)
        self._connect()
        if self.connection:
            self.settings = reached(self.connection, settings)

    def _connect(self) -> None:
        self.trouble: Finding | None = None
        self.connection: Connection | None = None
        self.maintained = True
        for database in (MAINTENANCE, self.settings.database):
            try:
                self.connection = connect(self.settings, database)
                self.trouble = misfits.not_itself(self.settings, **rows(self.connection, WHO)[0])
                if self.trouble:
                    self.connection.close()
                    self.connection = None
                return
            except psycopg2.Error as error:
                self.maintained = self.maintained and database != MAINTENANCE
                self.trouble = self.trouble or misfits.no_connection(self.settings, str(error))

    def close(self) -> None:
        """Close the connection, and so give the lock back."""
        if self.connection:
            self.connection.close()

    def lock(self, stack: contextlib.ExitStack) -> bool:
        """Take the lock of the database and that of the checkout; False if one is taken (H24).

        Every command inherits their descriptors: if the tool itself is killed, the locks
        last as long as what it left running (H23).
        """
        if not self.connection:
            return False
        folder = os.open(self.settings.checkout, os.O_RDONLY)
        stack.callback(os.close, folder)
        for descriptor in (self.connection.fileno(), folder):
            os.set_inheritable(descriptor, True)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks; the server's own lock remains
            pass
        query = "SELECT pg_try_advisory_lock(%s, %s) AS got"
        return bool(rows(self.connection, query, *self.key)[0]["got"])

    def holds_lock(self) -> bool:
        """Say whether the advisory lock is still ours: its session may have been ended (H41)."""
        query = """SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
                   AND pid = pg_backend_pid() AND (classid, objid) = (%s, %s)"""
        try:
            return bool(rows(self.connection, query, *self.key))
        except psycopg2.Error:
            return False

    def made(self) -> int:
        """Give the oid of the database that this run's createdb made; it stays the first one."""
        query = "SELECT oid::int8 FROM pg_database WHERE datname = %s"
        with contextlib.suppress(psycopg2.Error):
            if not self.made_oid:
                found = rows(self.connection, query, self.settings.database)
                self.made_oid = found[0]["oid"] if found else 0
        return self.made_oid

    def wait_for_commands(self) -> bool:
        """Wait until the server is done with what our commands began (H43); False: it is not."""
        query = "SELECT FROM pg_stat_activity WHERE application_name = %s"
        tries = PATIENCE
        while tries > 0:
            try:
                with contextlib.closing(connect(self.settings, MAINTENANCE)) as connection:
                    if not rows(connection, query, APPLICATION):
                        return True
                tries -= 1
            except psycopg2.Error:  # it recovers, or is gone
                tries -= PATIENCE // 40
            time.sleep(0.05)
        return False

    def look(self, looks: Looks) -> Facts:
        """Look at everything, in a time that does not grow with the tables unless `exact`.

        What cannot be looked at is in Facts.trouble (H10).
        """
        settings = self.settings
        if self.connection and not self._answers():  # the server was started anew meanwhile
            self._connect()
        facts = Facts(
            settings, look_at_folders(settings.checkout),
            programs=frozenset(filter(shutil.which, ("dropdb", "createdb", "psql", "mv", "rm"))),
            writable=os.access(settings.checkout, os.W_OK),
            maintained=self.maintained, trouble=self.trouble,
        )  # fmt: skip
        if not self.connection:
            return facts
        try:
            seen = looking.look_at_server(self.connection, settings.database, self.key)
            facts = replace(facts, trouble=None, **seen)
            database = facts.database
            if database and database.valid and database.open:
                facts = replace(facts, **self._inside(database, looks))
            if looks.pairs:
                kept = {n: self._filled(one, looks.exact) for n, one in facts.kept.items()}
                facts = replace(facts, kept=kept)
                newest = next(iter(facts.ours.values()), None) if looks.copies else None
                source = half_carried(facts) or newest
                facts = replace(facts, copied=looks.exact and self._copied(facts, source))
                facts = replace(facts, **self._elsewhere(facts, looks.others))
        except psycopg2.Error as error:
            facts = replace(facts, trouble=misfits.no_connection(settings, str(error)))
        return facts

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg2.Error):
            return bool(rows(self.connection, "SELECT 1"))
        return False

    def _inside(self, database: Database, looks: Looks) -> dict[str, Any]:
        """Give what is inside the target, and who locks it, for Facts; or why it does not open."""
        try:
            with contextlib.closing(connect(self.settings, database.name)) as connection:
                contents = looking.look_inside(connection, looks.exact)
                return {
                    "database": replace(database, contents=contents),
                    "locks": tuple(looking.look_at_locks(connection)),
                    **looking.look_at_sequences(connection, contents, looks),
                }
        except psycopg2.Error as error:
            trouble = misfits.no_connection(self.settings, str(error))
            return {"trouble": trouble, "database": replace(database, trouble=trouble)}

    def _filled(self, database: Database, exact: bool) -> Database:
        """Give a kept database with what is inside, if it can be opened."""
        try:
            with contextlib.closing(connect(self.settings, database.name)) as connection:
                return replace(database, contents=looking.look_inside(connection, exact))
        except psycopg2.Error as error:
            shut = not (database.valid and database.open)  # as an interrupted command leaves it
            trouble = misfits.no_connection(self.settings, str(error))
            return database if shut else replace(database, trouble=trouble)

    def _copied(self, facts: Facts, source: Database | None) -> bool:
        """Say whether it holds but copies of rows, as an interrupted rebuild leaves it (H23)."""
        if source and source.contents and facts.contents and not facts.contents.others:
            with contextlib.suppress(psycopg2.Error), contextlib.ExitStack() as stack:
                both = [contextlib.closing(connect(self.settings, name, "0"))
                        for name in (facts.settings.database, source.name)]  # fmt: skip
                new, old = map(stack.enter_context, both)
                return looking.same_rows(new, old, facts.contents, source.contents)
        return False

    def _elsewhere(self, facts: Facts, always: bool) -> dict[str, Any]:
        """Give what other databases record, always or if a folder is of none of ours."""
        ours = [one for one in (facts.database, *facts.kept.values()) if one]
        folders = [*facts.folders.numbered.values(), facts.folders.current]
        filled = [one.revisions for one in folders if one and one.revisions]
        owned = all(any(holds(folder, one.revisions) for one in ours) for folder in filled)
        if owned and not (always and facts.folders.numbered):
            return {}
        query = """SELECT datname AS name FROM pg_database
                   WHERE datname <> ALL(%s::text[] || '{template0,template1}')"""
        others, hidden = {}, [one.name for one in ours if not one.contents]
        for row in rows(self.connection, query, [one.name for one in ours]):
            try:
                with contextlib.closing(connect(self.settings, row["name"])) as connection:
                    for revision in looking.look_at_revisions(connection):
                        others[revision] = row["name"]
            except psycopg2.Error:
                hidden.append(row["name"])
        return {"others": others, "hidden": tuple(hidden)}
