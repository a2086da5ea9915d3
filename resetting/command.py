"""What every command answers: its checks, its question, its steps, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Iterator, Mapping, Sequence

from . import backups, checks
from .options import Options
from .problems import Hint, Problems
from .snapshot import Database, Session, Snapshot
from .steps import Steps, literal

Heading = Iterator[tuple[str, str]]  # labels and texts


@dataclass(frozen=True)
class Command:
    """One way to reset a database; its steps are the documented commands."""

    options: Options
    snapshot: Snapshot
    help: ClassVar[str] = ""
    takes: ClassVar[Sequence[str]] = ("CONFIRM", "FORCE", "PRODUCTION")
    variable: ClassVar[str] = "POSTGRES_DB"  # what names its database
    uses_app: ClassVar[bool] = False  # whether Backscope's app is loaded before anything
    read_only: ClassVar[bool] = False
    counts_all: ClassVar[bool] = True  # rows, to the end

    @classmethod
    def condition(cls, options: Options) -> str:
        """Return which sequences this is about, as a condition of SQL; "" is none."""
        if not options.sequences:
            return ""
        ids = ", ".join(literal(name) for name in options.sequences)
        return f"id IN ({ids})"

    @property
    def database(self) -> Database:
        """The current database."""
        return self.snapshot.database

    @property
    def force(self) -> bool:
        """Whether sessions that are in the way are terminated."""
        return self.options.on("FORCE")

    @property
    def swaps(self) -> bool:
        """Whether an interrupted swap is finished by this command."""
        return False

    @property
    def extended_database(self) -> str:
        """The database in which an extension has to be created for the next try."""
        return "template1"

    def alternatives(self) -> Sequence[Hint]:
        """Return what loses nothing, for the question."""
        return []

    def heading(self) -> Heading:
        """Yield what the heading says beside the target: a label and a text."""
        yield from ()

    def checks(self) -> Problems:
        """Yield which preconditions of this command in particular do not hold."""
        yield from ()

    def blocking_sessions(self) -> Sequence[Session]:
        """Return the sessions in the way, which FORCE=1 terminates."""
        return self.database.sessions

    def problems(self) -> Problems:
        """Yield all that is in the way."""
        yield from checks.check_server(self.snapshot)
        yield from checks.check_app(self.snapshot, self.options)
        yield from checks.check_production(self.snapshot, self.options)
        yield from self.checks()
        yield from checks.check_sessions(self.options, self.blocking_sessions())
        yield from checks.check_programs(self.snapshot, list(self.steps()))

    def needs_confirmation(self) -> bool:
        """Return whether a clear asks: in production, on another machine, not as .env says."""
        settings = self.snapshot.settings
        return self.snapshot.production or not settings.local or bool(settings.overrides)

    def confirmation(self) -> str:
        """Return what would be lost for good, for the question; "" asks nothing."""
        return ""

    def steps(self) -> Steps:
        """Yield the commands, in the documented order; none if there is nothing to do."""
        yield from ()

    def verify_built(self, now: Snapshot) -> None:
        """Raise Failed if what was built beside is not as it should be, before it is swapped in."""

    def verify(self, now: Snapshot) -> str:
        """Return what was reached; raise Failed if it is not as it should be."""
        raise NotImplementedError

    def hints_afterwards(self, now: Snapshot) -> Sequence[Hint]:
        """Return what helps after a run that was done."""
        return []

    def cleanup(self, now: Snapshot, created: Mapping[str, int]) -> Steps:
        """Yield what removes what a run that failed has `created`: the oids of databases."""
        yield from backups.remove_beside(now, created.get(now.beside.name, 0))


class Look(Command):
    """A command that only looks: it takes no lock, refuses nothing and runs no step."""

    takes = ("PRODUCTION",)
    read_only = True

    def problems(self) -> Problems:
        yield from ()

    def show(self, commands: Mapping[str, type[Command]]) -> None:
        """Print what there is to show below the heading; `commands` are all by their names."""
