"""How a run looks, refuses, acts and ends: H22 H24 H25 H40 H41 H72 H73 H93 H100 H102."""

from dataclasses import replace

import builders as make
import pytest
from builders import cases, outcome

from backscope_reset import COMMANDS, Clear, Rebuild, Status
from resetting import runner
from resetting.commands.undo import FinishSwap
from resetting.inspector import Inspector
from resetting.problems import Problem, Refused
from resetting.snapshot import Database
from resetting.steps import Step, flask

BEFORE = make.snapshot()
GONE = replace(BEFORE, database=Database("scope"))
EMPTIED = replace(BEFORE, database=make.database(tables=[make.table(rows=0)]))
MOVED = replace(BEFORE, migrations=None)
WAITING = replace(MOVED, folders={0: frozenset(["r1"])})
BUILT = replace(BEFORE, beside=make.database("scope.~0~", oid=5))
KEEP = make.options(KEEP="1")
CHANGED = {
    "rows": (make.options(), BEFORE, EMPTIED, "sequences: 0 rows, 3 before"),
    "layout": (KEEP, BEFORE, MOVED, "has changed"),
    "first-rows": (make.options(), EMPTIED, BEFORE, "sequences: 3 rows, 0 before"),
}
# How often a run asks, looks again and acts, and what it prints.
RUNS = {
    "rebuild": (Rebuild, make.options(), [1, 1, 1], "migrations -> migrations.~1~"),
    "keep": (Rebuild, KEEP, [0, 1, 1], "8 MB, sequences: 3 rows"),
    "clear": (Clear, make.options("clear"), [0, 0, 1], "It is done."),
    "nothing": (COMMANDS["prune"], make.options("prune"), [0, 0, 0], "nothing to do"),
    "status": (Status, make.options("status"), [0, 0, 0], "could run"),
    "dry": (Rebuild, make.options(dry_run=True), [0, 0, 0], "flask db upgrade\n"),
}
CREATED = {"created": {"scope.~0~": 5}}
INTERRUPTED = {"signal": "SIGINT"}
ENDS = {
    "interrupted": (INTERRUPTED, [BEFORE], "130: Interrupted by SIGINT.\nEverything is as"),
    "unchanged": ({}, [BEFORE], "2: It failed."),
    "gone": ({}, [GONE], "1: It failed.\nThere is no database scope now."),
    "rows": ({}, [EMPTIED], "rebuild to do it again, once the cause is mended"),
    "signal": (INTERRUPTED, [GONE], "rebuild to do it again"),
    "swap-begun": (INTERRUPTED, [WAITING], "rebuild to finish it"),
    "removed": (CREATED, [BUILT, BEFORE], "1: It failed.\nEverything is as it was"),
    "server-gone": ({}, [Refused(Problem("x"))], "1: It failed.\nbackscope-reset status"),
}


@pytest.fixture
def run(mocker):
    """Return a run of a rebuild that hears no signals, with an inspector to be told what to see."""
    mocker.patch("signal.signal")
    mocker.patch.dict("os.environ")
    mocker.patch("resetting.environment.current_commit", return_value="")
    mocker.patch.object(runner, "read_settings", return_value=make.settings())
    mocker.patch.object(runner, "start_probe")
    mocker.patch.object(runner, "read_probe", side_effect=lambda probe, seen, *words: seen)
    made = runner.Run(make.options())
    made.command = Rebuild(made.options, BEFORE)
    made.inspector = mocker.Mock(spec=Inspector, **{"inspect.return_value": BEFORE})
    mocker.patch.object(runner, "Inspector", return_value=made.inspector)
    return made


@cases("options, before, now, key", CHANGED)
def test_what_changed_during_the_question_is_refused(run, options, before, now, key):
    run.command = Rebuild(options, before)
    run.inspector.inspect.return_value = now
    assert key in outcome(run.look_again)
    run.command = Rebuild(KEEP, BEFORE)
    run.inspector.inspect.return_value = EMPTIED  # rows that are kept may change
    assert run.look_again() is None


@cases("kind, options, expected, key", RUNS)
def test_a_run_asks_looks_again_and_acts(run, mocker, capsys, kind, options, expected, key):
    run.options = options
    acted = mocker.patch.object(run, "act", return_value="It is done.")
    asked = mocker.patch("resetting.console.confirm")
    again = mocker.patch.object(run, "look_again")
    run.run(kind, COMMANDS, None)
    assert [asked.call_count, again.call_count, acted.call_count] == expected
    assert key in capsys.readouterr().out
    assert runner.start_probe.called == kind.uses_app


