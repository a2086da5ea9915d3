"""CARRY=1: a rebuild that loses no row, or fails and puts everything back."""

import signal
import subprocess

import pytest
from checkout import PASSWORD, edit

ODD = "E'M\\u00f6bius \\t \\n \\r \\\\N \\\\. \\\\ \\x08 \"quoted\" ''single'' {a,b} NULL'"
ROWS = (
    'INSERT INTO sequences (id, name, shift, "values", values_requested)'
    f" VALUES ('A1', {ODD}, -1, ARRAY[{ODD}, NULL, '', 'NULL'], false),"
    " ('A2', NULL, 0, NULL, true), ('A3', '', 0, '{}', true);"
    'INSERT INTO "user" (id, first_name, last_name, email, password)'
    " SELECT i, 'a', 'b', i, 'c' FROM generate_series(1, 5) i;"
    "SELECT setval('user_id_seq', 70); INSERT INTO searches (term) VALUES ('primes')"
)
CACHED = 'SELECT id, name, shift, "values", values_requested FROM sequences ORDER BY id'


@pytest.fixture
def full(backscope):
    """Give a database with all kinds of rows, and a table that is in no model."""
    backscope.sql("DELETE FROM sequences")
    backscope.sql(ROWS)
    backscope.sql("CREATE TABLE stray AS SELECT 1 AS one; ALTER TABLE stray OWNER TO scope")
    return backscope


def add_column(backscope, column):
    """Give the models another column of sequences, and one less of searches."""
    models = backscope.folder / "flaskr/nscope/models.py"
    edit(models, "    raw_refs = ", f"    extra = db.Column({column})\n    raw_refs = ")
    edit(models, "    names = db.Column(db.ARRAY(db.String))\n", "")


def test_all_rows_come_along_into_another_structure(full):
    add_column(full, "db.String")
    before, old = full.sql(CACHED), full.mine()[full.name]
    result = full.run("rebuild", "--carry")
    assert result.code == 0, result
    assert "carried over: searches 1, sequences 3, user 5; not in the models: stray 1" in result.out
    assert result.out.count("stray 1, searches.names") == 2  # before the first step and after all
    assert full.sql(CACHED) == before
    assert full.sql("SELECT extra FROM sequences") == [(None,)] * 3
    assert full.mine()[f"{full.name}.~1~"] == old
    insert = "INSERT INTO \"user\" (first_name, last_name, email, password) VALUES ('', '', '', '')"
    assert full.sql(f"{insert} RETURNING id") == [(71,)]
    (comment,) = full.sql("SELECT shobj_description(oid, 'pg_database') FROM pg_database"
                          f" WHERE datname = '{full.name}'")  # fmt: skip
    assert comment == (None,)


@pytest.mark.slow
def test_a_row_that_does_not_fit_puts_everything_back(full):
    add_column(full, "db.Integer, nullable=False")
    before = full.snapshot()
    result = full.run("rebuild", "--carry")
    assert result.code == 1, result
    assert 'null value in column "extra" of relation "sequences"' in result.out
    assert "Everything is as it was before." in result.err
    assert "make db-rebuild KEEP=1 # leaves the rows in what it keeps" in result.err
    assert full.snapshot() == before


STEPS = ["psql*RENAME*", "createdb*", "psql*still to come*", "flask db upgrade", "psql*FROM STDIN*",
         "psql*TO STDOUT*", "psql*IS NULL"]  # fmt: skip
QUICK = ("flask db upgrade", "psql*FROM STDIN*")
CASES = [
    pytest.param(f"KILL_{when}", step, id=f"{when} {step}",
                 marks=[] if (when, step) in zip(["AFTER", "DURING"], QUICK) else pytest.mark.slow)
    for step in STEPS for when in ("BEFORE", "DURING", "AFTER")
]  # fmt: skip


