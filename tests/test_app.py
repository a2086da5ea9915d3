"""An app that does not load, or is not what was meant, is found before anything is touched."""

import os

import pytest
from checkout import edit, slowly
from test_settings import append

KEEP = ("rebuild", "--keep")
SPOILED = [
    ("import sympyx", "sympyx|requirements.txt"),  # another project's environment
    ("raise PermissionError(13, 'Permission denied', 'logs/api.log')", "sudo rm |/logs/*.log*"),
    slowly("import os; os._exit(7)", "7"),
    slowly("class Broken(", "SyntaxError|config.py"),
]


@pytest.mark.parametrize("line, words", SPOILED)
def test_h2_h17_why_an_app_does_not_load_is_said_and_nothing_changed(backscope, line, words):
    """H57: the logs of root."""
    append(backscope.folder / "flaskr/config.py", f"\n{line}\n")
    said = backscope.refused(*KEEP, FAST="").said
    assert all(word in said for word in words.split("|")), said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_h17_what_git_says_is_passed_on(backscope):
    """Backscope calls git when it loads; a checkout of another user's is not for git."""
    for path in (backscope.folder, backscope.folder / ".git"):
        os.chown(path, 65534, 65534)
    assert "safe.directory" in backscope.refused(*KEEP, FAST="").err
    said = backscope.unchanged("clear", FAST="").said
    assert "git config --global --add safe.directory ~/backscope #" in said  # ours: git has no ~


def test_h6_h7_h19_testing_is_refused_and_production_has_to_be_said_and_is_asked(backscope):
    backscope.write_env(APP_ENVIRONMENT="testing", POSTGRES_DISPOSABLE_DB="dis_posable")
    for command in ("clear", "rebuild"):
        assert "APP_ENVIRONMENT is testing" in backscope.refused(command).said
    for kind in ("Development", "production"):  # the first might be the second
        backscope.write_env(APP_ENVIRONMENT=kind)
        for command in ("clear", "rebuild"):
            said = backscope.refused(command, CONFIRM=backscope.name).said
            assert kind in said and "PRODUCTION=1" in said
        assert f"CONFIRM={backscope.name}" in backscope.refused("clear", PRODUCTION="1").err


def test_h7_production_is_what_the_app_says(backscope):
    """Whatever APP_ENVIRONMENT is: what it sets has a name in Backscope's own settings."""
    edit(backscope.folder / "flaskr/config.py", "PRODUCTION = False", "PRODUCTION = True")
    assert "PRODUCTION=1" in backscope.refused(*KEEP, FAST="").said


def test_h18_an_app_whose_models_make_no_tables_or_whose_migrations_are_elsewhere(backscope):
    edit(backscope.folder / "flaskr/__init__.py", "import flaskr.nscope.models", "pass")
    assert "no models" in backscope.refused(*KEEP, FAST="").said
    edit(backscope.folder / "flaskr/__init__.py", "Migrate(app, db)", "Migrate(app, db, 'else')")
    assert "folder migrations" in backscope.refused(*KEEP, FAST="").said
