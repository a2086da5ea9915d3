"""Other people's installations: a server whose rules, roles and databases a test may change."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psycopg2
import pytest
from checkout import Backscope
from postgres import Postgres, throwaway

COUNTER = itertools.count(1)
CLIENTS = ("psql", "createdb", "dropdb")
PROGRAMS = {"sh", "cat", "sed", "env", "mv", "rm", "cp", "mkdir", "git", "flask", *CLIENTS}
# What pg_createcluster of Debian writes, without the lines for replication.
DEBIAN = """local all postgres peer map=tests
local all all peer
host all all 127.0.0.1/32 scram-sha-256
"""
# As root, the system's user `postgres` reads the programs even where only root may; not as
# root, the rules let this user in as that one.
SUDO = '#!/bin/sh\n[ "$1" = -u ] && user=$2 && shift 2 || exit 9\n'
AS_ROOT = """exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups \\
    --inh-caps=+dac_override --ambient-caps=+dac_override env -i PATH="$PATH" "$@"
"""
NOT_AS_ROOT = 'PGUSER=$user exec "$@"\n'


def path_without(backscope, *missing):
    folder = Path(tempfile.mkdtemp(dir=backscope.folder.parent))
    for name in PROGRAMS - {*missing}:
        (folder / name).symlink_to(shutil.which(name, path=backscope.environ["PATH"]))
    return str(folder)


class Installation(Postgres):
    """A server whose database `postgres`, superuser and rules belong to a test."""

    home = "postgres"

    def connect(self, database="postgres", **options):
        return super().connect(self.home if database == "postgres" else database, **options)

    def load(self, texts):
        before = {path: path.read_text() for path in texts}
        for path, text in texts.items():
            path.write_text(text)
        query = "SELECT pg_conf_load_time()"
        loaded = self.sql(query, options="")
        self.sql("SELECT pg_reload_conf()")
        while self.sql(query, options="") == loaded:  # as new connections have it
            time.sleep(0.01)
        return before


@pytest.fixture(scope="session")
def installation(built, postgres):
    with throwaway() as variables:
        server = Installation(variables)
        server.sql("CREATE DATABASE home")
        server.__dict__.pop("connection").close()
        server.home = "home"
        server.make_model(built.parent)
        yield server


@pytest.fixture
def abroad(installation, built, environment, tmp_path):
    shutil.copytree(built, tmp_path / "backscope", symlinks=True)
    name = f"abroad_{next(COUNTER)}"
    backscope = Backscope(tmp_path / "backscope", name, installation, environment)
    installation.sql(f"CREATE DATABASE {name} TEMPLATE model OWNER scope")
    backscope.fill()
    yield backscope
    installation.sql("ALTER ROLE scope CREATEDB")
    backscope.drop()


@pytest.fixture
def debian(abroad, tmp_path):
    server, me = abroad.postgres, pwd.getpwuid(os.geteuid()).pw_name
    if "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("DEBIAN'S PEER IS NOT TESTED: this system has no user postgres")
    folder, name = Path(server.variables["PG_SOCKET_DIR"]), f".s.PGSQL.{server.port}"
    folder.chmod(0o711)
    sockets = [Path(place, name) for place in ("/tmp", "/run/postgresql") if os.access(place, 2)]
    (sudo := tmp_path / "sudo").write_text(SUDO + (NOT_AS_ROOT if os.geteuid() else AS_ROOT))
    sudo.chmod(0o755)
    abroad.environ["PATH"] = f"{tmp_path}:{server.bin}:{abroad.environ['PATH']}"
    people = "".join(f"tests {one} postgres\n" for one in sorted({"postgres", me} - {"root"}))
    files = [Path(server.sql(f"SHOW {name}")[0][0]) for name in ("hba_file", "ident_file")]
    before = server.load(dict(zip(files, (DEBIAN, people))))
    for path in sockets:
        path.symlink_to(folder / name)
    yield abroad
    for path in sockets:
        path.unlink()
    server.load(before)


@pytest.fixture
def no_postgres(abroad):
    abroad.postgres.sql("DROP DATABASE postgres WITH (FORCE)")
    yield abroad
    abroad.postgres.sql("CREATE DATABASE postgres")


@pytest.fixture
def outdated(abroad):
    change = "UPDATE pg_database SET (datcollate, datcollversion) = ({}) WHERE datname = '{}'"
    before = "SELECT datcollate, datcollversion FROM pg_database WHERE datname = 'template0'"
    abroad.postgres.sql(change.format("'xx_YY.UTF-8', '0'", "template1"))
    yield abroad
    abroad.postgres.sql(change.format(before, "template1"))


@pytest.fixture
def standby(abroad):
    """Have the server be a standby: it crashes and finds the file that says so."""
    server = abroad.postgres
    file = Path(server.sql("SHOW data_directory")[0][0], "standby.signal")
    file.touch()
    file.chmod(0o666)
    server.sql("CHECKPOINT")
    os.kill(server.connection.info.backend_pid, signal.SIGKILL)
    server.__dict__.pop("connection").close()
    standing_by = False
    while not standing_by:
        with contextlib.suppress(psycopg2.Error):
            standing_by = server.sql("SELECT pg_is_in_recovery()", options="")[0][0]
    yield abroad
    server.sql("SELECT pg_promote()")
