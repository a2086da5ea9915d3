"""Running steps: what commands print, how they end, and signals; plain shells, no PostgreSQL."""

import os
import signal
import sys
from pathlib import Path

import pexpect
import pytest
from facts_of import SECRET, settings_of

from resetting.commands import Step, flask
from resetting.runner import run
from resetting.signals import ENDINGS, Signals

ROOT = Path(__file__).resolve().parent.parent
TRUE = Step(("true",))


def sh(script, into=None):
    """A step of a shell, in which $PPID is this process."""
    return Step(("sh", "-c", script), into=into)


class Running(list):
    """The commands that run; the file `running` is there as long as there are any."""

    def __init__(self, folder):
        super().__init__()
        self.file = folder / "running"

    def append(self, command):
        """Add one."""
        super().append(command)
        self.file.touch()

    def clear(self):
        """Forget all, as they have ended."""
        super().clear()
        self.file.unlink(missing_ok=True)


RUNNING = "until [ -e running ]; do sleep 0.01; done; "  # else a shell is faster than its parent


@pytest.fixture
def go(tmp_path, capsys):
    """Run steps in a folder; gives how far they came, what was shown, and the signal."""

    def run_steps(*steps, belt=None, before=0, deaf=False, **more):
        with Signals() as signals:
            signals.caught, signals.deaf, signals.running = before, deaf, Running(tmp_path)
            outcome = run(
                steps, settings_of(checkout=tmp_path), lambda: belt or {}, signals, **more
            )
        assert signals.running == []
        return outcome, capsys.readouterr().out, signals.name

    handlers = {number: signal.getsignal(number) for number in ENDINGS}
    yield run_steps
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def handled(tmp_path):
    """Give what waits in a shell until this process has handled all signals that it got.

    Python handles them by their number, and SIGWINCH has a higher one than all of interest.
    One that comes while another is handled may be left until the next, hence the loop.
    """
    before = signal.signal(signal.SIGWINCH, lambda *_: (tmp_path / "handled").touch())
    yield "until [ -e handled ]; do kill -WINCH $PPID; sleep 0.01; done; "
    signal.signal(signal.SIGWINCH, before)


def test_all_steps_in_their_order_in_the_checkout(go, tmp_path):
    steps = [sh(f"echo {n} >>order; pwd -P >where") for n in range(3)]
    outcome, out, _ = go(*steps)
    assert (outcome.done, outcome.failed, outcome.cut) == (tuple(steps), "", False)
    assert (tmp_path / "order").read_text() == "0\n1\n2\n"
    assert (tmp_path / "where").read_text() == f"{tmp_path.resolve()}\n"
    assert [line[:6] for line in out.splitlines()] == ["[1/3] ", "[2/3] ", "[3/3] "]


def test_the_first_failure_ends_it_and_is_shown(go, tmp_path):
    outcome, out, _ = go(TRUE, sh("echo one; echo two >&2; exit 7"), sh("touch on"))
    assert outcome.done == (TRUE,)
    assert outcome.failed == "sh ended with exit status 7."
    assert not outcome.cut
    assert "  failed\n      one\n      two\n" in out
    assert not (tmp_path / "on").exists()


def test_what_succeeds_prints_nothing_unless_it_is_asked_to(go):
    assert "hello" not in go(sh("printf 'hel%s\\n' lo"))[1]
    out = go(sh("printf 'hel%s\\n' lo; exit 1"), verbose=True)[1]
    assert out.count("\n      hello\n") == 1
    assert "failed" in out


def test_a_program_that_is_missing_or_cannot_be_run(go, tmp_path):
    outcome, _, _ = go(Step(("no-such-program", "x")))
    assert outcome.failed.startswith("no-such-program could not be run: ")
    outcome, _, _ = go(Step((str(tmp_path / "text"),)))
    assert "could not be run" in outcome.failed
    outcome, _, _ = go(Step(("yes",), into=Step(("no-such-program",))))
    assert outcome.failed.startswith("no-such-program could not be run: ")
    assert not outcome.cut


def test_h25_h52_what_is_printed_is_masked_whole(go):
    long = "x" * 1990 + SECRET
    for more in ({}, {"verbose": True}):
        out = go(sh(f"printf '%s\\n' 'a {SECRET} b' {long}; exit 1"), **more)[1]
        said = out[out.index("      a ") :]  # below the step itself
        assert "      a *** b\n" in said
        assert SECRET[:8] not in said


