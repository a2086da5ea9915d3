"""kill -9 before and after each step, and the same command again completes (H23, H44, H45)."""

import subprocess

import pytest
from checkout import KILL, slowly

SIX = ["dropdb*", "mv*", "createdb*", "flask db init", "flask db migrate", "flask db upgrade"]
KEEP = ["psql*RENAME*", *SIX[1:]]
CARRY = [*KEEP[:3], "psql*still to be copied*", *KEEP[3:], "psql*TO STDOUT*", "psql*FROM STDIN*",
         "psql*IS NULL*"]  # fmt: skip
SWAP = ["psql*", "mv migrations migrations.~0~", "mv {} migrations", "mv migrations.~0~*"]
MOMENTS = [("BEFORE", f"{KILL}; exit"), ("BEFORE", KILL), ("AFTER", KILL)]  # the second: in it


def each(steps, *often):
    """Give each step with what is to be done before, in and after it; most are slow."""
    cases = [(when, step, do) for step in steps for when, do in MOMENTS]
    return [pytest.param(*case) if case in often else slowly(*case) for case in cases]


def killed(backscope, when, step, do, *words):
    """Run the tool, which is killed in between."""
    result = backscope.run(*words, **{when: step, "DO": do})
    assert result.code == -9
    assert result.trace


def rebuilds(words, steps, *often):
    """Give the moments of a rebuild that is called with these words."""
    return [pytest.param(words, *one.values, marks=one.marks) for one in each(steps, *often)]


@pytest.mark.parametrize(("words", "when", "step", "do"), [
    *rebuilds("", SIX, ("AFTER", "dropdb*", KILL), ("BEFORE", "flask db upgrade", KILL)),
    *rebuilds("--keep", KEEP, ("AFTER", "psql*RENAME*", KILL)),
    *rebuilds("--carry", CARRY, ("AFTER", "psql*FROM STDIN*", KILL)),
])  # fmt: skip
def test_the_same_rebuild_again_completes(backscope, words, when, step, do):
    """What is kept is whole, whatever happened; an undo swaps it back in."""
    name, old, folder = backscope.name, backscope.mine(), backscope.folders()["migrations"]
    before = backscope.postgres.rows(name)
    command = ["rebuild", *words.split(), *(["--confirm", name] if words != "--keep" else [])]
    killed(backscope, when, step, do, *command)
    result = backscope.run(*command)
    assert result.code == 0, result
    after, folders = backscope.postgres.rows(name), backscope.folders()
    ((revision,),) = backscope.sql("SELECT version_num FROM alembic_version")
    assert folders.pop("migrations") == [f"{revision}_"]
    assert folder in folders.values()
    assert after["sequences"] == (before["sequences"] if words == "--carry" else [])
    assert words or list(backscope.mine()) == [name]
    if words:
        kept = {oid: name for name, oid in backscope.mine().items()}[old[name]]
        assert backscope.postgres.rows(kept) == before
        assert folders[kept.replace(name, "migrations")] == folder
    if words == "--keep":
        assert len(backscope.mine()) == 2
        assert backscope.run("undo").code == 0
        assert backscope.mine()[name] == old[name]
        assert backscope.folders()["migrations"] == folder


@pytest.mark.parametrize(
    ("when", "step", "do"),
    each(SWAP, ("AFTER", SWAP[0], KILL), ("BEFORE", SWAP[2], f"{KILL}; exit")),
)
def test_an_undo_is_finished_by_the_commands_that_status_says(kept, when, step, do):
    """H44: whichever number it has."""
    number = 4 if "{" in step else 1
    name, at, folder = kept.name, f"{kept.name}.~{number}~", f"migrations.~{number}~"
    if number != 1:
        kept.postgres.sql(f'ALTER DATABASE "{name}.~1~" RENAME TO "{at}"')
        (kept.folder / "migrations.~1~").rename(kept.folder / folder)
    oids, folders = kept.mine(), kept.folders()
    swapped = {"migrations": folders[folder], folder: folders["migrations"]}
    killed(kept, when, step.format(folder), do, "undo")
    out = kept.run("status").out
    moves = [line.split("#")[0] for line in out.splitlines() if "mv " in line]
    assert not (moves and "dropdb" in out)  # whose rm would take what is the current database's
    if kept.mine() == oids:  # it had not begun
        assert not moves
        assert kept.run("undo").code == 0
    elif kept.folders() != swapped:
        path = {"PATH": kept.environ["REAL_PATH"], "HOME": kept.environ["HOME"]}
        subprocess.run(["sh", "-c", moves[0]], check=True, env=path)
    assert kept.mine() == {name: oids[at], at: oids[name]}
    assert kept.folders() == swapped
    assert "mv " not in kept.run("status").out


def test_what_a_killed_tool_left_running_holds_the_lock(backscope):
    """H24: until it has ended, nobody else begins."""
    read = backscope.folder.parent / "go"
    subprocess.run(["mkfifo", str(read)], check=True)
    do = f'{KILL}; echo $$ >"$FIFO"; read line <{read}'
    process = backscope.start("rebuild", "--keep", BEFORE="createdb*", DO=do)
    backscope.hung()
    backscope.take_trace()
    assert "Another reset" in backscope.refused("rebuild", "--keep").err
    read.write_text("on\n")
    backscope.finish(process)
    assert backscope.run("rebuild", "--keep").code == 0
    assert len(backscope.ids(1)) == 3
