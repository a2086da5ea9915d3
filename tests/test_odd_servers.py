"""What a server, a role or an environment may be set to: none of it leads astray or hangs."""

import contextlib
from types import SimpleNamespace

import psycopg2
import pytest
from checkout import edit
from facts_of import database_of, facts_of, settings_of

from resetting import building, server
from resetting.facts import Looks


@pytest.fixture
def setting(backscope):
    """Give what sets a parameter for the role, until the test ends."""

    def change(name, value):
        backscope.postgres.sql(f"ALTER ROLE scope SET {name} = {value}")

    yield change
    backscope.postgres.sql("ALTER ROLE scope RESET ALL")


def test_h39_the_address_that_answered_is_the_only_one_from_then_on(backscope, mocker):
    """A name may have two of them, with a server at each."""
    dotenv = {**backscope.settings, "POSTGRES_HOST": "localhost"}
    settings = settings_of(checkout=backscope.folder, **dotenv)
    with contextlib.closing(server.Server(settings)) as one:
        assert one.settings.address == "127.0.0.1"
        assert one.settings.for_children()["PGHOSTADDR"] == "127.0.0.1"
        connect = mocker.spy(psycopg2, "connect")
        one.look(Looks(pairs=True))
        assert {call.kwargs["hostaddr"] for call in connect.call_args_list} == {"127.0.0.1"}
    assert server.Server(settings_of(POSTGRES_PORT="1")).settings.address == ""


def test_h41_a_question_may_stay_open_as_long_as_it_takes(backscope, setting):
    if backscope.postgres.sql("SHOW server_version_num")[0][0] < "140000":
        pytest.skip("PostgreSQL before 14 ends no idle session")
    setting("idle_session_timeout", "'1s'")
    settings = settings_of(checkout=backscope.folder, **backscope.settings)
    with contextlib.closing(server.Server(settings)) as one:
        query = "SHOW idle_session_timeout"
        assert server.rows(one.connection, query) == [{"idle_session_timeout": "0"}]


def test_a_role_whose_statements_may_not_last(backscope, setting):
    setting("statement_timeout", "'1ms'")
    result = backscope.run("rebuild", "--carry")
    assert result.code == 0, result
    assert "carried over: sequences 3" in result.out


def test_a_role_that_becomes_another_is_named(backscope, setting):
    backscope.postgres.sql("CREATE ROLE team; GRANT team TO scope")
    try:
        setting("role", "team")
        for words in (["rebuild", "--keep"], ["clear"], ["undo"]):
            error = backscope.refused(*words).err
            assert "The role scope becomes team as soon as it connects" in error
            assert """'ALTER ROLE "scope" RESET role'""" in error
    finally:
        backscope.postgres.sql("DROP ROLE team")


def test_no_standby_is_waited_for(backscope):
    """With a name that none has, each commit of by hand would wait for ever."""
    alter = "ALTER SYSTEM SET synchronous_standby_names ="
    reload = "SELECT pg_reload_conf()"
    admin = {"options": "-c synchronous_commit=local"}
    backscope.postgres.sql(f"{alter} 'none'", **admin)
    backscope.postgres.sql(reload, **admin)
    try:
        result = backscope.run("rebuild", "--keep", **backscope.fast)
        assert result.code == 0, result
    finally:
        backscope.postgres.sql(f"{alter} ''", **admin)
        backscope.postgres.sql(reload, **admin)


def test_h54_files_and_names_that_python_cannot_read(backscope):
    deep = "revision = " + " + ".join(["'x'"] * 50_000)
    (backscope.folder / "migrations.~4~/versions").mkdir(parents=True)
    (backscope.folder / "migrations.~4~/versions/deep.py").write_text(deep)
    result = backscope.run("status", GIT_DIR="/tmp/caf\udce9")
    assert result.code == 0, result  # a Python before 3.11 can read it


def test_h52_a_password_that_only_libpq_has_is_masked():
    settings = settings_of(POSTGRES_PASSWORD="", PGPASSWORD="s3cretPw")
    assert settings.mask("no connection with s3cretPw") == "no connection with ***"


def test_migrations_of_a_template_are_not_left_over(kept):
    name, only = f"{kept.name}_template", "fedcba987654"  # no other database records that
    kept.sql(f"UPDATE alembic_version SET version_num = '{only}'", database=f"{kept.name}.~1~")
    (file,) = (kept.folder / "migrations.~1~/versions").glob("*.py")
    file.write_text(f"revision = '{only}'\n")
    kept.postgres.sql(f'ALTER DATABASE "{kept.name}.~1~" RENAME TO {name}')
    kept.postgres.sql(f"ALTER DATABASE {name} IS_TEMPLATE true")
    try:
        assert "Left over" not in kept.run("status").out
    finally:
        kept.postgres.sql(f"ALTER DATABASE {name} IS_TEMPLATE false")
    kept.postgres.sql(f"DROP DATABASE {name}")
    assert "Left over    migrations.~1~" in kept.run("status").out