@pytest.mark.parametrize(("how", "step"), CASES)
@pytest.mark.slow
def test_killed_at_any_step_the_same_command_completes(full, how, step):
    before, old = full.sql(CACHED), full.mine()[full.name]
    process = full.start("rebuild", "--carry", **{how: step}, **full.fast)
    process.communicate()  # until the orphans have ended, too
    assert old in full.mine().values()
    for _ in range(50):  # refused while what was started is still running
        result = full.run("rebuild", "--carry", **full.fast)
        if result.code != 2:
            break
    assert result.code == 0, result
    assert full.sql(CACHED) == before
    assert full.sql('SELECT count(*) FROM "user"') == [(5,)]
    kept = [name for name, oid in full.mine().items() if oid == old]
    assert kept == [f"{full.name}.~1~"]
    assert full.postgres.rows(kept[0])["stray"] == [(1,)]


def test_h23_while_rows_are_still_to_come_there_is_one_cure(full):
    old = full.mine()[full.name]
    full.start("rebuild", "--carry", KILL_AFTER="psql*still to come*", **full.fast).communicate()
    cure = "CARRY=1 # fetches them"
    for words in (["rebuild"], ["rebuild", "--keep"], ["clear"]):
        for _ in range(50):
            result = full.run(*words, "--confirm", full.name)
            if "Another reset" not in result.err:
                break
        assert result.code == 2, result
        assert f"The rows of {full.name}.~1~ are still to come" in result.err
        assert cure in result.err
        assert "db-rebuild #" not in result.err
    seen = full.run("status").out
    assert cure in seen
    assert "removes it" not in seen
    assert "db-rebuild #" not in seen
    assert full.mine()[f"{full.name}.~1~"] == old


@pytest.mark.parametrize("more", [pytest.param(1, marks=pytest.mark.slow), 3])  # 3: as many
def test_what_was_added_after_a_kill_is_not_lost_unasked(full, more):
    full.start("rebuild", "--carry", KILL_AFTER="psql*searches*", **full.fast).communicate()
    full.sql("INSERT INTO sequences (id, shift, values_requested)"
             f" SELECT 'A' || 10 - i, 0, false FROM generate_series(1, {more}) i")  # fmt: skip
    for _ in range(50):
        result = full.run("rebuild", "--carry", **full.fast)
        if "in the way" not in result.err and "Another reset" not in result.err:
            break
    assert result.code == 0, result
    assert full.sql("SELECT id FROM sequences ORDER BY id") == [("A1",), ("A2",), ("A3",)]
    assert ("A9",) in full.sql("SELECT id FROM sequences", database=f"{full.name}.~2~")


def test_rows_that_were_locked_before_are_counted_once_it_is_closed(full):
    before, session = full.sql(CACHED), full.as_scope()
    session.autocommit = False
    session.cursor().execute("LOCK TABLE sequences")
    result = full.run("rebuild", "--carry", "--force", **full.fast)
    assert result.code == 0, result
    assert "sequences ?" in result.out
    assert "carried over: searches 1, sequences 3, user 5;" in result.out
    assert full.sql(CACHED) == before


def test_rows_that_come_in_the_last_moment_are_not_left_behind(full):
    """Of a table that held none when it was looked at."""
    full.sql("DELETE FROM searches")
    before = full.snapshot()
    insert = "INSERT INTO searches (term) VALUES ('late')"
    result = full.run("rebuild", "--carry", SHELL_BEFORE="psql*RENAME*",
                      DO=f"PGDATABASE={full.name} psql -c \"{insert}\"", **full.fast)  # fmt: skip
    assert result.code == 1, result
    assert "Not all rows came along: there were searches 1." in result.err
    assert "Everything is as it was before." in result.err
    assert full.sql("DELETE FROM searches RETURNING term") == [("late",)]
    assert full.snapshot() == before


