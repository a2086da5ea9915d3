"""The app itself (H17 to H20): it does not load, makes nothing, asks, or leaves tables."""

import contextlib
import shutil
import subprocess

import pytest
from checkout import edit


def test_h17_the_app_does_not_load(backscope):
    action = ["rebuild", "--confirm", backscope.name]
    models = backscope.folder / "flaskr/nscope/models.py"
    text = models.read_text()
    for more, said in (
        ("\nclass Broken(\n", "models.py, line"),
        ("\nraise RuntimeError('no idea')\n", "does not load: RuntimeError: no idea."),
        ("\nimport os\nos._exit(7)\n", "it ended with exit status 7"),
    ):
        models.write_text(text + more)
        error = backscope.refused(*action).err
        assert said in error
        assert f"&& {backscope.venv}/bin/flask routes" in error  # none is active here
    result = backscope.unchanged("clear")  # which does not ask the app beforehand
    assert "flask clear-database ended with exit status 7" in result.err
    models.write_text(text)
    log = backscope.folder / "logs/api.log"
    log.unlink(missing_ok=True)
    assert backscope.run("status").code == 0
    assert not log.exists()  # whoever looks is not always who runs Backscope (H57)
    shutil.rmtree(backscope.folder / "logs")
    assert "logs/api.log" in backscope.refused(*action).err
    (backscope.folder / "logs").mkdir()
    shutil.rmtree(backscope.folder / ".git")
    assert "git" in backscope.refused(*action).err


@pytest.mark.inside
def test_h17_what_a_clear_reads_itself_does_not_load(backscope):
    with (backscope.folder / "flaskr/config.py").open("a") as config:
        config.write("class Broken(\n")
    for verb in ("clear", "unflag"):
        assert "config.py, line" in backscope.refused(verb).err
    assert "config.py, line" in backscope.run("status").out


@pytest.mark.slow
def test_h18_an_app_without_tables(backscope):
    edit(backscope.folder / "flaskr/nscope/views.py", "from flaskr.nscope.models", "# from x")
    error = backscope.refused("rebuild", "--confirm", backscope.name).err
    assert "models make no tables" in error


@pytest.mark.slow
def test_h18_a_migration_that_makes_nothing(backscope):
    result = backscope.run("rebuild", "--confirm", backscope.name, INSTEAD="flask*", DO="exit 0")
    assert result.code == 1, result
    assert "has no revision" in result.err
    assert "VERBOSE=1" in result.err
    upgrade = "CREATE TABLE alembic_version AS SELECT 'abc' AS version_num"
    result = backscope.run(
        "rebuild", "--confirm", backscope.name, INSTEAD="flask*",
        DO=f'[ "$2" != upgrade ] || PATH=$REAL_PATH psql -qX -d {backscope.name} -c "{upgrade}"',
    )  # fmt: skip
    assert result.code == 1, result
    assert "lacks the tables searches, sequences, user" in result.err


@pytest.mark.slow
def test_h19_production_is_refused_without_the_word(backscope):
    backscope.write_env(APP_ENVIRONMENT="production")
    for action in (["clear"], ["rebuild"], ["unflag"], ["undo"]):
        error = backscope.refused(*action, "--confirm", backscope.name).err
        assert f"make db-{action[0]} PRODUCTION=1" in error
    result = backscope.refused("clear", "--production")
    assert f"CONFIRM={backscope.name}" in result.err
    assert "production" in result.out.splitlines()[0]


@pytest.mark.slow
def test_h19_an_unclear_outcome_is_no_success(backscope):
    """What Backscope itself asks is answered through the tool, and "no" is no success."""
    backscope.write_env(APP_ENVIRONMENT="production")
    clear = backscope.argv("clear", "--production", "--confirm", backscope.name)
    for answer, code in (("no\n", 2), ("", 2), ("yes\n", 0)):
        before = backscope.snapshot()
        process = subprocess.run(
            clear, input=answer, cwd=backscope.folder, env=backscope.environ,
            capture_output=True, text=True,
        )  # fmt: skip
        assert process.returncode == code, process
        assert (backscope.snapshot() == before) == (code == 2)
        if answer == "no\n":
            assert "No action taken" in process.stdout
            assert "Backscope took no action" in process.stderr
    assert backscope.sql("SELECT * FROM sequences") == []


