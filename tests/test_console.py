"""What is printed, on a terminal and elsewhere: H25 H27 H53 H56 H95 H98 H101."""

import io
import sys

import builders as make
from builders import cases, outcome

from resetting import console
from resetting.problems import Hint
from resetting.steps import flask

FOLDER = sys.executable.rpartition("/")[0]
DRY_RUNS = {
    "plain": ({}, f" PGUSER=scope |PATH={FOLDER}:$PATH &&|cd /backscope &&|dotenv get", "unset"),
    "service": ({"PGSERVICE": "x", "PGPASSWORD": "q"}, "unset PGSERVICE &&|dotenv get", "SERVICEF"),
    "active": ({"PATH": FOLDER}, "export PGPASSWORD=", "PATH="),
}


class Terminal(io.StringIO):
    """A terminal; what is typed there is the name."""

    buffer = io.BytesIO(b"scope\r\n")

    def isatty(self):
        return True


def test_a_question_wants_the_name_at_a_terminal(mocker):
    terminal = Terminal()
    mocker.patch.object(console, "sys", mocker.Mock(stdin=terminal, stdout=terminal))
    words = ("Lost.", "scope", [Hint("keep", "keep it")], Hint("yes", "answer"))
    console.confirm(*words)
    assert "To keep it:" in terminal.getvalue()
    assert "What was typed is not scope" in outcome(console.confirm, *words)
    for stdin, stdout in ((None, terminal), (io.StringIO(), terminal), (terminal, io.StringIO())):
        mocker.patch.object(console, "sys", mocker.Mock(stdin=stdin, stdout=stdout))
        assert "keep to keep it\nyes to answer" in outcome(console.confirm, *words)


@cases("environ, keys, absent", DRY_RUNS)
def test_a_dry_run_is_a_script_that_stops_at_a_failure(capsys, environ, keys, absent):
    console.show_dry_run([flask("db", "upgrade")], make.settings(environ=environ))
    out = capsys.readouterr().out
    assert [key for key in keys.split("|") if key not in out] == []
    assert absent not in out
    *lines, last = out.splitlines()
    assert last == "flask db upgrade"
    assert all(line.endswith(" &&") for line in lines)
    console.show_dry_run([], make.settings({"POSTGRES_PASSWORD": "a%40"}))
    assert "PGPASSWORD" not in capsys.readouterr().out


def test_a_long_step_is_counted_on_a_terminal(mocker):
    terminal = Terminal()
    mocker.patch.object(console, "sys", mocker.Mock(stdout=terminal))
    mocker.patch.dict("os.environ", clear=True)
    line = console.StepLine("[1/1] ", flask("db", title="copy a: 9 rows", rows=9), False)
    line.began -= 2.51
    line.tick([], lambda: 4)
    line.end("failed")
    shown = terminal.getvalue()
    for key in ("copy a: 4 of 9", "2.5 s", "\x1b[31m  failed"):
        assert key in shown


def test_of_a_traceback_the_exception_is_shown(capsys):
    trace = ["x", "Traceback (most recent call last):", "  File a", "    b", "ValueError: c", ""]
    line = console.StepLine("", flask("db", title="a"), False)
    line.explain("\n".join(trace))
    line.explain("short\n\n")
    assert capsys.readouterr().out.split() == ["a", "ValueError:", "c", "flask", "db", "short"]
    console.show_target(make.settings({"APP_ENVIRONMENT": "production"}), "")
    assert "as scope, production" in capsys.readouterr().out
    assert console.folded("a " * 60 + "\nlisted", "  ").count("\n") == 2
