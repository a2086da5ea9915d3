"""The trace is the specification: for each target and option, the commands in their order."""

import shlex

import pytest

SIX = ["mv migrations migrations.~1~", "createdb scope",
       "flask db init", "flask db migrate", "flask db upgrade"]  # fmt: skip
RENAME = 'psql postgres ALTER DATABASE "scope" RENAME TO "scope.~1~"'
COMMENT = 'psql postgres COMMENT ON DATABASE "scope" IS '
SWAP = 'psql postgres ALTER DATABASE "scope.~1~" RENAME TO "scope.~0~"; ALTER DATABASE "scope" '
FOLDERS = ["mv migrations migrations.~0~", "mv migrations.~1~ migrations",
           "mv migrations.~0~ migrations.~1~"]  # fmt: skip


def fits(calls, expected):
    """Compare what was called with how each call has to begin."""
    assert len(calls) == len(expected), calls
    assert [call[: len(start)] for call, start in zip(calls, expected)] == expected
    return True


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("status", []),
        ("clear", ["flask clear-database"]),
        ("clear A1 a2", ["psql scope DELETE FROM"]),
        ("unflag", ["psql scope UPDATE"]),
        ("rebuild --confirm {}", ["dropdb scope", *SIX]),
        ("rebuild --confirm {} --force", ["dropdb --force scope", *SIX]),
        ("rebuild --keep", [RENAME, *SIX]),
    ],
)
def test_the_commands_of_a_target_are_these_and_the_dry_run_prints_them(backscope, words, expected):
    backscope.sql("UPDATE sequences SET \"values\" = NULL WHERE id = 'A000003'")
    words = words.format(backscope.name).split()
    dry = backscope.run(*words, "--dry-run")
    assert (dry.code, dry.trace) == (0, [])
    result = backscope.run(*words)
    assert result.code == 0, result
    assert fits(result.calls, expected)
    printed = [line.removesuffix(" &&") for line in dry.out.splitlines()][-len(expected) :]
    assert not expected or [" ".join(shlex.split(line)) for line in printed] == result.trace


def test_carry_is_keep_and_a_copy_for_each_common_table(backscope):
    backscope.sql("INSERT INTO searches (term) VALUES ('primes')")
    backscope.sql("INSERT INTO \"user\" VALUES (7, 'a', 'b', 'c', 'd')")
    result = backscope.run("rebuild", "--carry")
    assert result.code == 0, result
    marked = [RENAME, *SIX[:2], f"{COMMENT}'", *SIX[2:]]
    assert fits(result.calls[:7], marked)
    assert fits(result.calls[-1:], [f"{COMMENT}NULL"])
    copies = sorted(result.calls[7:-1])
    assert fits(copies, ["psql scope COPY "] * 3 + ["psql scope.~1~ COPY (SELECT "] * 3)
    for table in ("sequences", "searches", "user"):
        assert sum(f'"{table}"' in call for call in copies) == 2


@pytest.mark.parametrize("words", [["undo"], ["undo", "1"], ["undo", "--n", "1", "--force"]])
def test_an_undo_swaps_the_databases_at_once_and_then_the_folders(kept, words):
    result = kept.run(*words)
    assert result.code == 0, result
    assert fits(result.calls, [SWAP, *FOLDERS])
