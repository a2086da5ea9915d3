"""A database and what is inside, as nouns. Knows neither how it was seen nor what follows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Collection, Mapping

from . import Finding

SEQUENCE_COLUMNS = {"id", "values", "values_requested"}  # of the table sequences, relied on
# A comment while CARRY=1 runs, with the oid of where they are, which no rename changes.
UNFINISHED = "backscope-reset: the rows of database {} are still to come"
REVISIONS = "alembic_version"  # Alembic's own table, which is never counted


@dataclass(frozen=True)
class Table:
    """Whatever holds rows: a table, a partitioned one, a materialized view."""

    name: str  # with its schema, if the search path does not find it
    oid: int
    file: int  # relfilenode, which TRUNCATE changes
    owned: bool  # or its schema is, whose owner may drop it, too
    changeable: bool = True  # whether our role may read, change and delete its rows
    view: bool = False  # whether it is a materialized view, which is in no models
    needed_by: tuple[str, ...] = ()  # views, and tables with a foreign key to it
    columns: tuple[str, ...] = ()  # without generated ones
    generated: tuple[str, ...] = ()
    serials: Mapping[str, int] = field(default_factory=dict)  # column -> last value given out
    rows: int | None = None  # None: cannot be counted
    exact: bool = True
    changes: int = 0  # rows inserted, updated and deleted so far (pg_stat_all_tables)

    @property
    def count(self) -> str:
        """The rows in words: few are counted, many estimated."""
        if self.rows is None:
            return f"{self.name} ?"
        return f"{self.name} {self.rows}" if self.exact else f"{self.name} about {self.rows:,}"


@dataclass(frozen=True)
class Contents:
    """What is inside a database."""

    creates: bool  # whether our role may create tables
    tables: Mapping[str, Table]
    revisions: frozenset[str]  # what alembic_version records
    sequence_columns: frozenset[str]
    others: Mapping[str, int] = field(default_factory=dict)  # what else is there: kind -> how many
    path: tuple[str, ...] = ("public",)  # the schemas in which a plain name is looked for
    legible: bool = True  # whether our role could read what alembic_version records

    @property
    def rows(self) -> bool:
        """Whether anything is stored, or might be."""
        return any(table.rows != 0 for table in self.tables.values())

    @property
    def counts(self) -> str:
        """The rows of each table that has some, in words."""
        return ", ".join(table.count for table in self.tables.values() if table.rows != 0)

    @property
    def empty(self) -> bool:
        """Whether a rebuild loses nothing of it."""
        return not self.rows and not self.others

    @property
    def described(self) -> str:
        """The rows, and what else is there, in words."""
        others = [f"{n} {kind}{'' if n == 1 else 's'}" for kind, n in self.others.items()]
        return ", ".join([self.counts or "no rows", *others])

    def only(self, names: Collection[str]) -> Contents:
        """Give it with no tables but some."""
        return replace(self, tables={n: one for n, one in self.tables.items() if n in names})


def described(contents: Contents | None) -> str:
    """Say behind the name of a database what is inside."""
    return f": {contents.described}" if contents else ", which cannot be looked into"


@dataclass(frozen=True)
class Database:
    """A row of pg_database, and what is inside."""

    name: str
    oid: int
    owner: str
    owned: bool  # by our role, or a role it is a member of
    valid: bool  # False: an interrupted DROP DATABASE left it
    open: bool  # whether it accepts connections
    template: bool
    outdated: bool  # its collations are those of another system
    size: str
    comment: str
    encoding: str
    locale: tuple[str, str, str, str]  # LC_COLLATE, LC_CTYPE, provider, the provider's locale
    contents: Contents | None = None  # None: it cannot be opened, or was not
    trouble: Finding | None = None  # why it could not be looked into

    @property
    def revisions(self) -> frozenset[str]:
        """What alembic_version records; empty if that cannot be seen."""
        return self.contents.revisions if self.contents else frozenset()

    @property
    def described(self) -> str:
        """Its size, rows and revision in words."""
        if not self.contents:
            return f"{self.size}, cannot be looked into"
        revision = ", ".join(sorted(self.revisions)) or ("none" if self.contents.legible else "?")
        half = ", half filled" if self.comment.startswith(UNFINISHED.partition("{")[0]) else ""
        return f"{self.size}, {self.contents.described}, revision {revision}{half}"
