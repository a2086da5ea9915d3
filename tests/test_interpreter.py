"""Other people's shells: interpreters, packages, terminals and folders."""

import re
import subprocess
import sys
import venv

import pytest
from checkout import hinted, slowly
from postgres import ROOT


def run_by(backscope, python):
    words = [str(python), str(ROOT / "backscope_reset.py")]
    backscope.afresh, backscope.argv = True, lambda *more: [*words, *more]


@pytest.fixture
def active(backscope):
    folder = backscope.folder / ".venv"
    venv.create(folder, with_pip=False, symlinks=True)
    path = f"{folder}/bin:{backscope.environ['REAL_PATH']}"
    backscope.environ.update(VIRTUAL_ENV=str(folder), PATH=path)
    return folder


def test_h78_the_environments_python_is_gone(backscope, active):
    for python in active.glob("bin/python*"):
        python.unlink()
        python.symlink_to("/nonexistent/python3")
    run_by(backscope, f"{sys.base_prefix}/bin/python3")
    result = backscope.refused("clear")
    assert "/nonexistent/python3" in result.said
    command = hinted(result, "-m venv --clear ~/backscope/.venv")
    made = re.search(r"\S+ -m venv --clear \S+", command)[0]
    environ = {"PATH": backscope.environ["REAL_PATH"], "HOME": backscope.environ["HOME"]}
    subprocess.run(["sh", "-c", f"{made} --without-pip"], env=environ, check=True)
    subprocess.run([active / "bin/python", "-c", ""], check=True)


@pytest.mark.parametrize("encoding", ["latin-1", slowly("ascii")])
def test_h102_the_terminals_encoding_does_not_matter(backscope, encoding):
    name = f"{backscope.name}_ünï_漢"
    backscope.postgres.sql(f'ALTER DATABASE {backscope.name} RENAME TO "{name}"')
    backscope.write_env(POSTGRES_DB=name)
    backscope.sql("CREATE TABLE 漢 AS SELECT 1", name)
    terminal = backscope.spawn("rebuild --keep --verbose", PYTHONIOENCODING=f"{encoding}:strict")
    assert terminal.end() == 0, terminal.before
    assert len(backscope.mine()) == 2
