"""The guard inside Backscope's processes: H2 H8 H9 H25 H37 H38 H40 H62 H89 H91 H97 H104."""

import contextlib
import os

import builders as make
import psycopg2
import pytest
import sqlalchemy as sa
from builders import cases
from sqlalchemy.dialects import postgresql

from resetting import guarded_app, probe

TARGET = {"started": "1.5", "database": "scope", "identity": "scope as boss", "oid": 7}
TARGET.update(exists=True, compares=False)
IDENTITIES = {
    "target": (("1.5", "scope as boss", 7), 7, ""),
    "created": (("1.5", "scope as boss", 99), 0, ""),
    "server": (("1.6", "scope as boss", 7), 7, "another server"),
    "database": (("1.5", "other as boss", 7), 7, "opened other as boss"),
    "role": (("1.5", "scope as user", 7), 7, "opened scope as user"),
    "oid": (("1.5", "scope as boss", 8), 7, "oid 8"),
    "no-postgresql": ((), 7, "(ValueError)"),
}
METADATA = sa.MetaData()
TABLE = sa.Table(
    "t",
    METADATA,
    sa.Column("id", sa.Integer, sa.Identity(increment=-2), primary_key=True),
    sa.Column("served", sa.Integer, nullable=False, server_default="1"),
    sa.Column("filled", sa.Boolean, nullable=False, default=False),
    sa.Column("called", sa.Integer, nullable=False, default=lambda: 1),
    sa.Column("sum", sa.Integer, sa.Computed("id + 1")),
)
COLUMNS = [
    make.column("id", increment=-2),
    make.column("served"),
    make.column("filled", required=True, fill="false"),
    make.column("called", required=True),
    make.column("sum", computed=True),
]


@cases("identity, oid, key", IDENTITIES)
def test_only_the_target_is_let_through(mocker, identity, oid, key):
    cursor = mocker.Mock(**{"fetchone.return_value": identity})
    connection = mocker.Mock(**{"cursor.return_value": cursor})
    said = guarded_app.describe_mismatch(connection, {**TARGET, "oid": oid})
    assert key in said
    assert bool(key) == bool(said)


def test_a_target_may_have_to_be_created(mocker):
    connect = mocker.patch("psycopg2.connect", side_effect=psycopg2.OperationalError)
    engine = sa.create_engine("postgresql+psycopg2://far/scope")
    with pytest.raises(sa.exc.OperationalError):
        guarded_app.open_once(engine, TARGET)
    absent = {**TARGET, "exists": False}
    other = {**absent, "database": "other"}
    assert guarded_app.open_once(engine, absent) == ""
    assert "would open scope, not other" in guarded_app.open_once(engine, other)
    assert connect.call_count == 1


def test_an_app_tells_of_its_models(mocker):
    migrate = mocker.MagicMock(directory="migrations")
    migrate.db = mocker.MagicMock(metadata=METADATA, engines={})
    migrate.db.engine.dialect = postgresql.dialect()
    app = mocker.MagicMock(config={"PRODUCTION": 1}, extensions={"migrate": migrate})
    report = {"models": []}
    assert guarded_app.describe_app(app, dict(TARGET), report) == ""
    assert report["production"]
    assert report["models"][0]["columns"] == [column._asdict() for column in COLUMNS]


def test_a_probe_tells_why_an_app_does_not_load(mocker):
    process = mocker.Mock()
    printed = f"first\n\nsecond {make.SECRET}\nthird\n"
    process.communicate.return_value = ('{"error": "ImportError: x", "models": []}', printed)
    told = mocker.patch("os.write")
    app = probe.read_probe((process, 9), make.snapshot(), True).app
    unseen = make.snapshot(database=make.database(tables=[], error="odd"))
    probe.read_probe((process, 9), unseen, True)
    assert b'"exists": false' in told.call_args.args[1]
    assert app.error == "ImportError: x\nsecond ***\nthird"


def test_differences_are_said_as_flask_db_migrate_would_do_them():
    index = sa.Index("by_sum", TABLE.c.sum)
    key = sa.UniqueConstraint(TABLE.c.id)
    cases = {
        "remove table t": ("remove_table", TABLE),
        "add column t.sum": ("add_column", None, "t", TABLE.c.sum),
        "remove index by_sum of t": ("remove_index", index),
        "add constraint id of t": ("add_constraint", key),
    }
    for words, difference in cases.items():
        assert guarded_app.describe_difference(difference) == words
    assert guarded_app.is_primary_key(("add_constraint", key), METADATA)
    assert not guarded_app.is_primary_key(("remove_index", index), METADATA)


def test_who_waits_learns_its_target_or_ends(mocker):
    ended = mocker.patch("os._exit", side_effect=SystemExit)
    for word in (b'{"oid": 42}\n', b""):
        guarded_app.read_target.cache_clear()
        read_end, write_end = os.pipe()
        os.write(write_end, word)
        os.close(write_end)
        with contextlib.suppress(SystemExit):
            assert guarded_app.learn_target(read_end) == {"oid": 42}
            assert guarded_app.learn_target(read_end) == {"oid": 42}
    assert ended.call_count == 1
