"""The seat belt: whatever a Backscope does to lead Flask elsewhere, only the target is touched.

A database beside the target, and one of the target's own name on another server, are
compared before and after each run, which is a real `flask` in a real process.
"""

import pytest
from checkout import PASSWORD, Postgres, edit, throwaway

ROWS = (
    "INSERT INTO sequences (id, shift, values_requested) VALUES ('A99', 0, false), ('A98', 1, true)"
)


class Elsewhere:
    """What must not be touched: databases with rows in them."""

    def __init__(self, backscope, other, twin=None):
        self.backscope, self.other, self.twin = backscope, other, twin
        self.url = backscope.settings["POSTGRES_PORT"].join(
            [f"postgresql+psycopg2://scope:{PASSWORD}@{backscope.postgres.host}:", f"/{other}"]
        )
        self.before = self.content()

    def content(self):
        """The oids and rows of all of it."""
        places = [(self.backscope.postgres, self.other), (self.twin, self.backscope.name)]
        return [
            (postgres.databases().get(name), postgres.rows(name))
            for postgres, name in places
            if postgres
        ]

    def is_untouched(self):
        """Say whether all is as it was."""
        return self.content() == self.before


@pytest.fixture
def elsewhere(backscope):
    """Give a database of the same structure and role beside the target."""
    other = f"other_{backscope.name}"
    backscope.postgres.sql(f"CREATE DATABASE {other} TEMPLATE model OWNER scope")
    backscope.postgres.sql(ROWS, other)
    yield Elsewhere(backscope, other)
    backscope.postgres.sql(f"DROP DATABASE {other} WITH (FORCE)")


def in_app(line):
    """Give an override in create_app, after the settings were read."""

    def change(backscope, elsewhere):
        text = line.format(url=elsewhere.url, other=elsewhere.other)
        old = "    app.config.update(oeis_scheme"
        edit(backscope.folder / "flaskr/__init__.py", old, f"    {text}\n{old}")

    return change


def in_config(line):
    """Give an override in the class Config of flaskr/config.py."""

    def change(backscope, elsewhere):
        text = line.format(url=elsewhere.url, other=elsewhere.other)
        old = "    DEBUG = False\n    DEVELOPMENT"
        edit(backscope.folder / "flaskr/config.py", old, f"    {text}\n{old}")

    return change


def from_pyfile(backscope, elsewhere):
    (backscope.folder / "local.cfg").write_text(f"SQLALCHEMY_DATABASE_URI = '{elsewhere.url}'\n")
    in_app("app.config.from_pyfile('../local.cfg')")(backscope, elsewhere)


def from_prefixed_env(backscope, elsewhere):
    in_app("app.config.from_prefixed_env()")(backscope, elsewhere)
    return {"FLASK_SQLALCHEMY_DATABASE_URI": elsewhere.url}


def another_app(name):
    """Give an app beside the stand-in's, in a file of its own."""

    def change(backscope, elsewhere):
        (backscope.folder / name).write_text(
            "from flaskr import create_app\nfrom flaskr.config import config\n"
            f"config['development'].SQLALCHEMY_DATABASE_URI = '{elsewhere.url}'\n"
            "app = create_app()\n"
        )

    return change


def app_py(backscope, elsewhere):
    another_app("app.py")(backscope, elsewhere)
    (backscope.folder / "wsgi.py").unlink()


def disposable_in_wsgi(backscope, elsewhere):
    backscope.write_env(POSTGRES_DISPOSABLE_DB=elsewhere.other)
    edit(backscope.folder / "wsgi.py", "create_app()", 'create_app("testing")')


def flask_app(backscope, elsewhere):
    another_app("second.py")(backscope, elsewhere)
    return {"FLASK_APP": "second"}


def flask_app_of_a_parent(backscope, elsewhere):
    another_app("second.py")(backscope, elsewhere)
    (backscope.folder.parent / ".flaskenv").write_text("FLASK_APP=second:app\n")


def flask_app_in_dotenv(backscope, elsewhere):
    another_app("second.py")(backscope, elsewhere)
    with (backscope.folder / ".env").open("a") as file:
        file.write("FLASK_APP=second\n")


