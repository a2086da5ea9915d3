"""KEEP=1 and db-undo: nothing is lost at all."""

import shutil
import signal

import pytest


def content(backscope):
    """Whose database, rows and migrations are current."""
    files = backscope.folder / "migrations"
    return (
        backscope.mine().get(backscope.name),
        backscope.sql("SELECT id FROM sequences ORDER BY 1") if backscope.mine() else None,
        sorted(path.name for path in files.rglob("*.py")) if files.exists() else None,
    )


@pytest.fixture
def kept(backscope):
    """Give a checkout with a kept pair, made without the cost of flask."""
    name = backscope.name
    backscope.postgres.sql(f'ALTER DATABASE {name} RENAME TO "{name}.~1~"')
    backscope.postgres.sql(f"CREATE DATABASE {name} TEMPLATE model OWNER scope")
    folder = backscope.folder / "migrations"
    folder.rename(backscope.folder / "migrations.~1~")
    shutil.copytree(backscope.folder / "migrations.~1~", folder)
    (folder / "versions" / "new.py").write_text("# new\n")
    return backscope


def test_keep_and_undo_and_undo_again(backscope):
    old = content(backscope)
    result = backscope.run("rebuild", "--keep")  # it loses nothing, so it asks nothing
    assert result.code == 0, result
    assert result.calls[:3] == [
        "psql",
        "mv migrations migrations.~1~",
        f"createdb {backscope.name}",
    ]
    new = content(backscope)
    assert new[0] != old[0]
    assert new[1] == []
    for wanted in (old, new, old):
        result = backscope.run("undo")
        assert result.code == 0, result
        assert content(backscope) == wanted
        assert backscope.folders() == ["migrations", "migrations.~1~"]
        assert set(backscope.mine()) == {backscope.name, f"{backscope.name}.~1~"}
    out = backscope.run("status").out
    assert f"{backscope.name}.~1~" in out
    assert f"dropdb {backscope.name}.~1~; rm -r migrations.~1~" in out


@pytest.mark.parametrize(
    ("step", "how"),
    [(step, "fails") for step in ("psql*", "mv*", "createdb*", "flask db init", "flask db upgrade")]
    + [(step, "interrupted") for step in ("createdb*", "flask db init", "flask db upgrade")],
)
def test_a_rebuild_that_fails_puts_everything_back(backscope, step, how):
    before = backscope.snapshot()
    once = backscope.folder.parent / "once"
    once.touch()
    if how == "fails":
        result = backscope.run(
            "rebuild", "--keep", FAIL_ONCE=step, ONCE=str(once), **backscope.fast
        )
        assert result.code == 1, result
    else:
        process = backscope.start("rebuild", "--keep", HANG=step, **backscope.fast)
        with backscope.fifo.open() as fifo:
            fifo.read()
        process.send_signal(signal.SIGINT)
        result = backscope.finish(process)
        assert result.code == 130, result
    assert "Everything is as it was before" in result.err
    after = backscope.snapshot()
    after[2].pop("logs/api.log", None)
    before[2].pop("logs/api.log", None)
    assert after == before


def test_a_first_rebuild_that_fails_leaves_nothing_half_made(fresh):
    result = fresh.run("rebuild", "--keep", FAIL="flask db upgrade", **fresh.fast)
    assert result.code == 1, result
    assert fresh.mine() == {}
    assert fresh.folders() == []


@pytest.mark.parametrize("when", ["AFTER"])
@pytest.mark.parametrize("step", ["psql*", "mv*", "createdb*", "flask db init"])
def test_killed_while_keeping_undo_mends_it(backscope, step, when):
    old = content(backscope)
    process = backscope.start("rebuild", "--keep", **{f"KILL_{when}": step}, **backscope.fast)
    assert process.wait() == -9
    process.communicate()
    if f"{backscope.name}.~1~" in backscope.mine():
        if when == "AFTER":
            assert f"{backscope.name}.~1~" in backscope.run("status").out
        result = backscope.run("undo")
        assert result.code == 0, result
    assert content(backscope) == old


@pytest.mark.parametrize("when", ["AFTER"])
@pytest.mark.parametrize(
    "step", ["*~of*", "mv migrations.~1~ migrations", "psql*", "*~ migrations.~1~"]
)
def test_killed_while_undoing_the_same_command_finishes_it(kept, step, when):
    old = content(kept)
    process = kept.start("undo", **{f"KILL_{when}": step})
    assert process.wait() == -9
    process.communicate()
    current = content(kept)
    if kept.folders() != ["migrations", "migrations.~1~"] and when == "AFTER":
        assert "make db-undo" in kept.run("status").out
        assert "make db-undo" in kept.refused("rebuild", "--confirm", kept.name).err
    if current == old or kept.folders() != ["migrations", "migrations.~1~"]:
        result = kept.run("undo")
        assert result.code == 0, result
    database, rows, files = content(kept)
    assert database != old[0]
    assert len(rows) == 3
    assert "new.py" not in files
    assert kept.folders() == ["migrations", "migrations.~1~"]


@pytest.mark.parametrize("step", ["*~of*", "mv migrations.~1~ migrations", "psql*"])
def test_an_undo_that_fails_is_taken_back(kept, step):
    before = kept.snapshot()
    once = kept.folder.parent / "once"
    once.touch()
    for force in ([], ["--force"]):
        once.touch()
        result = kept.run("undo", *force, FAIL_ONCE=step, ONCE=str(once))
        assert result.code == 1, result
        assert "Everything is as it was before" in result.err
        assert kept.snapshot() == before


