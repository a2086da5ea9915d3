"""What a test may ask for: a server, a checkout with or without a database, fewer rights.

The marker `inside` counts, for the coverage, what runs inside Backscope's processes too.
"""

from __future__ import annotations

import compileall
import os
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path
from typing import Dict, Iterator

import pytest
from checkout import (
    COUNTER,
    PASSWORD,
    PROGRAMS,
    RECORDER,
    ROOT,
    Backscope,
    Postgres,
    make_checkout,
    throwaway,
)

for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:  # & and nohup would make all children deaf
        signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session")
def server() -> Iterator[Dict[str, str]]:
    """Give the server that the tests share."""
    with throwaway() as variables:
        yield variables


@pytest.fixture(scope="session")
def postgres(server: Dict[str, str]) -> Postgres:
    """Give the server, with a role like a developer's."""
    postgres = Postgres(server)
    postgres.sql(f"CREATE ROLE scope LOGIN CREATEDB PASSWORD '{PASSWORD}'")
    return postgres


@pytest.fixture(scope="session")
def environment_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a virtual environment whose flask records its calls."""
    compileall.compile_dir(str(ROOT / "resetting"), quiet=1)  # as after a first run
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next((folder / "lib").glob("python3*/site-packages"))
    real = [path for path in sys.path if path.endswith("site-packages")]
    # Measuring the coverage of a process that loads the app costs a lot; few tests need it.
    spare = (
        "import os; '_probe' in open('/proc/self/cmdline').read() and 'COVER_INSIDE' not in"
        " os.environ and os.environ.pop('COVERAGE_PROCESS_CONFIG', None)"
    )
    lines = [spare] * Path("/proc/self/cmdline").exists()
    lines += [f"import site; site.addsitedir({path!r})" for path in real]
    (packages / "real.pth").write_text("\n".join(lines))
    (folder / "bin" / "flask").write_text(RECORDER)
    (folder / "bin" / "flask").chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def recorders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of recording programs, for the PATH."""
    folder = tmp_path_factory.mktemp("recorders")
    for name in PROGRAMS:
        (folder / name).write_text(RECORDER)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def built(
    postgres: Postgres, environment_folder: Path, recorders: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Backscope:  # fmt: skip
    """Give a checkout whose database the tool has rebuilt: the model of all others."""
    folder = make_checkout(tmp_path_factory.mktemp("built") / "backscope")
    backscope = Backscope(folder, "model", postgres, environment_folder, recorders)
    result = backscope.run("rebuild")
    assert result.code == 0, result
    subprocess.run(
        [f"{postgres.bin}/pg_dump", "-Ox", "-f", str(folder.parent / "schema.sql"), "model"],
        env={**os.environ, **postgres.variables}, check=True,
    )  # fmt: skip
    return backscope


@pytest.fixture
def fresh(
    built: Backscope, postgres: Postgres, environment_folder: Path, recorders: Path,
    tmp_path: Path, request: pytest.FixtureRequest,
) -> Iterator[Backscope]:  # fmt: skip
    """Give a checkout without database and migrations."""
    folder = tmp_path / "backscope"
    ignore = shutil.ignore_patterns("migrations", ".env", "api.log")
    shutil.copytree(built.folder, folder, symlinks=True, ignore=ignore)
    name = f"scope_{next(COUNTER)}"
    backscope = Backscope(folder, name, postgres, environment_folder, recorders)
    backscope.environ["MODEL"] = str(built.folder)
    if request.node.get_closest_marker("inside"):
        backscope.environ["COVER_INSIDE"] = "1"
    yield backscope
    backscope.drop()


@pytest.fixture
def backscope(fresh: Backscope, built: Backscope, postgres: Postgres) -> Backscope:
    """Give a checkout with a database, some rows in it, and migrations."""
    postgres.sql(f"CREATE DATABASE {fresh.name} TEMPLATE model OWNER scope")
    shutil.copytree(built.folder / "migrations", fresh.folder / "migrations")
    fresh.fill()
    return fresh


@pytest.fixture
def kept(backscope: Backscope) -> Backscope:
    """Give a checkout with a kept pair beside the current one, each with a revision of its own."""
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
    return backscope


@pytest.fixture
def role(postgres: Postgres) -> Iterator[str]:
    """Make a role with fewer rights."""
    name = "lesser"
    postgres.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield name
    for database in postgres.databases():
        if database != "template0":
            postgres.sql(f"REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name}", database)
    postgres.sql(f"DROP ROLE {name}")


@pytest.fixture
def once(tmp_path: Path) -> Dict[str, str]:
    """Give what, together with FAIL_ONCE, makes a command fail only once."""
    (tmp_path / "once").touch()
    return {"ONCE": str(tmp_path / "once")}
