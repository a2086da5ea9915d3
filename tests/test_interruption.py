"""Ctrl-C once, twice and held, SIGTERM, a closed terminal: put back, and nothing runs on."""

import os
import signal
import time

import pexpect
import pytest
from checkout import HANG, slowly

# A step that takes a moment is let end: this one tells that it has begun, and takes longer.
SLOW = """trap "echo $name >>'$TRACE.signal'" INT TERM HUP
[ -e "$TRACE.slow" ] || { touch "$TRACE.slow"; echo $$ >"$FIFO"; sleep 0.4; }"""


def ctrl_c(terminal):
    """Type it, and give what the terminal shows until the tool ends."""
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    said = " ".join(terminal.before.split())
    assert terminal.exitstatus == 130, said
    assert "Traceback" not in said
    return said


def is_gone(pid):
    """Wait for a moment until a process is gone, or a zombie of somebody else's."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def signals(backscope):
    """Give the signals that the hanging command got."""
    file = backscope.folder.parent / "trace.signal"
    return file.read_text().split() if file.exists() else []


@pytest.mark.parametrize(("words", "step", "do"), [
    ("--keep", "flask db migrate", HANG),
    ("--carry", "psql*TO STDOUT*", HANG),
    ("--keep", "createdb*", SLOW),
    slowly("--keep", "psql*RENAME*", SLOW),
    slowly("--keep", "mv*", SLOW),
    slowly("--carry", "psql*FROM STDIN*", HANG),
    slowly("--carry", "psql*still to be copied*", SLOW),
    slowly("--carry", "flask db upgrade", HANG),
])  # fmt: skip
def test_ctrl_c_ends_what_may_be_ended_lets_the_rest_end_and_puts_back(backscope, words, step, do):
    """H22, H43: flask and a COPY get it, once; a quick step does not."""
    before = backscope.snapshot()
    terminal = backscope.spawn("rebuild", words, BEFORE=step, DO=do)
    child = backscope.hung()
    assert "Everything is as it was before" in ctrl_c(terminal)
    assert signals(backscope) == (["INT"] if do == HANG else [])
    assert is_gone(child)
    assert backscope.snapshot() == before


@pytest.mark.parametrize("step", ["flask db init", slowly("createdb*")])
def test_after_ctrl_c_in_a_plain_rebuild_the_same_command_completes(backscope, step):
    words = ["rebuild", "--confirm", backscope.name]
    terminal = backscope.spawn(*words, BEFORE=step, DO=SLOW if step == "createdb*" else HANG)
    child = backscope.hung()
    said = ctrl_c(terminal)
    assert "Nothing was changed" not in said
    assert "rebuild" in said.partition("Interrupted")[2]
    assert is_gone(child)
    assert step.strip("*") in backscope.take_trace()[-1]
    assert backscope.run(*words).code == 0


@pytest.mark.parametrize("words", ["--keep", slowly("--carry")])
def test_ctrl_c_that_is_held_still_puts_everything_back(backscope, words):
    """H43: twice, and again, also while it is put back."""
    before = backscope.snapshot()
    terminal = backscope.spawn("rebuild", words, BEFORE="flask db migrate", DO=HANG)
    child = backscope.hung()
    while terminal.isalive():
        terminal.sendintr()
        if terminal.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=0.01) == 1:
            break
    terminal.close()
    assert terminal.exitstatus == 130 or terminal.signalstatus == signal.SIGINT, terminal.before
    assert "Traceback" not in terminal.before
    assert "Everything is as it was before" in " ".join(terminal.before.split())
    assert is_gone(child)
    assert backscope.snapshot() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, slowly(signal.SIGHUP)])
def test_a_signal_to_the_tool_alone_is_handed_on(backscope, number):
    before = backscope.snapshot()
    process = backscope.start("clear", BEFORE="flask*", DO=HANG)
    child = backscope.hung()
    os.kill(process.pid, number)
    result = backscope.finish(process)
    assert result.code == 130, result
    assert "Nothing was changed" in result.said
    assert signals(backscope) == ["TERM"]
    assert is_gone(child)
    assert backscope.snapshot() == before


def test_ctrl_c_at_the_question_changes_nothing(backscope):
    before = backscope.snapshot()
    terminal = backscope.spawn("rebuild")
    terminal.expect_exact("Type its name to go on: ")
    assert "Nothing was changed" in ctrl_c(terminal)
    assert (backscope.snapshot(), backscope.take_trace()) == (before, [])


def test_ctrl_c_while_backscope_loads_ends_it_too(backscope):
    pid = backscope.folder.parent / "pid"
    with (backscope.folder / "flaskr/config.py").open("a") as config:
        config.write(f"\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\n")
        config.write("__import__('time').sleep(60)\n")
    before = backscope.snapshot()
    terminal = backscope.spawn("rebuild", FAST="")
    while not pid.exists() or not pid.read_text():
        time.sleep(0.02)
    assert "Nothing was changed" in ctrl_c(terminal)
    assert is_gone(int(pid.read_text()))
    assert backscope.snapshot() == before


def test_a_terminal_that_closes_has_all_put_back(backscope):
    before = backscope.snapshot()
    terminal = backscope.spawn("rebuild", "--keep", BEFORE="flask db migrate", DO=HANG)
    child = backscope.hung()
    os.close(terminal.child_fd)
    os.waitpid(terminal.pid, 0)
    assert is_gone(child)
    assert backscope.snapshot() == before
