"""Ctrl-C, SIGTERM, kill -9, what Backscope asks: as before, or done (H19 H22 H43 H93)."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from checkout import CONNECTS, HANG, append, cases, edit, slowly, wait_until_gone

# A step that takes a moment is let end: this one tells that it has begun, and takes longer.
SLOW = """trap "echo $name >>'$TRACE.signal'" INT TERM HUP
[ -e "$TRACE.slow" ] || { touch "$TRACE.slow"; echo $$ >"$FIFO"; sleep 0.4; }"""
BEFORE_THE_SWAP = {
    "flask": ("--keep", "flask db migrate*", HANG, ["INT"]),
    "a copy": ("--carry", "psql*TO STDOUT*", HANG, ["INT"]),
    "createdb": ("--keep", "createdb*", SLOW, []),
}
FROM_THE_SWAP_ON = {
    "keep": ("rebuild --keep", "psql*RENAME*", "is rebuilt"),
    "undo": ("undo", "mv*~0~ migrations", "is back"),
}


def ctrl_c(terminal):
    terminal.sendintr()
    assert terminal.end() == 130, terminal.before
    return terminal.said.partition("Interrupted")[2]


@pytest.mark.parametrize(("words", "step", "do", "handed_on"), cases(BEFORE_THE_SWAP))
def test_h22_before_the_swap_all_is_left_as_it_was(backscope, words, step, do, handed_on):
    before = backscope.snapshot()
    terminal = backscope.spawn(f"rebuild {words}", before=(step, do))
    child = backscope.hung()
    assert "Everything is as it was before" in ctrl_c(terminal)
    assert backscope.signals() == handed_on
    wait_until_gone(child)
    assert backscope.snapshot() == before


@pytest.mark.parametrize(("words", "step", "done"), cases(FROM_THE_SWAP_ON))
def test_h93_from_the_swap_on_the_run_is_finished(kept, words, step, done):
    oids = kept.mine()
    terminal = kept.spawn(words, before=(step, SLOW))
    kept.hung()
    said = ctrl_c(terminal)
    assert done in said and "undo" not in said.split()
    assert kept.signals() == []
    assert kept.mine()[kept.name] != oids[kept.name]
    assert "migrations.~0~" not in kept.folders()
    assert "mv " not in kept.done("status").out


@pytest.mark.parametrize("number", [signal.SIGTERM, slowly(signal.SIGHUP)])
def test_a_signal_to_the_tool_alone_is_handed_on(backscope, number):
    before = backscope.snapshot()
    process = backscope.start("clear", before=("flask*", HANG))
    child = backscope.hung()
    os.kill(process.pid, number)
    result = backscope.finish(process)
    assert (result.code, backscope.signals()) == (130, ["TERM"]), result
    wait_until_gone(child)
    assert backscope.snapshot() == before


FLASK = '#!/bin/sh\nexec "${0%/*}/python" -m flask "$@"\n'
NOTE = "\nimport os\nopen(os.path.join({!r}, str(os.getpid())), 'w').close()\n"
SESSIONS = "SELECT application_name FROM pg_stat_activity WHERE datname LIKE '{}%'"


def wait_until_loaded(folder, count):
    while True:
        stats = [Path("/proc", path.name, "stat") for path in folder.iterdir()]
        alive = [path for path in stats if path.exists()]
        if [path.read_text().rpartition(")")[2].split()[0] for path in alive] == ["S"] * count:
            return [path.parent.name for path in alive]
        time.sleep(0.05)


def test_flask_that_waits_has_opened_nothing_and_never_stays(backscope, tmp_path):
    """Even if the tool is killed: nobody has inherited the end into which it writes."""
    (loaded := tmp_path / "loaded").mkdir()
    append(backscope.folder / "flaskr/nscope/models.py", NOTE.format(str(loaded)))
    edit(backscope.folder / "flaskr/__init__.py", "    return app", CONNECTS)
    shutil.copytree(backscope.venv, venv := tmp_path / "venv", symlinks=True)
    (venv / "bin/flask").write_text(FLASK)
    fault = ("createdb*", HANG)
    process = backscope.start("rebuild --keep", after=fault, VENV=str(venv), FAST="")
    child = backscope.hung()
    waiting = wait_until_loaded(loaded, 3)
    assert backscope.postgres.sql(SESSIONS.format(backscope.name)) == []
    os.kill(process.pid, signal.SIGKILL)
    wait_until_gone(*waiting)
    os.kill(child, signal.SIGTERM)
    backscope.finish(process)
    assert "migrations.~0~" not in backscope.folders()


@pytest.mark.parametrize(("answer", "status", "left"), [slowly("no", 2, 3), slowly("yes", 0, 0)])
def test_h19_what_backscope_itself_asks_is_answered(backscope, answer, status, left):
    backscope.write_env(APP_ENVIRONMENT="production")
    terminal = backscope.spawn("clear", PRODUCTION="1", CONFIRM=backscope.name, FAST="")
    terminal.expect("anything else: ")
    assert terminal.end(f"{answer}\r") == status, terminal.before
    assert len(backscope.ids()) == left
