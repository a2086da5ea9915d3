"""Connections that read, and what servers say; SQL that inspects is in `look.sql`."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from .settings import PINNED_OPTIONS, READ_OPTIONS

# All SQL that inspects, by its name.
LOOK = Path(__file__).with_name("look.sql").read_text()
SQL = dict(re.findall(r"-- name: (\w+)\n(.*?)(?=\n-- name:|\Z)", LOOK, re.DOTALL))
SERVER_ERRORS = (psycopg2.Error, UnicodeDecodeError)  # the second: a message in Latin-1
Row = dict[str, Any]


def error_text(error: Exception) -> str:
    """Return what libpq or the server said, whatever encoding it is in."""
    if isinstance(error, UnicodeDecodeError):
        return error.object.decode(errors="replace").strip()
    return str(error).strip()


def fetch(connection: Connection, query: str, *values: object) -> list[Row]:
    """Return all rows of a query, by the names of its columns; raise psycopg2.Error."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return [dict(row) for row in cursor.fetchall()]


def connect(database: str) -> Connection:
    """Return a read-only connection that commits each statement; raise SERVER_ERRORS.

    libpq reads the rest in the environment, which is that of the commands ("Environment
    Variables").
    """
    connection = psycopg2.connect(
        dbname=database,
        options=f"{READ_OPTIONS} {PINNED_OPTIONS}",
        application_name="backscope-reset looks",
        cursor_factory=RealDictCursor,
    )
    connection.autocommit = True
    for name in ("settings", "search_path"):
        fetch(connection, SQL[name])
    return connection


def connect_for_maintenance() -> Connection:
    """Return a connection to postgres or else to template1, as createdb does."""
    try:
        return connect("postgres")
    except SERVER_ERRORS as error:
        if "postgres" in error_text(error):
            with contextlib.suppress(*SERVER_ERRORS):
                return connect("template1")
        raise
