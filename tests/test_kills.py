"""kill -9 of the tool at each step (H23, H44, H45): the same command again mends it."""

import pytest
from checkout import content

SIX = ["dropdb", "mv", "createdb", "flask db init", "flask db migrate", "flask db upgrade"]
OFTEN = {("AFTER", 0), ("AFTER", 2), ("DURING", 5)}


def kill(backscope, when, pattern, *arguments):
    """Run the tool and kill it when a command begins, or after it; wait for what runs on."""
    kill_it = {f"KILL_{when}": pattern, **backscope.fast}
    process = backscope.start(*arguments, **kill_it)
    process.stdout.read()  # until the orphan, which holds the lock and the pipe, has ended
    process.stderr.read()
    assert process.wait() == -9
    backscope.trace.unlink()


def again(backscope, *arguments):
    """Run the tool, again while what was started is still running."""
    for _ in range(100):
        result = backscope.run(*arguments, **backscope.fast)
        if "Another reset" not in result.err and "in the way" not in result.err:
            break
    return result


@pytest.mark.parametrize(
    ("when", "number"),
    [
        pytest.param(when, number, marks=[] if (when, number) in OFTEN else pytest.mark.slow)
        for when in ("DURING", "AFTER")
        for number in range(6)
    ],
)
@pytest.mark.slow
def test_killed_at_any_moment_the_same_command_mends_it(backscope, number, when):
    confirm = ["--confirm", backscope.name]
    kill(backscope, when, SIX[number] + "*", "rebuild", *confirm)
    assert "make db-rebuild" in backscope.run("status").out
    result = again(backscope, "rebuild", *confirm)
    assert result.code == 0, result
    assert backscope.sql("SELECT * FROM sequences") == []
    assert backscope.sql("SELECT version_num FROM alembic_version")


@pytest.mark.parametrize("step", [
    "psql*", "createdb*", *(pytest.param(s, marks=pytest.mark.slow) for s in ("mv*", SIX[3])),
])  # fmt: skip
@pytest.mark.slow
def test_killed_while_keeping_undo_mends_it(backscope, step):
    old = content(backscope)
    kill(backscope, "AFTER", step, "rebuild", "--keep")
    assert f"{backscope.name}.~1~" in backscope.run("status").out
    result = again(backscope, "undo")
    assert result.code == 0, result
    assert content(backscope) == old


@pytest.mark.parametrize("step", ["psql*", pytest.param("createdb*", marks=pytest.mark.slow)])
def test_killed_while_keeping_the_same_command_finishes_it(backscope, step):
    old = content(backscope)
    kill(backscope, "AFTER", step, "rebuild", "--keep")
    result = again(backscope, "rebuild", "--keep")
    assert result.code == 0, result
    assert set(backscope.mine()) == {backscope.name, f"{backscope.name}.~1~"}
    assert backscope.folders() == ["migrations", "migrations.~1~"]
    assert backscope.run("undo").code == 0
    assert content(backscope) == old


@pytest.mark.parametrize("step", [
    "psql*", *(pytest.param(s, marks=pytest.mark.slow) for s in (
        "mv migrations.~1~ migrations", "mv migrations *", "mv migrations.~0~*")),
])  # fmt: skip
def test_killed_while_undoing_the_same_command_finishes_it(kept, step):
    name, oids = kept.name, kept.mine()
    kill(kept, "AFTER", step, "undo")
    if step != "mv migrations.~0~*":
        assert "make db-undo" in kept.run("status").out
        assert "make db-undo" in kept.refused("rebuild", "--confirm", name).err
        result = again(kept, "undo")
        assert result.code == 0, result
    assert kept.mine() == {name: oids[f"{name}.~1~"], f"{name}.~1~": oids[name]}
    _, rows, files = content(kept)
    assert len(rows) == 3
    assert "0123456789ab_.py" not in files
    assert kept.folders() == ["migrations", "migrations.~1~"]
