"""CARRY=1: a rebuild that loses no row, or fails and puts everything back."""

import pytest
from checkout import KILL, edit, slowly

ODD = "E'M\\u00f6bius \\t \\n \\r \\\\N \\\\. \\\\ \\x08 \"quoted\" ''single'' {a,b} NULL'"
ROWS = (
    'INSERT INTO sequences (id, name, shift, "values", values_requested)'
    f" VALUES ('A1', {ODD}, -1, ARRAY[{ODD}, NULL, '', 'NULL'], false),"
    " ('A2', NULL, 0, NULL, true), ('A3', '', 0, '{}', true);"
    'INSERT INTO "user" (id, first_name, last_name, email, password)'
    " SELECT i, 'a', 'b', i, 'c' FROM generate_series(1, 5) i;"
    "SELECT setval('user_id_seq', 70)"
)
CACHED = 'SELECT id, name, shift, "values", values_requested FROM sequences ORDER BY id'
COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{}'"
PRIMES = "INSERT INTO searches (term) VALUES ('primes')"


@pytest.fixture
def full(backscope):
    """Give a database with all kinds of rows, and a table that is in no model."""
    backscope.sql(f"DELETE FROM sequences; {ROWS}; {PRIMES}; CREATE TABLE stray AS SELECT 1 AS one")
    backscope.sql("ALTER TABLE stray OWNER TO scope")
    return backscope


def models(backscope, before, *lines):
    """Add columns to the models, in front of another one."""
    path = backscope.folder / "flaskr/nscope/models.py"
    edit(path, f"    {before} = ", "".join(f"    {line}\n" for line in lines) + f"    {before} = ")


def test_all_rows_come_along_as_they_are_into_another_structure(full):
    """However the database writes dates and numbers; generated keys go on; what stays is said."""
    columns = {"extra": "String", "day": "Date", "part": "Float", "twice": "Integer"}
    models(full, "raw_refs", *(f"{name} = db.Column(db.{columns[name]})" for name in columns))
    edit(full.folder / "flaskr/nscope/models.py", "    names = db.Column", "    more = db.Column")
    full.sql("UPDATE searches SET names = '{x}'; ALTER TABLE sequences"
             " ADD day date DEFAULT '2026-04-03', ADD part float DEFAULT 0.1::float8 + 0.2,"
             " ADD twice int GENERATED ALWAYS AS (shift * 2) STORED")  # fmt: skip
    for setting in ("datestyle = 'SQL, DMY'", "extra_float_digits = -10"):
        full.postgres.sql(f"ALTER DATABASE {full.name} SET {setting}")
    before, old = full.sql(CACHED), full.mine()[full.name]
    result = full.run("rebuild", "--carry", FAST="")
    assert result.code == 0, result
    said = result.out.partition("[1/")[0]
    assert "1 stray" in said
    assert "searches.names" in said
    assert full.sql(CACHED) == before
    more = full.sql("SELECT extra, day::text, part, twice FROM sequences ORDER BY id")
    assert more == [(None, "2026-04-03", 0.1 + 0.2, twice) for twice in (-2, 0, 0)]
    assert full.mine()[f"{full.name}.~1~"] == old
    insert = "INSERT INTO \"user\" (first_name, last_name, email, password) VALUES ('', '', '', '')"
    assert full.sql(f"{insert} RETURNING id") == [(71,)]
    assert full.postgres.sql(COMMENT.format(full.name)) == [(None,)]


MODEL = """

class T{0}(db.Model):
    __tablename__, __table_args__ = {0!r}, {{"schema": {1!r}}}
    id = db.Column(db.Integer, primary_key=True)
    parent = db.Column(db.Integer, db.ForeignKey("z.id"))
"""
TABLES = ("z", "oeis.names", '"oeis.names"', '"dotted.name"', '"Odd ""Name"', "oeis.z")


