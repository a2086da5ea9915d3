"""What is wrong with the settings, or with Backscope itself, a guard at a time; purely."""

import sys
from dataclasses import replace

import pytest
from facts_of import facts_of, said, settings_of, wish_of

from resetting import guards, misfits
from resetting.facts import App


def unfit(variable="POSTGRES_DB", **dotenv):
    """What is wrong with some settings."""
    settings = settings_of(**dotenv)
    return list(
        misfits.settings_unfit(replace(settings, database=settings.values[variable]), variable)
    )


def test_settings_that_are_as_they_should_be():
    assert unfit() == []
    assert unfit(POSTGRES_HOST="[::1]", POSTGRES_PASSWORD="", POSTGRES_DB="My 'DB' ü") == []


@pytest.mark.parametrize("name", ["", "postgres", "template0", "template1"])
def test_h4_no_name_or_the_servers_own(name):
    for variable in ("POSTGRES_DB", "POSTGRES_DISPOSABLE_DB"):
        (finding,) = unfit(variable, **{variable: name})
        state = f"is {name}, one of the server's own databases." if name else "is empty."
        assert finding.what == f"{variable} {state}"


def test_a_variable_that_is_nowhere_is_not_set():
    assert said(unfit(POSTGRES_DB=None)) == ["POSTGRES_DB is not set."]


@pytest.mark.parametrize("port", ["", "0", "65536", "5432 ", "-1", "x", "٥", "5432,5433"])
def test_h31_no_port(port):
    assert said(unfit(POSTGRES_PORT=port)) == ["POSTGRES_PORT is no port number from 1 to 65535."]
    assert unfit(POSTGRES_PORT="65535") == unfit(POSTGRES_PORT="1") == []


@pytest.mark.parametrize(
    ("host", "says", "mend"),
    [
        ("/tmp", "is a folder", "export PGHOST=/tmp "),
        ("a,b", "names several servers", "${EDITOR:-vi} "),
        ("db.example:5433", "holds a port", "${EDITOR:-vi} "),
        ("::1", "without the brackets", "POSTGRES_HOST='[::1]' "),
    ],
)
def test_hosts_that_a_url_cannot_hold(host, says, mend):
    (finding,) = unfit(POSTGRES_HOST=host)
    assert says in finding.what
    assert finding.mend.startswith(mend)


@pytest.mark.parametrize(
    "values",
    [
        {"POSTGRES_DB": "a\nb"}, {"POSTGRES_USER": "a\x1bb"}, {"POSTGRES_HOST": "a\x07"},
        {"POSTGRES_PASSWORD": "xyzzy\0"}, {"POSTGRES_PASSWORD": "xyzzy%00"},
        {"POSTGRES_USER": "a%0Ab"}, {"POSTGRES_DB": "a\udcff"},
    ],
)  # fmt: skip
def test_what_cannot_be_shown_could_not_be_confirmed(values):
    (finding,) = unfit(**values)
    assert finding.what.startswith(
        f"{next(iter(values))} holds a character that cannot be shown, '\\"
    )
    assert "xyzzy" not in finding.what + finding.mend
    (finding,) = unfit("POSTGRES_DISPOSABLE_DB", POSTGRES_DISPOSABLE_DB="a\r")
    assert finding.what.startswith("POSTGRES_DISPOSABLE_DB holds")


def test_names_that_postgresql_would_cut_off():
    assert unfit(POSTGRES_DB="ü" * 31, POSTGRES_USER="a" * 63) == []
    (finding,) = unfit(POSTGRES_DB="ü" * 32)
    assert finding.what == "POSTGRES_DB is longer than PostgreSQL's 63 bytes."
    assert said(unfit(POSTGRES_USER="a" * 64))[0].startswith("POSTGRES_USER is longer")
    assert said(unfit(POSTGRES_USER="")) == [
        "POSTGRES_USER is empty, so the role would be a guess."
    ]
    one, two = (facts_of(settings=settings_of(POSTGRES_DB="a" * n)) for n in (59, 60))
    assert list(guards.whole(wish_of(keep=True), one)) == []
    (finding,) = guards.whole(wish_of(keep=True), two)
    assert finding.mend == "make db-rebuild   keeps nothing"


