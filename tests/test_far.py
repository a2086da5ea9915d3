"""What `make test` has no time for: TLS, a server on another machine, a gigabyte of rows."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading

import pytest
from checkout import Backscope
from postgres import Postgres, throwaway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CERTIFICATE = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -batch"
# 2,500 bytes a row that cannot be compressed.
ROWS = """INSERT INTO sequences (id, shift, values_requested, name) SELECT 'B' || i, 0, true,
    (SELECT string_agg(md5((random() * i * j)::text), '') FROM generate_series(1, 75) j)
    FROM generate_series(1, 420000) i"""
SUM = "SELECT count(*), sum(hashtextextended(s::text, 0))::text FROM sequences s"
IP = shutil.which("ip")


def command(*words):
    """Run a command, and give what it prints."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def encrypted(fresh, tmp_path):
    """Give a checkout whose server takes TLS only, and the file of the server's certificate."""
    if not shutil.which("openssl") or not shutil.which("pg_config"):
        pytest.skip("TLS IS NOT TESTED: it needs openssl and pg_config")
    with throwaway(PG_BIN=os.environ.get("PG_BIN") or command("pg_config", "--bindir")) as known:
        server = Postgres(known)
        if server.sql("SELECT FROM pg_settings WHERE name = 'ssl_library' AND setting = ''"):
            pytest.skip("TLS IS NOT TESTED: PostgreSQL was built without it")
        ((data,),) = server.sql("SHOW data_directory")
        crt, key = f"{data}/server.crt", f"{data}/server.key"
        command(*CERTIFICATE.split(), "-out", crt, "-keyout", key)
        for file in (crt, key):
            os.chown(file, os.stat(data).st_uid, -1)
        with open(f"{data}/pg_hba.conf", "w") as rules:
            rules.write("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        server.sql("ALTER SYSTEM SET ssl = on")
        server.sql("SELECT pg_reload_conf()")
        shutil.copytree(fresh.folder, tmp_path / "encrypted/backscope")
        backscope = Backscope(tmp_path / "encrypted/backscope", "scope", server, fresh.forks)
        backscope.write_env(POSTGRES_HOST="localhost")
        yield backscope, crt


def test_tls_reaches_all_that_connects_and_a_stranger_is_refused(encrypted):
    """As libpq's variables ask for it: the tool, the probe, flask, psql, createdb, dropdb."""
    backscope, crt = encrypted
    assert "no encryption" in backscope.refused("rebuild", PGSSLMODE="disable").said
    result = backscope.run("rebuild", FAST="", PGSSLMODE="require")
    assert result.code == 0, result
    backscope.fill()
    verify = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": crt}
    result = backscope.run("rebuild", "--carry", FAST="", **verify)
    assert result.code == 0, result
    assert len(backscope.ids()) == len(backscope.ids(1)) == 3
    wrong = str(backscope.folder.parent / "wrong.crt")
    command(*CERTIFICATE.split(), "-out", wrong, "-keyout", f"{wrong}.key")
    verify["PGSSLROOTCERT"] = wrong
    assert "certificate verify failed" in backscope.refused("rebuild", "--keep", **verify).said
    result = backscope.run("rebuild", "--confirm", "scope", FAST="", PGSSLMODE="require")
    assert result.code == 0, result
    assert any(call.startswith("dropdb") for call in result.trace)
    assert backscope.ids() == []


def forward(listener, port):
    """Hand all connections on to a port of this machine."""

    def pump(one, other):
        with contextlib.suppress(OSError):
            shutil.copyfileobj(one.makefile("rb", 0), other.makefile("wb", 0))
            other.shutdown(socket.SHUT_WR)

    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", port))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=pump, args=ends, daemon=True).start()


@pytest.fixture
def machine(backscope):
    """Have the tool run on a machine of its own; give the address of the server's."""
    number = os.getpid() % 250
    name, ours, theirs = f"backscope-{number}", f"bs{number}a", f"bs{number}b"
    host = f"198.18.{number}.1"  # a network for measurements (RFC 2544)
    if not IP or os.geteuid() != 0 or subprocess.run([IP, "netns", "add", name]).returncode:
        pytest.skip("ANOTHER MACHINE IS NOT TESTED: it needs root, and ip netns")
    try:
        command(IP, "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        command(IP, "addr", "add", f"{host}/30", "dev", ours)
        command(IP, "link", "set", ours, "up")
        command(IP, "-n", name, "addr", "add", f"198.18.{number}.2/30", "dev", theirs)
        command(IP, "-n", name, "link", "set", theirs, "up")
        plain, backscope.afresh = backscope.argv, True
        backscope.argv = lambda *more: [IP, "netns", "exec", name, *plain(*more)]
        with socket.create_server((host, 0)) as listener:
            there = (listener, int(backscope.postgres.port))
            threading.Thread(target=forward, args=there, daemon=True).start()
            backscope.write_env(POSTGRES_HOST=host, POSTGRES_PORT=listener.getsockname()[1])
            yield host
            listener.shutdown(socket.SHUT_RDWR)
    finally:
        command(IP, "netns", "del", name)


def test_h29_a_rebuild_on_another_machine_asks_for_name_and_host(backscope, machine):
    answer = f"{backscope.name}@{machine}"
    for given in ("", backscope.name):
        assert answer in backscope.refused("rebuild", CONFIRM=given).said
    result = backscope.run("rebuild", CONFIRM=answer, FAST="")
    assert result.code == 0, result
    assert backscope.ids() == []


def test_a_gigabyte_comes_along(backscope):
    if shutil.disk_usage(backscope.folder).free < 4 * 2**30:
        pytest.skip("A GIGABYTE IS NOT TESTED: it needs 4 GB of disk")
    backscope.sql(ROWS)
    before = backscope.sql(SUM)
    assert backscope.sql("SELECT pg_table_size('sequences') > 2 ^ 30") == [(True,)]
    result = backscope.run("rebuild", "--carry")
    assert result.code == 0, result
    assert backscope.sql(SUM) == before
