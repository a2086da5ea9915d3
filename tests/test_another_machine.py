"""Whole resets of a database on another machine, which speaks TLS and nothing else.

The machine is a network namespace with a server of its own. It is made and removed by a
process beside the tests (this file, run as a script), which sees when they end, however.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from checkout import COUNTER, PASSWORD, ROOT, Backscope, Postgres, make_checkout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HBA = "hostssl all all 0.0.0.0/0 scram-sha-256\n"  # without TLS nobody comes in
MARK = 'echo "step: $(tail -n 1 "$TRACE")" >>"$SERVER_LOG"'  # what a recorder does first
STEP = re.compile(r"connection authorized: user=scope .*application_name=backscope-reset-\d+ ")
LOOK = re.compile(r"connection authorized: user=scope .*application_name=backscope-reset looks ")


# ---------------------------------------------------------------- the machine


class Absent(Exception):
    """Why there can be no other machine here."""


def ip(*words):
    """Run `ip`; raise Absent if this machine does not allow it."""
    made = subprocess.run(["ip", *words], capture_output=True, text=True)
    if made.returncode:
        raise Absent(f"ip {' '.join(words)}: {made.stderr.strip()}")
    return made.stdout


def server_tools():
    """Give bin/with-postgres as a module."""
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("with_postgres", str(ROOT / "bin/with-postgres"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def programs_with_tls(usual):
    """Give the folder of PostgreSQL's programs: the `usual` one, or Debian's, if they speak TLS."""
    folders = [usual, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    for folder in folders:
        if all((folder / name).exists() for name in ("postgres", "initdb", "psql")):
            ask = [folder / "psql", "sslmode=require host=/nonexistent"]
            if "not compiled in" not in subprocess.run(ask, capture_output=True, text=True).stderr:
                return folder
    raise Absent(f"no PostgreSQL that speaks TLS in {', '.join(map(str, folders))}; set PG_BIN")


def is_free(net):
    """Say whether no route but the default one leads to a network."""
    routes = ip("-o", "-4", "route", "show", "match", f"{net}.2").splitlines()
    return all(route.startswith("default") for route in routes)


def namespace(stack):
    """Make a network namespace with a cable to it; give its name and the addresses of both ends."""
    name, near, far = (f"bsr{os.getpid()}{end}" for end in ("", "a", "b"))
    nets = (f"10.{os.getpid() % 200 + 20}.{third}" for third in range(1, 250))
    net = next(filter(is_free, nets), None)
    if not net:
        raise Absent("each private network is in use already")
    ip("netns", "add", name)
    stack.callback(subprocess.run, ["ip", "netns", "delete", name])
    ip("netns", "exec", name, "true")  # it mounts, which is more than to add one
    ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
    stack.callback(subprocess.run, ["ip", "link", "delete", near])
    ip("address", "add", f"{net}.1/30", "dev", near)
    ip("link", "set", near, "up")
    ip("-n", name, "address", "add", f"{net}.2/30", "dev", far)
    ip("-n", name, "link", "set", far, "up")
    ip("-n", name, "link", "set", "lo", "up")  # by which PostgreSQL before 15 hears of statistics
    return name, f"{net}.1", f"{net}.2"


def machine(stack):
    """Make the machine and start its server; give the variables that lead to it."""
    if os.geteuid() != 0:
        raise Absent("only root can make a network namespace")
    for program in ("ip", "openssl", "setpriv"):
        if not shutil.which(program):
            raise Absent(f"there is no program {program}")
    tools = server_tools()
    bin_dir, user = programs_with_tls(tools.programs()), tools.server_user()
    base = Path(tempfile.mkdtemp(prefix="machine.", dir=tools.temporary_base(user)))
    stack.callback(shutil.rmtree, base, ignore_errors=True)
    name, near, host = namespace(stack)
    os.chown(base, user.pw_uid, user.pw_gid)
    bin_dir = tools.copy_for(user, bin_dir, base)
    within = ["ip", "netns", "exec", name, "setpriv", f"--reuid={user.pw_uid}",
              f"--regid={user.pw_gid}", "--clear-groups"]  # fmt: skip
    password, data, log = "super.17", base / "data", base / "log"
    (base / "password").write_text(password)
    (base / "password").chmod(0o644)  # its folder is closed to all others
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(base)}
    for command in (
        [bin_dir / "initdb", "-D", data, "-U", "postgres", "--pwfile", base / "password",
         "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"],
        ["openssl", "req", "-new", "-x509", "-nodes", "-days", "2", "-newkey", "ec",
         "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={host}",
         "-addext", f"subjectAltName=IP:{host}",
         "-keyout", data / "server.key", "-out", data / "server.crt"],
    ):  # fmt: skip
        made = subprocess.run([*within, *command], cwd=base, env=env, capture_output=True)
        assert made.returncode == 0, made
    (data / "pg_hba.conf").write_text(HBA)
    options = ("ssl=on", f"listen_addresses={host}", "unix_socket_directories=", "fsync=off",
               "log_connections=on", "shared_buffers=32MB")  # fmt: skip
    server = [bin_dir / "postgres", "-D", data, *itertools.chain(*(("-c", o) for o in options))]
    with log.open("a") as output:  # the recorders write there, too
        running = subprocess.Popen(
            [*within, *server], cwd=base, env=env, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output,
        )  # fmt: skip
    stack.callback(tools.stop, running)
    assert tools.ready(running, data), log.read_text()
    return {"PGHOST": host, "PGPORT": "5432", "PGUSER": "postgres", "PGPASSWORD": password,
            "PATH": str(bin_dir), "NEAR": near, "LOG": str(log),
            "CERTIFICATE": str(data / "server.crt")}  # fmt: skip


def main():
    """Keep the machine until the tests, which hold the other end of the input, are gone."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    with contextlib.ExitStack() as stack:
        try:
            told = machine(stack)
        except Absent as why:
            told = {"absent": str(why)}
        print(json.dumps(told), flush=True)
        sys.stdin.read()


