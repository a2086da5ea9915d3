"""Other people's servers: refused before the first touch, or it works (H81: no git)."""

import contextlib
import re
import socket
import threading

import pytest
from checkout import cases, follow, hinted, slowly
from places import path_without

UNREACHABLE = {
    "port": ("PORT", "1", ["refused", "pg_isready -h"]),
    "password": ("PASSWORD", "x", ["authentication failed", "\\password", ".env"]),
    "role": ("USER", "stranger", ["authentication failed", "createuser", "as a superuser"]),
    "slow host": ("HOST", "nowhere.invalid", ["translate host name", "/.env"]),
}
GERMAN = "Passwort-Authentifizierung für Benutzer »scope« fehlgeschlagen"


def refuse_with(message):
    """Return the port of a server that refuses each connection with the bytes of a message.

    It has no TLS, which clients ask for first (PostgreSQL, "Message Formats").
    """
    fields = b"SFATAL\0VFATAL\0C28P01\0M" + message + b"\0\0"
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        while True:
            with contextlib.suppress(OSError), listener.accept()[0] as client:
                while client.recv(9999)[4:6] == b"\x04\xd2":  # SSLRequest, GSSENCRequest
                    client.sendall(b"N")
                client.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    threading.Thread(target=answer, daemon=True).start()
    return str(listener.getsockname()[1])


@pytest.mark.parametrize(("name", "value", "words"), cases(UNREACHABLE))
def test_h10_what_libpq_says_and_what_helps(backscope, name, value, words):
    backscope.write_env(**{f"POSTGRES_{name}": value})
    said = backscope.refused("clear").said
    assert all(word in said for word in words), said


def test_h75_debians_superuser_comes_by_sudo(debian):
    """The printed command does what it is for: peer lets only the system's postgres in."""
    debian.postgres.sql("ALTER ROLE scope NOCREATEDB")
    command = hinted(debian.refused("rebuild --keep"), "CREATEDB")
    start = f"sudo -u postgres psql -p {debian.postgres.port} -d postgres -c "
    assert command.startswith(start)
    follow(debian, command, PGPASSWORD="")
    debian.done("rebuild --keep --dry-run")
    debian.write_env(POSTGRES_PASSWORD="another")  # H86: without a connection, too
    assert [command for _, command in debian.refused("clear").hints if command.startswith(start)]
    debian.write_env(POSTGRES_HOST="")
    result = debian.refused("clear", PGHOST=debian.postgres.variables["PG_SOCKET_DIR"])
    assert "Peer authentication failed" in result.said
    assert hinted(result, "POSTGRES_HOST=localhost")


@pytest.mark.parametrize("charset", ["latin-1", slowly("utf-8")])
def test_h80_a_server_that_speaks_german(backscope, charset):
    """What is not UTF-8 is shown with replacements, unless psycopg2 loses it; also in a step."""
    backscope.write_env(POSTGRES_PORT=refuse_with(GERMAN.encode(charset)))
    said = backscope.refused("clear").said
    assert re.search("Passwort-Authentifizierung f|cannot be read.*psql -p", said)
    backscope.write_env()
    says = ("psql*", "printf 'FEHLER: f\\374r' >&2; exit 3")
    assert "FEHLER: f" in backscope.unchanged("clear --seq A1", before=says).said


def test_h85_a_standby(standby):
    assert "standby" in standby.done("status").said
    assert "standby" in standby.refused("rebuild --keep").said


def test_h85_an_outdated_collation_version(outdated):
    outdated.done("clear")
    outdated.drop()
    command = hinted(outdated.refused("rebuild"), "REFRESH")
    assert 'ALTER DATABASE "template1" REFRESH COLLATION VERSION' in command


def test_h85_no_database_postgres(no_postgres):
    name = f"{no_postgres.name}_disposable"
    no_postgres.write_env(POSTGRES_DISPOSABLE_DB=name)
    for words in ("status", "rebuild --keep", "undo", "disposable", "clear"):
        no_postgres.done(words)
    assert "createdb -T template0 scope" in no_postgres.done("rebuild --confirm {}").calls
    assert set(no_postgres.mine()) == {no_postgres.name, f"{no_postgres.name}.~1~", name}


def test_h77_a_program_that_a_step_needs_is_not_there(kept):
    for program, words in (("createdb", "rebuild --confirm {}"), ("psql", "undo")):
        assert program in kept.refused(words, PATH=path_without(kept, program)).err
    path = path_without(kept, "dropdb", "createdb", "psql", "git")
    assert "createdb" in kept.done("status", PATH=path).said
    kept.done("clear", PATH=path)
    assert kept.ids() == []
