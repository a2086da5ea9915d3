"""Which interpreter runs this, what loads there, and what helps: H1 H64 H78 H79."""

import importlib
import sys

import builders as make
import pytest
from builders import cases, messages, outcome

from resetting import environment

INSTALLERS = {
    "uv": ("uv = 0.5\n", True, "uv pip install --python"),
    "pip": ("version = 3\n", True, "python -m pip install"),
    "without-pip": ("version = 3\n", None, "python -m ensurepip && "),
}


@pytest.fixture
def venv(tmp_path, monkeypatch):
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    for name in ("python", "flask"):
        (folder / "bin" / name).touch(0o755)
    monkeypatch.setattr(sys, "prefix", str(folder))
    monkeypatch.setattr(sys, "executable", str(folder / "bin/python"))
    return folder


def found(venv, **environ):
    return messages(environment.check_environment(make.options(environ=environ), venv.parent))


def test_an_environment_with_flask_is_backscopes(venv):
    assert found(venv) == found(venv, VIRTUAL_ENV=str(venv)) == ""
    (venv / "bin/flask").unlink()
    assert "has no flask" in found(venv)
    assert f"-r {venv.parent}/requirements.txt" in found(venv)


def test_a_python_that_is_named_need_not_be_an_environments(venv, monkeypatch):
    monkeypatch.setattr(sys, "base_prefix", str(venv))
    assert found(venv, PYTHON="x", VIRTUAL_ENV="/other") == ""
    assert f"PYTHON={sys.executable}" in found(venv)
    (venv / "bin/activate").touch()
    assert f"\n. {venv}/bin/activate" in found(venv)
    (venv / "bin/python").unlink()
    assert "-m venv --clear" in found(venv)
    assert "Python is gone" in found(venv, VIRTUAL_ENV="/other")


def test_a_package_that_does_not_load_is_told(venv, mocker):
    load = importlib.import_module
    broken = {"sh": ModuleNotFoundError("no such module"), "dotenv": OSError("wrong architecture")}
    loaders = {name: mocker.Mock(side_effect=error) for name, error in broken.items()}
    mocker.patch("importlib.import_module", lambda name: loaders.get(name, load)(name))
    assert "cannot load sh: no such module" in found(venv)
    assert "cannot load dotenv: wrong architecture" in found(venv)
    assert "install --force-reinstall -r" in found(venv)


@cases("config, pip, installer", INSTALLERS)
def test_what_is_missing_is_installed_as_here(venv, mocker, config, pip, installer):
    (venv / "pyvenv.cfg").write_text(config)
    mocker.patch("importlib.util.find_spec", return_value=pip)
    command = environment.install_command(venv / "my file", "--force-reinstall")
    assert installer in command
    assert command.endswith(f" --force-reinstall -r '{venv}/my file'")


def test_what_a_checkout_and_a_path_have(tmp_path, mocker):
    assert "no flaskr/config.py" in outcome(environment.find_checkout, make.options())
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions/1_.py").write_text("revision = 'abc'\ndown_revision = None\n")
    assert environment.read_revisions(tmp_path) == {"abc"}
    assert environment.find_backups("a.b", ["a.b.~2~", "axb.~3~", "a.b.~04~"]) == {2: "a.b.~2~"}
    assert environment.installed_programs(str(tmp_path)) == []
    mocker.patch("subprocess.run", side_effect=FileNotFoundError)
    assert environment.current_commit(tmp_path) == ""


def test_a_folder_with_a_colon_is_refused(venv, monkeypatch):
    monkeypatch.setattr(environment, "TOOL", venv / "to:ols")
    assert "has a colon" in found(venv)