# ---------------------------------------------------------------- what the tests ask for


@pytest.fixture(scope="module")
def elsewhere():
    """Give the server of the other machine; skip, loudly, where there can be none."""
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process, pytest.MonkeyPatch.context() as patch:  # fmt: skip
        told = json.loads(process.stdout.readline() or "{}")
        assert told, "the other machine did not start"
        if "absent" in told:
            pytest.skip(f"NOT TESTED: ANOTHER MACHINE AND TLS. {told['absent']}")
        patch.setenv("PGSSLMODE", "verify-full")  # the tests' own look is over TLS, too
        patch.setenv("PGSSLROOTCERT", told["CERTIFICATE"])
        postgres = Postgres(told)
        postgres.sql(f"CREATE ROLE scope LOGIN CREATEDB PASSWORD '{PASSWORD}'")
        yield postgres  # then its input is closed, so that it cleans up, and waited for


@pytest.fixture
def remote(elsewhere, environment_folder, recorders, tmp_path):
    """Give a checkout whose database is to be on the other machine; it is not there yet."""
    folder = make_checkout(tmp_path / "backscope")
    name = f"scope_{next(COUNTER)}"
    backscope = Backscope(folder, name, elsewhere, environment_folder, recorders)
    backscope.environ["SERVER_LOG"] = elsewhere.variables["LOG"]
    yield backscope
    backscope.drop()


def over_tls(remote, *arguments, **environ):
    """Run the tool, which must succeed; each connection of it and of each step is over TLS."""
    log = Path(remote.environ["SERVER_LOG"])
    before = len(log.read_text())
    result = remote.run(*arguments, SHELL_BEFORE="*", DO=MARK, **environ)
    assert result.code == 0, result
    looking, *steps = re.split("^step: ", log.read_text()[before:], flags=re.M)
    everything = "".join([looking, *steps])
    came = [line for line in everything.splitlines() if "connection authorized: user=scope" in line]
    assert came, everything
    assert all("SSL enabled (protocol=TLSv1." in line for line in came), came
    assert "no encryption" not in everything  # nothing was even tried without
    assert LOOK.search(looking), everything
    # Both ends of a pipe begin at once, so psql's steps are counted together.
    remotely = [step for step in steps if not step.startswith(("mv ", "flask db init"))]
    for together, group in itertools.groupby(remotely, key=lambda step: step.startswith("psql ")):
        calls = list(group)
        for part in ["".join(calls)] if together else calls:
            assert len(STEP.findall(part)) >= (len(calls) if together else 1), everything
    assert len(steps) == len(result.trace), everything
    return result


