"""The streams of a run: a question on a terminal or none, and what is closed or has gone."""

import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from facts_of import PLAIN

from resetting import Refused, screen

ROOT = Path(screen.__file__).resolve().parent.parent
SENTENCE = "This wipes out the entire structure and contents of scope: sequences 3."


def terminal(monkeypatch, seen=True):
    """Have a terminal without colours, or none."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: seen)
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize(
    ("typed", "answer", "asked"),
    [
        ("scope\n", "scope", "its name"),
        ("scope@h\n", "scope@h", "scope@h"),
        ("ünï\n", "ünï", "its name"),
    ],
)
def test_a_question_on_a_terminal(capsys, monkeypatch, typed, answer, asked):
    terminal(monkeypatch)
    ours, theirs = pty.openpty()
    with open(theirs, encoding="utf-8") as stdin, open(ours, "wb") as keys:
        monkeypatch.setattr(sys, "stdin", stdin)
        keys.write(typed.encode())
        keys.flush()
        screen.ask(SENTENCE, answer, "x", "make db-rebuild")
        assert capsys.readouterr().out.endswith(f"\nType {asked} to go on: ")
        keys.write((answer + "x\n").encode())
        keys.flush()
        with pytest.raises(Refused) as refused:
            screen.ask(SENTENCE, answer, "x", "make db-rebuild")
    assert refused.value.findings[0].what == f"What was typed is not {answer}."


def test_h53_a_question_that_nobody_sees_is_not_asked(monkeypatch, capsys):
    ours, theirs = pty.openpty()
    with open(os.devnull) as nothing, open(theirs) as keys:
        for stdin, seen in ((None, True), (nothing, True), (keys, False)):
            monkeypatch.setattr(sys, "stdin", stdin)
            terminal(monkeypatch, seen)
            with pytest.raises(Refused) as refused:
                screen.ask(SENTENCE, "scope", "make db-rebuild KEEP=1   loses nothing", "")
            (finding,) = refused.value.findings
            assert finding.mend.startswith("make db-rebuild KEEP=1 ")
            assert "Type" not in capsys.readouterr().out
    os.close(ours)


SAYS = "from resetting.screen import *; prepare(); say('out ü'); say('err', error=True)"


@pytest.mark.parametrize(
    ("closed", "out", "err"),
    [(">&-", "", "err\n"), ("2>&-", "out ü\n", ""), ("<&-", "out ü\n", "err\n"),
     (">&- 2>&-", "", ""), ("<&- >&- 2>&-", "", "")],
)  # fmt: skip
def test_h54_closed_streams(closed, out, err):
    script = f"{shlex.quote(sys.executable)} -c {shlex.quote(SAYS)} {closed}"
    run = subprocess.run(
        ["sh", "-c", script], capture_output=True, encoding="utf-8", cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, out, err)


def test_h54_a_reader_that_has_gone_and_a_locale_without_letters():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", SAYS + "; say('ü', error=True)"]
    run = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    os.close(write)
    assert (run.returncode, run.stderr) == (0, b"err\n\\xfc\n")


def test_h54_the_tool_with_closed_streams_still_refuses(tmp_path):
    tool = f"{shlex.quote(sys.executable)} {shlex.quote(str(ROOT / 'backscope_reset.py'))}"
    script = f"{tool} clear --backscope-dir . <&- >&-"
    run = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, env=PLAIN
    )
    assert run.returncode == 2
    assert " is no Backscope checkout" in run.stderr
