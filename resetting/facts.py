"""What can be seen, as nouns. Knows neither how it was seen nor what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Mapping, Sequence

from . import Finding
from .contents import Contents, Database, Table
from .settings import Settings

# The lock modes that a DELETE or an UPDATE does not wait for ("Table-Level Lock Modes").
COMPATIBLE = ("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock")


@dataclass(frozen=True)
class Session:
    """A session of pg_stat_activity."""

    pid: int
    role: str
    application: str
    state: str
    since: str
    client: str  # the address; "" is the Unix socket
    port: int  # the client's; -1 is the Unix socket, 0 is not for our role to see
    can_end: bool  # whether our role may end it
    database: str
    holds: str = ""  # the table that it locks

    def __str__(self) -> str:
        place = f"locks {self.holds}" if self.holds else f"on {self.database}"
        state = f"{self.state} since {self.since}" if self.state else ""
        client = f"from {self.client} port {self.port}" if self.port > 0 else ""
        client = "by the socket" if self.port < 0 else client
        words = [self.application, f"role {self.role}", state, client]
        return f"pid {self.pid} {place}: {', '.join(filter(None, words))}"


@dataclass(frozen=True)
class Lock:
    """A lock that a session holds on a table of the database."""

    session: Session
    table: str
    mode: str

    @property
    def locking(self) -> Session:
        """The session with what it locks."""
        return replace(self.session, holds=self.table)

    @property
    def stops_rows(self) -> bool:
        """Whether a change of some sequences would wait for it."""
        return self.table == "sequences" and self.mode not in COMPATIBLE

    @property
    def stops_some(self) -> bool:
        """Whether its session may have locked some sequences ("Row-Level Locks")."""
        return self.table == "sequences" and self.mode in ("RowShareLock", "RowExclusiveLock")


@dataclass(frozen=True)
class Folder:
    """A folder of migrations."""

    path: Path
    revisions: frozenset[str]
    heads: frozenset[str]
    since: float  # of its last renaming, seconds since the epoch
    read: bool = True  # whether each of its files tells a revision


@dataclass(frozen=True)
class Folders:
    """The folders of migrations of a checkout; number 0 waits in the middle of a swap."""

    there: bool  # whether there is anything called migrations
    current: Folder | None
    numbered: Mapping[int, Folder]


@dataclass(frozen=True)
class App:
    """What Backscope says of itself."""

    error: str = ""  # why it does not load or, if it `loads`, what is wrong with its models
    loads: bool = False
    missing: str = ""  # the module that it lacks
    kind: str = ""  # the class of the error
    environments: Sequence[str] = ()  # those it knows, if APP_ENVIRONMENT is none of them
    production: bool = False
    url: Mapping[str, str] | None = None  # where its URL leads, if not to the target
    elsewhere: str = ""  # what the seat belt said
    tables: Mapping[str, Sequence[str]] | None = None  # of the models, with their columns
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)  # which rows have to bring
    bound: Sequence[str] = ()  # tables of other binds, which no migration makes
    directory: str = "migrations"  # where flask db keeps them
    lacks: Sequence[str] = ()  # which of clear-database and flask db it has not
    full: Sequence[str] = ()  # tables with a new column into which no row could come along
    differences: Sequence[str] | None = None  # between models and database; None: not compared


@dataclass(frozen=True)
class Looks:
    """What is to be looked at, beside the database itself."""

    pairs: bool = False  # what is in the kept databases, too
    others: bool = False  # what all other databases record, whether or not a folder is nobody's
    flags: bool = False  # which downloads never finished (H30)
    sequences: tuple[str, ...] = ()  # which of these are cached
    exact: bool = False  # count all rows, however long it takes
    copies: bool = False  # whether all rows are copies of those kept last, however long it takes


@dataclass(frozen=True)
class Facts:
    """All that was seen at one time."""

    settings: Settings
    folders: Folders
    app: App = App()
    programs: frozenset[str] = frozenset()  # which of those that are needed are on the PATH
    writable: bool = True  # the checkout
    trouble: Finding | None = None  # why the server, or the inside, could not be looked at
    reached: bool = False  # whether there is a server to be seen
    maintained: bool = True  # whether the maintenance database can be opened
    busy: bool = False  # whether another reset is running
    started: str = ""  # when the server was started, by which it is known
    creates: bool = False  # whether our role may create databases
    database: Database | None = None
    template: Database | None = None  # template1
    kept: Mapping[int, Database] = field(default_factory=dict)  # the newest first
    sessions: tuple[Session, ...] = ()  # on the database, the kept ones and template1
    locks: tuple[Lock, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)  # revision -> another's database
    hidden: tuple[str, ...] = ()  # the databases that cannot be looked into, if others were
    copied: bool = False  # whether it holds nothing but rows of the one it is being filled from
    cached: tuple[str, ...] = ()  # those of the sequences asked for
    stuck: tuple[str, ...] | None = None  # downloads that never finished (H30); None: not seen

    @property
    def contents(self) -> Contents | None:
        """What is inside the database."""
        return self.database.contents if self.database else None

    @property
    def tables(self) -> Mapping[str, Table]:
        """The tables inside the database."""
        return self.contents.tables if self.contents else {}

    @property
    def outside(self) -> set[str]:
        """The tables that are not in the models, as far as is known; a clear leaves them (H20)."""
        models = self.tables if self.app.tables is None else {*self.app.tables, *self.app.bound}
        return {name for name, table in self.tables.items() if table.view or name not in models}

    @property
    def ours(self) -> Mapping[int, Database]:
        """The kept databases that our role may rename, the newest first (H14)."""
        return {number: one for number, one in self.kept.items() if one.owned}

    @property
    def oid(self) -> int:
        """The oid of the database; 0 if there is none."""
        return self.database.oid if self.database else 0

    @property
    def production(self) -> bool:
        """Whether this is a production database (H19)."""
        return self.settings.environment == "production" or self.app.production

    def on(self, *databases: str) -> list[Session]:
        """Give the sessions on some databases, with what they lock."""
        locking = {lock.session.pid: lock.locking for lock in reversed(self.locks)}
        return [locking.get(one.pid, one) for one in self.sessions if one.database in databases]
