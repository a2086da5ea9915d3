"""What runs inside Backscope's processes, called from here: what it says, and what it loads."""

import gc
import importlib.util
import os
import sys
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from checkout import ROOT
from sqlalchemy import types

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
TARGET = {"started": NOW.isoformat(), "database": "scope", "user": "me", "oid": 7,
          "session": ["SET x = 1"]}  # fmt: skip


def room(name):
    """Give a file of resetting/inside as a module, without leaving it anywhere."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"resetting/inside/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


seat_belt, probe = room("seat_belt"), room("backscope_probe")


class Connection:
    """A DB-API connection to a server that says `row` of itself."""

    def __init__(self, *row):
        self.row, self.done = row, []

    def cursor(self):
        return self

    def execute(self, query):
        self.done.append(query)
        if not self.row:
            raise ValueError("no such function")

    def fetchone(self):
        return self.row

    def close(self):
        self.done.append("close")

    def rollback(self):
        self.done.append("rollback")

    def commit(self):
        self.done.append("commit")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ((NOW, "scope", "me", "7"), ""),
        ((NOW, "scope", "me", "8"), "opened another scope than the one that was shown."),
        ((NOW, "other", "me", "7"), "Backscope opened other as me, not scope as me."),
        ((NOW, "scope", "you", "7"), "Backscope opened scope as you, not scope as me."),
        ((NOW.replace(hour=13), "scope", "me", "7"), "scope as me on another server, or"),
        ((), "something that is not scope as me: ValueError."),
    ],
)
def test_h38_a_connection_is_asked_who_it_is(row, says):
    connection = Connection(*row)
    sentence = seat_belt.stranger(connection, TARGET)
    assert says in sentence and bool(says) == bool(sentence)
    if not says:  # the cursor is closed and no transaction is left open
        assert connection.done == [seat_belt.WHO, "close", "rollback"]
        assert not seat_belt.stranger(Connection(NOW, "scope", "me", "9"), {**TARGET, "oid": 0})


def test_h38_a_stranger_is_closed_and_ends_the_process(monkeypatch, mocker, capsys):
    listen = mocker.patch("sqlalchemy.event.listen")
    ended = mocker.patch("os._exit", side_effect=SystemExit)
    seat_belt.wear(lambda: TARGET)
    (_, event, connected), how = listen.call_args
    assert (event, how) == ("connect", {"insert": True})  # before any listener of Backscope's
    ours = Connection(NOW, "scope", "me", "7")
    connected(ours, None)
    assert ours.done[-3:] == ["SET x = 1", "close", "commit"]
    assert not ended.called
    connection = Connection(NOW, "other", "me", "7")
    with pytest.raises(SystemExit):
        connected(connection, None)
    assert connection.done[-1] == "close"
    ended.assert_called_once_with(1)
    assert "was stopped before it did anything there." in capsys.readouterr().err


def test_h25_a_traceback_that_nobody_else_masks_has_no_password(monkeypatch, capsys):
    for name, text in (("PASSWORD", "pw/sE cret"), ("DB", "scope"), ("USER", "me"), ("HOST", "")):
        monkeypatch.setenv(f"POSTGRES_{name}", text)
    monkeypatch.setenv("PGPASSWORD", "scope")  # a name, too
    error = ValueError("no postgresql://me:pw%2FsE%20cret@h/scope: pw/sE cret")
    seat_belt.hide(ValueError, error, None)
    assert capsys.readouterr().err == "ValueError: no postgresql://me:***@h/scope: ***\n"


@pytest.fixture
def app_folder(tmp_path, monkeypatch):
    """Give a folder with an app of Flask's, as the current one."""
    (tmp_path / "plain.py").write_text("import flask\napp = flask.Flask('plain')\n")
    (tmp_path / ".flaskenv").write_text("FLASK_APP=plain\nPGSERVICE=x\nFLASK_DB_Y=z\nOTHER=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.delitem(sys.modules, "plain", raising=False)
    return tmp_path


@pytest.mark.parametrize(("flask_app", "skip"), [("", ""), ("plain", "1")])
def test_h37_the_app_is_loaded_as_flask_would_and_redirects_nothing(app_folder, flask_app, skip):
    os.environ["FLASK_APP"] = os.environ["FLASK_SKIP_DOTENV"] = "the belt's own"
    assert seat_belt.load(flask_app, skip).name == "plain"
    assert not {"PGSERVICE", "FLASK_DB_Y", "FLASK_SKIP_DOTENV"} & set(os.environ)
    assert os.environ.get("OTHER") == (None if skip else "1")
    assert gc.isenabled()  # it pauses only while the app is loaded


def column(name, nullable=True, server_default=None):
    return SimpleNamespace(name=name, nullable=nullable, server_default=server_default)


@pytest.mark.parametrize(
    ("change", "full"),
    [
        (("add_column", None, "t", column("c")), False),
        (("add_column", None, "t", column("c", False, "0")), False),
        (("add_column", None, "t", column("c", False)), True),
        (("remove_column", None, "t", column("c", False)), False),
    ],
)
def test_a_column_that_rows_do_not_fit_into(change, full):
    assert probe.unfit(change) == full
    assert probe.in_words(change, "scope").endswith("and must not be null") == full


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("add_table", SimpleNamespace(fullname="t")), "the table t is not in scope"),
        (("remove_table", SimpleNamespace(fullname="t")), "the table t of scope is not in the"),
        (("add_column", None, "t", column("c")), "t.c is not in scope"),
        (("remove_column", None, "t", column("c")), "t.c of scope is not in the models"),
        (
            ("modify_type", None, "t", "c", {}, types.Text(), types.ARRAY(types.Integer)),
            "t.c is TEXT in scope, INTEGER[] in the models",
        ),
        (("modify_type", None, "t", "c", {}, types.NullType(), types.Text()), "t.c is NULL in"),
        (("modify_nullable", None, "t", "c", {}, True, False), "t.c may be null in scope, must"),
        (("add_constraint", None), ""),
    ],
)
def test_a_difference_in_words(change, text):
    said = probe.in_words(change, "scope")
    assert text in said and bool(text) == bool(said)


@pytest.mark.parametrize(
    ("url", "leads"),
    [
        ("postgresql+psycopg2://me:pw@[::1]:5432/scope", None),
        ("postgresql://me:pw@localhost/scope", None),  # a loopback address is one, too
        ("postgresql://me:pw@db/scope", {"host": "db"}),
        ("postgresql://me:other@[::1]/scope", {"database": "scope", "user": "me"}),
        ("postgresql://me:pw@[::1]:5433/scope", {"port": "5433"}),
        ("postgresql://me:pw@[::1]/scope?host=db", {"host": "db"}),
        ("no URL", {}),
    ],
)
def test_h9_where_a_url_leads(monkeypatch, url, leads):
    words = {"USER": "me", "PASSWORD": "pw", "HOST": "[::1]", "PORT": "5432", "DB": "scope"}
    for name, value in words.items():
        monkeypatch.setenv(f"POSTGRES_{name}", value)
    found = probe.elsewhere(url)
    assert (found is None) == (leads is None)
    assert {name: found[name] for name in leads} == leads if leads else not found
    assert "pw" not in str(found)
