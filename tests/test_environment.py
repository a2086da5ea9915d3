"""The wrong virtual environment (H1, H2): refused before a server is looked at."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from checkout import ROOT, edit

from resetting import backscope as asking

VERBS = ("status", "clear", "unflag", "rebuild", "undo", "disposable")


@pytest.fixture
def other(backscope, tmp_path, monkeypatch):
    """Run the tool with a copy of the virtual environment, which the test may spoil."""
    folder = tmp_path / "other"
    shutil.copytree(backscope.venv, folder, symlinks=True)
    monkeypatch.setattr(backscope, "venv", folder)
    return folder


def test_h1_no_environment_active(backscope, monkeypatch):
    system = Path(sys.base_prefix) / "bin" / "python3"
    tool = str(ROOT / "backscope_reset.py")
    monkeypatch.setattr(backscope, "argv", lambda *words: [str(system), tool, *words])
    for verb in VERBS:
        error = backscope.refused(verb).err
        assert "No virtual environment is active." in error
        assert f"python3 -m venv {backscope.folder}/.venv # if Backscope has none" in error
    for name in ("env", ".venv"):
        (backscope.folder / name / "bin").mkdir(parents=True)
        (backscope.folder / name / "bin/activate").touch()
        error = backscope.refused("clear").err
        assert f"\n      source {backscope.folder}/{name}/bin/activate\n" in error


def test_h1_an_environment_without_flask(backscope, other, recorders, tmp_path):
    (other / "bin/flask").unlink()
    system = tmp_path / "system"  # the system has a flask, which would record its call
    system.mkdir()
    shutil.copy(recorders / "psql", system / "flask")
    path = os.pathsep.join([str(system), backscope.environ["PATH"]])
    assert "has no flask" in backscope.refused("clear", PATH=path).err


def test_h1_backscopes_own_environment_without_flask(backscope, other, monkeypatch):
    (other / "bin/flask").rename(other / "bin/pip")
    own = other.rename(backscope.folder / ".venv")
    monkeypatch.setattr(backscope, "venv", own)
    error = backscope.refused("clear").err
    assert f"Backscope's own environment {own} has no flask." in error
    # a plain pip would be another environment's, as this one is not active
    assert f"{own}/bin/pip install -r {backscope.folder}/requirements.txt" in error
    error = backscope.refused("clear", PATH=f"{own}/bin:{backscope.environ['PATH']}").err
    assert f"  pip install -r {backscope.folder}/requirements.txt" in error


def test_h1_an_environment_that_was_moved(backscope, other):
    (other / "bin/flask").write_text(f"#!{Path(sys.base_prefix)}/bin/python3\n")
    assert "was moved or copied" in backscope.refused("rebuild", "--confirm", backscope.name).err


def test_h1_what_the_tool_needs_is_missing(backscope, other):
    next(other.glob("lib/python3*/site-packages/real.pth")).unlink()
    error = backscope.refused("clear").err
    for name in ("sh", "dotenv", "psycopg2"):
        assert f"lacks {name}." in error
    assert "pip install -r" in error


@pytest.mark.slow
def test_h2_another_projects_environment(backscope):
    views = backscope.folder / "flaskr/nscope/views.py"
    edit(views, "from flask import", "import sympyx\nfrom flask import")
    error = backscope.refused("rebuild", "--confirm", backscope.name).err
    assert f"sympyx is missing in the environment {backscope.venv}" in error
    result = backscope.unchanged("clear")  # it is not asked beforehand, but loses nothing either
    assert "No module named 'sympyx'" in result.out
    config = backscope.folder / "flaskr/config.py"
    edit(config, "import os", "import sympyx")
    assert "sympyx is missing" in backscope.refused("clear").err


def test_no_checkout(backscope, tmp_path):
    for folder in (str(tmp_path), "", "/nonexistent"):
        error = backscope.refused("clear", "--backscope-dir", folder).err
        assert "is no Backscope checkout" in error


def test_a_folder_that_was_removed(backscope, monkeypatch):
    argv = backscope.argv("status")
    gone = "mkdir x && cd x && rmdir ../x && exec $0 $@"
    monkeypatch.setattr(backscope, "argv", lambda *words: ["sh", "-c", gone, *argv])
    assert "  . is no folder that could be opened." in backscope.refused().err


@pytest.mark.slow
def test_a_missing_program_is_found_before_the_first_touch(backscope, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("git", "mv", "env", "sh"):
        (bare / name).symlink_to(shutil.which(name))
    error = backscope.refused("rebuild", "--confirm", backscope.name, PATH=str(bare)).err
    assert "createdb, dropdb are not on the PATH" in error
    assert "postgresql-client" in error
    assert "psql is not on the PATH" in backscope.refused("clear", "A1", PATH=str(bare)).err
    assert "createdb, dropdb are not on the PATH" in backscope.run("status", PATH=str(bare)).out


def test_a_tool_whose_folder_flask_app_cannot_hold(monkeypatch):
    monkeypatch.setattr(asking, "INSIDE", Path("/srv/to:ols/resetting/inside"))
    finding = next(asking.environment_unfit(Path("/srv")))
    assert finding.what == (
        "/srv/to:ols, the tool's own folder, has a colon in its name, which FLASK_APP cannot hold."
    )
