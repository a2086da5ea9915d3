"""The wrong virtual environment is refused before a server is looked at; the advice works there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from postgres import ROOT

from resetting import backscope as checking


@pytest.fixture
def other(backscope, tmp_path):
    """Run the tool with a copy of the virtual environment, which the test may spoil."""
    folder = tmp_path / "other"
    shutil.copytree(backscope.venv, folder, symlinks=True)
    backscope.venv, backscope.afresh = folder, True
    return folder


def without_packages(venv):
    """Take the tool's packages and pip from an environment."""
    (file,) = venv.glob("lib/python3*/site-packages/real.pth")
    file.unlink()


def advised(result):
    """Give the command that is advised for a requirements file."""
    return re.findall(r"^ *(\S.*requirements.txt\S*)", result.err, re.M)[-1]


def test_h1_no_environment_is_active(backscope):
    words = [f"{sys.base_prefix}/bin/python3", str(ROOT / "backscope_reset.py")]
    backscope.afresh, backscope.argv = True, lambda *more: [*words, *more]
    for command in ("clear", "status"):
        assert "python3 -m venv ~/backscope/.venv" in backscope.refused(command).err
    (backscope.folder / ".venv/bin").mkdir(parents=True)
    (backscope.folder / ".venv/bin/activate").touch()
    assert "source ~/backscope/.venv/bin/activate" in backscope.refused("clear").err


def test_h1_flask_is_the_one_beside_the_interpreter(backscope, other):
    """Active or not: without it, another one on the PATH is none of this environment's."""
    result = backscope.run("clear", PATH=backscope.environ["REAL_PATH"])
    assert result.trace == ["flask clear-database"], result
    (other / "bin/flask").unlink()
    said = backscope.refused("clear").said
    assert "has no flask" in said
    assert "~/backscope/requirements.txt" in said


def test_h1_condas_environment_counts_and_a_colon_is_refused(tmp_path, monkeypatch):
    """Conda's is no venv: its prefix has conda-meta. FLASK_APP cannot hold a colon."""
    for name in ("bin", "conda-meta"):
        (tmp_path / name).mkdir()
    shutil.copy("/bin/sh", tmp_path / "bin/flask")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    for name in ("prefix", "base_prefix"):
        monkeypatch.setattr(sys, name, str(tmp_path))
    assert list(checking.environment_problems(tmp_path)) == []
    monkeypatch.setattr(checking, "TOOL", Path("/srv/to:ols"))
    assert "colon" in next(checking.environment_problems(tmp_path)).what


@pytest.mark.slow
def test_h64_where_there_is_no_pip_the_advice_brings_it(backscope, other):
    without_packages(other)
    result = backscope.refused("clear")
    assert all(name in result.said for name in ("sh", "python-dotenv", "psycopg2-binary"))
    bring, _ = advised(result).split(" && ")
    environ = {"PIP_NO_INDEX": "1", "HOME": str(backscope.folder.parent)}
    subprocess.run(["sh", "-c", bring], env=environ, capture_output=True, check=True)
    assert list(other.glob("lib/python3*/site-packages/pip"))


def test_h64_where_the_environment_is_uvs_the_advice_is_uvs(backscope, other, tmp_path):
    with (other / "pyvenv.cfg").open("a") as config:
        config.write("uv = 0.9.11\n")
    without_packages(other)
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/called\n')
    uv.chmod(0o755)
    command = advised(backscope.refused("clear"))
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
    assert subprocess.run(["sh", "-c", command], env=environ).returncode == 0, command
    words = f"pip install --python {other}/bin/python -r {ROOT}/requirements.txt"
    assert (tmp_path / "called").read_text().split() == words.split()


def test_a_folder_that_is_no_checkout(backscope, tmp_path):
    for folder in (str(tmp_path), "/nonexistent"):
        assert "BACKSCOPE_DIR=" in backscope.refused("clear", BACKSCOPE_DIR=folder).err


def test_h67_only_what_runs_there_goes_into_backscopes_environment():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    names = {line.partition(" ")[0] for line in lines if not line.startswith("#")}
    assert names == set(checking.PACKAGES.values())
