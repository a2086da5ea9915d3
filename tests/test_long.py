"""Long work is seen on a terminal; in a pipe there is nothing of it."""

import contextlib
import re
import time

import pexpect
import pytest

# The first 3,000 rows come at once, the others two seconds later.
PAUSE = '{ print } NR == 3000 { fflush(); system("sleep 2.4") }'
COPY = {
    "BEFORE": "psql * COPY (SELECT*TO STDOUT*",
    "DO": f"PATH=$REAL_PATH psql \"$@\" | awk '{PAUSE}'; exit",
}


def ended(terminal, keys=""):
    """Type, and give the exit status; `terminal.before` has what was sent meanwhile."""
    terminal.send(keys)
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus


def screen(sent):
    """Give what is left on a terminal: what comes after a return is written over the line."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", sent.replace("\r\n", "\n"))
    return [line.rpartition("\r")[2].rstrip() for line in plain.split("\n")]


def test_a_step_that_takes_longer_than_a_second_counts_its_seconds(backscope):
    terminal = backscope.spawn("rebuild", "--keep", BEFORE="flask db upgrade", DO="sleep 2.2")
    assert ended(terminal) == 0, terminal.before
    updates = [part for part in terminal.before.split("\r") if "flask db upgrade" in part]
    for seconds in (r"\b1 s", r"\b2 s"):
        assert any(re.search(seconds, part) for part in updates), updates
    (line,) = [line for line in screen(terminal.before) if "flask db upgrade" in line]
    assert re.search(r"2\.\d s$", line)  # one clean line is left
    assert len(line) <= 80


def test_nothing_moves_in_a_pipe_nor_where_it_is_not_wanted(backscope):
    slow = {"BEFORE": "psql*", "DO": "sleep 1.2"}
    terminal = backscope.spawn("clear", "A1", NO_COLOR="1", **slow)
    assert ended(terminal) == 0
    for sent in (terminal.before, backscope.run("clear", "A2", **slow).all):
        assert not {"\r", "\x1b"} & set(sent.replace("\r\n", "\n"))


def test_a_copy_counts_its_rows(backscope):
    if backscope.postgres.sql("SHOW server_version_num") < [("140000",)]:
        pytest.skip("PostgreSQL 13 has no pg_stat_progress_copy")
    backscope.sql("DELETE FROM sequences")
    backscope.fill(4000)
    terminal = backscope.spawn("rebuild", "--carry", **COPY)
    assert ended(terminal) == 0, terminal.before
    assert re.search(r"copy sequences: ([1-3],?\d{3} of 4,000|\d+ ?%)", terminal.before)
    assert len([line for line in screen(terminal.before) if "sequences: 4,000 rows" in line]) == 1
    assert len(backscope.ids()) == 4000


def test_what_waits_for_a_lock_says_whose(backscope):
    """It is taken when all was looked at."""
    ready, go = backscope.folder.parent / "ready", backscope.folder.parent / "go"
    do = f"touch {ready}; while [ ! -e {go} ]; do sleep 0.05; done"
    terminal = backscope.spawn("clear", "A1", BEFORE="psql*DELETE*", DO=do)
    while not ready.exists():
        time.sleep(0.02)
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("LOCK TABLE sequences")
        go.touch()
        terminal.expect(f"pid {session.info.backend_pid}\\b", timeout=4)
    assert ended(terminal) == 0, terminal.before
    assert len(backscope.ids()) == 2
