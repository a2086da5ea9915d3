"""db-status tells the state of things and changes nothing; exit status 0 if it could look."""

import contextlib
import re
import shutil
import subprocess

import pytest
from checkout import edit
from test_settings import append


def status(backscope, **environ):
    """Give what is said; nothing is changed."""
    before = backscope.snapshot()
    result = backscope.run("status", **environ)
    assert (result.code, result.trace) == (0, []), result
    assert backscope.snapshot() == before
    return result.out


def test_status_shows_the_target_and_what_is_in_it(backscope):
    """Without a server it cannot look, and is refused."""
    ((revision,),) = backscope.sql("SELECT version_num FROM alembic_version")
    where = f"{backscope.name} on {backscope.postgres.host}:{backscope.postgres.port} as scope"
    out = status(backscope)
    assert all(words in out for words in ("~/backscope", where, "3 sequences", revision))
    assert f"{backscope.name}_no" in status(backscope, POSTGRES_DB=f"{backscope.name}_no")
    backscope.refused("status", POSTGRES_PORT="1")


@pytest.mark.inside
def test_status_shows_how_the_models_and_the_database_differ(backscope):
    models = backscope.folder / "flaskr/nscope/models.py"
    edit(models, "    ids = db", "    fresh = db.Column(db.Integer)\n    ids = db")
    backscope.sql("ALTER TABLE sequences ADD odd int, ALTER shift TYPE text")
    out = status(backscope, FAST="")
    assert all(column in out for column in ("searches.fresh", "sequences.odd", "sequences.shift"))


def test_status_shows_what_would_be_refused(backscope):
    """A lock in the way, production, an app that does not load."""
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("LOCK TABLE sequences")
        out = status(backscope, APP_ENVIRONMENT="production")
        for words in (f"pid {session.info.backend_pid}", "FORCE=1", "PRODUCTION=1"):
            assert words in out
        assert "no rows" not in out  # what is locked is not called empty
    append(backscope.folder / "flaskr/config.py", "raise RuntimeError('no idea')\n")
    assert "no idea" in status(backscope, FAST="")


def test_status_fits_on_a_screen_with_three_kept_pairs(kept):
    """A line for each, and commands that bring one back, remove one, and remove all."""
    for number in (2, 3):
        name = f"{kept.name}.~{number}~"
        kept.postgres.sql(f'CREATE DATABASE "{name}" TEMPLATE model OWNER scope')
        shutil.copytree(kept.folder / "migrations.~1~", kept.folder / f"migrations.~{number}~")
    out = status(kept, RESET_MAKE="make")  # as by make, whose commands are shorter
    assert len(out.splitlines()) <= 24, out
    assert len(re.findall(rf"^.*{kept.name}\.~[123]~: ", out, re.M)) == 3, out
    assert "make db-undo" in out
    (line,) = (line for line in out.splitlines() if line.count("dropdb") == 3)
    environ = {**kept.environ, "PGPASSWORD": kept.settings["POSTGRES_PASSWORD"]}
    subprocess.run(["sh", "-c", line], env=environ, check=True)
    assert (list(kept.mine()), list(kept.folders())) == ([kept.name], ["migrations"])
