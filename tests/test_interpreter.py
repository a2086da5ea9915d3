"""Other people's shells: interpreters, packages, terminals and folders."""

import re
import subprocess
import sys
import venv

import pytest
from checkout import slowly
from postgres import ROOT
from printed import hinted

SYSTEM_PYTHON = f"{sys.base_prefix}/bin/python3"
MISSING = "libpq.so.5: cannot open shared object file: No such file or directory"


def run_by(backscope, python):
    """Have the tool be run by another interpreter."""
    words = [str(python), str(ROOT / "backscope_reset.py")]
    backscope.afresh, backscope.argv = True, lambda *more: [*words, *more]


@pytest.fixture
def active(backscope):
    """Have a .venv of the checkout's own that VIRTUAL_ENV says is active."""
    folder = backscope.folder / ".venv"
    venv.create(folder, with_pip=False, symlinks=True)
    path = f"{folder}/bin:{backscope.environ['REAL_PATH']}"
    backscope.environ.update(VIRTUAL_ENV=str(folder), PATH=path)
    return folder


def test_h78_the_environments_python_is_gone(backscope, active):
    """After an upgrade of the system; -m venv without --clear leaves the dangling link."""
    for python in active.glob("bin/python*"):
        python.unlink()
        python.symlink_to("/nonexistent/python3")
    run_by(backscope, SYSTEM_PYTHON)
    result = backscope.refused("clear")
    assert "/nonexistent/python3" in result.said
    command = hinted(result, "-m venv --clear ~/backscope/.venv")
    made = re.search(r"\S+ -m venv --clear \S+", command)[0]
    environ = {"PATH": backscope.environ["REAL_PATH"], "HOME": backscope.environ["HOME"]}
    subprocess.run(["sh", "-c", f"{made} --without-pip"], env=environ, check=True)
    subprocess.run([active / "bin/python", "-c", ""], check=True)


def test_h79_a_package_that_is_there_does_not_load(backscope, tmp_path):
    """Without libpq, or made for another architecture; pip alone would say that it is there."""
    (tmp_path / "psycopg2").mkdir()
    (tmp_path / "psycopg2" / "__init__.py").write_text(f"raise ImportError({MISSING!r})\n")
    backscope.afresh = True
    result = backscope.refused("clear", PYTHONPATH=str(tmp_path))
    assert MISSING in result.said
    assert "reinstall" in hinted(result, "requirements.txt")


@pytest.mark.parametrize("encoding", ["latin-1", slowly("ascii")])
def test_h102_the_terminals_encoding_does_not_matter(backscope, encoding):
    """Names that it cannot show, in the heading and in what a command prints."""
    name = f"{backscope.name}_ünï_漢"
    backscope.postgres.sql(f'ALTER DATABASE {backscope.name} RENAME TO "{name}"')
    backscope.write_env(POSTGRES_DB=name)
    backscope.sql("CREATE TABLE 漢 AS SELECT 1", name)
    terminal = backscope.spawn("rebuild --keep --verbose", PYTHONIOENCODING=f"{encoding}:strict")
    assert terminal.end() == 0, terminal.before
    assert len(backscope.mine()) == 2
