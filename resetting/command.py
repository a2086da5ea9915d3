"""What every command answers: its checks, its question, its steps, and what came of them."""

from dataclasses import dataclass

from . import checks
from .hints import find_hints
from .options import Options
from .problems import Problem
from .snapshot import Snapshot
from .steps import literal


@dataclass(frozen=True)
class Command:
    """One way to reset a database; its steps are the documented commands."""

    options: Options
    snapshot: Snapshot

    help = ""
    takes = ("CONFIRM", "FORCE", "PRODUCTION")
    variable = "POSTGRES_DB"  # what names its database
    uses_app = False  # whether Backscope's app is loaded before anything
    read_only = False
    counts_all = True  # rows, to the end
    template = "template1"  # where an extension or a right has to be for the next try

    @classmethod
    def condition(cls, options):
        """Return which sequences this is about, as a condition of SQL."""
        if not options.sequences:
            return "false"
        ids = ", ".join(literal(name) for name in options.sequences)
        return f"id IN ({ids})"

    @property
    def database(self):
        """The current database."""
        return self.snapshot.database

    @property
    def force(self):
        """Whether sessions that are in the way are terminated."""
        return self.options.on("FORCE")

    @property
    def needs_confirmation(self):
        """Whether a clear asks: in production, on another machine, not as .env says."""
        settings = self.snapshot.settings
        return self.snapshot.production or not settings.local or settings.overrides

    @property
    def swaps(self):
        """Whether a pair is swapped, so that an interrupted swap is finished by this command."""
        return self.options.on("KEEP") or self.options.on("CARRY")

    @property
    def keeps(self):
        """Whether the new pair is built beside the current one, and then swapped in."""
        return self.swaps and self.database.usable

    def heading(self):
        """Yield what the heading says beside the target: labels and texts."""
        if self.keeps:
            yield "Kept as", self.snapshot.backup

    def checks(self):
        """Return which preconditions of this command in particular do not hold."""
        return []

    def blocking_sessions(self):
        """Return the sessions in the way, which FORCE=1 terminates."""
        return self.database.sessions

    def problems(self):
        """Yield all that is in the way, with what helps against what is said."""
        for problem in self.all_checks():
            settings = self.snapshot.settings
            hints = find_hints(problem.message, settings, self.options, self.template)
            yield Problem(problem.message, *problem.hints, *hints)

    def all_checks(self):
        """Yield which preconditions do not hold."""
        yield from checks.check_server(self.snapshot)
        yield from checks.check_app(self.snapshot)
        yield from checks.check_production(self.snapshot, self.options)
        if self.swaps:
            yield from checks.check_beside(self.snapshot)
        yield from self.checks()
        yield from checks.check_sessions(self.options, self.blocking_sessions())
        yield from checks.check_programs(self.snapshot, self.steps())

    def confirmation(self):
        """Return what would be lost for good, for the question; "" asks nothing."""
        return ""

    def steps(self):
        """Return the commands, in the documented order; none if there is nothing to do."""
        return []

    def check_built(self, database):
        """Raise Failed if what was built is not as it should be, before it is swapped in."""

    def verify(self, now):
        """Return what was reached; raise Failed if it is not as it should be."""


class Look(Command):
    """A command that only looks: it takes no lock, refuses nothing and runs no step."""

    takes = ("PRODUCTION",)  # as it is in the environment of who works on a server
    read_only = True

    def problems(self):
        return []

    def show(self, commands):
        """Print what there is to show below the heading; `commands` are all by their names."""