def test_h42_what_others_store_in_the_new_database_is_not_dropped(full):
    insert = "INSERT INTO sequences (id, shift, values_requested) VALUES ('A1', 7, false)"
    old = full.mine()[full.name]
    result = full.run("rebuild", "--carry", SHELL_BEFORE="psql*FROM STDIN*",
                      DO=f"PGDATABASE={full.name} psql -c \"{insert}\"", **full.fast)  # fmt: skip
    assert result.code == 1, result
    stays = f"Somebody has stored rows in {full.name}, so it stays."
    assert f"{stays} The old database is kept as {full.name}.~1~." in " ".join(result.err.split())
    assert full.sql("SELECT id, shift FROM sequences") == [("A1", 7)]
    assert full.run("undo").code == 0
    assert full.mine()[full.name] == old


def test_what_is_no_row_is_not_lost_unasked_either(full):
    full.start("rebuild", "--carry", KILL_BEFORE="psql*IS NULL", **full.fast).communicate()
    full.sql("SELECT lo_from_bytea(0, 'my only copy')")
    for _ in range(50):
        result = full.run("rebuild", "--carry", **full.fast)
        if "in the way" not in result.err and "Another reset" not in result.err:
            break
    assert result.code == 0, result
    count = "SELECT count(*) FROM pg_largeobject_metadata"
    assert full.sql(count, database=f"{full.name}.~2~") == [(1,)]


@pytest.mark.slow
def test_a_source_that_fails_puts_everything_back(full):
    """Its target saw the end of its input, and would have committed half the rows."""
    before = full.snapshot()
    result = full.run("rebuild", "--carry", FAIL="psql*TO STDOUT*", **full.fast)
    assert result.code == 1, result
    assert "Everything is as it was before." in result.err
    assert full.snapshot() == before


def test_h23_rows_that_cannot_be_seen_are_not_left_behind(full):
    """As a KEEP=1 FORCE=1 leaves it that was killed after it had closed the database."""
    before = full.sql(CACHED)
    close = f"ALTER DATABASE {full.name} ALLOW_CONNECTIONS"
    full.postgres.sql(f"{close} false")
    result = full.refused("rebuild", "--carry")
    assert f"{full.name} cannot be looked into, so its rows would not come along." in result.err
    mend = next(line for line in result.err.splitlines() if "ALLOW_CONNECTIONS" in line)
    path = f"{full.postgres.bin}:{full.environ['REAL_PATH']}"
    typed = {"PATH": path, "PGPASSWORD": PASSWORD}
    subprocess.run(["sh", "-c", mend], check=True, env=typed, stdout=subprocess.DEVNULL)
    result = full.run("rebuild", "--carry", **full.fast)
    assert result.code == 0, result
    assert full.sql(CACHED) == before


def test_values_come_as_they_are_whatever_the_database_writes(full):
    """And one that was generated is a plain one now."""
    models = full.folder / "flaskr/nscope/models.py"
    types = {"day": "Date", "part": "Float", "twice": "Integer"}
    columns = "".join(f"    {name} = db.Column(db.{types[name]})\n" for name in types)
    edit(models, "    raw_refs = ", f"{columns}    raw_refs = ")
    full.sql("ALTER TABLE sequences ADD day date DEFAULT '2026-04-03',"
             " ADD part float DEFAULT 0.1::float8 + 0.2,"
             " ADD twice int GENERATED ALWAYS AS (shift * 2) STORED")  # fmt: skip
    full.postgres.sql(f"ALTER DATABASE {full.name} SET datestyle = 'SQL, DMY'")
    full.postgres.sql(f"ALTER DATABASE {full.name} SET extra_float_digits = -10")
    result = full.run("rebuild", "--carry")
    assert result.code == 0, result
    seen = full.sql("SELECT day::text, part, twice FROM sequences ORDER BY id")
    assert seen == [("2026-04-03", 0.1 + 0.2, -2), *[("2026-04-03", 0.1 + 0.2, 0)] * 2]


