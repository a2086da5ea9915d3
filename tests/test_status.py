"""What db-status tells of the real thing; it changes nothing and exits 0."""

import contextlib

import pytest
from checkout import edit


def table(result):
    """The rows of the status screen, by their label."""
    found, label = {}, ""
    for line in result.out.splitlines():
        if not line.strip() or line.startswith("In the way"):
            break
        label = line[:12].strip() or label
        found[label] = (found.get(label, "") + " " + line[13:]).strip()
    return found


@pytest.mark.inside
def test_the_state_of_a_good_database(backscope):
    before = backscope.snapshot()
    result = backscope.run("status")
    assert result.code == 0, result
    assert backscope.snapshot() == before
    assert result.trace == []
    seen = table(result)
    assert seen["Database"].startswith(f"{backscope.name} on ")
    assert seen["Database"].endswith(", sequences 3")
    assert seen["Settings"] == "DB HOST PORT USER PASSWORD APP_ENVIRONMENT: from .env"
    assert seen["Revision"].endswith("the newest in migrations")
    assert "no table or column differs" in seen["Models"]
    assert seen["A clear"] == "could run: make db-clear"
    assert seen["A rebuild"] == "could run: make db-rebuild"
    assert not {"Stuck", "Kept", "Undo", "Left over"} & set(seen)


def test_a_dry_run_of_it_is_nothing_that_a_shell_would_run(kept):
    result = kept.run("status", "--dry-run")
    assert result.code == 0, result
    assert all(line.startswith("# ") for line in result.out.splitlines())


def test_what_the_role_may_not_read_is_not_called_missing(kept, role):
    kept.write_env(POSTGRES_USER=role)
    seen = table(kept.run("status"))
    assert seen["Revision"] == f"cannot be read by {role}, or is locked"
    assert seen["Stuck"] == f"not looked for: the table sequences is not for {role} to read"
    assert "revision ? and migrations.~1~" in seen["Kept"]


@pytest.mark.inside
def test_the_models_beside_the_database(backscope):
    backscope.sql("ALTER TABLE sequences ADD odd int, DROP ref_count, ALTER shift TYPE text")
    backscope.sql("DROP TABLE searches; CREATE TABLE strange (id int)")
    text = table(backscope.run("status"))["Models"]
    for words in (
        f"the table searches is not in {backscope.name}",
        f"the table strange of {backscope.name} is not in the models",
        f"sequences.ref_count is not in {backscope.name}",
        f"sequences.odd of {backscope.name} is not in the models",
        "sequences.shift is TEXT",
        "make db-rebuild CARRY=1",
    ):
        assert words in text


def test_the_rows_come_along_unless_one_would_have_to_fill_a_new_column(backscope):
    models, new = backscope.folder / "flaskr/nscope/models.py", "new = db.Column(db.Integer,"
    edit(models, "    ids = db", f"    {new} nullable=False)\n    ids = db")
    for rows, keeps in ((0, "CARRY=1"), (1, "KEEP=1")):
        backscope.sql(f"INSERT INTO searches (term) SELECT 'a' FROM generate_series(1, {rows})")
        words = table(backscope.run("status"))["Models"]
        assert "searches.new is not in" in words
        assert words.endswith(f"make db-rebuild {keeps}")


@pytest.mark.slow
def test_where_each_setting_came_from(backscope):
    backscope.write_env(POSTGRES_HOST=None, APP_ENVIRONMENT=None)
    seen = table(backscope.run("status", POSTGRES_USER="scope"))
    assert "USER: from the environment" in seen["Settings"]
    assert "HOST APP_ENVIRONMENT: by default" in seen["Settings"]
    assert "DB PORT PASSWORD: from .env" in seen["Settings"]


@pytest.mark.slow
def test_the_revision_in_words(backscope):
    (head,) = backscope.sql("SELECT version_num FROM alembic_version")[0]
    later = backscope.folder / "migrations/versions/b.py"
    later.write_text(f"revision = '0002'\ndown_revision = '{head}'\n")
    revision = table(backscope.run("status"))["Revision"]
    assert f"{head}, behind the newest in migrations, 0002" in revision
    later.write_text("revision = ")  # a file that is no Python says nothing
    backscope.sql("UPDATE alembic_version SET version_num = 'feedface'")
    assert "its migrations are missing" in table(backscope.run("status"))["Revision"]
    backscope.sql("DROP TABLE alembic_version")
    assert "none recorded" in table(backscope.run("status"))["Revision"]


def test_status_without_database_and_without_server(fresh):
    result = fresh.run("status")
    assert result.code == 0, result
    seen = table(result)
    assert "not there yet" in seen["Database"]
    assert seen["A clear"] == "would be refused"
    assert seen["A rebuild"].startswith("could run")
    assert "There is no database" in result.out
    fresh.write_env(POSTGRES_PORT="1")
    assert "Connection refused" in fresh.refused("status").err  # it could not look


@pytest.mark.slow
def test_status_tells_of_sessions_and_of_what_stops_what(backscope):
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("LOCK TABLE sequences")
        pid = session.info.backend_pid
        result = backscope.run("status")
    assert result.code == 0, result
    seen = table(result)
    assert "sequences ?" in seen["Database"]
    assert seen["A clear"] == seen["A rebuild"] == "would be refused"
    assert f"pid {pid} locks sequences" in result.out
    assert "make db-clear FORCE=1" in result.out
    assert "make db-rebuild FORCE=1" in result.out


@pytest.mark.slow
def test_a_large_table_costs_no_more(backscope):
    backscope.sql(
        "INSERT INTO sequences (id, shift, values_requested)"
        " SELECT 'B' || i, 0, false FROM generate_series(1, 12000) i"
    )
    backscope.sql("ANALYZE sequences")
    assert "sequences about 12,003" in table(backscope.run("status"))["Database"]
