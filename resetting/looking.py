"""All SQL that looks, and what is made of its answers. Read-only; knows no settings but a name."""

from __future__ import annotations

import contextlib
import re
from datetime import timezone
from typing import Any, Iterator

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from .backscope import LOOKING
from .contents import REVISIONS, SEQUENCE_COLUMNS, Contents, Database, Table
from .facts import Lock, Looks, Session

COUNTED = 10_000  # rows that are counted one by one; more are estimated
STUCK = 'values_requested AND "values" IS NULL'  # what a failed download leaves (H30)

ABOUT_SERVER = """
    SELECT pg_postmaster_start_time() AS started,
           current_setting('server_version_num')::int AS version,
           rolsuper OR rolcreatedb AS creates, EXISTS (SELECT FROM pg_locks
           WHERE locktype = 'advisory' AND (classid, objid) = (%s, %s)) AS busy
    FROM pg_roles WHERE rolname = current_user"""
ABOUT_DATABASES = """
    SELECT datname AS name, oid::int8, pg_get_userbyid(datdba) AS owner,
           pg_has_role(datdba, 'USAGE') AS owned, datconnlimit <> -2 AS valid,
           datallowconn AS open, datistemplate AS template, {outdated} AS outdated,
           coalesce(shobj_description(oid, 'pg_database'), '') AS comment,
           pg_encoding_to_char(encoding) AS encoding,
           ARRAY[datcollate::text, datctype::text, {provider}] AS locale,
           CASE WHEN starts_with(datname, %s) AND has_database_privilege(oid, 'CONNECT')
           THEN pg_size_pretty(pg_database_size(oid)) ELSE '?' END AS size
    FROM pg_database ORDER BY age(xmin)"""  # the one renamed last comes first
SESSION = """
    SELECT pid, a.usename AS role, coalesce(a.application_name, '') AS application,
           coalesce(a.state, '') AS state, coalesce(host(a.client_addr), '') AS client,
           coalesce(to_char(a.{since}, 'YYYY-MM-DD HH24:MI:SS'), '?') AS since,
           coalesce(a.client_port, 0) AS port, datname AS database,
           (pg_has_role(a.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))
           AND (NOT r.rolsuper OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
           AS can_end {more}
    FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
    AND pid <> pg_backend_pid() AND application_name IS DISTINCT FROM '{looking}' """
CONNECTED = "WHERE datname = ANY(%s::text[]) ORDER BY backend_start, pid"
LOCKED = """
    JOIN pg_locks l USING (pid) JOIN pg_class c ON c.oid = l.relation
    WHERE l.locktype = 'relation' AND c.oid >= 16384 AND relpersistence <> 't'
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY relkind <> 'r', mode <> 'AccessExclusiveLock', relname"""
TABLES = """
    SELECT nspname AS schema, relname AS table, pg_table_is_visible(c.oid) AS visible,
           c.oid::int8, pg_relation_filenode(c.oid)::int8 AS file,
           pg_has_role(relowner, 'USAGE') OR pg_has_role(nspowner, 'USAGE') AS owned,
           relkind = 'm' AS view,
           has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE')
           AND has_table_privilege(c.oid, 'DELETE') AS changeable,
           ARRAY(SELECT DISTINCT CASE WHEN pg_table_is_visible(v.oid) THEN v.relname::text
                 ELSE v.relnamespace::regnamespace || '.' || v.relname END FROM pg_class v
                 WHERE v.oid <> c.oid AND v.oid IN (
                   SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = c.oid
                   UNION SELECT ev_class FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
                   WHERE d.classid = 'pg_rewrite'::regclass AND refobjid = c.oid
                   AND refclassid = 'pg_class'::regclass) AND NOT relispartition) AS needed_by,
           greatest(reltuples::int8, pg_stat_get_live_tuples(c.oid)) AS estimate,
           pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid)
           + pg_stat_get_tuples_deleted(c.oid) AS changes,
           (SELECT coalesce(json_object_agg(attname, attgenerated = '' ORDER BY attnum), '{}')
            FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
           (SELECT coalesce(json_object_agg(attname, pg_sequence_last_value(s.oid)), '{}')
            FROM pg_depend d JOIN pg_class s ON s.oid = objid
            JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
            WHERE refobjid = c.oid AND deptype IN ('a', 'i')
            AND CASE s.relkind WHEN 'S' THEN has_sequence_privilege(s.oid, 'SELECT') END) AS serials
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'm') AND relpersistence <> 't' AND NOT relispartition
    AND nspname <> 'information_schema' AND nspname !~ '^pg_' AND NOT EXISTS
    (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY relname"""
