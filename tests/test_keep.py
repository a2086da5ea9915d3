"""KEEP=1 and db-undo on the real server: nothing is lost at all."""

import shutil

import pytest
from checkout import content


def test_keep_and_undo_and_undo_again(backscope):
    old = content(backscope)
    result = backscope.run("rebuild", "--keep")  # it loses nothing, so it asks nothing
    assert result.code == 0, result
    create = f"createdb {backscope.name}"
    assert result.calls[:3] == ["psql", "mv migrations migrations.~1~", create]
    new = content(backscope)
    assert new[0] != old[0]
    assert new[1] == []
    for wanted, other in ((old, new), (new, old), (old, new)):
        result = backscope.run("undo")
        assert result.code == 0, result
        assert content(backscope) == wanted
        assert backscope.folders() == ["migrations", "migrations.~1~"]
        kept = f"{backscope.name}.~1~"
        assert backscope.mine() == {backscope.name: wanted[0], kept: other[0]}
        assert f"Comes        {kept}: " in result.out
        assert f"Goes         {backscope.name}: " in result.out
    out = backscope.run("status").out
    remove = f"dropdb -h {backscope.postgres.host} -p {backscope.postgres.port} -U scope {kept}"
    assert f"{remove} && rm -r {backscope.folder}/migrations.~1~ # removes it" in out


@pytest.mark.parametrize("step", [
    "flask db upgrade", *(pytest.param(step, marks=pytest.mark.slow)
                          for step in ("psql*", "mv*", "createdb*", "flask db init")),
])  # fmt: skip
def test_a_rebuild_that_fails_puts_everything_back(backscope, once, step):
    before = backscope.snapshot()
    result = backscope.run("rebuild", "--keep", FAIL_ONCE=step, **once, **backscope.fast)
    assert result.code == (2 if step == "psql*" else 1), result
    assert "Nothing was changed" in result.err or "Everything is as it was before" in result.err
    assert backscope.snapshot() == before


def test_h42_what_nobody_claims_stays_beside_what_is_put_back(backscope):
    """As on a full disk: flask db init fails by itself, and leaves half a folder."""
    before = backscope.mine()
    half = {"INSTEAD": "flask db init", "DO": "mkdir migrations; exit 1"}
    for number in (1, 2):
        result = backscope.run("rebuild", "--keep", **half, **backscope.fast)
        assert result.code == 1, result
        *more, last = backscope.folders()[1:]
        assert len(more) == number - 1
        assert f"Everything is as it was before, but for {last}." in result.err
        assert list((backscope.folder / last).iterdir()) == []
        assert backscope.mine() == before


@pytest.mark.slow
def test_a_first_rebuild_that_fails_leaves_nothing_half_made(fresh):
    result = fresh.run("rebuild", "--keep", FAIL="flask db upgrade", **fresh.fast)
    assert result.code == 1, result
    assert fresh.mine() == {}
    assert fresh.folders() == []


@pytest.mark.slow
def test_a_result_that_is_not_right_is_put_back_too(backscope):
    before = backscope.snapshot()
    result = backscope.run("rebuild", "--keep", INSTEAD="flask db upgrade", DO="exit 0",
                           **backscope.fast)  # fmt: skip
    assert result.code == 1, result
    assert "has no revision" in result.err
    assert "Everything is as it was before" in result.err
    assert backscope.snapshot() == before


@pytest.mark.parametrize("action", [["undo"], ["rebuild", "--keep"]])
@pytest.mark.slow
def test_doors_that_were_shut_are_opened_when_it_fails(kept, once, action):
    before = kept.mine()
    shut = f'psql -qXd postgres -c "ALTER DATABASE {kept.name} ALLOW_CONNECTIONS false"; exit 3'
    do = f'PATH=$REAL_PATH; if rm "$ONCE" 2>/dev/null; then {shut}; fi; exec psql "$@"'
    result = kept.run(*action, "--force", INSTEAD="psql*", DO=do, **once)
    assert result.code == 1, result
    assert "as it was" in result.err
    assert kept.mine() == before
    assert kept.sql("SELECT 1") == [(1,)]


