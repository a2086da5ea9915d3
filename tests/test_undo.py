"""db-undo: what is kept and what is current change places, and nothing is lost."""

import shutil

import pytest
from checkout import FAIL


def pair(backscope):
    """Give the oids, sequences and migrations of the current pair and of number 1."""
    name, folders = backscope.name, backscope.folders()
    current = (backscope.mine()[name], backscope.ids(), folders["migrations"])
    return current, (backscope.mine()[f"{name}.~1~"], backscope.ids(1), folders["migrations.~1~"])


def test_an_undo_swaps_the_pair_and_another_swaps_it_back(kept):
    current, other = pair(kept)
    for expected in ((other, current), (current, other)):
        result = kept.run("undo")
        assert result.code == 0, result
        assert pair(kept) == expected
        assert len(kept.mine()) == len(kept.folders()) == 2


def test_the_newest_pair_is_taken_or_the_one_that_is_named(kept):
    name, sql = kept.name, kept.postgres.sql
    sql(f'CREATE DATABASE "{name}.~7~" TEMPLATE model OWNER scope')
    shutil.copytree(kept.folder / "migrations.~1~", kept.folder / "migrations.~7~")
    (kept.folder / "migrations.~1~").rename(kept.folder / "migrations.~2~")
    sql(f'ALTER DATABASE "{name}.~1~" RENAME TO "{name}.~2~"')  # the last that was renamed
    oids = kept.mine()
    assert kept.run("undo", "7").code == 0
    assert kept.mine() == {**oids, name: oids[f"{name}.~7~"], f"{name}.~7~": oids[name]}
    assert kept.run("undo", "--n", "7").code == 0
    for old, new in (("~2~", "x"), ("x", "~2~")):
        sql(f'ALTER DATABASE "{name}.{old}" RENAME TO "{name}.{new}"')
    assert kept.run("undo").code == 0
    assert len(kept.ids()) == 3


def test_a_number_that_is_not_kept_is_refused(kept):
    assert "2" in kept.refused("undo", "2").err
    kept.refused("undo", "x")
    kept.postgres.sql(f'DROP DATABASE "{kept.name}.~1~"')
    assert "kept" in kept.refused("undo").err


@pytest.mark.parametrize("gone", ["migrations", "migrations.~1~"])
def test_where_there_is_no_current_database_the_kept_one_takes_its_place(kept, gone):
    """As after a KEEP=1 that was killed."""
    kept.postgres.sql(f"DROP DATABASE {kept.name}")
    shutil.rmtree(kept.folder / gone)
    oid = kept.mine()[f"{kept.name}.~1~"]
    result = kept.run("undo")
    assert result.code == 0, result
    assert kept.mine() == {kept.name: oid}
    assert list(kept.folders()) == ["migrations"]


def test_a_session_on_either_database_is_refused_and_force_ends_it(kept):
    """H11."""
    for name in (kept.name, f"{kept.name}.~1~"):
        session = kept.as_scope(name)
        error = kept.refused("undo").err
        assert f"pid {session.info.backend_pid}" in error
        assert "force" in error.lower()
        result = kept.run("undo", "--force")
        assert result.code == 0, result
        session.close()


@pytest.mark.parametrize("number, fault", [("", "other"), (".~1~", "other"), (".~1~", "invalid")])
def test_both_databases_of_a_swap_are_looked_at(kept, role, number, fault):
    """H14, H46."""
    name = f"{kept.name}{number}"
    if fault == "invalid":
        change = f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{name}'"
    else:
        change = f'ALTER DATABASE "{name}" OWNER TO {role}'
    kept.postgres.sql(change)
    assert name in kept.refused("undo", "1", "--force").err


def test_an_undo_that_fails_has_changed_nothing_or_says_how_it_is_finished(kept):
    """H44."""
    before = kept.snapshot()
    assert kept.run("undo", BEFORE="psql*", DO=FAIL).code == 2
    assert kept.snapshot() == before
    result = kept.run("undo", BEFORE="mv*", DO="exit 0")
    assert (result.code, "not finished" in result.err) == (1, True), result
