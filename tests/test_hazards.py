"""One test or more for each hazard: what goes wrong by hand is refused, or handled.

`refused` proves that nothing was changed: databases, rows and files before and after.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psycopg2
import pytest
from conftest import PASSWORD, ROOT

ACTIONS = [["clear"], ["rebuild"], ["rebuild", "--keep"], ["undo"], ["unflag"]]


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# ------------------------------------------------------------ H1, H2: the environment


@pytest.mark.parametrize("action", ACTIONS)
def test_h1_no_environment_active(backscope, action, monkeypatch):
    system = Path(sys.base_prefix) / "bin" / "python3"
    monkeypatch.setattr(
        backscope, "argv", lambda *words: [str(system), str(ROOT / "backscope_reset.py"), *words]
    )
    error = backscope.refused(*action).err
    assert "No virtual environment is active." in error
    assert "source .venv/bin/activate" in error


def test_h1_an_environment_without_flask(backscope, recorders, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(backscope.venv, other, symlinks=True)
    (other / "bin/flask").unlink()
    monkeypatch.setattr(backscope, "venv", other)
    system = tmp_path / "system"  # the system has a flask, which would record its call
    system.mkdir()
    shutil.copy(recorders / "psql", system / "flask")
    path = os.pathsep.join([str(system), backscope.environ["PATH"]])
    assert "has no flask" in backscope.refused("clear", PATH=path).err


def test_h1_an_environment_that_was_moved(backscope, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(backscope.venv, other, symlinks=True)
    (other / "bin/flask").write_text(f"#!{backscope.venv}/bin/python\n")
    monkeypatch.setattr(backscope, "venv", other)
    assert "was moved or copied" in backscope.refused("rebuild", "--confirm", backscope.name).err


def test_h1_what_the_tool_needs_is_missing(backscope, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(backscope.venv, other, symlinks=True)
    next(other.glob("lib/python3*/site-packages/real.pth")).unlink()
    monkeypatch.setattr(backscope, "venv", other)
    error = backscope.refused("clear").err
    assert "lacks sh" in error
    assert "pip install -r" in error


def test_h2_another_projects_environment(backscope):
    edit(
        backscope.folder / "flaskr/nscope/views.py",
        "from flask import",
        "import sympyx\nfrom flask import",
    )
    for action in (["clear"], ["rebuild", "--confirm", backscope.name]):
        error = backscope.refused(*action).err
        assert "sympyx is missing in the environment" in error
        assert str(backscope.venv) in error


# ------------------------------------------------------------ H3 to H9: the settings


@pytest.mark.parametrize("action", ACTIONS)
def test_h3_no_dotenv(backscope, action):
    (backscope.folder / ".env").rename(backscope.folder.parent / ".env")  # a parent's
    error = backscope.refused(*action).err
    assert "There is no .env in" in error
    assert "cp " in error


@pytest.mark.parametrize("name", [None, "", "postgres", "template0", "template1"])
def test_h4_no_name_or_the_servers_own(backscope, name):
    backscope.write_env(POSTGRES_DB=name)
    before = backscope.postgres.databases()
    for action in (["clear"], ["rebuild"], ["rebuild", "--confirm", name or ""]):
        assert "POSTGRES_DB is" in backscope.refused(*action).err
    assert backscope.postgres.databases() == before


def test_h5_the_environment_wins_and_is_shown(backscope):
    other = backscope.name + "_other"
    backscope.postgres.sql(f"CREATE DATABASE {other} TEMPLATE model OWNER scope")
    error = backscope.refused("clear", "--confirm", backscope.name, POSTGRES_DB=other).err
    assert f"CONFIRM is {backscope.name}, but the target is {other}." in error
    result = backscope.refused("clear", POSTGRES_DB=other)  # it asks, and nobody answers
    assert f"POSTGRES_DB={other} is from the environment; .env says {backscope.name}" in result.out
    assert backscope.run("clear", "--confirm", other, POSTGRES_DB=other).code == 0
    assert len(backscope.sql("SELECT * FROM sequences")) == 3


def test_h6_the_testing_environment(backscope):
    backscope.write_env(APP_ENVIRONMENT="testing", POSTGRES_DISPOSABLE_DB="dis_posable")
    for action in ACTIONS:
        error = backscope.refused(*action).err
        assert "APP_ENVIRONMENT is testing" in error
        assert "POSTGRES_DB=dis_posable" in error


@pytest.mark.parametrize("name", ["staging", "", "Development"])
def test_h7_an_unknown_environment(backscope, name):
    backscope.write_env(APP_ENVIRONMENT=name)
    for action in (["clear"], ["rebuild", "--confirm", backscope.name]):
        error = backscope.refused(*action).err
        assert "is unknown to this Backscope" in error
        assert "development, production, testing" in error


@pytest.mark.parametrize(
    ("variable", "character"),
    [("POSTGRES_DB", "?")]
    + [("POSTGRES_PASSWORD", c) for c in "@/?#%"]
    + [("POSTGRES_USER", c) for c in ":/@"]
    + [("POSTGRES_HOST", c) for c in "/?,"],
)
def test_h8_characters_that_mean_something_in_a_url(backscope, variable, character):
    value = f"xy{character}zzy"
    backscope.write_env(**{variable: value})
    error = backscope.refused("rebuild", "--confirm", value).err
    assert f"{variable} holds a {character}" in error
    if variable == "POSTGRES_PASSWORD":
        assert "xy" not in error.replace("CONFIRM", "")


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ('os.getenv("POSTGRES_DB", "postgres")', '"elsewhere"', "elsewhere on"),
        ('os.getenv("POSTGRES_HOST", "localhost")', '"example.invalid"', "example.invalid:"),
        ('os.getenv("POSTGRES_PORT", 5432)', "5999", ":5999"),
        ('os.getenv("POSTGRES_USER", "postgres")', '"boss"', "as boss"),
        ("{port}/{database}", "{port}/{database}?host=/tmp", "on /tmp:"),
    ],
)
def test_h9_flask_opens_another_database(backscope, old, new, shown):
    edit(backscope.folder / "flaskr/config.py", old, new)
    for action in (["clear"], ["rebuild", "--confirm", backscope.name]):
        error = backscope.refused(*action).err
        assert "Flask would open" in error
        assert shown in error
        assert f"say {backscope.name} on" in error


@pytest.mark.parametrize(
    "line",
    [
        'app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://x@127.0.0.1:1/elsewhere"',
        'app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"connect_args": {"dbname": "elsewhere"}}',
    ],
)
def test_h9_the_app_overrides_its_configuration(backscope, line):
    edit(backscope.folder / "flaskr/__init__.py", "    db.init_app", f"    {line}\n    db.init_app")
    for action in (["clear"], ["rebuild", "--confirm", backscope.name]):
        assert "Flask would open elsewhere" in backscope.refused(*action).err


def test_h9_another_app_by_flask_app(backscope):
    (backscope.folder / "other.py").write_text(
        "from flaskr import config, create_app\n"
        "config['development'].SQLALCHEMY_DATABASE_URI = 'postgresql+psycopg2:///elsewhere'\n"
        "app = create_app()\n"
    )
    assert "Flask would open elsewhere" in backscope.refused("clear", FLASK_APP="other").err


# ------------------------------------------------------------ H10 to H16: the server


def test_h10_no_server_wrong_password_unknown_role_unknown_host(backscope):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
        for change, said in (
            ({"POSTGRES_PORT": port}, "Connection refused"),
            ({"POSTGRES_PASSWORD": "wrong"}, "password authentication failed"),
            ({"POSTGRES_USER": "stranger"}, 'password authentication failed for user "stranger"'),
            ({"POSTGRES_HOST": "nowhere.invalid"}, "could not translate host name"),
        ):
            backscope.write_env(**change)
            action = "rebuild" if "POSTGRES_PORT" in change else "clear"
            error = backscope.refused(action).err
            assert said in error
            assert len(error.splitlines()) <= 4, error


def test_h11_sessions_in_the_way(backscope):
    with contextlib.closing(backscope.as_scope()) as session:
        pid = session.info.backend_pid
        error = backscope.refused("rebuild", "--confirm", backscope.name).err
        assert re.search(rf"pid {pid} on {backscope.name}: role scope, idle since \d{{4}}-", error)
        assert "make db-rebuild FORCE=1" in error
        assert backscope.refused("rebuild", "--keep").code == 2
        force = ["--confirm", backscope.name, "--force"]
        result = backscope.run("rebuild", *force, **backscope.fast)
        assert result.code == 0, result
        assert result.trace[0] == f"dropdb --force {backscope.name}"


def reconnecting(backscope, stop, count):
    """Connect again and again, at once when the session is ended."""
    while not stop.is_set():
        with contextlib.suppress(psycopg2.Error):
            with contextlib.closing(backscope.as_scope()) as client:
                count.append(1)
                while not stop.is_set():
                    with client.cursor() as cursor:
                        cursor.execute("SELECT pg_sleep(0.005)")


@pytest.mark.parametrize("action", ["rebuild", "keep", "undo"])
def test_h11_a_client_that_reconnects_does_not_win_the_race(backscope, action):
    confirm = ["--confirm", backscope.name]
    stub = {"INSTEAD": "flask*", "DO": "exit 4"}  # the race is over by then
    stop, count = threading.Event(), []
    clients = [threading.Thread(target=reconnecting, args=(backscope, stop, count)) for _ in "123"]
    if action == "undo":
        name = backscope.name
        backscope.postgres.sql(f'CREATE DATABASE "{name}.~1~" TEMPLATE model OWNER scope')
    if action != "rebuild":  # the window is too short to be hit each time: see that it is shut
        words = ["undo"] if action == "undo" else ["rebuild", "--keep"]
        out = backscope.run(*words, "--force", "--dry-run").out
        shut, end = "ALLOW_CONNECTIONS false", "SELECT pg_terminate_backend"
        order = "|".join([shut, end, "RENAME", "ALLOW_CONNECTIONS true"])
        found = list(dict.fromkeys(re.findall(order, out)))
        assert found == [shut, end, "RENAME", "ALLOW_CONNECTIONS true"]
    for client in clients:
        client.start()
    try:
        while len(count) < 3:
            stop.wait(0.01)
        if action == "undo":
            oids = backscope.mine()
            result = backscope.run("undo", "--force", *confirm)
            assert result.code == 0, result
            name = backscope.name
            assert backscope.mine() == {name: oids[f"{name}.~1~"], f"{name}.~1~": oids[name]}
        else:
            keep = ["--keep"] if action == "keep" else []
            result = backscope.run("rebuild", *keep, "--force", *confirm, **stub)
            assert result.code == 1, result
            assert f"createdb {backscope.name}" in result.trace
            if keep:
                assert "Everything is as it was before" in result.err
    finally:
        stop.set()
        for client in clients:
            client.join()


def test_h11_sessions_that_the_role_may_not_end(backscope):
    with contextlib.closing(backscope.postgres.connect(backscope.name)):
        error = backscope.refused("rebuild", "--confirm", backscope.name, "--force").err
        assert "the role scope may not end all" in error
        assert "pg_terminate_backend(" in error


def test_h12_a_lock_in_the_way(backscope):
    with contextlib.closing(backscope.as_scope()) as holder:
        holder.autocommit = False
        holder.cursor().execute("SELECT * FROM sequences")
        error = backscope.refused("clear").err
        locks = f"pid {holder.info.backend_pid} locks sequences: role scope, idle in transaction"
        assert locks in error
        assert "make db-clear FORCE=1" in error
        holder.cursor().execute("LOCK TABLE sequences")
        assert 'make db-clear SEQ="A000001" FORCE=1' in backscope.refused("clear", "A1").err
        result = backscope.run("clear", "--force")
        assert result.code == 0, result
        assert [call.split()[0] for call in result.trace] == ["psql", "flask"]
    assert backscope.sql("SELECT * FROM sequences") == []


def test_h12_a_lock_that_comes_later_does_not_hang(backscope):
    with contextlib.closing(backscope.as_scope()) as holder:
        holder.autocommit = False
        process = backscope.start("clear", HANG="flask*")
        with backscope.fifo.open() as fifo:
            child = int(fifo.read())
        holder.cursor().execute("LOCK TABLE sequences")
        os.kill(child, 9)
        assert backscope.finish(process).code == 1
        process = backscope.start("clear", "A1", SHELL_BEFORE="psql*", DO=":")
        error = backscope.finish(process).err
        assert "locks sequences" in error  # seen before; now the backstop itself:
        real = backscope.run("clear", "--force", INSTEAD="psql*", DO="exit 0")
        assert real.code == 1, real
        assert "canceling statement due to lock timeout" in real.out


@pytest.fixture
def role(postgres):
    """Make a role with fewer rights."""
    name = "lesser"
    postgres.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield name
    for database in postgres.databases():
        if database != "template0":
            postgres.sql(f"REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name}", database)
    postgres.sql(f"DROP ROLE {name}")


def test_h13_a_role_that_may_not_create_databases(backscope, role):
    backscope.postgres.sql(f"ALTER DATABASE {backscope.name} OWNER TO {role}")
    backscope.write_env(POSTGRES_USER=role)
    for action in (["rebuild", "--confirm", backscope.name], ["rebuild", "--keep"]):
        error = backscope.refused(*action).err
        assert f'ALTER ROLE "{role}" CREATEDB' in error


def test_h14_a_role_that_does_not_own_the_database(backscope, role):
    backscope.postgres.sql(f"ALTER ROLE {role} CREATEDB")
    backscope.write_env(POSTGRES_USER=role)
    for action in (["rebuild", "--confirm", backscope.name], ["rebuild", "--keep"]):
        error = backscope.refused(*action).err
        assert f"{backscope.name} is owned by scope" in error
        assert f'OWNER TO "{role}"' in error


def test_h15_a_role_that_may_not_create_tables(backscope, role):
    if backscope.postgres.sql("SHOW server_version_num")[0][0] < "150000":
        backscope.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for table in ("sequences", "searches", '"user"', "alembic_version"):
        backscope.sql(f"ALTER TABLE {table} OWNER TO {role}")
    backscope.write_env(POSTGRES_USER=role)
    said = f"The role {role} may not create tables in {backscope.name}"
    assert said in backscope.refused("clear").err
    assert said in backscope.run("status").out


def test_h15_tables_of_another_role(backscope):
    backscope.sql('ALTER TABLE "user" OWNER TO postgres')
    assert "The role scope does not own user" in backscope.refused("clear").err


def test_h16_a_session_on_template1(backscope):
    with contextlib.closing(backscope.postgres.connect("template1")) as session:
        error = backscope.refused("rebuild", "--confirm", backscope.name).err
        assert "template1 is in use" in error
        assert f"pg_terminate_backend({session.info.backend_pid})" in error


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


# ------------------------------------------------------------ H17 to H21: app, folders


def test_h17_the_app_does_not_load(backscope):
    action = ["rebuild"]
    confirm = ["--confirm", backscope.name]
    models = backscope.folder / "flaskr/nscope/models.py"
    text = models.read_text()
    models.write_text(text + "\nclass Broken(\n")
    assert "models.py, line" in backscope.refused(*action, *confirm).err
    models.write_text(text + "\nraise RuntimeError('no idea why')\n")
    error = backscope.refused(*action, *confirm).err
    assert "Backscope does not load: RuntimeError: no idea why" in error
    models.write_text(text + "\nimport os\nos._exit(7)\n")
    assert "Backscope does not load" in backscope.refused(*action, *confirm).err
    models.write_text(text)
    shutil.rmtree(backscope.folder / "logs")
    assert "logs/api.log" in backscope.refused(*action, *confirm).err
    (backscope.folder / "logs").mkdir()
    shutil.rmtree(backscope.folder / ".git")
    assert "git" in backscope.refused(*action, *confirm).err


def test_h17_a_syntax_error_is_found_before_a_clear(backscope):
    (backscope.folder / "flaskr/nscope/models.py").write_text("class Broken(\n")
    assert "models.py, line 1" in backscope.refused("clear").err


def test_h18_an_app_without_tables(backscope):
    edit(backscope.folder / "flaskr/nscope/views.py", "from flaskr.nscope.models", "# from x")
    error = backscope.refused("rebuild", "--confirm", backscope.name).err
    assert "models make no tables" in error


def test_h18_a_migration_that_makes_nothing(backscope):
    result = backscope.run("rebuild", "--confirm", backscope.name, INSTEAD="flask*", DO="exit 0")
    assert result.code == 1, result
    assert "has no revision" in result.err
    write = (
        "from alembic import op\nimport sqlalchemy as sa\nrevision = 'abc'\ndown_revision = None\n"
        "def upgrade(): pass\ndef downgrade(): pass\n"
    )
    (backscope.folder.parent / "empty.py").write_text(write)
    result = backscope.run(
        "rebuild", "--confirm", backscope.name, INSTEAD="flask db migrate",
        DO=f"cp {backscope.folder.parent}/empty.py migrations/versions/",
    )  # fmt: skip
    assert result.code == 1, result
    assert "lacks the tables searches, sequences, user" in result.err


def test_h19_production_is_refused_without_the_word(backscope):
    backscope.write_env(APP_ENVIRONMENT="production")
    for action in (["clear"], ["rebuild"], ["unflag"]):
        error = backscope.refused(*action, "--confirm", backscope.name).err
        assert "PRODUCTION=1" in error
    result = backscope.refused("clear", "--production")
    assert f"CONFIRM={backscope.name}" in result.err


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize(("answer", "code"), [("no\n", 1), ("", 1), ("yes\n", 0)])
def test_h19_an_unclear_outcome_is_no_success(backscope, answer, code, rows):
    backscope.write_env(APP_ENVIRONMENT="production")
    if not rows:
        backscope.sql("DELETE FROM sequences")
    process = subprocess.run(
        backscope.argv("clear", "--production", "--confirm", backscope.name),
        input=answer, cwd=backscope.folder, env=backscope.environ, capture_output=True, text=True,
    )  # fmt: skip
    assert process.returncode == code, process
    assert len(backscope.sql("SELECT * FROM sequences")) == (0 if code == 0 else rows)
    if answer == "no\n":
        assert "No action taken" in process.stdout
        assert "Backscope took no action" in process.stderr


def test_h20_tables_of_an_older_schema(backscope):
    backscope.sql("CREATE TABLE oeis_cache (id int); INSERT INTO oeis_cache VALUES (1)")
    backscope.sql("ALTER TABLE oeis_cache OWNER TO scope")
    result = backscope.run("clear")
    assert result.code == 1, result
    assert "still holds rows in oeis_cache" in result.err


def test_h21_migrations_is_a_symlink(backscope):
    elsewhere = backscope.folder.parent / "elsewhere"
    (backscope.folder / "migrations").rename(elsewhere)
    (backscope.folder / "migrations").symlink_to(elsewhere)
    files = sorted(elsewhere.rglob("*"))
    confirm = ["--confirm", backscope.name]
    assert backscope.run("rebuild", *confirm, **backscope.fast).code == 0
    assert (backscope.folder / "migrations.~1~").is_symlink()
    assert not (backscope.folder / "migrations").is_symlink()
    assert sorted(elsewhere.rglob("*")) == files


def test_h21_migrations_is_a_file(backscope):
    shutil.rmtree(backscope.folder / "migrations")
    (backscope.folder / "migrations").write_text("")
    assert "is no folder" in backscope.refused("rebuild", "--confirm", backscope.name).err


def test_h21_numbers_that_are_taken(backscope):
    (backscope.folder / "migrations.~1~").symlink_to("nowhere")
    name = backscope.name
    backscope.postgres.sql(f'CREATE DATABASE "{name}.~2~" OWNER scope')
    result = backscope.run("rebuild", "--confirm", name, INSTEAD="flask*", DO="exit 4")
    assert "mv migrations migrations.~3~" in result.trace


# ------------------------------------------------------------ H24 to H32


def test_h24_two_resets_at_once(backscope):
    for number in range(3):
        process = backscope.start("clear", HANG="flask*")
        with backscope.fifo.open() as fifo:
            child = int(fifo.read())
        backscope.trace.unlink()
        action = (["clear"], ["rebuild", "--confirm", backscope.name], ["unflag"])[number]
        assert f"Another reset of {backscope.name}" in backscope.refused(*action).err
        os.kill(child, 15)
        assert backscope.finish(process).code == 1, number
    assert backscope.run("clear").code == 0


def test_h24_many_at_once_one_wins(backscope):
    processes = [backscope.start("clear") for _ in range(4)]
    codes = []
    for process in processes:
        process.communicate(timeout=60)
        codes.append(process.returncode)
    assert set(codes) <= {0, 2}
    assert 0 in codes
    assert backscope.sql("SELECT * FROM sequences") == []


def test_h24_another_checkout_and_what_a_killed_tool_left_running(backscope):
    other = backscope.folder.parent / "other"
    shutil.copytree(backscope.folder, other, symlinks=True)
    clear = ["clear", "--backscope-dir", str(other)]
    process = backscope.start("clear", HANG="flask*")
    with backscope.fifo.open() as fifo:
        child = int(fifo.read())
    backscope.trace.unlink()
    assert f"Another reset of {backscope.name}" in backscope.refused(*clear).err
    process.kill()
    process.wait()
    assert f"Another reset of {backscope.name}" in backscope.refused(*clear).err
    os.kill(child, 9)
    process.communicate()
    result = backscope.run(*clear)
    for _ in range(100):  # until the server has seen that nobody holds the lock any more
        if "Another reset" not in result.err:
            break
        result = backscope.run(*clear)
    assert result.code == 0, result


def test_h24_two_databases_of_one_checkout(backscope):
    process = backscope.start("rebuild", "--confirm", backscope.name, HANG="dropdb*")
    with backscope.fifo.open() as fifo:
        child = int(fifo.read())
    other = backscope.name + "_other"
    error = backscope.run("rebuild", POSTGRES_DB=other).err
    assert "or in this checkout" in error
    os.kill(child, 15)
    assert backscope.finish(process).code == 1


def test_h25_the_password_is_nowhere(backscope):
    leak = f"echo the password is {PASSWORD}; exit 3"
    for flags in ([], ["--verbose"]):
        result = backscope.run("clear", *flags, INSTEAD="flask*", DO=leak)  # Result looks for it
        assert "the password is ***" in result.out
    process = backscope.start("clear", "--verbose", HANG="flask*")
    with backscope.fifo.open() as fifo:
        child = int(fifo.read())
    for pid in (process.pid, child):
        assert PASSWORD not in Path(f"/proc/{pid}/cmdline").read_text()
    os.kill(child, 15)
    backscope.finish(process)
    backscope.write_env(POSTGRES_PASSWORD=PASSWORD + "x")
    assert PASSWORD not in backscope.refused("clear").err


def test_h29_another_machine(backscope):
    """A host that only the resolver knows to be this machine stands for another one."""
    host = "127.1"
    backscope.write_env(POSTGRES_HOST=host)
    error = backscope.refused("clear", "--confirm", backscope.name).err
    assert f"the target is {backscope.name}@{host}" in error
    result = backscope.refused("clear")  # it asks, and nobody answers
    assert f"{backscope.name} on {host}:" in result.out
    assert f"CONFIRM={backscope.name}@{host}" in result.err
    assert backscope.run("clear", "--confirm", f"{backscope.name}@{host}").code == 0
    assert backscope.sql("SELECT * FROM sequences") == []


def test_h31_lines_that_do_not_parse(backscope):
    path = backscope.folder / ".env"
    good = path.read_text()
    for text, line in (
        (good + "\nthis is no=assignment'\n", "line 8"),
        (good.replace("POSTGRES_HOST=", "POSTGRES_HOST ~ "), "line 4"),
        (good + "POSTGRES_HOST\n", "line 7"),
        ("\ufeff" + good, "line 1"),
    ):
        path.write_text(text, encoding="utf-8")
        error = backscope.refused("clear").err
        assert line in error
        assert "assignment" not in error
    path.write_bytes(good.encode() + b"X=\xff\n")
    assert "at line 7" in backscope.refused("clear").err


@pytest.mark.parametrize("port", ["", "0", "65536", "five", "54 32", "\u0665", "-1"])
def test_h31_a_port_that_is_none(backscope, port):
    backscope.write_env(POSTGRES_PORT=port)
    assert "POSTGRES_PORT is no port number" in backscope.refused("clear").err


def test_h32_the_unix_socket(backscope):
    folder = backscope.postgres.variables["PG_SOCKET_DIR"]
    backscope.write_env(POSTGRES_HOST="")
    result = backscope.run("rebuild", "--confirm", backscope.name, PGHOST=folder)
    assert result.code == 0, result
    assert f"the socket in {folder}" in result.out
    assert backscope.run("clear", PGHOST=folder).code == 0


def test_all_findings_are_reported_together(backscope, role):
    backscope.write_env(POSTGRES_USER=role)
    shutil.rmtree(backscope.folder / "migrations")
    (backscope.folder / "migrations").write_text("")
    with contextlib.closing(backscope.as_scope()):
        error = backscope.refused("rebuild", "--confirm", "wrong").err
    for part in ("CONFIRM is wrong", "CREATEDB", "is owned by", "in the way", "is no folder"):
        assert part in error


def test_confirm_must_be_right_even_if_nothing_asks(backscope):
    for action in (["unflag"], ["rebuild", "--keep"], ["undo"], ["clear", "A1"]):
        assert "CONFIRM is" in backscope.refused(*action, "--confirm", "").err
    for wrong in (backscope.name + " ", backscope.name.upper()):
        assert "CONFIRM is" in backscope.refused("clear", "--confirm", wrong).err


def test_a_missing_program_is_found_before_the_first_touch(backscope):
    bare = os.pathsep.join(["/usr/bin", "/bin"])
    hidden = [name for name in ("dropdb", "createdb") if not shutil.which(name, path=bare)]
    if not hidden:
        bare = str(backscope.folder.parent / "bin")
        os.mkdir(bare)
        for name in ("git", "mv", "env", "sh"):
            os.symlink(shutil.which(name), f"{bare}/{name}")
    error = backscope.refused("rebuild", "--confirm", backscope.name, PATH=bare).err
    assert "The program dropdb is not on the PATH" in error


def test_no_checkout(backscope, tmp_path):
    assert (
        "is no Backscope checkout"
        in backscope.refused("clear", "--backscope-dir", str(tmp_path)).err
    )


def test_no_database_to_clear(fresh):
    assert "There is no database" in fresh.refused("clear").err


def test_a_backscope_without_the_command(backscope):
    edit(backscope.folder / "flaskr/__init__.py", '"clear-database"', '"init-db"')
    assert "has no command clear-database" in backscope.refused("clear").err


def test_h10_a_maintenance_database_that_is_closed(backscope, postgres):
    postgres.sql("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
    try:
        error = backscope.refused("rebuild", "--confirm", backscope.name).err
        assert "cannot open the maintenance database postgres" in error
        assert backscope.run("clear").code == 0
    finally:
        postgres.sql("GRANT CONNECT ON DATABASE postgres TO PUBLIC")


def test_h16_a_template1_that_is_no_template(backscope, postgres):
    postgres.sql("ALTER DATABASE template1 IS_TEMPLATE false")
    try:
        error = backscope.refused("rebuild", "--confirm", backscope.name).err
        assert "IS_TEMPLATE true" in error
    finally:
        postgres.sql("ALTER DATABASE template1 IS_TEMPLATE true")


def test_h23_a_database_that_was_half_dropped(backscope, postgres):
    """PostgreSQL marks it by datconnlimit -2 from 15.4 on, and lets nobody in."""
    postgres.sql(f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{backscope.name}'")
    assert "an interrupted dropdb left" in backscope.refused("clear").err
    assert "there is nothing to keep" in backscope.refused("rebuild", "--keep").err
    result = backscope.run("rebuild", "--confirm", backscope.name, **backscope.fast)
    assert result.code == 0, result


def test_a_database_that_lets_nobody_in_can_be_rebuilt(backscope, postgres):
    postgres.sql(f"REVOKE CONNECT ON DATABASE {backscope.name} FROM PUBLIC, scope")
    assert "permission denied for database" in backscope.refused("clear").err
    result = backscope.run("rebuild", "--confirm", backscope.name, **backscope.fast)
    assert result.code == 0, result


def test_h27_pghostaddr_sends_flask_elsewhere(backscope):
    assert "unset PGHOSTADDR" in backscope.refused("clear", PGHOSTADDR="127.0.0.2").err
    backscope.write_env(PGHOSTADDR="127.0.0.2")
    assert "unset PGHOSTADDR" in backscope.refused("clear").err


def test_an_empty_user_and_an_ipv6_address(backscope):
    backscope.write_env(POSTGRES_USER="")
    assert "POSTGRES_USER is empty" in backscope.refused("clear").err
    backscope.write_env(POSTGRES_HOST="[::1]")
    assert f"[::1]:{backscope.postgres.port}" in backscope.refused("clear").err
    backscope.write_env(POSTGRES_HOST="/tmp")
    assert "For a socket's folder" in backscope.refused("clear").err


def test_an_unreadable_dotenv(backscope):
    (backscope.folder / ".env").unlink()
    (backscope.folder / ".env").mkdir()
    assert ".env cannot be read" in backscope.refused("clear").err
