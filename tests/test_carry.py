"""CARRY=1, and what others do meanwhile: all rows come along, or are where it is said."""

import subprocess

import pytest
from checkout import CONNECTS, FAIL, PSQL, append, cases, clients, edit, slowly
from postgres import PASSWORD, ROOT

ODD = "E'M\\u00f6bius \\t \\n \\r \\\\N \\\\. \\\\ \\x08 \"quoted\" ''single'' {a,b} NULL'"
ROWS = f"""ALTER TABLE sequences ALTER values_requested SET DEFAULT true; DELETE FROM sequences;
    INSERT INTO sequences (id, name, shift, "values")
    VALUES ('A1', {ODD}, -1, ARRAY[{ODD}, NULL, '', 'NULL']), ('A2', '', 0, '{{}}');
    INSERT INTO "user" SELECT i, 'a', 'b', i, 'c' FROM generate_series(1, 5) i;
    SELECT setval('user_id_seq', 70); CREATE TABLE stray AS SELECT 1;
    CREATE TABLE down AS SELECT -i AS id FROM generate_series(1, 3) i;
    CREATE TABLE up AS SELECT i AS id FROM generate_series(1, 3) i;
    ALTER TABLE stray OWNER TO scope; ALTER TABLE down OWNER TO scope;
    ALTER TABLE up OWNER TO scope;
    ALTER TABLE sequences ADD day date DEFAULT '2026-04-03',
        ADD part float DEFAULT 0.1::float8 + 0.2, ADD price numeric(12, 4) DEFAULT 1.2345,
        ADD twice int GENERATED ALWAYS AS (shift * 2) STORED"""
COLUMNS = """
    day = db.Column(db.Date)
    part = db.Column(db.Float)
    price = db.Column(db.Numeric(12, 1))
    twice = db.Column(db.Integer, db.Computed('shift * 2'))
    text = db.Column(db.String, nullable=False, default='100% \\\\ \\'')
    raw_refs = """
# Keys that count down, and keys that only now get a generator.
MODELS = """
class Down(db.Model):
    id = db.Column(db.Integer, db.Identity(start=-1, increment=-1), primary_key=True)
    note = db.Column(db.String)
print("this is no answer", flush=True)
class Up(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    note = db.Column(db.String)
"""
CACHED = 'SELECT id, name, shift, "values", day::text, part FROM sequences ORDER BY id'
USER = "INSERT INTO \"user\" (first_name, last_name, email, password) VALUES ('', '', '', '')"
NEXT = {
    "INSERT INTO down (note) VALUES ('x')": -4,
    "INSERT INTO up (note) VALUES ('x')": 4,
    USER: 71,
}
COPIES = {
    "a source without rows": ("--carry", "psql*sequences*TO STDOUT*", "exit 0"),
    "slow the target fails": ("--carry", "psql*sequences*FROM STDIN*", FAIL),
    "slow forced": ("--carry --force", "psql*TO STDOUT*", FAIL),
}


def test_rows_come_along_as_they_are_into_other_columns(backscope):
    """However dates are written; H89, H90, H91, H104: what is said, what is filled, next keys."""
    models, name = backscope.folder / "flaskr/nscope/models.py", backscope.name
    edit(models, "\n    raw_refs = ", COLUMNS)
    append(models, MODELS)
    edit(backscope.folder / "flaskr/__init__.py", "    return app", CONNECTS)
    backscope.sql(ROWS)
    backscope.postgres.sql(f"ALTER DATABASE {name} SET datestyle = 'SQL, DMY'")
    (backscope.folder / ".flaskenv").write_text("FLASK_DB_UPGRADE_SQL=1")
    before = backscope.sql(CACHED)
    said = backscope.done("rebuild --carry", FAST="").said
    for words in ("stray: 1 row", "sequences.text: '100%", "numeric(12,4) -> numeric(12,1)"):
        assert words in said
    assert backscope.sql(CACHED) == before
    assert backscope.sql("SELECT twice, text FROM sequences WHERE id = 'A1'") == [(-2, "100% \\ '")]
    for insert, key in NEXT.items():
        assert backscope.sql(f"{insert} RETURNING id") == [(key,)]


@pytest.mark.parametrize(("words", "step", "do"), cases(COPIES))
def test_a_copy_that_fails_leaves_all_as_it_was(backscope, words, step, do):
    backscope.unchanged(f"rebuild {words}", 1, before=(step, do))


@pytest.mark.parametrize("force", ["FORCE=0", slowly("FORCE=1")])
def test_h95_a_dry_run_in_sh_swaps_no_failed_copy(backscope, force):
    backscope.set_fault(before=("psql*TO STDOUT*", FAIL))
    make = ["make", "-n", "-f", f"{ROOT}/Makefile", "db-rebuild", "CARRY=1", force]
    environ = {**backscope.environ, "POSTGRES_PASSWORD": PASSWORD}
    environ["PYTHON"] = f"{backscope.venv}/bin/python"
    place = {"cwd": backscope.folder, "env": environ, "capture_output": True, "text": True}
    printed = subprocess.run(make, check=True, **place).stdout
    before = backscope.mine()
    done = subprocess.run(["sh"], input=printed, **place)
    assert "TO STDOUT" in printed and done.returncode != 0, (printed, done)
    assert backscope.mine().items() >= before.items()


@pytest.mark.parametrize("rounds", [1, slowly(20)])
@pytest.mark.timeout(900)
def test_h68_swaps_succeed_though_clients_connect_again(backscope, rounds):
    with clients(backscope):
        for _ in range(rounds):
            old = backscope.mine()[backscope.name]
            backscope.done("rebuild --keep --force")
            assert (backscope.ids(), len(backscope.ids(1))) == ([], 3)
            backscope.done("undo --force")
            assert backscope.mine()[backscope.name] == old
            backscope.done("prune --confirm {}")
            backscope.done("clear --keep --force")
            assert (backscope.ids(), len(backscope.ids(1))) == ([], 3)
            backscope.done("prune --confirm {}")
            backscope.fill()


@pytest.mark.slow
def test_a_table_that_is_locked_is_copied_by_force(backscope):
    with backscope.session() as (cursor, _):
        cursor.execute("LOCK TABLE sequences IN ACCESS EXCLUSIVE MODE")
        backscope.done("rebuild --carry --force")
    assert len(backscope.ids()) == 3


CHANGES = {
    "added": ("searches", "INSERT INTO searches (term) VALUES ('mine')"),
    "slow deleted": ("sequences", "DELETE FROM sequences WHERE id = 'A000001'"),
    "slow changed": ("sequences", "UPDATE sequences SET name = 'mine'"),
    "slow cleared": ("sequences", "DROP TABLE sequences; CREATE TABLE sequences ()"),
    "slow new": ("notes", "CREATE TABLE notes AS SELECT 1 AS mine"),
}


@pytest.mark.parametrize(("table", "sql"), cases(CHANGES))
def test_h70_what_the_copy_lacks_is_said_to_be_kept(backscope, table, sql):
    store = ("psql*RENAME*", f'DB={backscope.name}; {PSQL} "{sql}"')
    old, kept = backscope.mine()[backscope.name], f"{backscope.name}.~1~"
    said = backscope.done("rebuild --carry", before=store).said.partition("meanwhile")[2]
    assert all(words in said for words in ("perhaps", table, kept)), said
    assert backscope.mine()[kept] == old
