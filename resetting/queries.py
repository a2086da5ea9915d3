"""All SQL that looks, and what is made of its answers; read-only."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from .state import Database, Session, Table
from .steps import identifier

ABOUT = """
    SELECT extract(epoch FROM pg_postmaster_start_time())::text AS started,
           rolsuper OR rolcreatedb AS creates
    FROM pg_roles WHERE rolname = current_user"""
DATABASES = """
    SELECT datname AS name, oid::int8, pg_get_userbyid(datdba) AS owner,
           pg_has_role(datdba, 'USAGE') AS owned, datconnlimit <> -2 AND datallowconn AS usable,
           coalesce(shobj_description(oid, 'pg_database'), '') AS comment,
           ARRAY[pg_encoding_to_char(encoding), datcollate::text, datctype::text] AS locale,
           CASE WHEN has_database_privilege(oid, 'CONNECT')
           THEN pg_size_pretty(pg_database_size(oid)) ELSE '?' END AS size
    FROM pg_database ORDER BY age(xmin)"""
SESSIONS = """
    SELECT pid, concat_ws(', ', 'pid ' || pid, 'role ' || usename, nullif(application_name, ''),
           host(client_addr) || ' port ' || client_port, coalesce(state, 'there') || ' since ' ||
           to_char(coalesce(xact_start, state_change, backend_start), 'YYYY-MM-DD HH24:MI:SS'),
           'locks ' || locks[1]) AS words, locks
    FROM pg_stat_activity a, LATERAL (
      SELECT ARRAY(SELECT DISTINCT relname || ' in ' || mode
                   FROM pg_locks l JOIN pg_class c ON c.oid = relation
                   WHERE l.pid = a.pid AND c.oid >= 16384 AND relkind IN ('r', 'p')
                   AND relpersistence <> 't' AND l.database <> 0)) AS l (locks)
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL
    AND coalesce(backend_type, 'client backend') = 'client backend'  -- null is another role's
    AND coalesce(application_name, '') NOT LIKE 'backscope-reset%' ORDER BY backend_start, pid"""
OURS = "nspname !~ '^pg_' AND nspname <> 'information_schema'"
TABLES = f"""
    SELECT nspname AS schema, relname AS name, c.oid::int8,
           coalesce(pg_relation_filenode(c.oid), 0)::int8 AS file,
           pg_table_is_visible(c.oid) AS visible,
           greatest(reltuples::int8, pg_stat_get_live_tuples(c.oid)) AS estimate,
           ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid
                 AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS columns,
           (SELECT coalesce(json_object_agg(attname, last_value), '{{}}')
            FROM pg_depend d JOIN pg_class s ON s.oid = objid AND s.relkind = 'S'
            JOIN pg_sequences ON (schemaname::regnamespace, sequencename)
            = (s.relnamespace::regnamespace, s.relname)
            JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
            WHERE refobjid = c.oid AND deptype IN ('a', 'i') AND last_value IS NOT NULL) AS last
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'm', 'f') AND relpersistence <> 't' AND NOT relispartition
    AND {OURS} ORDER BY relname"""
OTHERS = f"""
    SELECT kind, count(*)::int FROM (
      SELECT oid, relnamespace, 'view' FROM pg_class WHERE relkind = 'v'
      UNION ALL SELECT oid, pronamespace, 'function' FROM pg_proc
      UNION ALL SELECT oid, NULL, 'large object' FROM pg_largeobject_metadata
    ) AS one (oid, schema, kind) LEFT JOIN pg_namespace n ON n.oid = schema
    WHERE one.oid >= 16384 AND coalesce({OURS}, true)
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = one.oid AND deptype = 'e')
    GROUP BY kind ORDER BY kind"""
# How many rows our COPY has brought, and who holds a lock that our commands wait for.
PROGRESS = """
    SELECT {} AS rows, b.pid, b.usename AS role
    FROM pg_stat_activity a LEFT JOIN pg_stat_activity b ON b.pid = ANY(pg_blocking_pids(a.pid))
    WHERE a.application_name = %s ORDER BY b.pid, 1"""
COPIED = """(SELECT max(tuples_processed) FROM pg_stat_progress_copy p
             WHERE p.pid = a.pid AND command = 'COPY FROM')"""


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
    tables = [Table(**row) for row in rows(connection, TABLES)]
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
        others={row["kind"]: row["count"] for row in rows(connection, OTHERS)},
        revisions=frozenset(one for some in revisions for one in some),
        found=column(connection, sequences, query) if sequences else None,
        sessions=[Session(**row) for row in rows(connection, SESSIONS)],
    )