def test_h6_testing_opens_another_database():
    testing = {"APP_ENVIRONMENT": "testing", "POSTGRES_DISPOSABLE_DB": "other"}
    (finding,) = misfits.testing(wish_of(), settings_of(**testing))
    assert finding.mend.splitlines() == [
        "make db-rebuild APP_ENVIRONMENT=development   is about scope",
        "make db-rebuild APP_ENVIRONMENT=development POSTGRES_DB=other   is about other",
    ]
    (finding,) = misfits.testing(wish_of(), settings_of(APP_ENVIRONMENT="testing"))
    assert len(finding.mend.splitlines()) == 1
    assert list(misfits.testing(wish_of(), settings_of())) == []


def test_h58_the_disposable_one_is_not_the_main_one():
    assert said(misfits.disposable(settings_of(), "scope"))[0].startswith(
        "POSTGRES_DISPOSABLE_DB is scope"
    )
    assert list(misfits.disposable(settings_of(), "other")) == []
    (finding,) = misfits.disposable(settings_of(POSTGRES_DB="scope.~1~"), "scope")
    assert finding.what.endswith("is scope.~1~, the name of a kept database.")


@pytest.mark.parametrize(
    ("app", "what", "mend"),
    [
        (
            App(missing="flask_sqlalchemy"),
            "Backscope's flask_sqlalchemy is missing",
            "python3 -m venv /srv/backscope/.venv   if Backscope has none elsewhere",
        ),
        (
            App(error="[Errno 13] logs/api.log", kind="PermissionError"),
            "cannot write its log",
            "ls -ld /srv/backscope   tells",
        ),
        (App(error="bad.", kind="SyntaxError"), "does not load: SyntaxError: bad.", "cd "),
        (App(error="bad", kind="NoAppException"), "does not load: bad.", "cd "),
        (App(error="OSError", kind="OSError"), "does not load: OSError.", "cd "),
        (App(error="bad", kind="X", loads=True), "models cannot be used: X: bad.", "git -C "),
        (App(error="it ended"), "does not load: it ended.", "cd "),
        (App(environments=("a", "b")), "which this Backscope does not know", "${EDITOR:-vi}"),
        (App(elsewhere="It opened x."), "It opened x.", "git -C "),
        (App(url={}), "Flask would open what is no URL of a database, but", "git -C "),
        (App(tables={}), "models make no tables", "git -C "),
        (App(lacks=("clear-database",)), "no command clear-database", "git -C "),
    ],
)
def test_what_backscope_itself_puts_in_the_way(app, what, mend):
    (finding,) = misfits.backscope(wish_of("clear"), facts_of(app=app), clears=True)
    assert what in finding.what
    assert finding.mend.startswith(mend)


def test_a_backscope_that_is_as_it_should_be():
    app = App(tables={"sequences": ("id",)})
    assert list(misfits.backscope(wish_of(), facts_of(app=app), clears=True)) == []
    lacks = App(lacks=("clear-database",))
    assert list(misfits.backscope(wish_of(), facts_of(app=lacks), clears=False)) == []
    (finding,) = misfits.backscope(wish_of(), facts_of(app=App(environments=("a", "b"))), True)
    assert finding.mend.endswith("\n   it knows a, b")


URL = {"database": "precious", "host": "", "port": "5432", "user": "me"}