@pytest.mark.parametrize("action", [["undo"], ["rebuild", "--keep"]])
def test_doors_that_were_shut_are_opened_when_it_fails(kept, action):
    once = kept.folder.parent / "once"
    once.touch()
    before = kept.mine()
    shut = f'psql -qXd postgres -c "ALTER DATABASE {kept.name} ALLOW_CONNECTIONS false"; exit 3'
    do = f'PATH=$REAL_PATH; if rm "$ONCE" 2>/dev/null; then {shut}; fi; exec psql "$@"'
    result = kept.run(*action, "--force", INSTEAD="psql*", DO=do, ONCE=str(once))
    assert result.code == 1, result
    assert "Everything is as it was before" in result.err
    assert kept.mine() == before
    assert kept.sql("SELECT 1") == [(1,)]


def test_an_undo_that_fails_after_the_swap_goes_on(kept):
    oids = kept.mine()
    result = kept.run("undo", FAIL="*~ migrations.~1~")
    assert result.code == 1, result
    assert "Everything is as it was" not in result.err
    assert "make db-undo" in result.err
    assert kept.run("undo").code == 0
    assert kept.mine() == {kept.name: oids[f"{kept.name}.~1~"], f"{kept.name}.~1~": oids[kept.name]}
    assert kept.folders() == ["migrations", "migrations.~1~"]


def test_a_result_that_is_not_right_is_put_back_too(backscope):
    before = backscope.mine()
    result = backscope.run("rebuild", "--keep", INSTEAD="flask db upgrade", DO="exit 0")
    assert result.code == 1, result
    assert "has no revision" in result.err
    assert "Everything is as it was before" in result.err
    assert backscope.mine() == before
    assert backscope.folders() == ["migrations"]


def test_undo_of_a_chosen_number(kept):
    name = kept.name
    kept.postgres.sql(f'CREATE DATABASE "{name}.~3~" TEMPLATE model OWNER scope')
    (kept.folder / "migrations.~3~").mkdir()
    oid = kept.mine()[f"{name}.~3~"]
    assert "Nothing is kept" in kept.refused("undo", "2").err
    assert "which is no number" in kept.refused("undo", "x").err
    assert kept.run("undo", "3").code == 0
    assert kept.mine()[name] == oid


def test_an_undo_that_was_begun_comes_before_another(kept):
    (kept.folder / "migrations.~3~").mkdir()
    (kept.folder / f"migrations.~1~of{kept.mine()[kept.name]}~").mkdir()
    assert "An undo was interrupted half-way" in kept.refused("undo", "3").err


def test_undo_takes_the_newest(kept):
    name = kept.name
    kept.postgres.sql(f'CREATE DATABASE "{name}.~3~" TEMPLATE model OWNER scope')
    oids = kept.mine()
    kept.postgres.sql(f'ALTER DATABASE "{name}.~1~" RENAME TO "{name}.~2~"')  # the last set aside
    assert kept.run("undo").code == 0
    assert kept.mine()[name] == oids[f"{name}.~1~"]


def test_undo_with_half_a_pair(kept):
    name, oids = kept.name, kept.mine()
    shutil.rmtree(kept.folder / "migrations.~1~")
    files = content(kept)[2]
    result = kept.run("undo")
    assert result.code == 0, result
    assert "No migrations of number 1 kept: the current migrations will stay" in result.out
    assert kept.mine() == {name: oids[f"{name}.~1~"], f"{name}.~1~": oids[name]}
    assert content(kept)[2] == files


def test_undo_with_only_migrations_kept(kept):
    kept.postgres.sql(f'DROP DATABASE "{kept.name}.~1~"')
    assert "Nothing is kept" in kept.refused("undo").err
    oid = kept.mine()[kept.name]
    result = kept.run("undo", "1")
    assert result.code == 0, result
    assert "No database of number 1 kept: the current database will stay" in result.out
    assert kept.mine()[kept.name] == oid
    assert "new.py" not in content(kept)[2]


def test_undo_without_a_current_database(kept):
    kept.postgres.sql(f"DROP DATABASE {kept.name}")
    shutil.rmtree(kept.folder / "migrations")
    oid = kept.mine()[f"{kept.name}.~1~"]
    result = kept.run("undo")
    assert result.code == 0, result
    assert kept.mine() == {kept.name: oid}
    assert kept.folders() == ["migrations"]


def test_undo_with_a_session_in_the_way(kept):
    with kept.as_scope(f"{kept.name}.~1~"):
        assert "1 session is in the way" in kept.refused("undo").err
    kept.sql("SELECT 1")


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


def test_a_database_that_accepts_no_connections_is_told_and_mended(kept):
    kept.postgres.sql(f"ALTER DATABASE {kept.name} ALLOW_CONNECTIONS false")
    error = kept.refused("clear").err
    assert "accepts no connections" in error
    assert "ALLOW_CONNECTIONS true" in error
    result = kept.run("rebuild", "--keep", INSTEAD="flask*", DO="exit 4")
    assert result.code == 1, result
    assert "Everything is as it was before" in result.err
    assert kept.sql("SELECT 1") == [(1,)]


def test_undo_opens_what_was_left_closed(kept):
    kept.postgres.sql(f"ALTER DATABASE {kept.name} ALLOW_CONNECTIONS false")
    assert kept.run("undo").code == 0
    for name in kept.mine():
        assert kept.sql("SELECT count(*) FROM sequences", database=name)
