"""What is wrong with the server, or the role (H10 to H16), is seen before the first touch."""

import contextlib
import re
import socket

import pytest
from checkout import PASSWORD


def test_h10_no_server_wrong_password_unknown_role_unknown_host(backscope):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
        for change, said, mend in (
            ({"POSTGRES_PORT": port}, "Connection refused", "pg_isready -h"),
            ({"POSTGRES_PASSWORD": "wrong"}, "password authentication failed", "/.env"),
            ({"POSTGRES_USER": "stranger"}, 'failed for user "stranger"', "CREATE ROLE"),
            ({"POSTGRES_HOST": "nowhere.invalid"}, "could not translate host name", "/.env"),
        ):
            backscope.write_env(**change)
            action = "rebuild" if "POSTGRES_PORT" in change else "clear"
            error = backscope.refused(action).err
            assert said in error
            assert mend in error
            assert len(error.splitlines()) <= 5, error
    backscope.write_env()
    error = backscope.refused("clear", POSTGRES_PASSWORD="wrong").err
    assert "unset POSTGRES_PASSWORD" in error


@pytest.mark.slow
def test_h10_a_maintenance_database_that_is_closed(backscope, postgres):
    postgres.sql("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
    try:
        error = backscope.refused("rebuild", "--confirm", backscope.name).err
        assert "cannot open the maintenance database postgres" in error
        assert backscope.run("clear", **backscope.fast).code == 0
    finally:
        postgres.sql("GRANT CONNECT ON DATABASE postgres TO PUBLIC")


def test_h11_sessions_in_the_way(backscope):
    with contextlib.closing(backscope.as_scope()) as session:
        pid = session.info.backend_pid
        query = f"SELECT client_port FROM pg_stat_activity WHERE pid = {pid}"
        ((port,),) = backscope.postgres.sql(query)
        error = backscope.refused("rebuild", "--confirm", backscope.name).err
        told = rf"pid {pid} on {backscope.name}: role scope, idle since \d{{4}}-.*port {port}"
        assert re.search(told, error)
        assert f"lsof -nP -iTCP:{port}" in error
        assert "make db-rebuild FORCE=1" in error
        assert "make db-rebuild KEEP=1 FORCE=1" in backscope.refused("rebuild", "--keep").err
        force = ["--confirm", backscope.name, "--force"]
        result = backscope.run("rebuild", *force, **backscope.fast)
        assert result.code == 0, result
        assert result.trace[0] == f"dropdb --force {backscope.name}"
        assert "Ended, so restart Backscope" in result.out
        assert f"pid {pid} on" in result.out.split("Ended")[1]


@pytest.mark.slow
def test_h11_sessions_that_the_role_may_not_end(backscope):
    with contextlib.closing(backscope.postgres.connect(backscope.name)):
        error = backscope.refused("rebuild", "--confirm", backscope.name, "--force").err
        assert "scope may not end it" in error
        assert "pg_terminate_backend(" in error


def test_h12_a_lock_in_the_way(backscope):
    with contextlib.closing(backscope.as_scope()) as holder:
        holder.autocommit = False
        holder.cursor().execute("SELECT * FROM sequences")
        error = backscope.refused("clear").err
        locks = f"pid {holder.info.backend_pid} locks sequences: role scope, idle in transaction"
        assert locks in error
        assert "make db-clear FORCE=1" in error
        assert backscope.run("clear", "A1").code == 0  # a reader does not stop it
        holder.cursor().execute("LOCK TABLE sequences")
        assert "make db-clear SEQ=A000002 FORCE=1" in backscope.refused("clear", "A2").err
        result = backscope.run("clear", "--force")
        assert result.code == 0, result
        assert [call.split()[0] for call in result.trace] == ["psql", "flask"]
    assert backscope.sql("SELECT * FROM sequences") == []


@pytest.mark.slow
def test_h12_a_lock_that_comes_later_does_not_hang(backscope):
    """The lock is taken when all was looked at, and the command has not begun."""
    admin = " ".join(f"{k}='{backscope.postgres.variables[k]}'" for k in ("PGUSER", "PGPASSWORD"))
    lock = (
        f"PATH=$REAL_PATH; cd {backscope.folder.parent}; rm -f held; mkfifo held;"
        f" {admin} PGAPPNAME=holder psql -qX {backscope.name}"
        " -c 'BEGIN; LOCK TABLE sequences' -c '\\! echo >held' -c 'SELECT pg_sleep(60)' "
        ">/dev/null 2>&1 & read line <held"
    )
    for action in (["clear", "A1"], ["clear"]):
        program = "psql*DELETE*" if len(action) > 1 else "flask*"
        result = backscope.run(*action, SHELL_BEFORE=program, DO=lock)
        assert result.code == 1, result  # the lock hides whether anything was changed
        assert "lock timeout" in result.out
        assert len(result.trace) == 1
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        backscope.sql(f"{ended} WHERE application_name = 'holder'")
    assert len(backscope.sql("SELECT * FROM sequences")) == 3


@pytest.mark.slow
def test_h13_h14_a_role_that_may_not_create_or_does_not_own(backscope, role):
    backscope.write_env(POSTGRES_USER=role)
    for action in (["rebuild", "--confirm", backscope.name], ["rebuild", "--keep"]):
        error = backscope.refused(*action).err
        assert f"{backscope.name} is owned by scope" in error
        assert f'OWNER TO "{role}"' in error
        assert f'ALTER ROLE "{role}" CREATEDB' in error
    backscope.postgres.sql(f"ALTER DATABASE {backscope.name} OWNER TO {role}")
    error = backscope.refused("rebuild", "--keep").err
    assert "CREATEDB" in error
    assert "is owned by" not in error


@pytest.mark.slow
def test_h15_a_role_that_may_not_create_tables(backscope, role):
    if backscope.postgres.sql("SHOW server_version_num")[0][0] < "150000":
        backscope.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for table in ("sequences", "searches", '"user"', "alembic_version"):
        backscope.sql(f"ALTER TABLE {table} OWNER TO {role}")
    backscope.write_env(POSTGRES_USER=role)
    said = f"The role {role} may not create tables in {backscope.name}"
    assert said in backscope.refused("clear").err
    assert said in backscope.run("status").out


@pytest.mark.slow
def test_h15_tables_of_another_role(backscope):
    backscope.sql('ALTER TABLE "user" OWNER TO postgres')
    backscope.sql("ALTER SCHEMA public OWNER TO postgres; GRANT CREATE ON SCHEMA public TO scope")
    assert "The role scope does not own user" in backscope.run("status").out
    assert "must be owner of table user" in backscope.unchanged("clear").out
    backscope.sql("ALTER SCHEMA public OWNER TO scope")  # whose owner may drop what is in there
    assert "A clear      could run" in backscope.run("status").out
    assert backscope.run("clear").code == 0


def test_h15_a_table_of_another_role_that_is_in_no_model(backscope):
    backscope.sql("CREATE TABLE audit (x int)")
    backscope.sql("ALTER SCHEMA public OWNER TO postgres; GRANT CREATE ON SCHEMA public TO scope")
    assert "A clear      could run" in backscope.run("status").out
    said = "may still hold rows in audit ?: not in the models; gone: sequences 3."
    assert said in backscope.run("clear").err  # that cannot be seen, so it is not denied


@pytest.mark.slow
def test_h16_a_session_on_template1(backscope):
    with contextlib.closing(backscope.postgres.connect("template1")) as session:
        for verb in (["rebuild", "--confirm", backscope.name], ["rebuild", "--keep"]):
            error = backscope.refused(*verb).err
            assert "template1 is in use" in error
            assert f"pg_terminate_backend({session.info.backend_pid})" in error


@pytest.mark.slow
def test_h16_a_template1_of_another_system(backscope):
    sql = backscope.postgres.sql
    if sql("SHOW server_version_num")[0][0] < "150000":
        pytest.skip("PostgreSQL records no collation version of a database before 15")
    sql("UPDATE pg_database SET datcollversion = '0.1' WHERE datname = 'template1'")
    try:
        error = backscope.refused("rebuild", "--confirm", backscope.name).err
        assert "REFRESH COLLATION VERSION" in error
    finally:
        sql("UPDATE pg_database SET datcollversion = NULL WHERE datname = 'template1'")


@pytest.mark.slow
def test_h16_a_template1_that_is_no_template(backscope, postgres):
    postgres.sql("ALTER DATABASE template1 IS_TEMPLATE false")
    try:
        error = backscope.refused("rebuild", "--confirm", backscope.name).err
        assert "IS_TEMPLATE true" in error
    finally:
        postgres.sql("ALTER DATABASE template1 IS_TEMPLATE true")


@pytest.mark.slow
def test_no_database_to_clear(fresh):
    error = fresh.refused("clear").err
    assert "There is no database" in error
    assert "make db-rebuild # sets it up" in error


@pytest.mark.slow
def test_h23_a_database_that_was_half_dropped(backscope, postgres):
    """PostgreSQL marks it by datconnlimit -2 from 15.4 on, and lets nobody in."""
    postgres.sql(f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{backscope.name}'")
    assert "an interrupted dropdb left" in backscope.refused("clear").err
    assert "there is nothing to keep" in backscope.refused("rebuild", "--keep").err
    result = backscope.run("rebuild", "--confirm", backscope.name, **backscope.fast)
    assert result.code == 0, result


@pytest.mark.slow
def test_a_database_that_lets_nobody_in_can_be_rebuilt(backscope, postgres):
    postgres.sql(f"REVOKE CONNECT ON DATABASE {backscope.name} FROM PUBLIC, scope")
    assert "permission denied for database" in backscope.refused("clear").err
    result = backscope.run("rebuild", "--confirm", backscope.name, **backscope.fast)
    assert result.code == 0, result


@pytest.mark.slow
def test_a_connection_limit_that_is_reached(backscope, postgres):
    postgres.sql("ALTER ROLE scope CONNECTION LIMIT 1")
    try:
        error = backscope.refused("clear").err
        assert "too many connections for role" in error
        assert 'ALTER ROLE "scope" CONNECTION LIMIT -1' in error
        admin = {name: postgres.variables[name] for name in ("PGUSER", "PGPASSWORD", "PGDATABASE")}
        words = " ".join(f"{name}='{value}'" for name, value in admin.items())
        postgres.sql("ALTER ROLE scope CONNECTION LIMIT 3")
        result = backscope.run(  # it is reached in the middle
            "rebuild", "--keep", SHELL_BEFORE="createdb*",
            DO=f"{words} psql -qXc 'ALTER ROLE scope CONNECTION LIMIT 1'",
        )  # fmt: skip
        assert result.code == 1, result
        assert "too many connections for role" in result.out
        assert "Done before: psql" in result.err
    finally:
        postgres.sql("ALTER ROLE scope CONNECTION LIMIT -1")
    assert backscope.run("undo").code == 0
    assert len(backscope.sql("SELECT * FROM sequences")) == 3
    assert PASSWORD not in result.all