def ids(remote, name=""):
    """Give the sequences that are cached."""
    rows = remote.sql("SELECT id FROM sequences ORDER BY 1", database=name or remote.name)
    return [one for (one,) in rows]


# ---------------------------------------------------------------- the tests


def test_a_whole_life_on_another_machine_over_tls(remote, elsewhere):
    name, answer = remote.name, f"{remote.name}@{elsewhere.host}"
    remote.environ["PGSSLMODE"] = "require"
    three = ["A000001", "A000002", "A000003"]

    result = over_tls(remote, "rebuild")  # there is nothing to lose, so nothing is asked
    assert f"{name} is set up: 3 tables" in result.out
    assert "to go on" not in result.all
    flask = ["flask db init", "flask db migrate", "flask db upgrade"]
    assert result.trace == [f"createdb {name}", *flask]

    remote.fill()
    result = over_tls(remote, "status")
    assert f"{name} on {elsewhere.host}:5432 as scope" in result.out
    assert "sequences 3" in result.out

    for verb in ("clear", "rebuild"):
        error = remote.refused(verb).err
        assert "Nobody can answer: the question is not on a terminal." in error
        assert f"CONFIRM={answer}" in error
        error = remote.refused(verb, "--confirm", name).err
        assert f"CONFIRM is {name}, but the target is {answer}." in error

    result = over_tls(remote, "clear", "--confirm", answer)
    assert result.trace == ["flask clear-database"]
    assert f"{name} is cleared: 3 tables, no rows; gone: sequences 3" in result.out
    assert ids(remote) == []

    remote.fill()
    first = remote.mine()[name]
    over_tls(remote, "rebuild", "--keep")
    assert remote.mine()[f"{name}.~1~"] == first
    assert (ids(remote), ids(remote, f"{name}.~1~")) == ([], three)
    second = remote.mine()[name]

    over_tls(remote, "undo")
    assert remote.mine() == {name: first, f"{name}.~1~": second}
    assert ids(remote) == three

    result = over_tls(remote, "rebuild", "--carry")
    assert "carried over: sequences 3" in result.out
    assert ids(remote) == ids(remote, f"{name}.~2~") == three
    assert remote.folders() == ["migrations", "migrations.~1~", "migrations.~2~"]

    result = over_tls(remote, "rebuild", "--confirm", answer)
    assert result.trace[:2] == [f"dropdb {name}", "mv migrations migrations.~3~"]
    assert ids(remote) == []


def test_tls_as_dotenv_wants_it(remote, elsewhere):
    answer = f"{remote.name}@{elsewhere.host}"
    remote.write_env(PGSSLMODE="require")
    over_tls(remote, "rebuild")
    remote.fill()
    # The certificate is looked at, by each process alike: without it there is no connection.
    certificate = elsewhere.variables["CERTIFICATE"]
    remote.write_env(PGSSLMODE="verify-full", PGSSLROOTCERT=certificate)
    over_tls(remote, "clear", "--confirm", answer)
    assert "PGSSLMODE=verify-full" in Path(f"{remote.trace}.env").read_text().splitlines()
    remote.write_env(PGSSLMODE="verify-full")
    assert "root certificate file" in remote.refused("rebuild", "--confirm", answer).err


def test_without_tls_nobody_comes_in(remote, elsewhere):
    answer = f"{remote.name}@{elsewhere.host}"
    over_tls(remote, "rebuild")  # libpq asks for TLS by itself
    remote.fill()
    for verb in (["clear", "--confirm", answer], ["rebuild", "--confirm", answer], ["status"]):
        error = remote.refused(*verb, PGSSLMODE="disable").err.strip()
        assert error.replace("SSL off", "no encryption").splitlines() == [  # PostgreSQL 13's words
            "Nothing was changed.",
            f"  No connection to {elsewhere.host}:5432 as scope: no pg_hba.conf entry for host"
            f' "{elsewhere.variables["NEAR"]}", user "scope", database "postgres", no encryption.',
            "      unset PGSSLMODE # or set it right: the environment wins over .env",
        ]
    # What is wrong is said, not that the second attempt, without TLS, was wrong too.
    remote.write_env(POSTGRES_PASSWORD="wrong")
    error = remote.refused("clear").err
    assert "password authentication failed" in error
    assert "pg_hba.conf" not in error


if __name__ == "__main__":
    main()
