"""What was seen at one time, as nouns; knows neither how it was seen nor what follows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Collection, Mapping, NamedTuple, Sequence

from . import numbered
from .settings import Settings

# The comment of a database while rows are copied into it, with the oid of where they come from.
UNFINISHED = "backscope-reset: the rows of database {} are still to be copied"
LIMIT = 10_001  # where counting ends, unless all rows have to be counted


def count(number: int, noun: str) -> str:
    """Say how many there are."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def named(ids: Sequence[str]) -> str:
    """Name some sequences; from ten on the rest is only counted."""
    return " ".join(ids[:10]) + (f" and {len(ids) - 10:,} more" if len(ids) > 10 else "")


class Session(NamedTuple):
    """A session of pg_stat_activity, in words, and its locks: `TABLE in MODE`."""

    pid: int
    words: str
    locks: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Whatever holds rows, known by its schema and name."""

    schema: str
    name: str
    oid: int
    file: int  # relfilenode, which TRUNCATE changes
    visible: bool  # whether the search path finds it by its name alone
    columns: Sequence[str]
    last: Mapping[str, int]  # of each generated key, the number that was given out last
    estimate: int = field(compare=False)  # of the rows, by the server's statistics
    rows: int | None = None  # as counted, to a LIMIT perhaps; None: they could not be counted

    def __str__(self) -> str:
        plain = f'"{self.name}"' if "." in self.name else self.name
        name = plain if self.visible else f"{self.schema}.{plain}"
        if self.rows is None:
            return f"{name} (not counted)"
        one = re.sub("(?<=ch)es$|s$", "", name) if self.rows == 1 else name
        if self.rows == LIMIT:
            return f"about {max(self.rows, self.estimate):,} {one}"
        return f"{self.rows:,} {one}"


@dataclass(frozen=True)
class Database:
    """A row of pg_database, and what is inside; `tables` is None if that cannot be seen."""

    name: str
    oid: int = 0  # 0: there is no such database
    owner: str = ""
    owned: bool = True  # by our role, or a role it is a member of
    whole: bool = True  # not what an interrupted DROP DATABASE left
    comment: str = ""
    locale: Sequence[str] = ()  # encoding, LC_COLLATE, LC_CTYPE
    size: str = field(default="", compare=False)
    tables: Sequence[Table] | None = ()
    others: Mapping[str, int] = field(default_factory=dict)  # views, functions, large objects
    revisions: frozenset[str] = frozenset()  # what alembic_version records
    found: Sequence[str] | None = None  # the sequences looked for; None: cannot be told
    sessions: Sequence[Session] = field(default=(), compare=False)
    trouble: str = field(default="", compare=False)  # why it cannot be looked into

    @property
    def counts(self) -> str:
        """What is stored, in words; "" is nothing."""
        tables = [str(table) for table in self.tables or () if table.rows != 0]
        words = [*tables, *(count(n, kind) for kind, n in self.others.items())]
        unseen = "contents that cannot be seen" if self.whole else ""
        return unseen if self.tables is None else ", ".join(words)

    @property
    def revision(self) -> str:
        """The revisions in words."""
        return ", ".join(sorted(self.revisions)) or "none"

    def __str__(self) -> str:
        empty = "no rows" if self.whole else "what an interrupted dropdb left"
        return f"{self.size}, {self.counts or empty}" if self.oid else "not there yet"

    def find(self, schema: str | None, name: str) -> Table | None:
        """Give a table by its schema or, without one, as the search path finds it."""
        same = (table for table in self.tables or () if table.name == name)
        return next((t for t in same if (t.schema == schema if schema else t.visible)), None)


class Model(NamedTuple):
    """A table of the models; rows without the `required` columns do not fit."""

    schema: str | None
    name: str
    columns: Sequence[str]
    required: Collection[str]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class App(NamedTuple):
    """What Backscope says of itself, if it was asked."""

    error: str = ""  # why it does not load, or what it opened
    models: Sequence[Model] = ()  # in an order in which foreign keys hold
    production: bool = False
    differences: Sequence[str] | None = None  # between models and database; None: not compared


@dataclass(frozen=True)
class State:
    """All that was seen at one time; two of them are equal if nothing has changed."""

    settings: Settings
    started: str  # when the server was started, by which it is known
    creates: bool  # whether our role may create databases
    database: Database
    template: Database  # template1
    kept: Mapping[int, Database]  # the one renamed last comes first
    # The revisions in `migrations` and in `migrations.~N~`; 0 waits in the middle of an undo.
    migrations: frozenset[str] | None
    folders: Mapping[int, frozenset[str]]
    app: App = field(default=App(), compare=False)

    @property
    def production(self) -> bool:
        """Whether this may be production: an APP_ENVIRONMENT that is not known may, too."""
        environment = self.settings.values["APP_ENVIRONMENT"]
        return self.app.production or environment not in ("development", "testing")

    @property
    def number(self) -> int:
        """The first number that is free for a database and for a folder."""
        return next(n for n in range(1, 10**6) if n not in self.kept and n not in self.folders)

    @property
    def backup(self) -> str:
        """The name under which the database would be kept."""
        return numbered(self.database.name, self.number)

    @property
    def source(self) -> Database | None:
        """The kept database whose rows the database is still to get, says its comment."""
        comment = self.database.comment
        return next((d for d in self.kept.values() if UNFINISHED.format(d.oid) == comment), None)
