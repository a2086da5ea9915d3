"""H33, H34, H39, H45 to H47: what the server really is, and what is really in it."""

import contextlib
import socket
import struct
import threading
from pathlib import Path

import psycopg2
import pytest
from checkout import PASSWORD, Postgres, throwaway

ENCODING = "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = '{}'"

# ------------------------------------------------------------ H33: encoding and locale


def test_h33_the_encoding_and_locale_of_the_old_database_are_kept(backscope):
    name = backscope.name
    backscope.drop()
    backscope.postgres.sql(
        f"CREATE DATABASE {name} OWNER scope ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    )
    for action in (["rebuild"], ["rebuild", "--keep"]):
        result = backscope.run(*action, **backscope.fast)
        assert result.code == 0, result
        assert f"createdb -E LATIN1 -l C -T template0 {name}" in result.trace
        assert backscope.postgres.sql(ENCODING.format(name)) == [("LATIN1", "C")]


@pytest.fixture
def ascii_template(postgres):
    """Let template1 be SQL_ASCII, as on a server that was made without a locale."""
    change = "UPDATE pg_database SET encoding = {} WHERE datname = 'template1'"
    postgres.sql(change.format(0))
    yield
    postgres.sql(change.format(6))


@pytest.mark.slow
def test_h33_a_first_database_is_utf8(fresh, backscope, ascii_template):
    backscope.drop()
    result = fresh.run("rebuild", **fresh.fast)
    assert result.code == 0, result
    assert fresh.postgres.sql(ENCODING.format(fresh.name)) == [("UTF8", "C")]
    fresh.fill()
    fresh.sql("UPDATE sequences SET name = 'Möbius'")
    result = fresh.run("rebuild", "--confirm", fresh.name, **fresh.fast)
    assert result.code == 0, result
    assert fresh.postgres.sql(ENCODING.format(fresh.name)) == [("UTF8", "C")]


# ------------------------------------------------------------ H34: a pooler in between


def message(stream):
    """Give the start of a connection, after every wish for encryption was denied."""
    while True:
        size, code = struct.unpack("!II", stream.recv(8, socket.MSG_WAITALL))
        body = stream.recv(size - 8, socket.MSG_WAITALL) if size > 8 else b""
        if code == 196608:
            return dict(zip(*[iter(body.rstrip(b"\0").split(b"\0"))] * 2))
        stream.sendall(b"N")


def refuse_options(stream, postgres):
    """Answer like PgBouncer."""
    message(stream)
    text = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
    stream.sendall(b"E" + struct.pack("!I", len(text) + 4) + text)


def drop_options(stream, postgres):
    """Answer like PgBouncer with `ignore_startup_parameters = options`."""
    given = message(stream)
    given.pop(b"options", None)
    body = b"".join(b"%s\0%s\0" % pair for pair in given.items()) + b"\0"
    with socket.create_connection((postgres.host, int(postgres.port))) as server:
        server.sendall(struct.pack("!II", len(body) + 8, 196608) + body)
        threading.Thread(target=pump, args=(server, stream), daemon=True).start()
        pump(stream, server)


def pump(one, other):
    """Hand on all that comes."""
    with contextlib.suppress(OSError):
        while True:
            data = one.recv(65536)
            if not data:
                break
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("answer", [refuse_options, drop_options])
def test_h34_a_pooler_is_named(backscope, answer):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    stream = listening.accept()[0]
                    threading.Thread(target=one, args=(stream,), daemon=True).start()

        def one(stream):
            with stream, contextlib.suppress(OSError, struct.error):
                answer(stream, backscope.postgres)

        threading.Thread(target=serve, daemon=True).start()
        port = str(listening.getsockname()[1])
        backscope.write_env(POSTGRES_PORT=port)
        for action in (["clear"], ["rebuild", "--keep"]):
            error = backscope.refused(*action).err
            assert "A connection pooler such as PgBouncer answers at" in error
            assert "POSTGRES_PORT=" in error
        assert backscope.run("status").code == 2
        listening.shutdown(socket.SHUT_RDWR)


# ------------------------------------------------------------ H39: two socket folders


def default_folder():
    """Give the socket folder that psycopg2 was built with."""
    try:
        psycopg2.connect(port=1)
    except psycopg2.OperationalError as error:
        return Path(str(error).partition('"')[2].partition("/.s.PGSQL")[0])


@pytest.mark.slow
def test_h39_two_socket_folders_with_a_server_in_each(backscope, tmp_path):
    """The client programs look in another folder than psycopg2, where another server answers."""
    name, port = backscope.name, backscope.postgres.port
    ours = default_folder() / f".s.PGSQL.{port}"
    try:
        ours.symlink_to(Path(backscope.postgres.variables["PG_SOCKET_DIR"]) / f".s.PGSQL.{port}")
    except OSError as error:
        pytest.skip(f"the default socket folder is not ours to use: {error}")
    try:
        with throwaway() as variables:
            twin = Postgres(variables)
            twin.sql(f"CREATE ROLE scope LOGIN CREATEDB PASSWORD '{PASSWORD}'")
            twin.sql(f"CREATE DATABASE {name} OWNER scope")
            before = twin.databases()
            socket_of_twin = Path(variables["PG_SOCKET_DIR"]) / f".s.PGSQL.{twin.port}"
            (tmp_path / f".s.PGSQL.{port}").symlink_to(socket_of_twin)
            do = f'PATH=$REAL_PATH PGHOST=${{PGHOST:-{tmp_path}}} "$name" "$@"'
            backscope.write_env(POSTGRES_HOST="")
            oid = backscope.mine()[name]
            result = backscope.run(
                "rebuild", "--confirm", name, INSTEAD=f"*db {name}", DO=do, **backscope.fast
            )
            assert result.code == 0, result
            assert backscope.mine()[name] != oid
            assert twin.databases() == before
    finally:
        ours.unlink()


# ------------------------------------------------------------ H45, H46: what is kept


@pytest.mark.slow
def test_h45_an_empty_database_is_nothing_to_keep(backscope):
    before = backscope.sql("SELECT * FROM sequences")
    process = backscope.start("rebuild", "--keep", KILL_AFTER="flask db init", **backscope.fast)
    process.communicate()
    assert process.returncode == -9
    result = backscope.run("rebuild", "--keep", **backscope.fast)
    assert result.code == 0, result
    assert set(backscope.mine()) == {backscope.name, f"{backscope.name}.~1~"}
    assert backscope.run("undo").code == 0
    assert backscope.sql("SELECT * FROM sequences") == before


@pytest.mark.parametrize("fault", ["invalid", "another's"])
def test_h46_both_databases_of_a_swap_are_looked_at(kept, role, fault):
    name = f"{kept.name}.~1~"
    if fault == "invalid":
        change = f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{name}'"
    else:
        change = f'ALTER DATABASE "{name}" OWNER TO {role}'
    kept.postgres.sql(change)
    try:
        assert f"{name} is " in kept.refused("undo", "--force").err
    finally:
        kept.postgres.sql(f"UPDATE pg_database SET datconnlimit = -1 WHERE datname = '{name}'")
        kept.postgres.sql(f'ALTER DATABASE "{name}" OWNER TO scope')


# ------------------------------------------------------------ H47: success is seen


@pytest.mark.slow
def test_h47_a_clear_that_does_nothing_is_no_success(backscope):
    result = backscope.unchanged("clear", INSTEAD="flask*", DO="true")
    assert "Backscope took no action." in result.err
    backscope.sql('DROP TABLE sequences, searches, "user"')
    result = backscope.unchanged("clear", INSTEAD="flask*", DO="true")
    assert "Backscope took no action." in result.err
    backscope.sql("DROP TABLE alembic_version")
    assert "its rebuild is unfinished" in backscope.refused("clear").err


def test_h47_rows_that_a_policy_hides(backscope):
    backscope.sql("ALTER TABLE sequences OWNER TO scope")
    backscope.sql(
        "ALTER TABLE sequences ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        "CREATE POLICY none ON sequences USING (false)"
    )
    for action in (["clear", "A1"], ["unflag"]):
        result = backscope.run(*action)
        assert result.code == 2, result
        assert len(backscope.sql("SELECT * FROM sequences")) == 3
        assert "row-level security" in result.err


def test_h47_what_else_is_in_a_database(backscope):
    """Views and their like are lost with it, and a clear fails at what they need."""
    backscope.sql("CREATE VIEW v AS SELECT id FROM sequences; SELECT lo_from_bytea(0, 'x')")
    backscope.sql("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE s")
    backscope.sql("CREATE SCHEMA no; CREATE TABLE no.t (id text REFERENCES sequences, v int)")
    backscope.sql("CREATE MATERIALIZED VIEW mv AS SELECT 1 AS one; ALTER TABLE mv OWNER TO scope")
    backscope.sql("CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    backscope.sql("ALTER EXTENSION plpgsql ADD FUNCTION g()")  # which comes again with it
    result = backscope.refused("clear")
    assert "1 view, 1 sequence generator, 1 large object, 1 function" in result.out
    assert "tables that are needed by v." in result.err
    said = backscope.run("status").out
    assert "needed by no.t, v." in said
    assert "a clear would leave mv 1" in said
    backscope.sql("DROP VIEW v; DROP SCHEMA no CASCADE; DROP MATERIALIZED VIEW mv")
    backscope.sql("ALTER EXTENSION plpgsql DROP FUNCTION g(); DROP FUNCTION g")
    backscope.sql('DELETE FROM sequences; DELETE FROM searches; DELETE FROM "user"')
    result = backscope.refused("rebuild")  # it asks, and nobody answers
    assert "no rows, 1 sequence generator, 1 large object, 1 function." in result.out


def test_h15_a_role_without_rights_on_the_rows(backscope):
    backscope.sql("ALTER TABLE sequences OWNER TO postgres; REVOKE ALL ON sequences FROM scope")
    assert "GRANT SELECT, UPDATE, DELETE ON sequences" in backscope.refused("clear", "A1").err


@pytest.mark.slow
def test_h47_rows_behind_a_lock(backscope):
    """FORCE=1 ends who holds it; until then nobody can say what is cached."""
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("LOCK TABLE sequences")
        result = backscope.run("clear", "A1", "--force")
    assert result.code == 0, result
    assert len(backscope.sql("SELECT * FROM sequences")) == 2


@pytest.mark.slow
def test_h47_the_schema_that_flask_uses(backscope):
    backscope.sql(
        "CREATE SCHEMA mine AUTHORIZATION scope; ALTER TABLE sequences SET SCHEMA mine;"
        f"ALTER ROLE scope IN DATABASE {backscope.name} SET search_path = mine, public"
    )
    result = backscope.run("clear", "A1")
    assert result.code == 0, result
    assert "1 forgotten: A000001" in result.out


def test_h47_all_that_can_hold_rows_is_looked_at(backscope):
    backscope.sql(
        "CREATE MATERIALIZED VIEW filled AS SELECT 1 AS one; CREATE SCHEMA far;"
        "CREATE TABLE far.away AS SELECT 1 AS one; ALTER TABLE far.away OWNER TO scope;"
        "ALTER MATERIALIZED VIEW filled OWNER TO scope; GRANT USAGE ON SCHEMA far TO scope"
    )
    result = backscope.run("clear", **backscope.fast)
    assert result.code == 1, result
    assert f"{backscope.name} still holds rows in far.away 1, filled 1" in result.err


@pytest.mark.slow
def test_h47_a_template_that_brings_rows(fresh):
    fresh.sql("CREATE TABLE stray AS SELECT 1 AS one", database="template1")
    fresh.sql("GRANT SELECT ON stray TO scope", database="template1")
    try:
        result = fresh.run("rebuild", **fresh.fast)
        assert result.code == 1, result
        assert f"{fresh.name} is not empty: template1 brought stray 1." in result.err
    finally:
        fresh.sql("DROP TABLE stray", database="template1")
