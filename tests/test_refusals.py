"""What is in the way is said before the first touch, all of it, with what helps."""

import contextlib
import pty
import socket
import subprocess
import threading
from subprocess import DEVNULL, PIPE

import pytest
from checkout import slowly
from test_long import ended
from test_settings import append


def test_h10_a_server_that_cannot_be_reached(backscope):
    """What libpq says is shown, and what helps against it."""
    for change, words in (
        ({"POSTGRES_PORT": "1"}, ("refused", "pg_isready -h")),
        ({"POSTGRES_PASSWORD": "wrong"}, ("password authentication failed", "/.env")),
        ({"POSTGRES_USER": "stranger"}, ("authentication failed", "CREATE ROLE")),
        ({"POSTGRES_HOST": "nowhere.invalid"}, ("translate host name", "/.env")),
    ):
        backscope.write_env(**change)
        said = backscope.refused("clear").said
        assert all(word in said for word in words), said


def test_h34_a_connection_pooler(backscope):
    """PgBouncer knows no `options` of a session; this one says so in its words."""
    words = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"

    def answer():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.recv(9999)
                client.sendall(b"E" + (len(words) + 4).to_bytes(4, "big") + words)
                client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        backscope.write_env(POSTGRES_PORT=str(listener.getsockname()[1]))
        said = backscope.refused("clear", PGSSLMODE="disable", PGGSSENCMODE="disable").said
    assert "unsupported startup parameter" in said
    assert "POSTGRES_PORT=5432" in said


def test_h11_h13_h14_all_problems_are_reported_together(backscope, role):
    """No right to create or to drop, another's session, a file for a folder: with what helps."""
    backscope.write_env(POSTGRES_USER=role)
    (backscope.folder / "migrations").rename(backscope.folder / "elsewhere")
    (backscope.folder / "migrations").touch()
    with contextlib.closing(backscope.as_scope()) as session:
        said = backscope.refused("rebuild").said
        assert f"pid {session.info.backend_pid}" in said
    for words in (f'ALTER ROLE "{role}" CREATEDB', f'OWNER TO "{role}"', "FORCE=1", "not a folder"):
        assert words in said
    said = backscope.refused("clear", CONFIRM="x", POSTGRES_PORT="none", POSTGRES_DB="").said
    assert all(name in said for name in ("CONFIRM", "POSTGRES_PORT", "POSTGRES_DB"))


@pytest.mark.parametrize("answer", [slowly("no"), "yes"])
def test_h19_what_backscope_itself_asks_is_answered_through_the_tool(backscope, answer):
    """Its "No action taken" has exit status 0, and is no success here."""
    backscope.write_env(APP_ENVIRONMENT="production")
    before = backscope.snapshot()
    terminal = backscope.spawn("clear", PRODUCTION="1", CONFIRM=backscope.name, FAST="")
    terminal.expect("anything else: ")
    assert ended(terminal, f"{answer}\r") == (0 if answer == "yes" else 2), terminal.before
    assert ("No action taken" in terminal.before) == (answer == "no")
    assert (backscope.snapshot() == before) == (answer == "no")
    assert (backscope.ids() == []) == (answer == "yes")


def test_h29_on_another_machine_name_and_host_are_typed(backscope):
    """A name that is not known to be this machine's is another's: 127.1 is 127.0.0.1 to libc."""
    backscope.write_env(POSTGRES_HOST="127.1")
    answer = f"{backscope.name}@127.1"
    for command in ("clear", "rebuild"):
        assert f"CONFIRM={answer}" in backscope.refused(command).said
        assert answer in backscope.refused(command, CONFIRM=backscope.name).said
    terminal = backscope.spawn("clear")
    terminal.expect(f"Type {answer} to go on: ")
    assert ended(terminal, f"{answer}\r") == 0, terminal.before
    assert backscope.ids() == []


def test_h53_a_question_that_nobody_sees_or_can_answer_is_refused(backscope):
    """A terminal at one end is none, and Ctrl-D is no answer."""
    before, (_, terminal) = backscope.snapshot(), pty.openpty()
    for stdin, stdout in ((terminal, PIPE), (DEVNULL, terminal)):
        place = {"cwd": backscope.folder, "env": backscope.environ}
        streams = {"stdin": stdin, "stdout": stdout, "stderr": PIPE}
        assert subprocess.run(backscope.argv("rebuild"), **place, **streams).returncode == 2
    asks = backscope.spawn("rebuild")
    asks.expect("to go on: ")
    assert ended(asks, "\x04") == 2
    assert (backscope.snapshot(), backscope.take_trace()) == (before, [])


def test_h40_rows_that_came_after_a_look_that_asked_nothing(backscope):
    """The look right before the first touch sees them: the app brings one when it is loaded."""
    backscope.sql("DELETE FROM sequences")
    line = (
        f"late = __import__('psycopg2').connect('dbname={backscope.name}'); late.autocommit = 1\n"
    )
    insert = "late.cursor().execute(\"INSERT INTO searches (term) VALUES ('late')\")\n"
    append(backscope.folder / "flaskr/config.py", line + insert)
    result = backscope.run("rebuild", FAST="")
    assert (result.code, result.trace) == (2, []), result
    assert "late" in str(backscope.sql("SELECT term FROM searches"))
