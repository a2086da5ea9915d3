"""Pinned environment, guarded connections: whatever leads elsewhere, the target is what is opened.

A database beside the target is compared before and after; `flask` is run in real processes.
"""

import pytest
from checkout import edit, slowly
from postgres import PASSWORD, Postgres, throwaway
from test_settings import append

KEEP = ("rebuild", "--keep")


@pytest.fixture
def precious(fresh, postgres):
    """Give a database of the same structure and role, and fail if it was touched."""
    name = f"precious_{fresh.name}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE model OWNER scope")
    postgres.sql("INSERT INTO searches (term) VALUES ('a')", name)
    before = postgres.databases()[name], postgres.rows(name)
    yield name
    assert (postgres.databases()[name], postgres.rows(name)) == before
    postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


def lead(backscope, name, file, old, new):
    """Have Backscope open a database of that name: a text in a file is replaced."""
    server = f"{backscope.postgres.host}:{backscope.postgres.port}"
    url = f"postgresql+psycopg2://scope:{PASSWORD}@{server}/{name}"
    edit(backscope.folder / file, old, new.replace("{url}", url).replace("{name}", name))


def in_app(line):
    """Give an override in create_app, after the settings were read."""
    old = "    db.init_app(app)"
    return "flaskr/__init__.py", old, f"    {line}\n{old}"


ENGINE = "app.config['SQLALCHEMY_ENGINE_OPTIONS'] = {%s}"
CREATOR = "'creator': lambda: psycopg2.connect('{url}'.replace('+psycopg2', ''))"
MAPPING = in_app("app.config.from_mapping(SQLALCHEMY_DATABASE_URI='{url}')")


@pytest.mark.inside
def test_h9_h38_the_probe_and_a_step_stop_at_another_database_alike(backscope, precious):
    lead(backscope, precious, *in_app(f"import psycopg2; {ENGINE % CREATOR}"))
    assert f"opened {precious}" in backscope.refused(*KEEP, FAST="").said
    before = backscope.snapshot()
    result = backscope.run("clear", FAST="")
    assert (result.code in (1, 2), result.trace) == (True, ["flask clear-database"]), result
    assert f"opened {precious}" in result.said
    assert backscope.snapshot() == before


def test_h38_the_first_rebuild_stops_there_too(fresh, precious):
    """There is no database yet that the probe could open."""
    lead(fresh, precious, *MAPPING)
    result = fresh.run("rebuild", FAST="")
    assert result.code in (1, 2), result
    assert f"opened {precious}" in result.said


@pytest.mark.slow
def test_h37_a_database_of_the_same_name_on_another_server(backscope):
    with throwaway() as variables:
        twin = Postgres(variables)
        twin.sql(f"CREATE DATABASE {backscope.name} OWNER scope")
        twin.sql("CREATE TABLE sequences AS SELECT 'A1' AS id", backscope.name)
        before = twin.databases(), twin.rows(backscope.name)
        port = f"'connect_args': {{'port': {twin.port}}}"
        lead(backscope, "", *in_app(ENGINE % port))
        assert "another server" in backscope.refused(*KEEP, FAST="").said
        assert backscope.run("clear", FAST="").code in (1, 2)
        assert (twin.databases(), twin.rows(backscope.name)) == before


def test_h8_what_means_something_in_a_url_leads_nowhere_else(backscope, precious):
    """Backscope puts its variables into a URL as they are."""
    port, more = backscope.postgres.port, f"/{precious}?x="
    odd = f"{backscope.name}?dbname={precious}"
    backscope.postgres.sql(f'CREATE DATABASE "{odd}" TEMPLATE model OWNER scope')
    away = {"DB": odd, "HOST": f"127.0.0.1:{port}{more}"}
    for name, value in {**away, "PASSWORD": f"{PASSWORD}@{away['HOST']}"}.items():
        backscope.write_env(**{f"POSTGRES_{name}": value})
        before = backscope.snapshot()
        result = backscope.run("clear", FAST="")
        assert result.code in (1, 2), result
        assert backscope.snapshot() == before


def test_h27_h28_what_is_exported_and_redirects_reaches_no_command(backscope, precious):
    home = backscope.folder.parent
    (home / "services").write_text(f"[elsewhere]\nport=1\ndbname={precious}\n")
    (home / ".psqlrc").write_text("\\set AUTOCOMMIT off\n\\timing\n")
    (home / "given").write_text(f"POSTGRES_DB={precious}\nFLASK_APP=nowhere\n")
    away = {
        **dict(PGHOSTADDR="127.0.0.9", PGHOST="127.0.0.9", PGPORT="1", PGDATABASE=precious),
        **dict(PGSERVICE="elsewhere", PGSERVICEFILE=f"{home}/services"),
        **dict(PGUSER="nobody", PGTARGETSESSIONATTRS="standby", PGCLIENTENCODING="LATIN1"),
        **dict(PGOPTIONS="-c search_path=x", PGDATESTYLE="German", FLASK_DB_DIRECTORY="x"),
        **dict(FLASK_DB_UPGRADE_SQL="1", FLASK_ENV_FILE=f"{home}/given"),
    }
    slow = {"PAGER": "sleep 99", "PSQL_PAGER": "sleep 99", "NOTE_ENVIRONMENT": "1"}
    result = backscope.run("rebuild", "--carry", **away, **slow)
    assert result.code == 0, result
    assert len(backscope.ids()) == len(backscope.ids(1)) == 3
    result = backscope.run("clear", FAST="", **away, **slow)
    assert result.code == 0, result
    assert backscope.ids() == []
    got = open(f"{backscope.trace}.env").read().splitlines()  # of each command
    assert not [name for name, text in away.items() if f"{name}={text}" in got]


@pytest.mark.parametrize(
    "line", [slowly("PGHOSTADDR=127.0.0.9"), slowly("POSTGRES_DB={}"), "FLASK_DB_DIRECTORY=x"]
)
def test_h37_what_redirects_in_a_file_is_found_before_the_drop(backscope, precious, line):
    """The probe loads as a step does, so what would fail in a step fails before the drop."""
    for file in ("flaskr/.env", ".flaskenv"):
        append(backscope.folder / file, f"{line.format(precious)}\n")
    before = backscope.snapshot()
    result = backscope.run(*KEEP, FAST="", BEFORE="flask db migrate", DO="exit 3")
    assert result.code in (1, 2), result  # if it begins, it ends here, and all is put back
    assert backscope.snapshot() == before
