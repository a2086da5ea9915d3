"""Two resets at once, and sessions and locks of others (H11, H12, H24)."""

import contextlib
import os
import shutil

import pytest
from checkout import HANG

ANOTHER = "Another reset"


def test_two_resets_at_once_are_one_and_a_refusal(backscope):
    """H24: of one database from two checkouts, and of two databases in one checkout."""
    other = backscope.folder.parent / "other"
    shutil.copytree(backscope.folder, other, symlinks=True)
    process = backscope.start("rebuild", "--keep", BEFORE="flask db init", DO=HANG)
    child = backscope.hung()
    backscope.take_trace()
    for words, environ in (
        (["clear"], {}), (["unflag"], {}), (["undo"], {}),
        (["rebuild", "--confirm", backscope.name, "--backscope-dir", str(other)], {}),
        (["rebuild"], {"POSTGRES_DB": f"{backscope.name}_other"}),
    ):  # fmt: skip
        assert ANOTHER in backscope.refused(*words, **environ).err
    assert backscope.run("status").code == 0
    os.kill(child, 15)
    result = backscope.finish(process)
    assert result.code == 1, result
    assert len(backscope.ids()) == 3


@pytest.mark.parametrize("words", [["rebuild", "--keep"], ["rebuild", "--confirm"]])
def test_a_session_in_the_way_is_named_and_force_ends_it(backscope, words):
    """H11: pid, role, client, application."""
    words += [backscope.name] if words[-1] == "--confirm" else []
    with contextlib.closing(backscope.as_scope()) as session:
        session.cursor().execute("SET application_name = 'my server'")
        error = " ".join(backscope.refused(*words).err.split())
        pid = f"pid {session.info.backend_pid}"
        for name in (pid, "scope", "my server", backscope.postgres.host):
            assert name in error
        result = backscope.run(*words, "--force")
        assert result.code == 0, result
        with pytest.raises(Exception, match="terminat"):
            session.cursor().execute("SELECT 1")
    assert backscope.ids() == []


def test_a_session_that_only_a_superuser_may_end_has_the_command_for_it(backscope):
    with contextlib.closing(backscope.postgres.connect(database=backscope.name)) as session:
        result = backscope.unchanged("rebuild", "--keep", "--force")
        ends = f"SELECT pg_terminate_backend({session.info.backend_pid})"
        assert f"'{ends}'" in result.out and f"'{ends}'" in result.err, result


def test_a_lock_in_the_way_of_a_clear_is_named_and_force_ends_it(backscope):
    """H12: a session that holds no lock is in nobody's way."""
    idle = backscope.as_scope()
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("SELECT * FROM sequences")
        error = backscope.refused("clear").err
        assert f"pid {session.info.backend_pid}" in error
        assert str(idle.info.backend_pid) not in error
        result = backscope.run("clear", "--force")
        assert result.code == 0, result
    assert backscope.ids() == []
    idle.cursor().execute("SELECT 1")


@pytest.mark.parametrize("words, mode", [("clear A1", "SHARE"), ("unflag", "ACCESS EXCLUSIVE")])
def test_a_table_that_is_locked_is_refused_for_some_sequences(backscope, words, mode):
    """H12: reading is in nobody's way."""
    backscope.sql("UPDATE sequences SET \"values\" = NULL WHERE id = 'A000002'")
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("SELECT * FROM sequences")
        assert backscope.run(*words.split()).code == 0
        session.rollback()
        session.cursor().execute(f"LOCK TABLE sequences IN {mode} MODE")
        assert f"pid {session.info.backend_pid}" in backscope.refused("clear", "A3").err
        result = backscope.run("clear", "A3", "--force")
        assert (result.code, "0 seq" in result.out) == (0, False), result


def test_what_cannot_be_looked_into_is_not_changed_either(backscope):
    """H47: flask would have changed it, and nobody have seen it."""
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute('DROP TABLE "user"')
        for words in (["clear"], ["clear", "A1"]):
            assert "lock timeout" in backscope.refused(*words).said


@pytest.mark.slow
def test_a_row_that_somebody_else_is_changing_is_not_waited_for_long(backscope):
    """H12: lock_timeout; whose row it is cannot be seen beforehand."""
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("UPDATE sequences SET name = 'mine' WHERE id = 'A000001'")
        assert "lock timeout" in backscope.unchanged("clear", "A1").said
        assert backscope.run("clear", "A2").code == 0
