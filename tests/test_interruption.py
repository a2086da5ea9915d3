"""Ctrl-C, SIGTERM, a closed terminal: the child gets it, nothing runs on (H22, H43)."""

import os
import signal
import subprocess

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


def is_gone(pid):
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    return True


def test_the_name_has_to_be_typed(backscope):
    before = backscope.snapshot()
    for typed in ("yes\r", "\x04"):
        terminal = spawn(backscope, "rebuild")
        terminal.expect("Type its name to go on: ")
        terminal.send(typed)
        assert "Nothing was changed" in read_all(terminal)
        assert terminal.exitstatus == 2
        assert backscope.snapshot() == before
    terminal = spawn(backscope, "rebuild", **backscope.fast)
    terminal.expect("This wipes out the entire structure and contents of")
    terminal.expect("sequences 3")
    terminal.expect("Type its name to go on: ")
    terminal.send(backscope.name + "\r")
    out = read_all(terminal)
    assert terminal.exitstatus == 0, out
    assert "is rebuilt" in out
    assert "\x1b[" in out  # colour on a terminal


@pytest.mark.slow
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


def test_ctrl_c_before_anything_was_said_says_nothing(backscope, tmp_path):
    """Python's own traceback would come while the tool is still imported."""
    (tmp_path / "difflib.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    result = backscope.run("status", PYTHONPATH=str(tmp_path))
    assert (result.code, result.out, result.err) == (-signal.SIGINT, "", "")


def test_production_asks_on_the_terminal_itself(backscope):
    backscope.write_env(APP_ENVIRONMENT="production")
    terminal = spawn(backscope, "clear", "--production")
    terminal.expect("Type its name to go on: ")
    terminal.send(backscope.name + "\r")
    terminal.expect("Type yes, or anything else: ")
    for _ in range(5):  # Python's input() may miss the first one, just before it reads
        terminal.sendintr()
        if terminal.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=10) == 0:
            break
    out = read_all(terminal)
    assert terminal.exitstatus == 130, out
    assert "Traceback" not in out
    terminal = spawn(backscope, "clear", "--production", "--confirm", backscope.name)
    terminal.expect("Type yes, or anything else: ")
    terminal.send("yes\r")
    out = read_all(terminal)
    assert terminal.exitstatus == 0, out


@pytest.mark.parametrize("number", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 4))])
def test_ctrl_c_reaches_the_running_command(backscope, number):
    terminal = spawn(backscope, "rebuild", "--confirm", backscope.name, HANG=SIX[number] + "*")
    child = backscope.hung()
    terminal.sendintr()
    out = read_all(terminal)
    assert terminal.exitstatus == 130, out
    assert "Interrupted by SIGINT" in out
    assert (backscope.folder.parent / "trace.signal").read_text() == "INT\n"  # once
    assert is_gone(child)
    assert len(backscope.trace.read_text().splitlines()) == number + 1
    backscope.trace.unlink()
    assert ("Nothing was changed" in out) == (number == 0)
    assert ("Done before: dropdb" in out) == (number > 0)
    assert backscope.run("rebuild", "--confirm", backscope.name, **backscope.fast).code == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, *(pytest.param(n, marks=pytest.mark.slow)
                                    for n in (signal.SIGTERM, signal.SIGINT))])  # fmt: skip
def test_a_signal_to_the_tool_alone_is_handed_on(backscope, number):
    process, child = backscope.hang("flask*", "clear")
    process.send_signal(number)
    result = backscope.finish(process)
    assert result.code == 130, result
    assert f"Interrupted by {number.name}. Nothing was changed." in result.err
    assert is_gone(child)
    assert len(backscope.sql("SELECT * FROM sequences")) == 3


@pytest.mark.parametrize("step", [
    "createdb*", *(pytest.param(s, marks=pytest.mark.slow)
                   for s in ("flask db init", "flask db upgrade")),
])  # fmt: skip
def test_an_interrupted_keep_puts_everything_back(backscope, step):
    before = backscope.snapshot()
    with backscope.as_scope():
        words = ("rebuild", "--keep", "--force")
        process, child = backscope.hang(step, *words, **backscope.fast)
        process.send_signal(signal.SIGINT)
        result = backscope.finish(process)
    assert result.code == 130, result
    assert "Everything is as it was before" in result.err
    assert "Ended, so restart Backscope if it is one of them:\n  pid " in result.out
    assert backscope.snapshot() == before
    assert is_gone(child)
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'backscope-reset%'"
    while backscope.postgres.sql(ours) != [(0,)]:
        pass  # a backend ends shortly after its client


def test_a_terminal_that_closes(backscope):
    terminal = spawn(backscope, "rebuild", "--keep", HANG="flask db migrate", **backscope.fast)
    child = backscope.hung()
    assert set(backscope.mine()) == {backscope.name, f"{backscope.name}.~1~"}
    os.close(terminal.child_fd)
    os.waitpid(terminal.pid, 0)
    assert is_gone(child)
    assert set(backscope.mine()) == {backscope.name}
    assert backscope.folders() == ["migrations"]
    assert len(backscope.sql("SELECT * FROM sequences")) == 3


@pytest.mark.slow
def test_a_reader_that_goes_away_does_not_stop_a_reset(backscope):
    read, write = os.pipe()
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