def test_tables_are_known_by_schema_and_name_and_copied_parents_first(backscope):
    """H59: dots, quotes, capitals, two that look the same, a foreign key to another and itself."""
    path, name = backscope.folder / "flaskr/nscope/models.py", backscope.name
    names = [("dotted.name", None), ("names", "oeis"), ('Odd "Name', None), ("z", None)]
    classes = [MODEL.format(*one).replace(f"class T{one[0]}", f"class T{n}")
               for n, one in enumerate(names)]  # fmt: skip
    path.write_text(path.read_text() + "".join(classes))
    backscope.sql("CREATE SCHEMA oeis; ALTER SCHEMA oeis OWNER TO scope")
    for number, table in enumerate(TABLES):
        backscope.sql(f"CREATE TABLE {table} (id serial PRIMARY KEY, parent int REFERENCES z);"
                      f"ALTER TABLE {table} OWNER TO scope")  # fmt: skip
        backscope.sql(f"INSERT INTO {table} VALUES ({number}, NULL)")
    backscope.sql("INSERT INTO z VALUES (7, 8), (8, NULL), (9, 7)")
    backscope.sql("UPDATE oeis.names SET parent = 9")
    before = backscope.postgres.rows(name)
    # flask db makes no schema, and so stands aside; what it would make is copied.
    (backscope.folder.parent / "trace.do").write_text(f"""PATH=$REAL_PATH
        [ $1 != upgrade ] || {{ pg_dump -sOx "{name}.~1~" | psql -qX -o /dev/null -d {name} &&
        psql -qX -d {name} -c "INSERT INTO alembic_version VALUES ('0123')"; }}
    """)
    do = 'sh "$TRACE.do" "$2"; exit'
    result = backscope.run("rebuild", "--carry", FAST="", BEFORE="flask db *", DO=do)
    assert result.code == 0, result
    assert backscope.postgres.rows(name) == {
        **before, "alembic_version": ["(0123)"], '"oeis.names"': [], "oeis.z": []
    }  # fmt: skip


@pytest.mark.parametrize("column", ["nullable=False", slowly("primary_key=True")])
def test_a_new_column_that_must_not_be_null_is_refused_beforehand_if_there_are_rows(full, column):
    """H62: over an empty table it goes on."""
    models(full, "ids", f"extra = db.Column(db.Integer, {column})")
    error = full.refused("rebuild", "--carry", FAST="").err
    assert "searches.extra" in error
    assert "keep" in error.lower()
    full.sql("DELETE FROM searches")
    assert full.run("rebuild", "--carry", "--dry-run", FAST="").code == 0


def test_rows_that_cannot_be_read_are_refused_beforehand(full):
    full.sql("ALTER TABLE searches OWNER TO postgres; REVOKE ALL ON searches FROM scope")
    assert "searches" in full.refused("rebuild", "--carry").err


@pytest.mark.parametrize(("when", "step", "sql"), [
    ("AFTER", "psql*IS NULL", "DELETE FROM sequences WHERE id = 'A1'"),
    ("BEFORE", "psql*RENAME*", PRIMES),  # of a table that held none when it was looked at
])  # fmt: skip
def test_counts_are_compared_and_nothing_is_left_behind(full, when, step, sql):
    full.sql("DELETE FROM searches")
    before, do = full.mine(), f'PATH=$REAL_PATH psql -qXd {full.name} -c "{sql}"'
    result = full.run("rebuild", "--carry", **{when: step, "DO": do})
    assert result.code == 1, result
    assert (full.mine(), full.ids()) == (before, ["A1", "A2", "A3"])
    assert full.sql("SELECT term FROM searches") == [("primes",)] * (sql == PRIMES)


@pytest.mark.parametrize("more", ["INSERT INTO sequences VALUES ('A9', '', 0, '{}', true)",
                                  slowly("SELECT lo_from_bytea(0, 'my only copy')")])  # fmt: skip
def test_while_rows_are_still_to_come_nothing_else_runs(full, more):
    """H23: the comment on the new database names whose rows they are; what is in it is asked."""
    old = full.mine()[full.name]
    full.run("rebuild", "--carry", AFTER="flask db upgrade", DO=KILL)
    for words in (["rebuild", "--confirm", full.name], ["rebuild", "--keep"], ["clear"],
                  ["clear", "A1"], ["unflag"]):  # fmt: skip
        error = full.refused(*words).err
        assert f"{full.name}.~1~" in error
        assert "carry" in error.lower()
    out = full.run("status").out
    assert "carry" in out.lower()
    assert "dropdb" not in out
    full.sql(more)  # somebody uses it
    assert full.name in full.refused("rebuild", "--carry").err
    result = full.run("rebuild", "--carry", "--confirm", full.name)
    assert result.code == 0, result
    assert full.ids() == ["A1", "A2", "A3"]
    assert full.mine() == {f"{full.name}.~1~": old, full.name: full.mine()[full.name]}
