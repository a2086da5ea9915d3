"""KEEP=1 loses nothing at all: one number for both, and all put back when a step fails."""

import pytest
from checkout import FAIL, FAIL_ONCE, KILL, slowly
from postgres import PASSWORD


def test_the_database_and_its_migrations_are_kept_under_the_first_number_free_for_both(backscope):
    name, old = backscope.name, backscope.mine()[backscope.name]
    (backscope.folder / "migrations.~2~").mkdir()
    backscope.postgres.sql(f'CREATE DATABASE "{name}.~1~" TEMPLATE model OWNER scope')
    before = backscope.folders()
    result = backscope.run("rebuild", "--keep")
    assert result.code == 0, result
    assert backscope.mine()[f"{name}.~3~"] == old
    assert backscope.ids() == []
    assert len(backscope.ids(3)) == 3
    assert backscope.folders()["migrations.~3~"] == before["migrations"]
    assert sorted(backscope.folders()) == ["migrations", "migrations.~2~", "migrations.~3~"]


@pytest.mark.parametrize(("words", "step", "do"), [
    ("--keep", "psql*RENAME*", FAIL_ONCE), slowly("--keep", "mv*", FAIL_ONCE),
    slowly("--keep", "createdb*", FAIL_ONCE), slowly("--keep", "flask db init", FAIL_ONCE),
    ("--keep", "flask db migrate", FAIL_ONCE), slowly("--keep", "flask db upgrade", FAIL_ONCE),
    ("--keep", "flask db upgrade", "exit 0"), ("--carry", "psql*TO STDOUT*", FAIL),
    ("--carry", "psql*FROM STDIN*", FAIL), slowly("--carry", "psql*IS NULL", FAIL),
])  # fmt: skip
def test_all_is_put_back_at_whatever_step_it_fails_or_has_done_nothing(backscope, words, step, do):
    """Either end of a copy, too: the target would have committed half the rows."""
    before = backscope.snapshot()
    result = backscope.run("rebuild", words, BEFORE=step, DO=do)
    assert result.code == (2 if "RENAME" in step else 1), result
    assert result.code == 2 or "Everything is as it was before" in result.said
    assert backscope.snapshot() == before


def test_putting_back_drops_only_what_our_own_createdb_has_made(backscope):
    """H41, H42: ours is gone, another has its name, and flask does not open that."""
    tool, name = f"PATH=$REAL_PATH PGPASSWORD={PASSWORD}", backscope.name
    do = f"{tool} dropdb {name}; {tool} createdb {name}"
    old = backscope.mine()[name]
    result = backscope.run("rebuild", "--keep", FAST="", BEFORE="flask db migrate", DO=do)
    assert (result.code, "It was closed" in result.said) == (1, True), result
    assert not [call for call in result.trace if call.startswith("dropdb")]
    assert backscope.mine()[f"{name}.~1~"] == old
    assert name in backscope.mine()
    assert "migrations.~1~" in backscope.folders()
    assert ".~1~" in result.err


def test_rows_that_somebody_stores_in_the_new_database_are_not_dropped(backscope):
    insert = "INSERT INTO searches (term) VALUES ('mine')"
    drop = f'PATH=$REAL_PATH psql -qXd $FAST -c "{insert}; DROP TABLE sequences"'
    result = backscope.run("rebuild", "--keep", AFTER="flask db upgrade", DO=drop)
    assert result.code == 1, result
    assert backscope.sql("SELECT term FROM searches") == [("mine",)]
    assert len(backscope.ids(1)) == 3
    assert f"{backscope.name}.~1~" in result.err


def test_an_empty_database_is_nothing_to_keep(backscope):
    """H45, nor to ask about."""
    backscope.sql("DELETE FROM sequences")
    for words in (["rebuild", "--keep"], ["rebuild"]):
        assert backscope.run(*words).code == 0
    assert list(backscope.mine()) == [backscope.name]


@pytest.mark.parametrize("fault", ["datallowconn = false", "datconnlimit = -2"])
def test_what_an_interrupted_dropdb_left_is_not_kept(backscope, fault):
    """H46: it is replaced; what may be whole is kept, though nobody can see what is in it."""
    name = backscope.name
    backscope.postgres.sql(f"UPDATE pg_database SET {fault} WHERE datname = '{name}'")
    if "allow" in fault:
        assert "cannot be seen" in backscope.refused("rebuild").said
    assert backscope.run("rebuild", "--keep").code == 0
    assert (f"{name}.~1~" in backscope.mine()) == ("allow" in fault)
    assert backscope.ids() == []


def test_a_name_that_is_too_long_to_be_numbered_is_refused(fresh):
    assert "long" in fresh.refused("rebuild", "--keep", POSTGRES_DB="x" * 60).err


def test_an_older_pair_is_not_offered_as_what_an_interrupted_rebuild_has_lost(kept):
    """H66: it says since when it is kept."""
    kept.run("rebuild", "--confirm", kept.name, AFTER="dropdb*", DO=KILL)
    out = kept.run("status").out
    assert f"{kept.name}.~1~" in out
    assert "since 20" in " ".join(out.split())
