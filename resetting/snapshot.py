"""What was seen at one time, as nouns; knows neither how it was seen nor what follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Collection, Iterable, Mapping, NamedTuple, Sequence

from .settings import Settings
from .steps import numbered

BUILDING = "backscope-reset is building this"  # the comment of a database that is not ready
COUNT_LIMIT = 10_000  # where counting the rows of a backup ends


def count(number: int, noun: str) -> str:
    """Return how many there are, in words."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}s"


def join(parts: Iterable[object]) -> str:
    """Return some things in words, with commas."""
    return ", ".join(str(part) for part in parts)


def first_ten(ids: Sequence[str]) -> str:
    """Return some sequences in words; from ten on the rest is only counted."""
    text = " ".join(ids[:10])
    if len(ids) > 10:
        return f"{text} and {len(ids) - 10:,} more"
    return text


class Session(NamedTuple):
    """A session of pg_stat_activity, in words, and its locks: `TABLE in MODE`."""

    pid: int
    description: str
    locks: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Whatever holds rows, known by its schema and name."""

    schema: str
    name: str
    oid: int
    visible: bool  # whether the search path finds it by its name alone
    columns: Sequence[str]
    sequence_values: Mapping[str, int]  # of each generated key, the number given out last
    structure: Collection[str] = ()  # its columns, indexes, constraints and triggers, as SQL
    rows: int | None = None  # None: they could not be counted
    limited: bool = False  # whether there are more rows than were counted
    version: str = ""  # changes with each row that is stored, changed or deleted

    @property
    def label(self) -> str:
        """Its name, with its schema where that is needed."""
        name = self.name
        if "." in name:
            name = f'"{name}"'
        if self.visible:
            return name
        return f"{self.schema}.{name}"

    def __str__(self) -> str:
        if self.rows is None:
            return f"{self.label}: not counted"
        text = f"{self.label}: {count(self.rows, 'row')}"
        if self.limited:
            return text.replace(": ", ": more than ")
        return text


@dataclass(frozen=True)
class Database:
    """A row of pg_database, and what is inside; `tables` is None if that cannot be seen."""

    name: str
    oid: int = 0  # 0: there is no such database
    owner: str = ""
    owned: bool = True  # by our role, or a role it is a member of
    valid: bool = True  # not what an interrupted DROP DATABASE left
    comment: str = ""
    locale: Sequence[str] = ()  # encoding, LC_COLLATE, LC_CTYPE
    collation_outdated: bool = False
    size: str = field(default="", compare=False)
    may_create_tables: bool = True
    tables: Sequence[Table] | None = ()
    other_objects: Mapping[str, int] = field(default_factory=dict)  # views, functions ...
    revisions: frozenset[str] = frozenset()  # what alembic_version records
    matching_ids: Sequence[str] | None = None  # the sequences looked for; None: cannot be told
    sessions: Sequence[Session] = field(default=(), compare=False)
    error: str = field(default="", compare=False)  # why it cannot be inspected

    @property
    def usable(self) -> bool:
        """Whether it is there, and not what an interrupted dropdb left."""
        return self.oid != 0 and self.valid

    @property
    def locking_sessions(self) -> Sequence[Session]:
        """The sessions that lock a table."""
        return [session for session in self.sessions if session.locks]

    @property
    def seen_tables(self) -> Sequence[Table]:
        """The tables, as far as they can be seen."""
        if self.tables is None:
            return ()
        return self.tables

    @property
    def tables_with_rows(self) -> Sequence[Table]:
        """The tables that hold rows, or may."""
        return [table for table in self.seen_tables if table.rows != 0]

    @property
    def contents(self) -> str:
        """What is stored, in words; "" is nothing."""
        if not self.valid:
            return ""
        if self.tables is None:
            return "contents that cannot be seen"
        words = [str(table) for table in self.tables_with_rows]
        words += [count(number, kind) for kind, number in self.other_objects.items()]
        return ", ".join(words)

    @property
    def revision(self) -> str:
        """The recorded revisions in words."""
        if self.tables is None:
            return "unknown"
        if not self.revisions:
            return "none"
        return ", ".join(sorted(self.revisions))

    def __str__(self) -> str:
        if not self.oid:
            return "not there yet"
        if not self.valid:
            return "what an interrupted dropdb left"
        contents = self.contents or "no rows"
        return f"{self.size}, {contents}"

    def find(self, schema: str | None, name: str) -> Table | None:
        """Return a table by its schema or, without one, as the search path finds it."""
        for table in self.seen_tables:
            in_schema = table.visible
            if schema:
                in_schema = table.schema == schema
            if in_schema and table.name == name:
                return table
        return None


class Column(NamedTuple):
    """A column of a model."""

    name: str
    required: bool  # it must not be null, and the server has no default for it
    fill: str | None  # the model's scalar default, as SQL
    increment: int  # of the generator that its key gets; 0: none
    computed: bool


class Model(NamedTuple):
    """A table of the models."""

    schema: str | None
    name: str
    columns: Sequence[Column]

    def __str__(self) -> str:
        if self.schema:
            return f"{self.schema}.{self.name}"
        return self.name


class App(NamedTuple):
    """What Backscope says of itself, if it was asked."""

    error: str = ""  # why it does not load, or what it opened
    models: Sequence[Model] = ()  # in an order in which foreign keys hold
    production: bool = False
    differences: Sequence[str] | None = None  # between models and database; None: not compared
    type_changes: Sequence[str] = ()


class Server(NamedTuple):
    """The server, and what our role may do there."""

    version: int  # as 160004
    started: str  # by which it is known
    standby: bool
    may_create: bool  # databases
    superuser: str  # the name of one
    maintenance: str  # the database we are connected to: postgres or, without one, template1


@dataclass(frozen=True)
class Snapshot:
    """All that was seen at one time; two of them are equal if nothing has changed."""

    settings: Settings
    server: Server
    database: Database
    template: Database  # template1
    beside: Database  # NAME.~0~, which is built beside the others
    backups: Mapping[int, Database]  # the one renamed last comes first
    # The revisions in `migrations` and in `migrations.~N~`. Without a database of that number,
    # `migrations.~0~` waits in the middle of a swap.
    migrations: frozenset[str] | None
    folders: Mapping[int, frozenset[str]]
    programs: Collection[str] = ()  # of PostgreSQL's, those that are installed
    app: App = field(default=App(), compare=False)

    @property
    def production(self) -> bool:
        """Whether this may be production: an APP_ENVIRONMENT that is not known may, too."""
        known = self.settings.values["APP_ENVIRONMENT"] in ("development", "testing")
        return self.app.production or not known

    @property
    def layout(self) -> tuple[object, ...]:
        """Which databases and folders there are, whatever is in them."""
        oids = {number: backup.oid for number, backup in self.backups.items()}
        return self.database.oid, self.beside.oid, oids, self.migrations, self.folders

    @property
    def number(self) -> int:
        """The first number that is free for a database and for a folder."""
        number = 1
        while number in self.backups or number in self.folders:
            number += 1
        return number

    @property
    def backup(self) -> str:
        """The name under which the database would be kept."""
        return numbered(self.database.name, self.number)