INSIDE = """
    SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS creates,
           to_regclass('alembic_version') IS NOT NULL AS versioned,
           current_schemas(false)::text[] AS path,
           ARRAY(SELECT attname::text FROM pg_attribute
                 WHERE attrelid = to_regclass('sequences') AND attnum > 0) AS columns"""
COLUMNS = """
    SELECT attname::text AS column, format_type(atttypid, atttypmod) AS type,
           coalesce(pg_get_expr(adbin, adrelid), 'NULL') AS fallback
    FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
    WHERE attrelid = %s::oid AND attnum > 0"""
OTHERS = """
    SELECT kind, count(*) FROM (
      SELECT 'pg_class'::regclass, oid, relnamespace, CASE relkind WHEN 'v' THEN 'view'
             WHEN 'f' THEN 'foreign table' ELSE 'sequence generator' END
      FROM pg_class c WHERE relkind IN ('v', 'f') OR relkind = 'S' AND NOT EXISTS
      (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i'))
      UNION ALL SELECT 'pg_class'::regclass, oid, relnamespace, 'extension table'
      FROM pg_class WHERE relkind IN ('r', 'p')
      UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, 'function' FROM pg_proc
      UNION ALL SELECT 'pg_largeobject_metadata'::regclass, oid, NULL, 'large object'
      FROM pg_largeobject_metadata) AS one (class, oid, schema, kind)
    LEFT JOIN pg_namespace n ON n.oid = schema
    WHERE one.oid >= 16384 AND (nspname IS NULL OR nspname !~ '^(pg_|information_schema$)')
    AND (kind = 'extension table') = EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = class AND d.objid = one.oid AND d.deptype = 'e')
    GROUP BY kind ORDER BY kind DESC"""


Row = dict[str, Any]


def rows(connection: Connection | None, query: str | sql.Composed, *values: object) -> list[Row]:
    """Give all rows of a query, by the names of its columns."""
    if not connection:
        return []
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return list(map(dict, cursor.fetchall()))


def look_at_server(connection: Connection, name: str, key: tuple[int, int]) -> dict[str, Any]:
    """Give what the server says of itself, the role and the databases, for Facts."""
    about = rows(connection, ABOUT_SERVER, *key)[0]
    version = about["version"]
    outdated = "datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)"
    column = "datlocale" if version >= 170000 else "daticulocale"
    provider = f"datlocprovider::text, coalesce({column}::text, '')"
    query = ABOUT_DATABASES.format(
        outdated=outdated if version >= 150000 else "false",
        provider=provider if version >= 150000 else "'c', ''",
    )
    databases = {row["name"]: Database(**{**row, "locale": tuple(row["locale"])})
                 for row in rows(connection, query, name)}  # fmt: skip
    found = {one: re.fullmatch(re.escape(name) + r"\.~([1-9][0-9]*)~", one) for one in databases}
    kept = {int(number[1]): databases[one] for one, number in found.items() if number}
    connected = SESSION.format(looking=LOOKING, since="backend_start", more="") + CONNECTED
    names = [name, "template1", *(one.name for one in kept.values())]
    return {
        "reached": True,
        "started": about["started"].astimezone(timezone.utc).isoformat(),
        "creates": about["creates"],
        "busy": about["busy"],
        "database": databases.get(name),
        "template": databases.get("template1"),
        "kept": kept,
        "sessions": tuple(Session(**row) for row in rows(connection, connected, names)),
    }


def look_at_locks(connection: Connection) -> Iterator[Lock]:
    """Yield the locks that others hold on tables of the database (H12)."""
    query = SESSION.format(looking=LOOKING, since="xact_start", more=", relname, mode") + LOCKED
    for row in rows(connection, query):
        table, mode = row.pop("relname"), row.pop("mode")
        yield Lock(Session(**row), table, mode)


def look_at_revisions(connection: Connection) -> frozenset[str]:
    """Give what Alembic's table records, in the schema that Flask uses."""
    if not rows(connection, INSIDE)[0]["versioned"]:
        return frozenset()
    query = f"SELECT version_num::text FROM {REVISIONS} WHERE version_num IS NOT NULL"
    return frozenset(row["version_num"] for row in rows(connection, query))