@pytest.mark.parametrize("step", [
    "mv migrations *", *(pytest.param(step, marks=pytest.mark.slow) for step in (
        "psql*", "mv migrations.~1~ migrations", "mv migrations.~0~*")),
])  # fmt: skip
def test_an_undo_that_fails_is_finished_by_the_same_command(kept, once, step):
    name, oids = kept.name, kept.mine()
    result = kept.run("undo", FAIL_ONCE=step, **once)
    assert result.code == 1, result
    swapped = {name: oids[f"{name}.~1~"], f"{name}.~1~": oids[name]}
    if step == "psql*":
        assert f"The undo is not begun: {name} is as it was." in result.err
        assert kept.mine() == oids
    else:
        assert "The undo is begun, not finished." in result.err
        assert kept.mine() == swapped
        assert "make db-undo" in kept.refused("rebuild", "--confirm", name).err
    assert "make db-undo" in result.err
    assert kept.run("undo").code == 0
    assert kept.mine() == swapped
    assert kept.folders() == ["migrations", "migrations.~1~"]
    assert len(content(kept)[1]) == 3
    assert "0123456789ab_.py" not in content(kept)[2]


@pytest.mark.slow
def test_undo_of_a_chosen_number(kept):
    name = kept.name
    kept.postgres.sql(f'CREATE DATABASE "{name}.~3~" TEMPLATE model OWNER scope')
    oid = kept.mine()[f"{name}.~3~"]
    error = kept.refused("undo", "2").err
    assert "is kept as number 2" in error
    assert "make db-status" in error
    assert "which is no number" in kept.refused("undo", "x").err
    assert kept.run("undo", "3").code == 0
    assert kept.mine()[name] == oid


def test_an_undo_that_was_begun_comes_before_another(kept, once):
    name, oids = kept.name, kept.mine()
    kept.run("undo", FAIL_ONCE="mv*", **once)
    misplaced = "migrations are not where they belong, as after an interrupted undo"
    assert misplaced in kept.refused("rebuild", "--confirm", name).err
    seen = kept.run("status").out
    assert misplaced in seen
    assert "brings it back" not in seen, "it would only move the migrations"
    assert "Nothing of" in kept.refused("undo", "7").err
    again = kept.run("undo", "1")  # its own number: it is finished, not reversed
    assert again.code == 0, again
    assert "The migrations are where they belong; the databases stay as they are:" in again.out
    assert kept.mine() == {name: oids[f"{name}.~1~"], f"{name}.~1~": oids[name]}


def test_h7_h19_an_undo_asks_whether_it_is_production(kept):
    error = kept.refused("undo", APP_ENVIRONMENT="Production").err
    assert "APP_ENVIRONMENT is Production, which this Backscope does not know." in error
    assert "db-undo" not in kept.run("status", APP_ENVIRONMENT="Production").out
    assert "make db-undo N=1 PRODUCTION=1" in kept.run("status", APP_ENVIRONMENT="production").out


@pytest.mark.parametrize("fails", ["", "mv*", "psql*", "mv migrations *"])
def test_an_undo_by_number_of_what_is_whole_swaps_all_the_same(kept, fails, once):
    """The current migrations were moved by hand; that is mended, and then it is swapped."""
    name, oids = kept.name, kept.mine()
    (kept.folder / "migrations").rename(kept.folder / "migrations.~9~")
    assert "db-undo N=1 # brings it back" in kept.run("status").out
    if fails:
        result = kept.run("undo", "1", FAIL_ONCE=fails, **once)
        assert "make db-undo N=1" in result.err, result
    result = kept.run("undo", "1")
    assert result.code == 0, result
    assert kept.mine() == {name: oids[f"{name}.~1~"], f"{name}.~1~": oids[name]}
    assert kept.folders() == ["migrations", "migrations.~1~"]
    assert "0123456789ab_.py" not in content(kept)[2]


