"""Pinned environment, guarded connections: whatever leads elsewhere, the target is opened."""

import pytest
from checkout import edit
from postgres import PASSWORD

REDIRECTS = """PGHOSTADDR=127.0.0.9 PGHOST=127.0.0.9 PGPORT=1 PGSERVICE=elsewhere PGUSER=nobody
    PGTARGETSESSIONATTRS=standby PGCLIENTENCODING=LATIN1 PGDATESTYLE=German FLASK_DB_DIRECTORY=x
    FLASK_DB_UPGRADE_SQL=1"""
ENGINE = "import psycopg2; app.config['SQLALCHEMY_ENGINE_OPTIONS'] = {%s}"
CREATOR = ENGINE % "'creator': lambda: psycopg2.connect('{url}'.replace('+psycopg2', ''))"


@pytest.fixture
def precious(fresh, postgres):
    """Return a database of the same structure and role, and fail if it was touched."""
    name = f"precious_{fresh.name}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE model OWNER scope")
    postgres.sql("INSERT INTO searches (term) VALUES ('a')", name)
    before = postgres.databases()[name], postgres.rows(name)
    yield name
    assert (postgres.databases()[name], postgres.rows(name)) == before
    postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


def lead(backscope, name, line):
    """Have Backscope open a database of that name: a line of create_app says so."""
    server = f"{backscope.postgres.host}:{backscope.postgres.port}"
    line = line.replace("{url}", f"postgresql+psycopg2://scope:{PASSWORD}@{server}/{name}")
    old = "    db.init_app(app)"
    edit(backscope.folder / "flaskr/__init__.py", old, f"    {line}\n{old}")


@pytest.mark.inside
def test_h9_the_probe_and_a_step_stop_at_another_database(backscope, precious):
    lead(backscope, precious, CREATOR)
    assert f"opened {precious}" in backscope.refused("rebuild --keep", FAST="").said
    result = backscope.unchanged("clear", FAST="")
    assert result.trace == ["flask clear-database"]
    assert f"opened {precious}" in result.said


def test_h96_a_first_set_up_stops_before_the_first_touch(fresh, precious):
    """There is no database yet that the probe could open."""
    lead(fresh, precious, "app.config.from_mapping(SQLALCHEMY_DATABASE_URI='{url}')")
    assert f"opened {precious}" in fresh.refused("rebuild", FAST="").said


@pytest.mark.slow
def test_h27_what_redirects_and_is_exported_reaches_no_command(backscope, precious):
    home = backscope.folder.parent
    (home / "services").write_text(f"[elsewhere]\nport=1\ndbname={precious}\n")
    (home / ".psqlrc").write_text("\\set AUTOCOMMIT off\n\\timing\n")
    (home / "given").write_text(f"POSTGRES_DB={precious}\nFLASK_APP=nowhere\n")
    away = {"PGDATABASE": precious, "PGSERVICEFILE": f"{home}/services", "PGOPTIONS": "-c x=y"}
    away.update(word.split("=") for word in REDIRECTS.split())
    away["FLASK_ENV_FILE"] = f"{home}/given"
    more = {"PAGER": "sleep 99", "PSQL_PAGER": "sleep 99", "NOTE_ENVIRONMENT": "1"}
    backscope.done("rebuild --carry", **away, **more)
    assert len(backscope.ids()) == len(backscope.ids(1)) == 3
    backscope.done("clear", FAST="", **away, **more)
    assert backscope.ids() == []
    got = open(f"{backscope.trace}.env").read().splitlines()  # of each command
    assert not [name for name, text in away.items() if f"{name}={text}" in got]
