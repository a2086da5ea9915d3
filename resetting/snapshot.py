"""What was seen at one time, as nouns; knows neither how it was seen nor what follows."""

from dataclasses import dataclass, field
from typing import NamedTuple

from .settings import Settings
from .steps import numbered

BUILDING = "backscope-reset is building this"  # the comment of a database that is not ready
COUNT_LIMIT = "10000"  # where counting the rows of a backup ends


def count(number, noun):
    """Return how many there are, in words."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}s"


def join(parts):
    """Return some things in words, with commas."""
    return ", ".join(str(part) for part in parts)


def first_ten(ids):
    """Return some sequences in words; from ten on the rest is only counted."""
    text = " ".join(ids[:10])
    if len(ids) > 10:
        return f"{text} and {len(ids) - 10:,} more"
    return text


class Session(NamedTuple):
    """A session of pg_stat_activity, in words, and what it locks."""

    pid: int
    description: str
    locks_table: bool
    blocks_sequences: bool  # whether it has a lock at which a change of their rows waits


@dataclass(frozen=True)
class Table:
    """Whatever holds rows, known by its schema and name."""

    schema: str
    name: str
    label: str  # its name, with its schema where that is needed
    oid: int
    visible: bool  # whether the search path finds it by its name alone
    columns: list
    sequence_values: dict  # of each generated key, the number given out last
    structure: list = ()  # its columns, indexes, constraints and triggers, as SQL
    rows: int = None  # None: they could not be counted
    limited: bool = False  # whether there are more rows than were counted
    version: str = ""  # changes with each row that is stored, changed or deleted

    def __str__(self):
        if self.rows is None:
            return f"{self.label}: not counted"
        number = count(self.rows, "row")
        if self.limited:
            number = f"more than {number}"
        return f"{self.label}: {number}"


@dataclass(frozen=True)
class Database:
    """A row of pg_database, and what is inside."""

    name: str
    oid: int = 0  # 0: there is no such database
    owner: str = ""
    owned: bool = True  # by our role, or a role it is a member of
    valid: bool = True  # not what an interrupted DROP DATABASE left
    comment: str = ""
    locale: list = ()  # encoding, LC_COLLATE, LC_CTYPE
    collation_outdated: bool = False
    size: str = field(default="", compare=False)
    error: str = ""  # why it cannot be inspected; then nothing of what follows is known
    closed_schema: str = ""  # where tables would be created, if our role may not
    tables: list = ()
    other_objects: dict = field(default_factory=dict)  # views, functions ...
    revisions: frozenset = frozenset()  # what alembic_version records
    matching_ids: list = None  # the sequences looked for; None: cannot be told
    sessions: list = field(default=(), compare=False)

    @property
    def usable(self):
        """Whether it is there, and not what an interrupted dropdb left."""
        return self.oid != 0 and self.valid

    @property
    def locking_sessions(self):
        """The sessions that lock a table."""
        return [session for session in self.sessions if session.locks_table]

    @property
    def tables_with_rows(self):
        """The tables that hold rows, or may."""
        return [table for table in self.tables if table.rows != 0]

    @property
    def contents(self):
        """What is stored, in words; "" is nothing."""
        if self.error:
            return "contents that cannot be seen"
        words = [str(table) for table in self.tables_with_rows]
        words += [count(number, kind) for kind, number in self.other_objects.items()]
        return ", ".join(words)

    @property
    def revision(self):
        """The recorded revisions in words."""
        if self.error:
            return "unknown"
        return ", ".join(sorted(self.revisions)) or "none"

    def __str__(self):
        if not self.oid:
            return "not there yet"
        if not self.valid:
            return "what an interrupted dropdb left"
        return f"{self.size}, {self.contents or 'no rows'}"

    def find(self, schema, name):
        """Return a table by its schema or, without one, as the search path finds it."""
        for table in self.tables:
            in_schema = table.schema == schema or (table.visible and not schema)
            if in_schema and table.name == name:
                return table
        return None


class Column(NamedTuple):
    """A column of a model."""

    name: str
    required: bool  # it must not be null, and the server has no default for it
    fill: str  # the model's scalar default as SQL, if it is required; None: there is none
    increment: int  # of the generator that its key gets; 0: none
    computed: bool


class Model(NamedTuple):
    """A table of the models."""

    schema: str  # None: it is found by the search path
    name: str
    columns: list

    def __str__(self):
        if self.schema:
            return f"{self.schema}.{self.name}"
        return self.name


class App(NamedTuple):
    """What Backscope says of itself, if it was asked."""

    error: str = ""  # why it does not load, or what it opened
    models: list = ()  # in an order in which foreign keys hold
    production: bool = False
    differences: list = None  # between models and database; None: not compared
    type_changes: list = ()


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
    backups: dict  # the one renamed last comes first
    # The revisions in `migrations` and in `migrations.~N~`. Without a database of that number,
    # `migrations.~0~` waits in the middle of a swap.
    migrations: frozenset
    folders: dict
    programs: list = ()  # of PostgreSQL's, those that are installed
    app: App = field(default=App(), compare=False)

    @property
    def production(self):
        """Whether this may be production: an APP_ENVIRONMENT that is not known may, too."""
        known = self.settings.values["APP_ENVIRONMENT"] in ("development", "testing")
        return self.app.production or not known

    @property
    def layout(self):
        """Which databases and folders there are, whatever is in them."""
        oids = {number: backup.oid for number, backup in self.backups.items()}
        return self.database.oid, self.beside.oid, oids, self.migrations, self.folders

    @property
    def number(self):
        """The first number that is free for a database and for a folder."""
        number = 1
        while number in self.backups or number in self.folders:
            number += 1
        return number

    @property
    def backup(self):
        """The name under which the database would be kept."""
        return numbered(self.database.name, self.number)