def test_h20_the_tables_of_models_with_a_schema_and_of_binds_are_theirs(backscope):
    """They would be called others' else, which a clear leaves and asks nothing about."""
    app = backscope.folder / "flaskr/__init__.py"
    edit(app, "db = SQLAlchemy()", "import sqlalchemy\n"
         "db = SQLAlchemy(metadata=sqlalchemy.MetaData(schema='public'))")  # fmt: skip
    models = backscope.folder / "flaskr/nscope/models.py"
    with models.open("a") as file:
        file.write("\n\nclass Note(db.Model):\n    __bind_key__ = 'notes'\n"
                   "    id = db.Column(db.Integer, primary_key=True)\n")  # fmt: skip
    config = backscope.folder / "flaskr/config.py"
    edit(config, '    SECRET_KEY', "    SQLALCHEMY_BINDS = {'notes': SQLALCHEMY_DATABASE_URI}\n"
         "    SECRET_KEY")  # fmt: skip
    backscope.sql("CREATE TABLE note (id int); ALTER TABLE note OWNER TO scope;"
                  "INSERT INTO note VALUES (1); CREATE TABLE stray AS SELECT 1 AS one;"
                  "ALTER TABLE stray OWNER TO scope")  # fmt: skip
    elsewhere = {"POSTGRES_USER": "scope", "APP_ENVIRONMENT": "development"}
    backscope.write_env(POSTGRES_DB="another")
    result = backscope.refused("clear", POSTGRES_DB=backscope.name, **elsewhere)
    assert "Stays        stray 1: not in the models" in result.out
    assert "This clears all the stored data of" in result.out
    assert ": note 1, sequences 3." in result.out
    result = backscope.run("rebuild", "--carry", POSTGRES_DB=backscope.name)
    assert result.code == 0, result
    assert "carried over: sequences 3" in result.out


def test_what_somebody_changes_elsewhere_does_not_deny_that_all_is_as_before(backscope):
    other = f"{backscope.name}_other"
    backscope.postgres.sql(f"CREATE DATABASE {other} TEMPLATE model OWNER scope")
    versions = backscope.folder / "migrations.~9~/versions"
    versions.mkdir(parents=True)
    (versions / "x.py").write_text("revision = 'nobodys'\n")
    update = "UPDATE alembic_version SET version_num = 'abc'"
    before = backscope.mine()
    result = backscope.run(
        "rebuild", "--keep", FAIL="flask db upgrade", SHELL_BEFORE="flask db migrate",
        DO=f"PGDATABASE={other} psql -c \"{update}\"", **backscope.fast,
    )  # fmt: skip
    assert result.code == 1, result
    assert "Everything is as it was before." in result.err
    assert backscope.mine() == before


def test_h39_a_list_of_sockets_is_refused(backscope):
    backscope.write_env(POSTGRES_HOST="")
    error = backscope.refused("clear", PGHOST="/run/a,/run/b").err
    assert "PGHOST names several servers" in error


def test_h33_libc_stays_where_the_server_has_icu():
    old = database_of(locale=("C.UTF-8", "C.UTF-8", "c", ""))
    icu = database_of("template1", locale=("C.UTF-8", "C.UTF-8", "i", "und"))
    assert building.locale_options(facts_of(database=old, template=icu)) == [
        "-E", "UTF8", "-l", "C.UTF-8", "--locale-provider=libc", "-T", "template0"]  # fmt: skip


def test_what_alembic_and_sequences_may_not_be_is_no_failure_of_the_tool(backscope):
    """Result looks for one."""
    backscope.sql("DELETE FROM sequences; ALTER TABLE sequences ALTER id TYPE int USING 1")
    backscope.sql("INSERT INTO sequences (id, shift, values_requested) VALUES (5, 0, true)")
    assert "Stuck        5 requested" in backscope.run("status").out
    assert "1 un-flagged: 5" in backscope.run("unflag").out
    for change in ("ALTER version_num TYPE bigint USING 7", "RENAME version_num TO vn"):
        backscope.sql(f"ALTER TABLE alembic_version {change}")
        assert backscope.run("status").code == 0


def test_rows_in_a_table_of_an_extension_are_not_lost_unasked(backscope):
    backscope.sql("DELETE FROM sequences; CREATE TABLE jobs AS SELECT 1 AS one")
    backscope.sql("ALTER TABLE jobs OWNER TO scope; ALTER EXTENSION plpgsql ADD TABLE jobs")
    result = backscope.refused("rebuild")
    assert "no rows, 1 extension table." in result.out
    result = backscope.run("rebuild", "--keep", **backscope.fast)
    assert result.code == 0, result
    kept = f"{backscope.name}.~1~"
    assert backscope.sql("SELECT * FROM jobs", database=kept) == [(1,)]
    backscope.sql("ALTER EXTENSION plpgsql DROP TABLE jobs", database=kept)


def test_h39_of_a_unix_socket_the_folder_is_pinned_as_libpq_chose_it(mocker):
    connection = mocker.Mock(info=SimpleNamespace(host="/run/here"))
    with contextlib.ExitStack() as stack:
        left, _ = map(stack.enter_context, server.socket.socketpair())
        connection.fileno.return_value = left.fileno()
        assert server.reached(connection, settings_of(host="")).host == "/run/here"
        assert server.reached(connection, settings_of(host="/a,/run/here")).host == "/run/here"