@pytest.mark.parametrize(
    ("values", "character"),
    [
        ({"POSTGRES_DB": "a?b"}, "?"), ({"POSTGRES_USER": "a:b"}, ":"),
        ({"POSTGRES_PASSWORD": "xy@zzy"}, "@"), ({"POSTGRES_PASSWORD": "xy%zzy"}, "%"),
        ({"POSTGRES_HOST": "a#b"}, "#"),
    ],
)  # fmt: skip
def test_h8_the_character_that_means_something_in_a_url(values, character):
    facts = facts_of(settings=settings_of(**values), app=App(url=URL))
    (finding,) = misfits.backscope(wish_of(), facts, clears=False)
    name = next(iter(values))
    holds = f"{name} holds the character {character}, which means something else in a URL."
    assert holds in finding.what
    assert "zzy" not in finding.what + finding.mend
    assert "precious" not in finding.what  # what is there may be a part of the password
    encoded = f"   {character} is %{ord(character):02X} there" in finding.mend
    assert encoded == (name in ("POSTGRES_USER", "POSTGRES_PASSWORD"))


@pytest.mark.parametrize(
    "values", [{}, {"POSTGRES_HOST": "[::1]"}, {"POSTGRES_HOST": "", "host": "/r"}]
)
def test_h9_an_edited_config_names_both_databases(values):
    facts = facts_of(settings=settings_of(**values), app=App(url=URL))
    (finding,) = misfits.backscope(wish_of(), facts, clears=False)
    assert finding.what.startswith("Flask would open precious on the default host:5432 as me, but")
    assert "diff flaskr" in finding.mend


def test_a_backscope_that_cannot_be_migrated_as_documented():
    for app, what in (
        (App(lacks=("flask db",)), "This Backscope has no command flask db."),
        (App(directory="other"), "Backscope keeps its migrations in other, not in migrations."),
    ):
        (finding,) = misfits.backscope(wish_of(), facts_of(app=app), clears=False)
        assert finding.what == what
    only = App(lacks=("flask db",))
    assert list(misfits.backscope(wish_of("clear"), facts_of(app=only), clears=True)) == []


def test_h2_an_environment_of_the_checkouts_own_is_not_to_be_changed(monkeypatch):
    (other,) = misfits.backscope(wish_of(), facts_of(app=App(missing="x")), clears=False)
    assert other.mend.splitlines()[1].endswith("   if the active one is the right one")
    monkeypatch.setattr(sys, "prefix", "/srv/backscope/.venv")
    (own,) = misfits.backscope(wish_of(), facts_of(app=App(missing="x")), clears=False)
    pip, routes = own.mend.splitlines()
    assert pip.endswith("/pip install -r /srv/backscope/requirements.txt")
    assert routes.endswith("/flask routes   shows it all")


def test_h17_a_module_of_the_checkouts_own_is_nothing_that_pip_could_install(tmp_path):
    (tmp_path / "flaskr").mkdir()
    (tmp_path / "tools.py").touch()
    seen = facts_of(settings=settings_of(checkout=tmp_path))
    for missing in ("flaskr.nscope.modles", "tools.x"):
        app = App(missing=missing, kind="ModuleNotFoundError", error=f"No module named '{missing}'")
        (finding,) = misfits.backscope(wish_of(), replace(seen, app=app), clears=False)
        assert finding.what == (
            f"Backscope does not load: ModuleNotFoundError: No module named '{missing}'."
        )
        assert finding.mend.endswith("flask routes   shows it all")
    (finding,) = misfits.backscope(wish_of(), replace(seen, app=App(missing="flask")), clears=False)
    assert finding.what.startswith("Backscope's flask is missing in")


@pytest.mark.parametrize("named", ["shop", "shop.py", "shop.wsgi:app", "../x/shop.py:create('a')"])
def test_h37_another_projects_flask_app_is_named(named):
    settings = settings_of({"FLASK_APP": named})
    app = App(missing="shop", kind="NoAppException", error="Could not import 'shop'.")
    (finding,) = misfits.backscope(wish_of(), facts_of(settings=settings, app=app), clears=False)
    assert finding.what.startswith("FLASK_APP is ")
    assert finding.mend.startswith("unset FLASK_APP ")
