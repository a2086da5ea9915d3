"""kill -9 and a server that crashes: the current database is there, the same command completes."""

import contextlib
import random
import threading
import time

import psycopg2
import pytest
from checkout import FAIL, KILL, slowly
from postgres import PASSWORD, Postgres, throwaway

BUILD = ["createdb*", "flask db init*", "flask db migrate*", "flask db upgrade*"]
SWAP = ["psql*RENAME*", "mv*migrations migrations.~2~", "mv*migrations.~0~ migrations"]
STEPS = {
    "rebuild --confirm {}": ["dropdb*", "mv*", *BUILD],
    "rebuild --keep": [*BUILD, *SWAP],
    "rebuild --carry": ["psql*TO STDOUT*", "psql*FROM STDIN*", *SWAP],
    "undo": [SWAP[0], "mv*migrations.~1~ migrations.~0~", "mv*migrations migrations.~1~"],
    "clear --keep": ["createdb*", "cp*", "flask clear*"],
    "prune --confirm {}": ["dropdb*", "rm*"],
}
MOMENTS = {"before": ("before", f"{KILL}; exit"), "in": ("before", KILL), "after": ("after", KILL)}
FAILURES = [*MOMENTS.values(), ("before", FAIL), ("after", FAIL)]
CASES = [(words, moment, step) for words in STEPS for moment in MOMENTS for step in STEPS[words]]
FAST = {
    ("rebuild --confirm {}", "after", "mv*"),
    ("rebuild --keep", "after", "psql*RENAME*"),
    ("rebuild --carry", "after", "psql*FROM STDIN*"),
    ("undo", "after", "mv*migrations migrations.~1~"),
    ("clear --keep", "before", "flask clear*"),
}
KILLED = [pytest.param(*case) if case in FAST else slowly(*case) for case in CASES]
SEEDS = [(0, 1), (2, 1), *(slowly(seed, 3) for seed in range(60))]
STORE = "INSERT INTO sequences VALUES ('{}', '', 0, '{{}}', true) ON CONFLICT DO NOTHING"
CRASH = """kill -9 $(PATH=$REAL_PATH psql -qXAt -d postgres -c "SELECT pid FROM pg_stat_activity
    WHERE application_name LIKE 'backscope-reset%' LIMIT 1")"""
CRASHES = {"createdb*": "rebuild --keep", "mv*": "undo", "cp*": "clear --keep"}


def contents(backscope):
    found = {}
    for name in backscope.mine():
        with contextlib.suppress(psycopg2.errors.UndefinedTable):
            found[name] = tuple(backscope.sql("SELECT id FROM sequences ORDER BY 1", name))
    found.pop(f"{backscope.name}.~0~", None)
    return found


def assert_settled(backscope):
    folders, revisions = backscope.folders(), {}
    for name in contents(backscope):
        ((revision,),) = backscope.sql("SELECT version_num FROM alembic_version", name)
        revisions[name.replace(backscope.name, "migrations")] = [f"{revision}_"]
    assert {**revisions, **folders} == {**folders, **revisions}  # a folder may be missing
    assert folders["migrations"] == revisions["migrations"]
    assert "migrations.~0~" not in folders
    assert "mv " not in backscope.done("status").out


@pytest.mark.parametrize(("words", "moment", "step"), KILLED)
def test_the_same_command_again_completes(kept, words, moment, step):
    """H23, H44, H45, H93: what is kept is whole; an undo is finished, not undone."""
    when, do = MOMENTS[moment]
    before, name = contents(kept), kept.name
    lost = {"rebuild --confirm {}": name, "prune --confirm {}": f"{name}.~1~"}.get(words)
    safe = {ids for one, ids in before.items() if one != lost}
    kept.run(words, -9, **{when: (step, do)})
    assert set(contents(kept).values()) >= safe
    assert name in kept.mine() or lost == name
    kept.done(words)
    assert set(contents(kept).values()) >= safe
    assert words != "undo" or contents(kept)[name] == before[f"{name}.~1~"]
    assert_settled(kept)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("crashes", [{"psql*RENAME*": "rebuild --carry"}, slowly(CRASHES)])
def test_h23_a_server_that_crashes_loses_nothing(fresh, crashes):
    shared = fresh.postgres
    with throwaway() as variables:
        fresh.postgres = Postgres(variables)
        fresh.write_env(POSTGRES_PORT=fresh.postgres.port)
        fresh.done("rebuild")
        for step, words in crashes.items():
            fresh.sql(STORE.format(step.replace("*", "")))
            before = set(contents(fresh).values())
            assert "status" in fresh.run(words, 1, after=(step, CRASH)).err
            vars(fresh.postgres).pop("connection", None)  # which has ended, too
            while fresh.run("status").code != 0:
                time.sleep(0.05)
            assert fresh.name in fresh.mine()
            assert set(contents(fresh).values()) >= before
            fresh.done(words)
            assert set(contents(fresh).values()) >= before
            assert_settled(fresh)
        fresh.postgres = shared


@pytest.mark.parametrize(("seed", "rounds"), SEEDS)
@pytest.mark.timeout(600)
def test_no_sequence_of_faults_loses_what_was_kept(kept, seed, rounds):
    drawn = random.Random(seed)
    for number in range(rounds):
        kept.sql(STORE.format(number))
        words = drawn.choice(["rebuild --keep", "rebuild --carry", "undo", "clear --keep"])
        before = set(contents(kept).values())
        for _ in range(drawn.choice([1, 1, 2])):
            when, do = drawn.choice(FAILURES)
            result = kept.run(words, **{when: (drawn.choice(STEPS[words]), do)})
            assert result.code in (0, 1, 2, -9), result
            assert kept.name in kept.mine(), result
            assert set(contents(kept).values()) >= before, result
        kept.done(words)
        assert set(contents(kept).values()) >= before
    assert_settled(kept)


def store_rows(backscope, stored, ended):
    number = 0
    while not ended.wait(0.02):
        number += 1
        insert = f"INSERT INTO searches (term) VALUES ('{number}')"
        with contextlib.suppress(psycopg2.Error):
            backscope.sql(insert, user="scope", password=PASSWORD)
            stored.add(str(number))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(12))
def test_each_row_stored_meanwhile_is_in_some_database(kept, seed):
    """H69, H70: whatever is killed or fails while a client stores rows all the while."""
    drawn = random.Random(seed)
    stored = set()
    ended = threading.Event()
    client = threading.Thread(target=store_rows, args=(kept, stored, ended))
    client.start()
    for words in drawn.choices(["rebuild --keep", "rebuild --carry", "clear --keep", "undo"], k=3):
        when, do = drawn.choice(FAILURES)
        kept.run(f"{words} --force", None, **{when: (drawn.choice(STEPS[words]), do)})
        kept.run(f"{words} --force", None)
    ended.set()
    client.join()
    found = set()
    for name in kept.mine():
        with contextlib.suppress(psycopg2.errors.UndefinedTable):
            found |= {term for (term,) in kept.sql("SELECT term FROM searches", name)}
    assert stored <= found and len(stored) > 10
