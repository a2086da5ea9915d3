"""Pinned environment, guarded connections: whatever leads elsewhere, the target is opened."""

import pytest
from checkout import append, edit
from postgres import PASSWORD

ENGINE = "import psycopg2; app.config['SQLALCHEMY_ENGINE_OPTIONS'] = {%s}"
CREATOR = ENGINE % "'creator': lambda: psycopg2.connect('{url}'.replace('+psycopg2', ''))"


@pytest.fixture
def precious(fresh, postgres):
    name = f"precious_{fresh.name}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE model OWNER scope")
    postgres.sql("INSERT INTO searches (term) VALUES ('a')", name)
    before = postgres.databases()[name], postgres.rows(name)
    yield name
    assert (postgres.databases()[name], postgres.rows(name)) == before
    postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


def lead(backscope, name, line):
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


@pytest.mark.inside
def test_h2_an_app_that_does_not_load_says_why_itself(backscope):
    append(backscope.folder / "flaskr/nscope/models.py", "import nowhere")
    said = backscope.refused("rebuild", FAST="").said
    assert "NoAppException: ModuleNotFoundError: No module named 'nowhere'" in said


def test_h96_a_first_set_up_stops_before_the_first_touch(fresh, precious):
    lead(fresh, precious, "app.config.from_mapping(SQLALCHEMY_DATABASE_URI='{url}')")
    assert f"would open {precious}" in fresh.refused("rebuild", FAST="").said