CREATOR = (
    "import psycopg2; app.config['SQLALCHEMY_ENGINE_OPTIONS'] = {{'creator': lambda:"
    " psycopg2.connect('{url}'.replace('+psycopg2', ''))}}"
)
CONNECT_ARGS = "{{'connect_args': {{'dbname': '{other}'}}}}"
DO_CONNECT = (
    "import sqlalchemy as s; s.event.listen(s.engine.Engine, 'do_connect',"
    " lambda d, r, args, options: options.update(dbname='{other}'))"
)
STATIC = (
    "import sqlalchemy.pool as p; app.config.update(SQLALCHEMY_DATABASE_URI='{url}',"
    " SQLALCHEMY_ENGINE_OPTIONS={{'poolclass': p.StaticPool}})"
)
OVERRIDES = {
    "from_mapping": in_app("app.config.from_mapping(SQLALCHEMY_DATABASE_URI='{url}')"),
    "from_prefixed_env": from_prefixed_env,
    "testing in wsgi.py": disposable_in_wsgi,
    "app.py": app_py,
    "FLASK_APP of a parent": flask_app_of_a_parent,
    "creator": in_app(CREATOR),
    "engine options in config.py": in_config(f"SQLALCHEMY_ENGINE_OPTIONS = {CONNECT_ARGS}"),
}
SLOW = {
    "from_pyfile": from_pyfile,
    "FLASK_APP": flask_app,
    "do_connect": in_app(DO_CONNECT),
    "setattr": in_app("app.config.__setitem__('SQLALCHEMY_' + 'DATABASE_URI', '{url}')"),
    "setattr on the class": in_app(
        "setattr(chosen, 'SQLALCHEMY_DATABASE' '_URI', '{url}'); app.config.from_object(chosen)"
    ),
    "connect_args": in_app(f"app.config['SQLALCHEMY_ENGINE_OPTIONS'] = {CONNECT_ARGS}"),
    "FLASK_APP in .env": flask_app_in_dotenv,
    "a split literal": in_app("app.config['SQLALCHEMY_' 'DATABASE_URI'] = '{url}'"),
    "a query in the URL": in_app("app.config['SQLALCHEMY_DATABASE_URI'] += '?dbname={other}'"),
    "a pool of one": in_app(STATIC),
}


OFTEN = ("testing in wsgi.py", "FLASK_APP of a parent", "creator")
CASES = [
    pytest.param(one, id=name, marks=[] if name in OFTEN else pytest.mark.slow)
    for name, one in {**OVERRIDES, **SLOW}.items()
]


@pytest.mark.parametrize("override", CASES)
def test_h38_the_belt_holds(backscope, elsewhere, override):
    environ = override(backscope, elsewhere) or {}
    ours, theirs = f"{backscope.name} as scope", f"{elsewhere.other} as scope"
    result = backscope.unchanged("clear", **environ)
    assert f"Backscope opened {theirs}, not {ours}." in result.out
    result = backscope.refused("rebuild", "--confirm", backscope.name, **environ)
    assert f"Backscope opened {theirs}, not {ours}." in result.err
    assert elsewhere.is_untouched()


def test_h38_a_second_bind(backscope, elsewhere):
    """The target comes first in a clear, so it may be emptied, which is said."""
    bind = "app.config['SQLALCHEMY_BINDS'] = {{'second': '{url}'}}"
    in_app(bind)(backscope, elsewhere)
    models = backscope.folder / "flaskr/nscope/models.py"
    second = (
        "\n\nclass Second(db.Model):\n    __bind_key__ = 'second'\n"
        "    __tablename__ = 'sequences'\n    id = db.Column(db.String, primary_key=True)\n"
    )
    models.write_text(models.read_text() + second)
    result = backscope.run("clear")
    assert result.code == 1, result
    assert backscope.sql("SELECT to_regclass('sequences')") == [(None,)]
    assert f"Backscope opened {elsewhere.other}" in result.out
    backscope.refused("rebuild", "--confirm", backscope.name)
    assert elsewhere.is_untouched()


@pytest.mark.inside
@pytest.mark.slow
def test_h38_one_that_changes_its_mind_in_flask_db_upgrade(backscope, elsewhere):
    """The first rebuild of an app loses nothing elsewhere, though the old database is gone."""
    line = (
        "import sys; 'upgrade' in sys.argv and app.config.update(SQLALCHEMY_DATABASE_URI='{url}')"
    )
    in_app(line)(backscope, elsewhere)
    before = backscope.snapshot()
    result = backscope.run("rebuild", "--keep")
    assert result.code == 1, result
    assert f"Backscope opened {elsewhere.other}" in result.out
    assert "Everything is as it was before" in result.err
    assert backscope.snapshot() == before
    assert elsewhere.is_untouched()