def test_h20_tables_of_an_older_schema(backscope):
    backscope.sql("CREATE TABLE oeis_cache (id int); INSERT INTO oeis_cache VALUES (1)")
    backscope.sql("ALTER TABLE oeis_cache OWNER TO scope")
    assert "a clear would leave oeis_cache 1" in backscope.run("status").out
    stays = "Stays        oeis_cache 1: not in the models"
    for asked in (["--dry-run"], []):  # it tells beforehand where somebody reads beforehand
        result = backscope.run("clear", *asked, SEQ="A000045")
        assert stays in result.out and backscope.name in result.out
    assert "oeis_cache" not in result.err  # which the question does not call lost
    result = backscope.run("clear", **backscope.fast)
    assert result.code == 1, result
    assert "still holds rows in oeis_cache 1" in result.err
    assert "make db-rebuild CARRY=1" in result.err
    assert backscope.sql("SELECT * FROM sequences") == []


@pytest.mark.inside
@pytest.mark.slow
def test_a_backscope_without_the_command(backscope):
    edit(backscope.folder / "flaskr/__init__.py", '"clear-database"', '"init-db"')
    result = backscope.unchanged("clear")
    assert "No such command 'clear-database'" in result.out
    assert "has no command clear-database" in backscope.run("status").out


def test_a_probe_that_hangs_is_given_up(mocker, backscope):
    """Whatever Backscope does when it is loaded, the probe ends with the block."""
    from resetting import backscope as asking
    from resetting.facts import Facts, Folders
    from resetting.settings import read_settings

    (backscope.folder / "flaskr/config.py").write_text("import time\ntime.sleep(1000)\n")
    mocker.patch.object(asking, "LOAD_TIMEOUT", 0.3)
    mocker.patch.object(asking.sys, "executable", str(backscope.venv / "bin/python"))
    mocker.patch.dict("os.environ", {"PGOPTIONS": ""})
    settings = read_settings(backscope.folder, backscope.environ)
    with asking.asking(settings, "config") as probe:
        app = probe.answer(Facts(settings, Folders(False, None, {})))
    assert "did not load within" in app.error
    assert probe._process.poll() == -9


def test_h12_an_engine_with_options_of_its_own_waits_no_longer_and_only_looks(backscope):
    """Its libpq options take the place of PGOPTIONS; and the app makes its tables when loaded."""
    own = "app.config['SQLALCHEMY_ENGINE_OPTIONS'] = {'connect_args': {'options': '-c jit=off'}}"
    old = "    app.config.update(oeis_scheme"
    edit(backscope.folder / "flaskr/__init__.py", old, f"    {own}\n{old}")
    visit = "class Visit(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n\n\n"
    models = backscope.folder / "flaskr/nscope/models.py"
    edit(models, "class Search(", f"{visit}class Search(")
    wsgi = backscope.folder / "wsgi.py"
    make = "with app.app_context():\n    from flaskr import db\n    db.create_all()\n"
    wsgi.write_text(f"{wsgi.read_text()}\n{make}")
    before = backscope.snapshot()
    assert "read-only transaction" in backscope.run("status").out
    assert backscope.snapshot() == before
    with contextlib.closing(backscope.postgres.connect(backscope.name)) as holder:
        holder.autocommit = False
        holder.cursor().execute("CREATE TABLE visit (id int)")
        assert "lock timeout" in backscope.run("clear").out


def test_models_that_load_and_cannot_be_used(backscope):
    models = backscope.folder / "flaskr/nscope/models.py"
    edit(models, "    name = db.Column(db.String)", "    name = db.Column(db.ForeignKey('no.id'))")
    error = backscope.refused("rebuild", "--confirm", backscope.name).err
    assert "Backscope's models cannot be used: NoReferencedTableError: " in error
    assert "diff flaskr # tells what was edited" in error and "flask routes" not in error


def test_a_table_of_the_models_in_another_schema_is_seen(backscope):
    backscope.sql("CREATE SCHEMA other AUTHORIZATION scope; CREATE TABLE other.x (id int)")
    models = backscope.folder / "flaskr/nscope/models.py"
    place = (
        "    __table_args__ = {'schema': 'other'}\n    id = db.Column(db.Integer, primary_key=True)"
    )
    edit(models, "class Search(", f"class X(db.Model):\n{place}\n\n\nclass Search(")
    assert "Models       no table or column differs" in backscope.run("status").out
    backscope.sql("DROP TABLE other.x")
    assert "the table other.x is not in" in backscope.run("status").out
