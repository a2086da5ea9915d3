-- All SQL that inspects. It is read-only.

-- name: server
SELECT current_setting('server_version_num')::int AS version,
       extract(epoch FROM pg_postmaster_start_time())::text AS started,
       pg_is_in_recovery() AS standby,
       coalesce((SELECT rolsuper OR rolcreatedb FROM pg_roles
                 WHERE rolname = current_user), false) AS may_create,
       coalesce((SELECT rolname::text FROM pg_roles WHERE rolsuper AND rolcanlogin
                 ORDER BY oid LIMIT 1), '') AS superuser,
       current_database()::text AS maintenance

-- name: databases
-- The one renamed or altered last comes first. One whose collations are outdated createdb refuses
-- to copy (ALTER DATABASE, "Notes").
SELECT datname AS name, oid::int8, pg_get_userbyid(datdba) AS owner,
       pg_has_role(datdba, 'USAGE') AS owned, datconnlimit <> -2 AS valid,
       coalesce(shobj_description(oid, 'pg_database'), '') AS comment,
       ARRAY[pg_encoding_to_char(encoding), datcollate::text, datctype::text] AS locale,
       coalesce(%s, false) AS collation_outdated,
       CASE WHEN has_database_privilege(oid, 'CONNECT')
       THEN pg_size_pretty(pg_database_size(oid)) ELSE '?' END AS size
FROM pg_database ORDER BY age(xmin)

-- name: oid
SELECT oid::int8 AS value FROM pg_database WHERE datname = %s

-- name: lock
-- Tries for three seconds, until another reset is taken to be running.
SELECT EXISTS (SELECT FROM generate_series(1, 30)
               WHERE pg_try_advisory_lock(%s) OR pg_sleep(0.1)::text IS NULL) AS value

-- name: inside
-- The schema where the search path would create tables, if our role may not; else nothing.
SELECT CASE WHEN has_schema_privilege(current_schema(), 'CREATE') THEN ''
       ELSE coalesce(current_schema()::text, 'public') END AS value

-- name: sessions
-- Those of others on this database, in words, and what they lock ("Table-Level Lock Modes").
-- Of other roles' sessions much is null for a role that is no superuser.
SELECT pid, locks[1] IS NOT NULL AS locks_table, blocks_sequences,
       concat_ws(', ', 'pid ' || pid, 'role ' || usename, nullif(application_name, ''),
                 host(client_addr) || ' port ' || client_port,
                 coalesce(state, 'connected') || ' since ' ||
                 to_char(coalesce(xact_start, state_change, backend_start), 'YYYY-MM-DD HH24:MI:SS'),
                 'locks ' || locks[1]) AS description
FROM pg_stat_activity a, LATERAL (
  SELECT array_agg(DISTINCT relname || ' in ' || mode),
         coalesce(bool_or(relname = 'sequences' AND mode IN ('ShareLock', 'ShareRowExclusiveLock',
                                                             'ExclusiveLock', 'AccessExclusiveLock')),
                  false)
  FROM pg_locks l JOIN pg_class c ON c.oid = relation
  WHERE l.pid = a.pid AND c.oid >= 16384 AND relkind IN ('r', 'p')
  AND relpersistence <> 't' AND l.database <> 0) AS l (locks, blocks_sequences)
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL
AND coalesce(backend_type, 'client backend') = 'client backend'
AND coalesce(application_name, '') NOT LIKE 'backscope-reset%' ORDER BY backend_start, pid

-- name: tables
-- Whatever holds rows, but for Alembic's, the server's own, an extension's and temporary ones.
-- Nothing in here may wait for a lock on a table, as pg_get_indexdef() does.
-- `sequence_values` has the number that was given out last for each generated key.
SELECT nspname AS schema, relname AS name, c.oid::int8, pg_table_is_visible(c.oid) AS visible,
       concat_ws('.', CASE WHEN NOT pg_table_is_visible(c.oid) THEN nspname END,
                 CASE WHEN relname LIKE '%.%' THEN quote_ident(relname) ELSE relname END) AS label,
       ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid
             AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS columns,
       (SELECT coalesce(json_object_agg(attname, given), '{}')
        FROM pg_depend d JOIN pg_class s ON s.oid = objid AND s.relkind = 'S'
        JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid,
        LATERAL (SELECT CASE WHEN has_sequence_privilege(s.oid, 'SELECT, USAGE')
                 THEN pg_sequence_last_value(s.oid) END) AS last (given)
        WHERE refobjid = c.oid AND deptype IN ('a', 'i') AND given IS NOT NULL) AS sequence_values
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'm', 'f') AND relpersistence <> 't' AND NOT relispartition
AND c.oid >= 16384 AND NOT (relname = 'alembic_version' AND pg_table_is_visible(c.oid))
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND deptype = 'e')
ORDER BY relname, nspname

-- name: other_objects
-- What else would be lost with a database, but for what belongs to an extension.
SELECT kind, oid::int8
FROM (SELECT oid, 'view' FROM pg_class WHERE relkind = 'v'
      UNION ALL SELECT oid, 'function' FROM pg_proc
      UNION ALL SELECT oid, 'large object' FROM pg_largeobject_metadata) AS one (oid, kind)
WHERE oid >= 16384
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = one.oid AND deptype = 'e')

-- name: count
-- What is seen of a table that nobody has locked, with its rows counted to a limit or, if that is
-- NULL, to the end. Each change of a row changes the sum of their transactions.
SELECT least(count(*), {limit}) AS rows, coalesce(count(*) > {limit}, false) AS limited,
       coalesce(sum(xmin::text::int8), 0)::text AS version,
       ARRAY(SELECT concat_ws(' ', 'column', attname, format_type(atttypid, atttypmod),
                              CASE WHEN attnotnull THEN 'NOT NULL' END,
                              CASE WHEN atthasdef THEN 'with a default' END)
             FROM pg_attribute WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped
             UNION ALL
             SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = {oid}
             UNION ALL
             SELECT concat_ws(' ', 'constraint', conname, pg_get_constraintdef(oid))
             FROM pg_constraint WHERE conrelid = {oid}
             UNION ALL
             SELECT pg_get_triggerdef(oid) FROM pg_trigger
             WHERE tgrelid = {oid} AND NOT tgisinternal
             UNION ALL
             SELECT concat_ws(' ', 'grant of', privilege_type, 'to',
                              CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE grantee::regrole::text END)
             FROM pg_class, aclexplode(relacl) WHERE oid = {oid} AND grantee <> relowner) AS structure
FROM (SELECT xmin FROM {table} LIMIT {limit} + 1) AS counted

-- name: progress
-- How many rows our COPY has brought.
SELECT tuples_processed AS value FROM pg_stat_progress_copy JOIN pg_stat_activity USING (pid)
WHERE application_name = %s AND command = 'COPY FROM'
