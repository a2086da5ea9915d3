"""Two resets at once (H24): the second refuses, whoever runs it and wherever."""

import contextlib
import os
import shutil

import pytest

ANOTHER = "Another reset of"


def test_h24_two_resets_at_once(backscope):
    process, child = backscope.hang("flask*", "clear")
    backscope.trace.unlink()
    for action in (["clear"], ["rebuild", "--confirm", backscope.name], ["unflag"], ["undo"]):
        error = backscope.refused(*action).err
        assert f"{ANOTHER} {backscope.name}" in error
        assert f"make db-{action[0]}" in error
    assert f"{ANOTHER} {backscope.name}" in backscope.run("status").out
    other = backscope.name + "_other"  # another database, but the same migrations
    assert "or in this checkout" in backscope.refused("rebuild", POSTGRES_DB=other).err
    os.kill(child, 15)
    assert backscope.finish(process).code == 2  # nothing was changed
    assert backscope.run("clear", **backscope.fast).code == 0


@pytest.mark.slow
def test_h24_many_at_once_one_wins(backscope):
    processes = [backscope.start("clear", **backscope.fast) for _ in range(4)]
    codes = []
    for process in processes:
        process.communicate(timeout=60)
        codes.append(process.returncode)
    assert set(codes) <= {0, 2}
    assert 0 in codes
    assert backscope.sql("SELECT * FROM sequences") == []


@pytest.mark.slow
def test_h24_another_checkout_and_what_a_killed_tool_left_running(backscope):
    other = backscope.folder.parent / "other"
    shutil.copytree(backscope.folder, other, symlinks=True)
    clear = ["clear", "--backscope-dir", str(other)]
    process, child = backscope.hang("flask*", "clear")
    backscope.trace.unlink()
    assert f"{ANOTHER} {backscope.name}" in backscope.refused(*clear).err
    process.kill()
    process.wait()
    assert f"{ANOTHER} {backscope.name}" in backscope.refused(*clear).err  # its child runs on
    os.kill(child, 9)
    process.communicate()
    result = backscope.run(*clear, **backscope.fast)
    for _ in range(100):  # until the server has seen that nobody holds the lock any more
        if ANOTHER not in result.err:
            break
        result = backscope.run(*clear, **backscope.fast)
    assert result.code == 0, result


def test_h12_a_row_that_somebody_else_is_changing(backscope):
    """Nobody can see whose row it is before it is waited for; then FORCE=1 is what helps."""
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("UPDATE sequences SET name = 'mine'")
        result = backscope.unchanged("clear", "A1")
        assert "canceling statement due to lock timeout" in result.out
        assert "make db-clear SEQ=A000001 FORCE=1 # ends who is changing" in result.err
        result = backscope.run("clear", "A1", "--force")
        assert result.code == 0, result
        assert f"Ends         pid {session.info.backend_pid} locks sequences" in result.out