def test_megabytes_and_what_is_no_text(go):
    script = (
        "head -c 8000000 /dev/zero | tr '\\0' x | fold -w 4000; printf '\\na\\377b\\nend'; exit 1"
    )
    outcome, out, _ = go(sh(script))
    assert outcome.failed
    shown = out.split("failed\n")[1].splitlines()
    assert len(shown) == 12
    assert shown[-2:] == ["      a\ufffdb", "      end"]
    assert max(map(len, shown)) == 2006


def test_nobody_can_type_into_a_step_and_it_has_no_terminal(go):
    """So no pager waits, and nothing is painted (H28)."""
    assert go(sh("read x && exit 1; exit 0"))[0].failed == ""
    assert go(sh("[ -t 0 ] || [ -t 1 ] || [ -t 2 ] || exit 0; exit 1"))[0].failed == ""


@pytest.mark.parametrize(
    ("left", "right", "failed"),
    [
        ("printf 'a\\nb\\n'", '[ "$(cat)" = "$(printf \'a\\nb\')" ]', ""),
        ("printf a; exit 3", "cat >/dev/null", "ended with exit status 3."),
        ("printf a", "cat >/dev/null; exit 4", "ended with exit status 4."),
        ("yes", "exit 5", "ended with exit status 5."),  # and not by SIGPIPE
        ("yes", "head -c 9 >/dev/null", "ended by signal 13."),
        ("exit 0", "cat >/dev/null", ""),
    ],
)
def test_a_pipe_fails_if_either_side_does(go, left, right, failed):
    left = left.replace("yes", "exec yes")
    outcome, out, _ = go(sh(left, into=sh(right)))
    assert outcome.failed.endswith(failed)
    assert bool(outcome.failed) == bool(failed)
    assert " | sh -c " in out


def test_what_a_left_side_says_is_shown(go):
    out = go(sh("echo 'no such table' >&2; exit 1", into=Step(("cat",))))[1]
    assert "failed\n      no such table\n" in out