@pytest.mark.slow
def test_undo_takes_the_newest(kept):
    name = kept.name
    kept.postgres.sql(f'CREATE DATABASE "{name}.~3~" TEMPLATE model OWNER scope')
    oids = kept.mine()
    kept.postgres.sql(f'ALTER DATABASE "{name}.~1~" RENAME TO "{name}.~2~"')  # the last set aside
    assert kept.run("undo").code == 0
    assert kept.mine()[name] == oids[f"{name}.~1~"]


@pytest.mark.slow
def test_undo_of_half_a_pair(kept):
    """Where only migrations are kept there is nothing to swap; a database alone is swapped."""
    name, oids = kept.name, kept.mine()
    shutil.rmtree(kept.folder / "migrations.~1~")
    assert "its migrations are not there" in kept.run("status").out
    result = kept.run("undo")
    assert result.code == 0, result
    assert f"{name} is swapped, but its migrations are missing: " in result.out
    assert kept.mine() == {name: oids[f"{name}.~1~"], f"{name}.~1~": oids[name]}
    kept.postgres.sql(f'DROP DATABASE "{name}.~1~"')
    assert "is kept as number 1, only a folder of migrations" in kept.refused("undo", "1").err
    out = kept.run("status").out
    assert "Left over    migrations.~1~" in out
    assert f"rm -r {kept.folder}/migrations.~1~ # removes it" in out


@pytest.mark.slow
def test_undo_without_a_current_database(kept):
    kept.postgres.sql(f"DROP DATABASE {kept.name}")
    shutil.rmtree(kept.folder / "migrations")
    oid = kept.mine()[f"{kept.name}.~1~"]
    result = kept.run("undo")
    assert result.code == 0, result
    assert f"{kept.name} is back: " in result.out  # nothing was there to change places with
    assert kept.mine() == {kept.name: oid}
    assert kept.folders() == ["migrations"]


@pytest.mark.slow
def test_undo_with_a_session_in_the_way(kept):
    session = kept.as_scope(f"{kept.name}.~1~")
    error = kept.refused("undo").err
    assert "1 session is in the way" in error
    assert "make db-undo FORCE=1" in error
    result = kept.run("undo", "--force")
    assert result.code == 0, result
    session.close()
    assert kept.sql("SELECT 1", database=f"{kept.name}.~1~") == [(1,)]


@pytest.mark.slow
def test_names_near_the_limit(fresh, postgres):
    name = "x" * 60
    for length, code in ((59, 0), (60, 2)):
        postgres.sql(f"CREATE DATABASE {name[:length]} TEMPLATE model OWNER scope")
        try:
            result = fresh.run("rebuild", "--keep", "--dry-run", POSTGRES_DB=name[:length])
            assert result.code == code, result
            assert ("63 bytes" in result.err) == (code == 2)
        finally:
            postgres.sql(f"DROP DATABASE {name[:length]}")
    assert "63 bytes" in fresh.run("rebuild", POSTGRES_DB="ü" * 32).err


@pytest.mark.slow
def test_a_database_that_accepts_no_connections_is_told_and_mended(kept):
    kept.postgres.sql(f"ALTER DATABASE {kept.name} ALLOW_CONNECTIONS false")
    error = kept.refused("clear").err
    assert "accepts no connections" in error
    assert "ALLOW_CONNECTIONS true" in error
    result = kept.run("rebuild", "--keep", INSTEAD="flask*", DO="exit 4")
    assert result.code == 1, result
    assert kept.sql("SELECT 1") == [(1,)]


@pytest.mark.slow
def test_undo_opens_what_was_left_closed(kept):
    kept.postgres.sql(f"ALTER DATABASE {kept.name} ALLOW_CONNECTIONS false")
    assert kept.run("undo").code == 0
    for name in kept.mine():
        assert kept.sql("SELECT count(*) FROM sequences", database=name)