@pytest.fixture(scope="module")
def twin_server():
    """Give another server, with a role of the same name and password."""
    with throwaway() as variables:
        postgres = Postgres(variables)
        postgres.sql(f"CREATE ROLE scope LOGIN CREATEDB PASSWORD '{PASSWORD}'")
        yield postgres


@pytest.fixture
def twin(backscope, elsewhere, twin_server):
    """Give a database of the target's own name and role on the other server."""
    twin_server.sql(f"CREATE DATABASE {backscope.name} OWNER scope")
    create = "CREATE TABLE sequences AS SELECT 'A' || i AS id FROM generate_series(1, 9) i"
    twin_server.sql(f"{create}; ALTER TABLE sequences OWNER TO scope", backscope.name)
    return Elsewhere(backscope, elsewhere.other, twin_server)


@pytest.mark.slow
def test_h37_another_server_by_what_the_app_says(backscope, twin):
    port = twin.twin.port
    where = f"{{{{'connect_args': {{{{'hostaddr': '127.0.0.1', 'port': {port}}}}}}}}}"
    in_app(f"app.config['SQLALCHEMY_ENGINE_OPTIONS'] = {where}")(backscope, twin)
    for action in (["clear"], ["rebuild", "--confirm", backscope.name]):
        result = backscope.unchanged(*action)
        assert "on another server, or this one was" in result.all
    assert twin.is_untouched()


@pytest.mark.slow
def test_h36_h37_variables_and_files_that_redirect(backscope, twin):
    """All at once; what is pinned cannot be redirected, so the target is what is reset."""
    away = {
        "POSTGRES_DB": twin.other, "POSTGRES_PORT": twin.twin.port, "PGHOSTADDR": "127.0.0.1",
        "PGPORT": twin.twin.port, "PGSERVICE": "twin", "PGDATABASE": twin.other,
        "FLASK_DB_UPGRADE_SQL": "1", "FLASK_DB_INIT_DIRECTORY": "elsewhere",
    }  # fmt: skip
    services = backscope.folder.parent / "services"
    services.write_text(f"[twin]\nhost=127.0.0.1\nport={twin.twin.port}\ndbname={twin.other}\n")
    away["PGSERVICEFILE"] = str(services)
    lines = "".join(f"{name}={value}\n" for name, value in away.items())
    (backscope.folder / "flaskr/.env").write_text(lines)
    for file in (backscope.folder.parent / ".flaskenv", backscope.folder.parent / "given"):
        file.write_text(lines)
    redirected = {name: value for name, value in away.items() if not name.startswith("POSTGRES")}
    with (backscope.folder / ".env").open("a") as file:
        file.write("".join(f"{name}={value}\n" for name, value in redirected.items()))
    environ = {**redirected, "FLASK_ENV_FILE": str(backscope.folder.parent / "given")}
    for skip in ("", "1"):
        backscope.sql("DELETE FROM sequences")
        backscope.fill()
        result = backscope.run("clear", FLASK_SKIP_DOTENV=skip, **environ)
        assert result.code == 0, result
        assert backscope.sql("SELECT * FROM sequences") == []
    result = backscope.run("rebuild", "--confirm", backscope.name, **environ)
    assert result.code == 0, result
    assert not (backscope.folder / "elsewhere").exists()
    assert twin.is_untouched()


@pytest.mark.slow
def test_h38_a_first_rebuild_of_an_app_that_leads_elsewhere(fresh, postgres):
    """There is no database to ask the app about, so the belt is the first to see it."""
    other = f"other_{fresh.name}"
    postgres.sql(f"CREATE DATABASE {other} TEMPLATE model OWNER scope")
    try:
        postgres.sql(ROWS, other)
        elsewhere = Elsewhere(fresh, other)
        in_app("app.config.from_mapping(SQLALCHEMY_DATABASE_URI='{url}')")(fresh, elsewhere)
        result = fresh.run("rebuild")
        assert result.code == 1, result
        assert f"Backscope opened {other} as scope" in result.out
        assert elsewhere.is_untouched()
    finally:
        postgres.sql(f"DROP DATABASE {other} WITH (FORCE)")
