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
    return [case if case in often else slowly(*case) for case in cases]


def killed(backscope, when, step, do, *words):
    """Run the tool, which is killed in between."""
    result = backscope.run(*words, **{when: step, "DO": do})
    assert result.code == -9
    assert result.trace


@pytest.mark.parametrize(
    ("when", "step", "do"),
    each(SIX, ("AFTER", "dropdb*", KILL), ("BEFORE", "flask db upgrade", KILL)),
)
def test_a_rebuild(backscope, when, step, do):
    old = backscope.folders()["migrations"]
    words = ["rebuild", "--confirm", backscope.name]
    killed(backscope, when, step, do, *words)
    result = backscope.run(*words)
    assert result.code == 0, result
    assert list(backscope.mine()) == [backscope.name]
    assert backscope.ids() == []
    folders = backscope.folders()
    ((revision,),) = backscope.sql("SELECT version_num FROM alembic_version")
    assert folders.pop("migrations") == [f"{revision}_"]
    assert old in folders.values()


@pytest.mark.parametrize(("when", "step", "do"), each(KEEP, ("AFTER", "psql*RENAME*", KILL)))
def test_keep(backscope, when, step, do):
    """One whole pair is kept, whatever happened, and is swapped back in by an undo."""
    old, folder = backscope.mine()[backscope.name], backscope.folders()["migrations"]
    killed(backscope, when, step, do, "rebuild", "--keep")
    assert old in backscope.mine().values()
    result = backscope.run("rebuild", "--keep")
    assert result.code == 0, result
    assert backscope.ids() == []
    assert backscope.mine()[f"{backscope.name}.~1~"] == old
    assert backscope.folders()["migrations.~1~"] == folder
    assert len(backscope.mine()) == 2
    assert backscope.run("undo").code == 0
    assert len(backscope.ids()) == 3
    assert backscope.folders()["migrations"] == folder


@pytest.mark.parametrize(("when", "step", "do"), each(KEEP[:3], ("AFTER", "psql*RENAME*", KILL)))
def test_an_undo_after_a_keep_that_was_killed(backscope, when, step, do):
    old, folder = backscope.mine()[backscope.name], backscope.folders()["migrations"]
    killed(backscope, when, step, do, "rebuild", "--keep")
    backscope.run("undo")
    assert backscope.mine()[backscope.name] == old
    assert backscope.folders()["migrations"] == folder


@pytest.mark.parametrize(("when", "step", "do"), each(CARRY, ("AFTER", "psql*FROM STDIN*", KILL)))
def test_carry(backscope, when, step, do):
    """All rows come, and a half-filled database is asked about."""
    backscope.sql("INSERT INTO searches (term) VALUES ('primes')")
    before, old = backscope.postgres.rows(backscope.name), backscope.mine()[backscope.name]
    folder = backscope.folders()["migrations"]
    killed(backscope, when, step, do, "rebuild", "--carry")
    result = backscope.run("rebuild", "--carry", "--confirm", backscope.name)
    assert result.code == 0, result
    after = backscope.postgres.rows(backscope.name)
    assert {**after, "alembic_version": before["alembic_version"]} == before
    kept = {oid: name for name, oid in backscope.mine().items()}[old]
    assert backscope.postgres.rows(kept) == before
    assert backscope.folders()[kept.replace(backscope.name, "migrations")] == folder


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
    moves = [line.split("#")[0] for line in kept.run("status").out.splitlines() if "mv " in line]
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
