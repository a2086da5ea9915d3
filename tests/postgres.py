"""The server that the tests share, as its superuser sees it."""

import contextlib
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg2

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "pw-sEcret.17"
CHEAPER = ("autovacuum = off", "full_page_writes = off", "synchronous_commit = off")
# How the tests themselves connect, whatever defaults a database has.
PLAIN = "-c search_path=public -c default_transaction_read_only=off -c statement_timeout=0"


@contextlib.contextmanager
def throwaway(**environ):
    """Give the variables of a throw-away server, run by bin/with-postgres."""
    dump = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, str(ROOT / "bin/with-postgres"), sys.executable, "-c", dump],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ},
    ) as process:  # fmt: skip
        yield dict(json.loads(process.stdout.readline()))
        process.stdin.close()


class Postgres:
    """The server as its superuser sees it."""

    def __init__(self, variables):
        self.variables = variables
        self.host, self.port = variables["PGHOST"], variables["PGPORT"]
        self.bin = variables["PATH"].split(os.pathsep)[0]
        for name in CHEAPER:
            self.sql(f"ALTER SYSTEM SET {name}")
        self.sql("SELECT pg_reload_conf()")
        # Passwords cost a connection most of its time (PostgreSQL 16, "scram_iterations").
        known = "FROM pg_settings WHERE name = 'scram_iterations'"
        self.sql(f"SELECT set_config(name, '1', false) {known}")
        self.sql(f"ALTER ROLE postgres PASSWORD '{variables['PGPASSWORD']}'")
        self.sql(f"CREATE ROLE scope LOGIN CREATEDB PASSWORD '{PASSWORD}'")

    @functools.cached_property
    def connection(self):
        """Give the one to the maintenance database that is kept."""
        return self.connect()

    def connect(self, database="postgres", **options):
        """Connect as the superuser, or as `user`, committing each statement."""
        who = {"user": self.variables["PGUSER"], "password": self.variables["PGPASSWORD"]}
        given = {"options": f"{PLAIN} -c lock_timeout=30s", **who, **options}  # no test shall hang
        connection = psycopg2.connect(host=self.host, port=self.port, dbname=database, **given)
        connection.autocommit = True
        return connection

    def sql(self, query, database="postgres", **options):
        """Run one statement and give its rows."""
        with contextlib.ExitStack() as stack:
            connection = self.connection
            if options or database != "postgres":
                connection = stack.enter_context(
                    contextlib.closing(self.connect(database, **options))
                )
            with connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall()) if cursor.description else []

    def databases(self):
        """Give all databases with their oids."""
        return {name: oid for name, oid in self.sql("SELECT datname, oid::int FROM pg_database")}

    def rows(self, database):
        """Give the rows of all tables of a database; of one that is locked, the file it is in."""
        find = "SELECT oid::regclass::text, relfilenode FROM pg_class WHERE relkind = 'r'"
        found = {}
        brief = f"{PLAIN} -c lock_timeout=20ms"
        with contextlib.closing(self.connect(database, options=brief)) as one:
            cursor = one.cursor()
            cursor.execute(f"{find} AND oid >= 16384")
            for table, file in cursor.fetchall():
                found[table] = file
                with contextlib.suppress(psycopg2.errors.LockNotAvailable):
                    cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
                    found[table] = [text for (text,) in cursor.fetchall()]
        return found
