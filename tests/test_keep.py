"""KEEP=1 and undo: the current pair is there until both are swapped."""

import pytest
from checkout import FAIL, PSQL, STORE, cases

DISK_FULL = "echo 'ERROR:  could not extend file: No space left on device'; exit 1"
FAULTS = {
    "upgrade without effect": ("flask db upgrade*", "exit 0", (1,), "no tables"),
    "createdb on a full disk": ("createdb*", DISK_FULL, (2,), "df -h"),
    "slow swap on a full disk": ("psql*RENAME*", DISK_FULL, (1,), "df -h"),
}


@pytest.mark.parametrize(("step", "do", "codes", "words"), cases(FAULTS))
def test_whatever_fails_everything_is_as_before(backscope, step, do, codes, words):
    result = backscope.unchanged("rebuild --keep", None, before=(step, do))
    assert result.code in codes and words in result.said, result
    backscope.done("rebuild --keep")


def test_a_termination_that_fails_stops_no_swap(kept):
    old = kept.ids(1)
    kept.done("undo --force", before=("psql*pg_sleep*", FAIL))
    assert kept.ids() == old


def test_h42_a_name_taken_before_our_createdb_stays_theirs(backscope):
    name, before = f"{backscope.name}.~0~", backscope.mine()
    theirs = f"PATH=$REAL_PATH createdb {name}; DB={name}; {PSQL} 'CREATE TABLE theirs ()'"
    backscope.run("rebuild --keep", 1, before=("createdb*", theirs))
    assert backscope.postgres.rows(name) == {"theirs": []}
    assert backscope.mine().items() > before.items()


def pairs(backscope):
    databases, folders, name = backscope.mine(), backscope.folders(), backscope.name
    current = (databases[name], backscope.ids(), folders["migrations"])
    return current, (databases[f"{name}.~1~"], backscope.ids(1), folders["migrations.~1~"])


def test_an_undo_swaps_the_pair_and_another_swaps_it_back(kept):
    current, other = pairs(kept)
    for expected in ((other, current), (current, other)):
        kept.done("undo")
        assert pairs(kept) == expected
        assert len(kept.mine()) == len(kept.folders()) == 2


def test_h94_a_folder_of_another_database_stays(kept):
    other = f"{kept.name}_other"
    kept.done(f"rebuild --confirm {other}", POSTGRES_DB=other)
    folders, oids = kept.folders(), kept.mine()
    kept.done("undo")
    assert kept.mine()[kept.name] == oids[f"{kept.name}.~1~"]
    assert kept.folders() == folders
    assert "mv " not in kept.done("status").out
    kept.done("undo")
    assert (kept.mine(), kept.folders()) == (oids, folders)


def test_a_cleared_database_comes_back_with_its_rows(backscope):
    before, folder = backscope.postgres.rows(backscope.name), backscope.folders()["migrations"]
    backscope.done("clear --keep")
    assert (backscope.ids(), len(backscope.ids(1))) == ([], 3)
    assert backscope.folders() == {"migrations": folder, "migrations.~1~": folder}
    backscope.done("undo")
    assert backscope.postgres.rows(backscope.name) == before


def test_a_clear_that_failed_half_way_has_cleared_nothing(backscope):
    cleared = ("flask clear*", f'{PSQL} "TRUNCATE sequences"; {FAIL}')
    backscope.unchanged("clear --keep", 1, before=cleared)


@pytest.mark.parametrize("words", ["clear --keep", "rebuild --keep"])
def test_what_is_stored_while_it_runs_is_kept(backscope, words):
    backscope.sql("DELETE FROM sequences")
    backscope.done(words, after=("flask*", f"DB={backscope.name}; {STORE}"))
    assert backscope.sql("SELECT term FROM searches", f"{backscope.name}.~1~") == [("late",)]
