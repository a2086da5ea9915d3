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
from checkout import COLLECTED, INTERPRETER, Backscope, syntax_errors
from places import abroad, debian, installation, no_postgres, outdated, standby  # noqa: F401
from postgres import ROOT, Postgres, throwaway

COUNTER = itertools.count(1)
IGNORED = shutil.ignore_patterns("__pycache__", "migrations", ".env", "api.log")
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:  # & and nohup would make all children deaf
        signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session")
def postgres():
    with throwaway() as variables:
        yield Postgres(variables)


def pytest_collection_modifyitems(items):
    """Keep those that change a server in one worker (--dist loadgroup): it costs a second."""
    for item in items:
        if "installation" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("installation"))


@pytest.fixture(scope="session", autouse=True)
def printed_hints():
    """When all tests are done, have the shells look at each hint that was printed (H101)."""
    yield
    assert syntax_errors(COLLECTED) == []


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    compileall.compile_dir(str(ROOT / "resetting"), quiet=1)  # as after a first run
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    real = [path for path in sys.path if path.endswith("site-packages")]
    (packages,) = (folder / "lib").glob("python3*/site-packages")
    lines = [f"import site; site.addsitedir({path!r})" for path in real]
    (packages / "real.pth").write_text("\n".join(lines))
    (folder / "programs").mkdir()
    recorder = (ROOT / "tests/recorder.sh").read_text()
    names = ("dropdb", "createdb", "psql", "mv", "rm", "cp")
    programs = {folder / "programs" / name: recorder for name in names}
    programs[folder / "bin/flask"] = recorder
    programs[folder / "bin/recorded-python"] = INTERPRETER
    for path, text in programs.items():
        path.write_text(text)
        path.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def built(postgres, environment, tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "schema.sql").exists():  # the first of the workers makes it
            build(shared, postgres, environment)
    if "model" not in postgres.databases():
        postgres.make_model(shared)
    postgres.model = f"{shared}/backscope"
    return shared / "backscope"


def build(shared, postgres, environment):
    """Rebuild it with the real flask; note its tables, and what the probe has answered."""
    shutil.copytree(ROOT / "tests/standin", shared / "backscope", ignore=IGNORED)
    backscope = Backscope(shared / "backscope", "model", postgres, environment)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-C", str(backscope.folder)]
    for command in ("init -q --template=", "commit -qm stand-in --allow-empty"):  # few files
        subprocess.run([*git, *command.split()], check=True)
    backscope.done("rebuild", FAST="", RECORD=f"{shared}/probe.json")
    tables = ("-T", "alembic_version", "-f", f"{shared}/tables.sql", "model")
    postgres.program("pg_dump", "-Ox", *tables)
    postgres.program("pg_dump", "-Ox", "-f", f"{shared}/schema.sql", "model")


@pytest.fixture
def fresh(built, postgres, environment, tmp_path, request):
    folder = tmp_path / "backscope"
    shutil.copytree(built, folder, symlinks=True, ignore=IGNORED)
    backscope = Backscope(folder, f"scope_{next(COUNTER)}", postgres, environment)
    if request.node.get_closest_marker("inside"):
        backscope.environ["COVER_INSIDE"] = "1"
    yield backscope
    backscope.drop()


@pytest.fixture
def backscope(fresh, built):
    fresh.postgres.sql(f"CREATE DATABASE {fresh.name} TEMPLATE model OWNER scope")
    shutil.copytree(built / "migrations", fresh.folder / "migrations")
    fresh.fill()
    return fresh


@pytest.fixture
def kept(backscope):
    backscope.done("rebuild --keep")
    backscope.fill(1)
    return backscope