def look_inside(connection: Connection, exact: bool) -> Contents:
    """Give what is inside a database."""
    inside, tables = rows(connection, INSIDE)[0], {}
    if exact:
        rows(connection, "SELECT set_config('statement_timeout', '0', false)")
    for row in rows(connection, TABLES):
        schema, table, visible = row.pop("schema"), row.pop("table"), row.pop("visible")
        estimate, name = row.pop("estimate"), table if visible else f"{schema}.{table}"
        if name == REVISIONS:
            continue
        limit = sql.SQL("") if exact else sql.SQL("LIMIT {}").format(sql.Literal(COUNTED + 1))
        query = sql.SQL("SELECT count(*) FROM (SELECT FROM {} {}) AS few")
        count = None
        with contextlib.suppress(psycopg2.Error):  # it is locked, or not for our role
            found = rows(connection, query.format(sql.Identifier(schema, table), limit))
            count = found[0]["count"]
        many = count is not None and count > COUNTED and not exact
        serials = {column: last for column, last in row.pop("serials").items() if last is not None}
        columns, needed_by = row.pop("columns"), tuple(row.pop("needed_by"))
        tables[name] = Table(
            name, columns=tuple(filter(columns.get, columns)), serials=serials, exact=not many,
            generated=tuple(column for column in columns if not columns[column]),
            rows=max(count or 0, estimate) if many else count, needed_by=needed_by, **row,
        )  # fmt: skip
    revisions, legible = frozenset[str](), True
    try:
        revisions = look_at_revisions(connection)
    except psycopg2.Error:  # it is locked, or not for our role
        legible = False
    others = {row["kind"]: row["count"] for row in rows(connection, OTHERS)}
    return Contents(
        inside["creates"], tables, revisions, frozenset(inside["columns"]), others,
        path=tuple(inside["path"]), legible=legible,
    )  # fmt: skip


def same_rows(new: Connection, old: Connection, one: Contents, two: Contents) -> bool:
    """Say whether each table of a database holds nothing, or the very rows of an older one.

    They are compared as COPY converts them; in a column that the older one has not are defaults.
    """
    query = sql.SQL("SELECT sum(hashtextextended(t::text, 0)) FROM (SELECT {} FROM {}) AS t")
    stored = sql.SQL("SELECT FROM {} WHERE {} LIMIT 1")
    other = sql.SQL("{} IS DISTINCT FROM ({})")
    written = sql.SQL("CASE num_nonnulls({0}) WHEN 1 THEN format('%s', {0}) END::{1}")
    comma = sql.SQL(", ")
    for name, table in one.tables.items():
        if table.rows == 0:
            continue
        theirs = two.tables[name].columns if name in two.tables else ()
        both = [sql.Identifier(column) for column in table.columns if column in theirs]
        place = sql.Identifier(*name.split(".", 1))
        made = {row["column"]: row for row in rows(new, COLUMNS, table.oid)}
        cast = [written.format(one, sql.SQL(made[one.string]["type"])) for one in both]
        more = [other.format(sql.Identifier(one), sql.SQL(made[one]["fallback"]))
                for one in table.columns if one not in (*theirs, *table.serials)]  # fmt: skip
        if not both or rows(new, query.format(comma.join(both), place)) != rows(
            old, query.format(comma.join(cast), place)
        ):
            return False
        if more and rows(new, stored.format(place, sql.SQL(" OR ").join(more))):
            return False
    return True


def look_at_sequences(connection: Connection, inside: Contents, looks: Looks) -> dict[str, Any]:
    """Give which of the sequences are cached, and which flags are stuck, for Facts."""
    seen: dict[str, Any] = {}
    if SEQUENCE_COLUMNS - inside.sequence_columns:
        return seen
    query = "SELECT id::text FROM sequences WHERE {} ORDER BY id"
    if looks.sequences:
        seen["cached"] = looks.sequences  # all, as far as can be told: the table may be locked
        with contextlib.suppress(psycopg2.Error):
            found = rows(connection, query.format("id = ANY(%s::text[])"), list(looks.sequences))
            seen["cached"] = tuple(row["id"] for row in found)
    if looks.flags:
        with contextlib.suppress(psycopg2.Error):  # too large for a short look, or locked
            seen["stuck"] = tuple(row["id"] for row in rows(connection, query.format(STUCK)))
    return seen