def test_two_resets_at_a_time_are_refused(run):
    run.inspector.lock.return_value = False
    assert "Another reset" in outcome(run.look, Rebuild, None)
    run.look(Status, None)
    run.options = make.options(dry_run=True)
    run.look(Rebuild, None)
    run.inspector.inspect.return_value = WAITING
    run.look(COMMANDS["undo"], None)
    assert type(run.command) is FinishSwap
    run.inspector.inspect.return_value = replace(BEFORE, server=make.SERVER._replace(standby=True))
    assert "standby" in outcome(run.run, Rebuild, COMMANDS, None)
    run.inspector.inspect.return_value = BEFORE
    run.inspector.lock.return_value = True
    run.options = make.options(CONFIRM="other")
    assert "the name is scope.\nCONFIRM=scope" in outcome(run.run, Rebuild, COMMANDS, None)


@cases("fields, seen, key", ENDS)
def test_a_run_that_fails_says_how_things_are(run, mocker, fields, seen, key):
    run.command = Rebuild(KEEP, BEFORE)
    vars(run).update(fields)
    removed = mocker.patch.object(run, "run_steps")
    run.inspector.inspect.side_effect = seen
    said = outcome(run.give_up, Problem("It failed."))
    assert key in said
    assert not ("cause" in said and "SIGINT" in said)
    assert removed.called == ("created" in fields)


def test_whatever_is_raised_is_cleaned_up_after(run, mocker):
    fault = UnicodeEncodeError("ascii", make.SECRET, 0, 1, "x")
    steps = mocker.patch.object(run, "run_steps", side_effect=fault)
    assert "2: The tool itself failed: UnicodeEncodeError in" in outcome(run.act)
    assert make.SECRET not in outcome(run.act)
    steps.side_effect = None
    run.signal = "SIGINT"
    assert "130: Interrupted by SIGINT, but scope is rebuilt" in outcome(run.act)


def test_a_signal_stops_between_steps_but_not_in_a_swap(run, mocker):
    ran = mocker.patch.object(run, "run_step")
    waiting = mocker.patch.object(runner, "Process").return_value
    assert "130: Interrupted by SIGINT. Nothing" in outcome(run.receive_signal, 2, None)
    assert "130: Interrupted by SIGINT" in outcome(run.run_steps, [Step(["mv"]), flask("db")])
    run.signal = ""
    assert "no tables" in outcome(run.run_steps, [Step(["psql"], commits=True)])
    assert waiting.interrupt.called and not ran.called
    mocker.patch.object(Rebuild, "check_built")
    ran.side_effect = lambda *words: setattr(run, "signal", "SIGINT")
    run.run_steps([Step(["psql"], commits=True), Step(["mv"])])
    assert ran.call_count == 2


def stepped(run, mocker, step, error=""):
    process = mocker.Mock(step=step, printed=['type "citext" does not exist\n'])
    process.is_alive.side_effect = [True, False]
    process.wait.side_effect = lambda: process.printed.append("the last words\n") or error
    run.inspector.find_oid.return_value = 42
    run.run_step("", step, process)
    return process.release.call_args.args[0]


def test_a_step_is_run_in_the_database_that_was_created(run, mocker, capsys):
    stepped(run, mocker, Step(["createdb", "x"], database="x", creates=True))
    assert '"oid": 42' in stepped(run, mocker, flask("db", database="x"))
    assert f'"oid": {BEFORE.database.oid}' in stepped(run, mocker, flask("db"))
    failed = outcome(stepped, run, mocker, Step(["mv"]), "mv failed")
    assert failed.startswith("1: mv failed\n")
    run.options = make.options(VERBOSE="1")
    stepped(run, mocker, flask("db"))
    assert "the last words" in capsys.readouterr().out.partition("flask db\n")[2]
    assert "-d template1 -c 'CREATE EXTENSION citext'" in failed


def test_that_sessions_may_be_gone_is_told(run):
    busy = replace(BEFORE, database=make.database(sessions=[make.session(77)]))
    run.options = make.options(FORCE="1")
    for before, told in ((busy, True), (BEFORE, False)):
        run.command = Rebuild(run.options, before)
        said = outcome(run.give_up, Problem("It failed."))
        assert ("Sessions may have been terminated." in said) == told
