"""What a test may ask for: a server, a checkout with or without a database, fewer rights.

The marker `inside` counts, for the coverage, what runs inside Backscope's processes too.
"""

import compileall
import itertools
import os
import shutil
import signal
import subprocess
import sys
import venv

import pytest
from checkout import PROBE, RECORDER, Backscope
from forks import Forks
from postgres import PASSWORD, ROOT, Postgres, throwaway

COUNTER = itertools.count(1)
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:  # & and nohup would make all children deaf
        signal.signal(number, lambda *_: None)


# Coverage costs a third more; these prove again, with faults, what the others have run.
UNMEASURED = {f"test_{one}" for one in ("names", "kills", "invariants", "locks", "defaults")}


@pytest.fixture(scope="session")
def postgres():
    """Give the server that the tests share, with a role like a developer's."""
    with throwaway() as variables:
        yield Postgres(variables)


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """Give a virtual environment in which all programs record their calls, to run the tool in."""
    compileall.compile_dir(str(ROOT / "resetting"), quiet=1)  # as after a first run
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    real = [path for path in sys.path if path.endswith("site-packages")]
    lines = ["import probe", *(f"import site; site.addsitedir({path!r})" for path in real)]
    (packages,) = (folder / "lib").glob("python3*/site-packages")
    (packages / "real.pth").write_text("\n".join(lines))
    (packages / "probe.py").write_text(PROBE)
    for name in ("flask", "dropdb", "createdb", "psql", "mv", "rm"):
        (folder / "bin" / name).write_text(RECORDER)
        (folder / "bin" / name).chmod(0o755)
    forks = Forks(folder, {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"})
    yield forks
    forks.close()


@pytest.fixture(scope="session")
def built(postgres, forks, tmp_path_factory):
    """Give a checkout whose database the tool has rebuilt: the model of all others."""
    folder = tmp_path_factory.mktemp("built") / "backscope"
    shutil.copytree(ROOT / "tests/standin", folder, ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-C", str(folder)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "stand-in"]):
        subprocess.run([*git, *command], check=True)
    backscope = Backscope(folder, "model", postgres, forks)
    result = backscope.run("rebuild", FAST="")
    assert result.code == 0, result
    backscope.run("status", FAST="", RECORD=str(folder.parent / "probe.json"))
    dump = [f"{postgres.bin}/pg_dump", "-Ox", "-f", str(folder.parent / "schema.sql"), "model"]
    subprocess.run(dump, env={**os.environ, **postgres.variables}, check=True)
    return backscope


@pytest.fixture
def fresh(built, tmp_path, request):
    """Give a checkout without database and migrations."""
    folder = tmp_path / "backscope"
    ignore = shutil.ignore_patterns("migrations", ".env", "api.log")
    shutil.copytree(built.folder, folder, symlinks=True, ignore=ignore)
    backscope = Backscope(folder, f"scope_{next(COUNTER)}", built.postgres, built.forks)
    backscope.environ["MODEL"] = str(built.folder)
    if request.node.get_closest_marker("inside"):
        backscope.environ["COVER_INSIDE"] = "1"
    elif request.module.__name__ in UNMEASURED:
        backscope.environ = {k: v for k, v in backscope.environ.items() if "COVERAGE" not in k}
    yield backscope
    backscope.drop()


@pytest.fixture
def backscope(fresh, built):
    """Give a checkout with a database, three sequences in it, and migrations."""
    fresh.postgres.sql(f"CREATE DATABASE {fresh.name} TEMPLATE model OWNER scope")
    shutil.copytree(built.folder / "migrations", fresh.folder / "migrations")
    fresh.fill()
    return fresh


@pytest.fixture
def kept(backscope):
    """Give a checkout with a kept pair beside the current one, which has one sequence."""
    name, new = backscope.name, "0123456789ab"
    ((old,),) = backscope.sql("SELECT version_num FROM alembic_version")
    backscope.postgres.sql(f'ALTER DATABASE {name} RENAME TO "{name}.~1~"')
    backscope.postgres.sql(f"CREATE DATABASE {name} TEMPLATE model OWNER scope")
    backscope.sql(f"UPDATE alembic_version SET version_num = '{new}'")
    folder = backscope.folder / "migrations"
    shutil.copytree(folder, backscope.folder / "migrations.~1~")
    (file,) = (folder / "versions").glob("*.py")
    (folder / "versions" / f"{new}_.py").write_text(file.read_text().replace(old, new))
    file.unlink()
    backscope.fill(1)
    return backscope


@pytest.fixture
def role(postgres):
    """Make a role with fewer rights."""
    name = "lesser"
    postgres.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield name
    where = "datallowconn AND datconnlimit = -1"
    for (database,) in postgres.sql(f"SELECT datname FROM pg_database WHERE {where}"):
        postgres.sql(f"REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name}", database)
    postgres.sql(f"DROP ROLE {name}")
