"""Ctrl-C, SIGTERM, kill -9, a closed terminal: nothing runs on, and the same command mends it."""

import os
import signal
import sys

import pexpect
import pytest

SIX = ["dropdb", "mv", "createdb", "flask db init", "flask db migrate", "flask db upgrade"]


def spawn(backscope, *arguments, **environ):
    """Run the tool on a terminal of its own."""
    argv = backscope.argv(*arguments)
    return pexpect.spawn(
        argv[0], argv[1:], cwd=str(backscope.folder), env={**backscope.environ, **environ},
        encoding="utf-8", timeout=60, dimensions=(24, 80),
    )  # fmt: skip


def read_all(terminal):
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.before


def test_the_name_has_to_be_typed(backscope):
    before = backscope.snapshot()
    for typed in ("yes\r", "\x04"):
        terminal = spawn(backscope, "rebuild")
        terminal.expect("Type its name to go on: ")
        terminal.send(typed)
        assert "Nothing was changed" in read_all(terminal)
        assert terminal.exitstatus == 2
        assert backscope.snapshot() == before
    terminal = spawn(backscope, "rebuild")
    terminal.expect("This wipes out the entire structure and contents of")
    terminal.expect("Type its name to go on: ")
    terminal.send(backscope.name + "\r")
    out = read_all(terminal)
    assert terminal.exitstatus == 0, out
    assert "is rebuilt" in out
    assert "\x1b[" in out  # colour on a terminal


def test_what_came_while_it_was_typed_is_seen(backscope):
    terminal = spawn(backscope, "rebuild")
    terminal.expect("Type its name to go on: ")
    session = backscope.as_scope()
    terminal.send(backscope.name + "\r")
    assert "1 session is in the way" in read_all(terminal)
    session.close()
    assert terminal.exitstatus == 2
    assert not backscope.trace.exists()


def test_ctrl_c_at_the_question(backscope):
    before = backscope.snapshot()
    terminal = spawn(backscope, "rebuild", NO_COLOR="1")
    terminal.expect("Type its name to go on: ")
    terminal.sendintr()
    out = read_all(terminal)
    assert "Nothing was changed" in out
    assert "\x1b[" not in out
    assert terminal.exitstatus == 130
    assert backscope.snapshot() == before


def test_production_asks_on_the_terminal_itself(backscope):
    backscope.write_env(APP_ENVIRONMENT="production")
    for answer, code in (("no", 1), ("yes", 0)):
        terminal = spawn(backscope, "clear", "--production")
        terminal.expect("Type its name to go on: ")
        terminal.send(backscope.name + "\r")
        terminal.expect("Type yes, or anything else: ")
        terminal.send(answer + "\r")
        out = read_all(terminal)
        assert terminal.exitstatus == code, out
    terminal = spawn(backscope, "clear", "--production", "--confirm", backscope.name)
    terminal.expect("Type yes, or anything else: ")
    for _ in range(5):  # Python's input() may miss the first one, just before it reads
        terminal.sendintr()
        if terminal.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=10) == 0:
            break
    out = read_all(terminal)
    assert terminal.exitstatus == 130, out
    assert "Traceback" not in out


@pytest.mark.parametrize("number", [0, 2, 4])
def test_ctrl_c_reaches_the_running_command(backscope, number):
    terminal = spawn(backscope, "rebuild", "--confirm", backscope.name, HANG=SIX[number] + "*")
    with backscope.fifo.open() as fifo:
        child = int(fifo.read())
    terminal.sendintr()
    out = read_all(terminal)
    assert terminal.exitstatus == 130, out
    assert "Interrupted by SIGINT" in out
    assert (backscope.folder.parent / "trace.signal").read_text() == "INT\n"  # once
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    calls = backscope.trace.read_text().splitlines()
    assert len(calls) == number + 1
    backscope.trace.unlink()
    assert ("Done before: nothing" in out) == (number == 0)
    assert backscope.run("rebuild", "--confirm", backscope.name, **backscope.fast).code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_the_tool_alone_is_handed_on(backscope, number):
    process = backscope.start("clear", HANG="flask*")
    with backscope.fifo.open() as fifo:
        child = int(fifo.read())
    process.send_signal(number)
    result = backscope.finish(process)
    assert result.code == 130, result
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert len(backscope.sql("SELECT * FROM sequences")) == 3


def test_a_terminal_that_closes(backscope):
    terminal = spawn(backscope, "rebuild", "--keep", HANG="flask db migrate", **backscope.fast)
    with backscope.fifo.open() as fifo:
        child = int(fifo.read())
    before = set(backscope.mine())
    assert before == {backscope.name, f"{backscope.name}.~1~"}
    os.close(terminal.child_fd)
    os.waitpid(terminal.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert set(backscope.mine()) == {backscope.name}
    assert backscope.folders() == ["migrations"]
    assert len(backscope.sql("SELECT * FROM sequences")) == 3


@pytest.mark.parametrize("when", ["DURING", "AFTER"])
@pytest.mark.parametrize("number", range(6))
def test_killed_at_any_moment_the_same_command_mends_it(backscope, number, when):
    confirm = ["--confirm", backscope.name]
    pattern = SIX[number] + "*"
    process = backscope.start("rebuild", *confirm, **{f"KILL_{when}": pattern}, **backscope.fast)
    assert process.wait() == -9
    process.stdout.read()  # until the orphan, which holds the lock and the pipe, has ended
    process.stderr.read()
    backscope.trace.unlink()
    result = backscope.run("rebuild", *confirm, **backscope.fast)
    for _ in range(100):  # refused while what was started is still running
        if "Another reset" not in result.err and "in the way" not in result.err:
            break
        result = backscope.run("rebuild", *confirm, **backscope.fast)
    assert result.code == 0, result
    assert backscope.sql("SELECT * FROM sequences") == []
    assert backscope.sql("SELECT version_num FROM alembic_version")


def test_a_reader_that_goes_away_does_not_stop_a_reset(backscope):
    read, write = os.pipe()
    import subprocess

    process = subprocess.Popen(
        backscope.argv("rebuild", "--confirm", backscope.name), cwd=backscope.folder,
        env={**backscope.environ, **backscope.fast}, stdin=subprocess.DEVNULL, stdout=write,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(write)
    os.read(read, 1)
    os.close(read)
    error = process.communicate(timeout=60)[1]
    assert (process.returncode, error) == (0, b"")
    assert backscope.sql("SELECT * FROM sequences") == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the state of a process")
def test_nothing_runs_on_after_an_interruption(backscope):
    process = backscope.start("rebuild", "--confirm", backscope.name, HANG="flask db init")
    with backscope.fifo.open() as fifo:
        child = int(fifo.read())
    process.send_signal(signal.SIGINT)
    assert backscope.finish(process).code == 130
    assert not os.path.exists(f"/proc/{child}")
    sessions = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'backscope-reset%'"
    )
    assert backscope.postgres.sql(sessions) == [(0,)]