def test_h1_flask_is_the_one_beside_the_interpreter_and_wears_the_belt(go, tmp_path, monkeypatch):
    program = tmp_path / "flask"
    program.write_text('#!/bin/sh\necho "$1 $FLASK_APP" >>called\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("FLASK_APP", "mine")
    go(flask("db"), sh('echo "sh $FLASK_APP" >>called'), belt={"FLASK_APP": "belt"})
    assert (tmp_path / "called").read_text() == "db belt\nsh mine\n"


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT"])
def test_h22_a_signal_is_handed_on_and_nothing_runs_on(go, tmp_path, name):
    arrives = "INT" if name == "INT" else "TERM"  # a shell without a terminal ignores no TERM
    traps = "".join(f"trap 'echo {one} >>got; exit 9' {one}; " for one in ("INT", "TERM", "HUP"))
    waits = f"echo $$ >pid; {RUNNING}kill -{name} $PPID; while :; do sleep 0.01; done"
    outcome, out, caught = go(TRUE, sh(traps + waits), sh("touch on"))
    assert (caught, outcome.done, outcome.cut) == (f"SIG{name}", (TRUE,), False)
    assert outcome.failed.endswith("ended with exit status 9.")
    assert (tmp_path / "got").read_text() == f"{arrives}\n"
    assert "interrupted" in out
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert not (tmp_path / "on").exists()


def test_a_step_that_a_signal_ends_is_cut(go):
    outcome, _, caught = go(sh(RUNNING + "kill -TERM $PPID; while :; do sleep 0.01; done"))
    assert (outcome.cut, outcome.step.program, caught) == (True, "sh", "SIGTERM")
    assert outcome.failed.endswith("ended by signal 15.")


def test_both_sides_of_a_pipe_get_the_signal(go, tmp_path):
    trap = "trap 'echo {0} >>{0}; exit 9' TERM; touch {0}; "
    left = sh(trap.format("left") + "while :; do sleep 0.01; done")
    right = trap.format("right") + "until [ -e left ]; do sleep 0.01; done; kill -TERM $PPID; "
    outcome, _, _ = go(Step(left.argv, into=sh(right + "while :; do sleep 0.01; done")))
    assert outcome.failed
    assert (tmp_path / "left").read_text() == "left\n"
    assert (tmp_path / "right").read_text() == "right\n"


def test_h43_from_the_first_signal_on_all_others_are_deaf(go, tmp_path, handled):
    trap = "trap 'echo INT >>got' INT; trap 'echo TERM >>got' TERM; "
    first = "kill -INT $PPID; until [ -e got ]; do sleep 0.01; done; "
    more = f"kill -INT $PPID; kill -TERM $PPID; {handled}exit 0"
    step = sh(trap + RUNNING + first + more)
    outcome, out, caught = go(step, sh("touch on"))
    assert (tmp_path / "got").read_text() == "INT\n"
    assert (outcome.done, outcome.failed, caught) == ((step,), "", "SIGINT")
    assert "interrupted" in out
    assert not (tmp_path / "on").exists()


def test_h43_while_things_are_put_back_every_signal_is_deaf(go, tmp_path, handled):
    trap = "trap 'touch got' INT TERM HUP; "
    step = sh(f"{trap}{RUNNING}kill -INT $PPID; kill -TERM $PPID; kill -HUP $PPID; {handled}")
    for before in (0, signal.SIGINT):
        (tmp_path / "handled").unlink(missing_ok=True)
        outcome, out, _ = go(step, TRUE, before=before, deaf=True)
        assert (outcome.done, outcome.failed) == ((step, TRUE), "")
        assert "interrupted" not in out
    assert not (tmp_path / "got").exists()


def test_a_signal_that_came_before_a_step_ends_it(go):
    outcome, _, _ = go(sh("while :; do sleep 0.01; done"), before=signal.SIGHUP)
    assert (outcome.done, outcome.cut) == ((), True)
    assert outcome.failed.endswith("ended by signal 15.")


def test_a_signal_that_we_were_told_to_ignore_stays_ignored(go, handled):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        outcome, _, caught = go(sh(f"kill -HUP $PPID; {handled}"))
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (outcome.failed, caught) == ("", "")


def test_h43_nothing_interrupts_what_is_said_afterwards(go):
    go(sh("exit 1"))
    for number in ENDINGS:
        os.kill(os.getpid(), number)  # an exception would come from here


TYPED = """
import pathlib, sys, time
sys.path[:0] = ["tests", "."]
from facts_of import settings_of
from resetting.commands import Step
from resetting.runner import run
from resetting.signals import ENDINGS, Signals

folder, script, asks = pathlib.Path(sys.argv[1]), sys.argv[2], bool(sys.argv[3])

class Late(Signals):
    def hand_on(self):  # after the step has got its own, so that two would not look like one
        while asks and not (folder / "got").exists():
            time.sleep(0.01)
        super().hand_on()
        (folder / "over").touch()

with Late() as signals:
    step = Step(("sh", "-c", script), asks=asks)
    outcome = run([step, step], settings_of(checkout=folder), dict, signals, verbose=True)
print(len(outcome.done), outcome.failed, signals.name)
"""


@pytest.mark.parametrize("asks", [True, False])
def test_h19_h22_a_typed_ctrl_c_arrives_once(tmp_path, asks):
    """A step that asks has the terminal, and gets it from there; all others get it from us."""
    reads = 'read x; echo "<$x>" >&2; ' if asks else "(: </dev/tty) 2>/dev/null && exit 1; "
    ends = "until [ -e got ] && [ -e over ]; do sleep 0.01; done; exit 9"
    script = f"trap 'echo INT >>got' INT; echo Sure?; {reads}echo ready; {ends}"
    arguments = ["-c", TYPED, str(tmp_path), script, "asks" * asks]
    terminal = pexpect.spawn(sys.executable, arguments, cwd=str(ROOT), encoding="utf-8", timeout=30)
    terminal.expect("Sure[?]\r\n")
    if asks:
        terminal.sendline("yes")
        terminal.expect_exact("<yes>")
    terminal.expect_exact("ready")
    terminal.sendintr()
    terminal.expect("0 sh ended with exit status 9. SIGINT")
    terminal.expect(pexpect.EOF)
    assert (tmp_path / "got").read_text() == "INT\n"
