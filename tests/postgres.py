"""The server that the tests share, as its superuser sees it."""

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "pw-sEcret.17"
CHEAPER = ("jit", "autovacuum", "full_page_writes", "synchronous_commit")
# How the tests themselves connect, whatever defaults a database has; no test shall hang.
PLAIN = "-c search_path=public -c default_transaction_read_only=off -c statement_timeout=0"
DUMP = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"
MEMORY = "/dev/shm"  # where a database is made in a fifth of the time


@contextlib.contextmanager
def throwaway(**environ):
    """Give the variables of a throw-away server, run by bin/with-postgres."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2**31:
        environ["TMPDIR"] = MEMORY
    argv = [sys.executable, str(ROOT / "bin/with-postgres"), sys.executable, "-c", DUMP]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, env={**os.environ, **environ}, **streams) as process:
        yield dict(json.loads(process.stdout.readline()))
        process.stdin.close()


class Postgres:
    """The server as its superuser sees it, with a role like a developer's."""

    model = ""

    def __init__(self, variables):
        self.variables = variables
        self.host, self.port = variables["PGHOST"], variables["PGPORT"]
        self.bin = variables["PATH"].split(os.pathsep)[0]
        for name in CHEAPER:
            self.sql(f"ALTER SYSTEM SET {name} = off")
        self.sql("SELECT pg_reload_conf()")
        self.sql(f"CREATE ROLE scope LOGIN CREATEDB PASSWORD '{PASSWORD}'")

    @functools.cached_property
    def connection(self):
        return self.connect()

    def connect(self, database="postgres", **options):
        """Connect as the superuser, or as `user`, committing each statement."""
        who = {"user": self.variables["PGUSER"], "password": self.variables["PGPASSWORD"]}
        given = {"options": f"{PLAIN} -c lock_timeout=30s", **who, **options}
        connection = psycopg2.connect(host=self.host, port=self.port, dbname=database, **given)
        connection.autocommit = True
        return connection

    def sql(self, query, database="postgres", **options):
        """Run one statement and return its rows."""
        shared = database == "postgres" and not options
        connection = self.connection if shared else self.connect(database, **options)
        with contextlib.nullcontext() if shared else contextlib.closing(connection):
            cursor = connection.cursor()
            cursor.execute(query)
            return list(cursor.fetchall()) if cursor.description else []

    def program(self, name, *words):
        environ = {**os.environ, **self.variables, "PGUSER": "scope", "PGPASSWORD": PASSWORD}
        subprocess.run([f"{self.bin}/{name}", *words], env=environ, check=True)

    def make_model(self, folder):
        self.sql("CREATE DATABASE model OWNER scope")
        self.model = f"{folder}/backscope"
        self.program("psql", "-qX", "-o", os.devnull, "-f", f"{folder}/schema.sql", "model")

    def databases(self):
        return dict(self.sql("SELECT datname, oid::int FROM pg_database"))

    def rows(self, database):
        """Return the rows of all tables; of one that is locked, the file it is in."""
        find = "SELECT oid::regclass::text, relfilenode FROM pg_class WHERE relkind = 'r'"
        brief = f"{PLAIN} -c lock_timeout=20ms"
        with contextlib.closing(self.connect(database, options=brief)) as connection:
            cursor = connection.cursor()
            cursor.execute(f"{find} AND oid >= 16384")
            found = dict(cursor.fetchall())
            for table in found:
                with contextlib.suppress(psycopg2.errors.LockNotAvailable):
                    cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
                    found[table] = [text for (text,) in cursor.fetchall()]
        return found
