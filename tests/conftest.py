"""What a test may ask for: a server, a checkout with or without a database, fewer rights.

The marker `inside` counts, for the coverage, what runs inside Backscope's processes too.
"""

import compileall
import fcntl
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
UNMEASURED = ("names", "kills", "invariants", "locks", "defaults", "guard", "trace")


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
    forks.process.communicate()


@pytest.fixture(scope="session")
def built(postgres, forks, tmp_path_factory):
    """Give a checkout whose database the tool has rebuilt: the model of all others."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    schema, known = shared / "schema.sql", {**os.environ, **postgres.variables}
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not schema.exists():  # the first of the workers makes it
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / "tests/standin", shared / "backscope", ignore=ignore)
            build(Backscope(shared / "backscope", "model", postgres, forks))
            dump = [f"{postgres.bin}/pg_dump", "-Ox", "-f", str(schema), "model"]
            subprocess.run(dump, env=known, check=True)
    if "model" not in postgres.databases():
        postgres.sql("CREATE DATABASE model OWNER scope")
        known.update(PGUSER="scope", PGPASSWORD=PASSWORD)
        psql = [f"{postgres.bin}/psql", "-qX", "-o", os.devnull, "-f", str(schema), "model"]
        subprocess.run(psql, env=known, check=True)
    return shared / "backscope"


def build(backscope):
    """Rebuild it with the real flask; note what the probe has answered."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-C", str(backscope.folder)]
    for command in ("init -q --template=", "commit -qm stand-in --allow-empty"):  # few files
        subprocess.run([*git, *command.split()], check=True)
    result = backscope.run("rebuild", FAST="")
    assert result.code == 0, result
    backscope.run("status", FAST="", RECORD=str(backscope.folder.parent / "probe.json"))


@pytest.fixture
def fresh(built, postgres, forks, tmp_path, request):
    """Give a checkout without database and migrations."""
    folder = tmp_path / "backscope"
    ignore = shutil.ignore_patterns("migrations", ".env", "api.log")
    shutil.copytree(built, folder, symlinks=True, ignore=ignore)
    backscope = Backscope(folder, f"scope_{next(COUNTER)}", postgres, forks)
    backscope.environ["MODEL"] = str(built)
    if request.node.get_closest_marker("inside"):
        backscope.environ["COVER_INSIDE"] = "1"
    elif request.module.__name__.removeprefix("test_") in UNMEASURED:
        backscope.environ = {k: v for k, v in backscope.environ.items() if "COVERAGE" not in k}
    yield backscope
    backscope.drop()


@pytest.fixture
def backscope(fresh, built):
    """Give a checkout with a database, three sequences in it, and migrations."""
    fresh.postgres.sql(f"CREATE DATABASE {fresh.name} TEMPLATE model OWNER scope")
    shutil.copytree(built / "migrations", fresh.folder / "migrations")
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
