"""Facts, settings and wishes for pure tests: all that is not said is as it should be."""

from pathlib import Path

import pytest

from resetting import Refused
from resetting.command_line import from_make
from resetting.contents import Contents, Database, Table
from resetting.facts import Facts, Folder, Folders, Session
from resetting.settings import DEFAULTS, Settings
from resetting.wishes import Wish

CHECKOUT = Path("/srv/backscope")
SECRET = "pw-sEcret.17"
PLAIN = {"POSTGRES_DB": "scope", "POSTGRES_USER": "scope", "POSTGRES_PASSWORD": SECRET}
PROGRAMS = frozenset({"dropdb", "createdb", "psql", "mv", "rm"})


def settings_of(environ=None, checkout=CHECKOUT, host=None, **dotenv):
    """Give the settings of a .env with some other values, and of an environment."""
    written = {name: text for name, text in {**PLAIN, **dotenv}.items() if text is not None}
    values = {name: {**DEFAULTS, **written, **(environ or {})}[name] for name in DEFAULTS}
    at = values["POSTGRES_HOST"].strip("[]") if host is None else host
    return Settings(checkout, values, written, environ or {}, values["POSTGRES_DB"], at)


def table_of(name="sequences", rows=3, **changes):
    """Give a table."""
    return Table(**{"name": name, "oid": 7, "file": 8, "owned": True, "rows": rows, **changes})


def contents_of(*tables, revisions=(), **changes):
    """Give what is inside a database; without tables, nothing."""
    columns = frozenset({"id", "values", "values_requested"})
    named = {table.name: table for table in tables}
    plain = {"creates": True, "tables": named, "sequence_columns": columns}
    return Contents(**{**plain, "revisions": frozenset(revisions), **changes})


def database_of(name="scope", revisions=("a",), rows=3, **changes):
    """Give a database with its structure and some rows."""
    plain = {
        "name": name, "oid": 1000 + len(name), "owner": "scope", "owned": True, "valid": True,
        "open": True, "template": False, "outdated": False, "size": "7 MB", "comment": "",
        "encoding": "UTF8", "locale": ("C.UTF-8", "C.UTF-8", "c", ""),
        "contents": contents_of(table_of(rows=rows), revisions=revisions),
    }  # fmt: skip
    return Database(**{**plain, **changes})


def folder_of(name="migrations", revisions=("a",), heads=None):
    """Give a folder of migrations."""
    newest = revisions if heads is None else heads
    return Folder(CHECKOUT / name, frozenset(revisions), frozenset(newest), 0.0)


def folders_of(current=("a",), **numbered):
    """Give the folders of a checkout by their revisions; `n1` is number 1."""
    there = None if current is None else folder_of(revisions=current)
    kept = {
        int(name[1:]): folder_of(f"migrations.~{name[1:]}~", revisions)
        for name, revisions in numbered.items()
    }
    return Folders(there is not None, there, kept)


def session_of(pid=11, **changes):
    """Give a session on the database."""
    plain = {
        "role": "scope", "application": "flask", "state": "idle", "since": "12:00",
        "client": "127.0.0.1", "port": 5000, "can_end": True, "database": "scope",
    }  # fmt: skip
    return Session(pid, **{**plain, **changes})


def facts_of(**changes):
    """Give what is seen of a database that is as it should be, in a checkout likewise."""
    plain = {
        "settings": settings_of(), "folders": folders_of(), "programs": PROGRAMS, "reached": True,
        "creates": True, "database": database_of(), "template": database_of("template1", (), 0,
        template=True, owner="postgres", owned=False),
    }  # fmt: skip
    return Facts(**{**plain, **changes})


def wish_of(verb="rebuild", **changes):
    """Give a wish."""
    return Wish(verb, **changes)


def said(findings):
    """Give the sentences of some findings."""
    return [finding.what for finding in findings]


ALL = ("confirm", "force", "production", "verbose")
TAKES = {
    "status": (), "clear": ("sequences", *ALL), "rebuild": ("keep", "carry", *ALL),
    "undo": ("number", *ALL),
}  # fmt: skip
VERBS = {verb: (f"help of {verb}", takes) for verb, takes in TAKES.items()}


def make(verb, environ=None, dry_run=False, **line):
    """The wish of make with these variables on its command line, and of an environment."""
    told = {**(environ or {}), **line, "RESET_VARIABLES": " ".join(line)}
    return from_make(verb, TAKES[verb], told, dry_run)


def refusals(*arguments, **more):
    """The findings of a wish that is refused."""
    with pytest.raises(Refused) as refused:
        make(*arguments, **more)
    return refused.value.findings
