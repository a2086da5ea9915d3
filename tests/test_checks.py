"""Refused, and what helps: H2 H4 H6 H7 H11 H13 H14 H17 H26 H47 H58 H62 H72 H77 H83 H85 H96."""

import builders as make
import psycopg2
from builders import cases, messages, outcome

from backscope_reset import COMMANDS
from resetting import checks, comparison, inspector
from resetting.snapshot import BUILDING, App, Database


def of_settings(settings, variable="POSTGRES_DB"):
    return messages(checks.check_settings(settings, variable))


def of(**fields):
    return {"database": make.database(**fields)}


SETTINGS = {
    "no-name": ("POSTGRES_DB", "", "POSTGRES_DB is not set"),
    "maintenance": ("POSTGRES_DB", "template1", "PostgreSQL's own"),
    "too-long": ("POSTGRES_DB", "ü" * 29, "too long"),
    "dash": ("POSTGRES_DB", "-dash", "unusual"),
    "uri": ("POSTGRES_DB", "postgresql://x", "unusual"),
    "testing": ("APP_ENVIRONMENT", "testing", "POSTGRES_DISPOSABLE_DB"),
    "url-password": ("POSTGRES_PASSWORD", "a@b", "%40"),
}
FOREIGN = {"owned": False, "owner": "boss"}
MISMATCH = Database("template1", 1, locale=make.UTF8, collation_outdated=True)
REQUIRED = App(models=[make.model(make.column("new", required=True))])
FILLED = App(models=[make.model(make.column("new", required=True, fill="0"))])
SESSION = of(sessions=[make.session(7, locks_table=True)])
# What is seen of a database; the key of what a rebuild with CARRY says, and a clear.
REFUSED = {
    "ordinary": ({}, "", ""),
    "standby": ({"server": make.SERVER._replace(standby=True)}, "standby", "standby"),
    "app": ({"app": App(error="SyntaxError: x")}, "flask routes", "flask routes"),
    "production": ({"app": App(production=True)}, "PRODUCTION=1", "PRODUCTION=1"),
    "no-createdb": ({"server": make.SERVER._replace(may_create=False)}, "CREATEDB", ""),
    "not-owner": (of(**FOREIGN), 'OWNER TO "scope"', ""),
    "collation": ({"template": MISMATCH}, "REFRESH COLLATION VERSION", ""),
    "sessions": (SESSION, "In the way: 1 session", "FORCE=1"),
    "programs": ({"programs": ["psql"]}, "createdb is not on the PATH", ""),
    "waiting": ({"folders": {0: frozenset(["r9"])}}, "migrations.~0~", ""),
    "made-by-others": ({"beside": make.database("scope.~0~")}, "dropdb -h localhost", ""),
    "another-role's": ({"beside": make.database("scope.~0~", tables=[], **FOREIGN)}, "boss", ""),
    "ours": ({"beside": make.database("scope.~0~", comment=BUILDING)}, "", ""),
    "required": ({"app": REQUIRED}, "sequences cannot be copied: new must not", ""),
    "required-empty": ({"app": REQUIRED, **of(tables=[make.table(rows=0)])}, "", ""),
    "filled": ({"app": FILLED}, "", ""),
    "unseen": (of(tables=[], error="odd"), "KEEP=1", "cannot be inspected"),
    "uncounted": (of(tables=[make.table(rows=None)]), "KEEP=1", ""),
    "no-tables": (of(tables=[]), "", ""),
    "absent": ({"database": Database("scope")}, "", "no usable database scope"),
    "invalid": (of(valid=False), "", "no usable database scope"),
    "not-recreatable": (of(closed_schema="app"), "", '-d scope -c \'GRANT CREATE ON SCHEMA "app"'),
}
COUNTS = {
    "locked": (psycopg2.errors.LockNotAvailable(), "sequences: not counted"),
    "limited": ([[{"rows": 10000, "limited": True}]], "sequences: more than 10,000 rows"),
    "all": ([[{"rows": 1}]], "sequences: 1 row"),
}


@cases("variable, value, key", SETTINGS)
def test_settings_that_cannot_work_are_refused(variable, value, key):
    found = of_settings(make.settings({variable: value}))
    assert key in found
    assert "${EDITOR:-vi} /backscope/.env" in found
    typed = make.settings({variable: value}, environ={variable: value})
    assert f"unset {variable}" in of_settings(typed)


def test_what_flask_test_empties_is_no_other_database():
    disposable = "POSTGRES_DISPOSABLE_DB"
    edge = make.settings({"POSTGRES_DB": "ü" * 28})
    testing = make.settings({"APP_ENVIRONMENT": "testing"}, database="scope_test")
    assert of_settings(edge) == of_settings(testing, disposable) == ""
    elsewhere = make.settings(dotenv={"POSTGRES_DB": "main"}, database="main")
    for settings in (make.settings(), elsewhere, make.settings(database="x.~1~")):
        assert "must not empty" in of_settings(settings, disposable)


@cases("fields, carry, clear", REFUSED)
def test_a_command_is_refused_with_what_helps(fields, carry, clear):
    for name, given, key in (("rebuild", {"CARRY": "1"}, carry), ("clear", {}, clear)):
        command = COMMANDS[name](make.options(name, **given), make.snapshot(**fields))
        found = messages(command.problems())
        assert key in found
        assert bool(key) == bool(found)


@cases("answers, expected", COUNTS)
def test_what_cannot_be_counted_is_not_called_empty(mocker, answers, expected):
    mocker.patch.object(inspector, "fetch", side_effect=answers)
    assert str(inspector.count_rows(None, make.table(rows=None), "NULL")) == expected


def test_what_cannot_be_seen_or_is_not_there_has_failed():
    unseen = make.database(tables=[], error="no way")
    assert "cannot be seen" in outcome(comparison.check_seen, unseen)
    assert "cannot be inspected: no way" in comparison.describe_changes(make.database(), unseen)[0]
    unknown = make.database(tables=[make.table(rows=None)])
    assert comparison.describe_changes(unknown, make.database()) == []
    emptied, dropped = make.database(tables=[make.table(rows=0)]), make.database(tables=[])
    assert comparison.describe_changes(emptied, dropped) == []
    assert "dropped, 3 before" in comparison.describe_changes(make.database(), dropped)[0]
    hidden = make.database(tables=[make.table(schema="far", visible=False)])
    assert hidden.find(None, "sequences") is None and hidden.find("far", "sequences")
    unmade = make.database(revisions=frozenset())
    assert "has no revision" in outcome(comparison.check_structure, unmade, [])
