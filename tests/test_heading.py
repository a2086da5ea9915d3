"""The rows that every run begins with."""

import sys

from facts_of import contents_of, database_of, facts_of, settings_of, table_of, wish_of

from resetting.facts import App
from resetting.heading import target


def shown_target(capsys, wish=None, **changes):
    target(wish or wish_of(), facts_of(**changes))
    return capsys.readouterr().out


def test_the_target_is_shown_before_all_else(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    monkeypatch.setattr(sys, "prefix", "/srv/backscope/.venv")
    assert shown_target(capsys) == (
        "Backscope    /srv/backscope, venv .venv\n"
        "Database     scope on localhost:5432 as scope: 7 MB, sequences 3\n"
    )
    tables = contents_of(table_of(rows=None), table_of("b", 0), table_of("c", 12345, exact=False))
    assert "7 MB, sequences ?, c about 12,345\n" in shown_target(
        capsys, database=database_of(contents=tables)
    )
    assert "7 MB, no rows\n" in shown_target(capsys, database=database_of(rows=0))
    assert "7 MB, cannot be looked into\n" in shown_target(
        capsys, database=database_of(contents=None)
    )
    assert "as scope: not there yet\n" in shown_target(capsys, database=None)
    assert "as scope\n" in shown_target(capsys, database=None, reached=False)


def test_h5_h19_h49_what_is_not_ordinary_is_shown(capsys, monkeypatch):
    environ = {"POSTGRES_DB": "my db", "POSTGRES_HOST": "db.example"}
    settings = settings_of(environ, APP_ENVIRONMENT="production", POSTGRES_HOST=None)
    monkeypatch.setattr(sys, "prefix", "/opt/venv")
    out = shown_target(
        capsys, wish_of(left_out=("FORCE", "N")), settings=settings, app=App(production=True)
    )
    assert ", venv /opt/venv, production\n" in out
    assert "POSTGRES_DB='my db' is from the environment, .env says scope\n" in out
    assert "POSTGRES_HOST=db.example is from the environment\n" in out
    assert "Left out     FORCE, N are in the environment or a makefile; here" in out
    out = shown_target(capsys, wish_of(left_out=("FORCE",)))
    assert "FORCE is in the environment" in out
    assert "db.example" not in out
