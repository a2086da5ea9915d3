"""db-disposable: what `flask test` empties is made anew, and is never the main database."""


def test_disposable_is_made_anew_and_empty_and_no_other_is_touched(backscope):
    """Under APP_ENVIRONMENT=testing, too, which is what uses it."""
    name = f"{backscope.name}_disposable"
    backscope.write_env(POSTGRES_DISPOSABLE_DB=name, APP_ENVIRONMENT="testing")
    before = backscope.snapshot()
    result = backscope.run("disposable")
    assert (result.code, result.trace) == (0, [f"createdb {name}"]), result
    backscope.sql("CREATE SCHEMA AUTHORIZATION scope CREATE TABLE filled ()", database=name)
    oid = backscope.mine()[name]
    result = backscope.run("disposable")
    assert (result.code, result.trace) == (0, [f"dropdb {name}", f"createdb {name}"]), result
    databases, rows, files = backscope.snapshot()
    assert (databases.pop(name) != oid, rows.pop(name)) == (True, {})
    assert (databases, rows, files) == before


def test_h58_the_main_database_is_not_disposable(backscope):
    """Neither .env's nor the environment's, nor one that is kept; and it has no default."""
    for name in (backscope.name, f"{backscope.name}.~1~", None):
        backscope.write_env(POSTGRES_DISPOSABLE_DB=name)
        for environ in ({"POSTGRES_DB": "other"}, {"CONFIRM": name or ""}):
            error = backscope.refused("disposable", **environ).err
            assert "POSTGRES_DISPOSABLE_DB" in error


def test_h58_rows_in_what_dotenv_does_not_call_disposable_are_asked_about(backscope):
    backscope.write_env(POSTGRES_DB="main")
    environ = {"POSTGRES_DISPOSABLE_DB": backscope.name}
    assert f"CONFIRM={backscope.name}" in backscope.refused("disposable", **environ).err
    assert backscope.run("disposable", CONFIRM=backscope.name, **environ).code == 0
    assert backscope.postgres.rows(backscope.name) == {}