def test_what_was_written_into_a_new_column_is_not_lost_unasked(full):
    add_column(full, "db.String")
    full.start("rebuild", "--carry", KILL_BEFORE="psql*IS NULL").communicate()
    update = "UPDATE sequences SET extra = 'weeks of work' WHERE id = 'A1' RETURNING id"
    assert full.sql(update) == [("A1",)]
    for _ in range(50):
        result = full.run("rebuild", "--carry")
        if "in the way" not in result.err and "Another reset" not in result.err:
            break
    assert result.code == 0, result
    kept = full.sql("SELECT extra FROM sequences WHERE id = 'A1'", database=f"{full.name}.~2~")
    assert kept == [("weeks of work",)]


def test_what_came_as_another_type_is_still_ours_to_put_back(full):
    """Its text is another than that of the old one; then a later table fails."""
    models = full.folder / "flaskr/nscope/models.py"
    edit(
        models,
        "    raw_refs = ",
        "    data = db.Column(db.dialects.postgresql.JSONB)\n    raw_refs = ",
    )
    edit(
        models, "db.dialects.postgresql.JSONB", "__import__('sqlalchemy').dialects.postgresql.JSONB"
    )
    full.sql('ALTER TABLE sequences ADD data json; UPDATE sequences SET data = \'{"b":1,  "a":2}\'')
    before = full.snapshot()
    result = full.run("rebuild", "--carry", FAIL='*COPY "user"*FROM STDIN*')
    assert result.code == 1, result
    assert "Everything is as it was before." in result.err
    assert full.snapshot() == before


@pytest.mark.slow
def test_a_carry_that_was_interrupted_is_to_be_repeated(full):
    process, _ = full.hang("psql*TO STDOUT*", "rebuild", "--carry", **full.fast)
    process.send_signal(signal.SIGINT)
    result = full.finish(process)
    assert result.code == 130, result
    assert "make db-rebuild CARRY=1 # tries it again" in result.err


def test_what_defaults_have_filled_is_still_ours_to_put_back(full):
    """The new columns of what came along hold defaults; then a later table fails."""
    models = full.folder / "flaskr/nscope/models.py"
    more = "    source = db.Column(db.String, nullable=False, server_default='oeis')\n"
    edit(models, "    names = db.Column(db.ARRAY(db.String))\n", more)
    edit(models, "    raw_refs = ", f"    flag = db.Column(db.String)\n{more}    raw_refs = ")
    full.sql(
        "ALTER TABLE sequences ADD flag bool; UPDATE sequences SET flag = true WHERE id < 'A3'"
    )
    before = full.snapshot()
    result = full.run("rebuild", "--carry", FAIL='*COPY "user"*FROM STDIN*')
    assert result.code == 1, result
    assert "Everything is as it was before." in result.err
    assert full.snapshot() == before
    stored = "UPDATE sequences SET source = 'mine'"  # in one go, so that all rows are alike
    do = f'PGDATABASE={full.name} psql -qc "{stored}"; exit 3'
    result = full.run("rebuild", "--carry", INSTEAD='*COPY "user"*FROM STDIN*', DO=do)
    assert result.code == 1, result
    assert "The old database is kept" in result.err
    assert full.sql("SELECT DISTINCT source FROM sequences") == [("mine",)]


@pytest.mark.parametrize("how", ["", ", db.Identity()"])
def test_rows_whose_key_would_not_come_along_stay(full, how):
    models = full.folder / "flaskr/nscope/models.py"
    edit(models, "    id = db.Column(db.Integer", f"    uid = db.Column(db.Integer{how}")
    error = full.refused("rebuild", "--carry").err
    assert f"{full.name} has no user.uid, a key of the models" in error
    assert "make db-rebuild KEEP=1 # keeps it as it is" in error
    full.sql('DELETE FROM "user"')
    assert full.run("rebuild", "--carry", "--dry-run").code == 0
