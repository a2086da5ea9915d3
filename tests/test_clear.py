"""db-clear and db-unflag: what goes, what stays, and a look at what is left."""

import pytest
from checkout import STORE, follow, hinted

PASSES = "CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
STRUCTURE = {
    "column odd integer": "ALTER TABLE sequences ADD odd int",
    "column name character varying NOT NULL": "ALTER TABLE sequences ALTER name SET NOT NULL",
    "INDEX handy": "CREATE INDEX handy ON sequences (name)",
    "constraint few": "ALTER TABLE sequences ADD CONSTRAINT few CHECK (shift < 9)",
    "TRIGGER passes": f"{PASSES} CREATE TRIGGER passes BEFORE INSERT ON searches"
    " FOR EACH ROW EXECUTE FUNCTION pass()",
    "grant of SELECT to pg_monitor": "GRANT SELECT ON searches TO pg_monitor",
}
LEFT = """CREATE SCHEMA "Far" AUTHORIZATION scope; CREATE TABLE "Far".away AS SELECT 1;
    CREATE TABLE own AS SELECT 1; CREATE MATERIALIZED VIEW filled AS SELECT 1;
    ALTER TABLE "Far".away OWNER TO scope; ALTER TABLE own OWNER TO scope;
    ALTER MATERIALIZED VIEW filled OWNER TO scope"""
# What a database has that nobody has stored: an extension's, as postgis has.
EXTENSION = """CREATE TABLE spatial_ref_sys AS SELECT 4326 AS srid;
    CREATE VIEW geometry_columns AS SELECT srid FROM spatial_ref_sys;
    CREATE FUNCTION st_area(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
    ALTER EXTENSION plpgsql ADD TABLE spatial_ref_sys;
    ALTER EXTENSION plpgsql ADD VIEW geometry_columns;
    ALTER EXTENSION plpgsql ADD FUNCTION st_area(int);
    CREATE VIEW own AS SELECT 1; CREATE FUNCTION own() RETURNS int LANGUAGE sql AS 'SELECT 1'"""
UNCOUNTED = ("spatial_ref_sys", "geometry_columns", "st_area", "2 function", "2 view")


@pytest.mark.inside
def test_a_clear_loses_the_rows_and_nothing_else(backscope):
    databases, rows, files = backscope.snapshot()
    backscope.done("clear", FAST="")
    after = {**rows[backscope.name], "sequences": []}
    assert backscope.snapshot() == (databases, {backscope.name: after}, files)


def test_h20_rows_that_a_clear_leaves_are_told(backscope):
    backscope.sql(LEFT)
    left = backscope.run("clear", 1).said.partition("Not in the models")[2]
    assert all(f"{name}: 1 row" in left for name in ("own", "Far.away", "filled")), left


def test_h71_rows_stored_meanwhile_are_told_as_such(backscope):
    said = backscope.done("clear", after=("flask*", STORE)).said
    assert "stored since: searches: 1 row" in said and "Not in the models" not in said


def test_h84_structure_that_a_clear_loses_is_told(backscope):
    backscope.sql("UPDATE sequences SET name = 'some'")
    for statement in STRUCTURE.values():
        backscope.sql(statement)
    result = backscope.run("clear", 1)
    assert [part for part in STRUCTURE if part not in result.said] == []
    assert hinted(result, " rebuild")
    assert backscope.ids() == []


def test_h83_no_right_to_create_tables_is_found_before(backscope):
    backscope.sql(f"ALTER DATABASE {backscope.name} OWNER TO postgres")
    backscope.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC, scope")
    command = hinted(backscope.refused("clear"), "GRANT CREATE ON SCHEMA")
    backscope.done("clear --seq A1")
    follow(backscope, command)
    backscope.done("clear")
    assert backscope.ids() == []


def test_h87_what_is_an_extensions_is_nobodys(backscope):
    backscope.sql(EXTENSION)
    for words in ("status", "clear", "rebuild --keep", "undo"):
        said = backscope.done(words).said
        assert [name for name in UNCOUNTED if name in said] == []
    assert backscope.sql("SELECT srid FROM spatial_ref_sys") == [(4326,)]
