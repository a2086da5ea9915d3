"""db-undo: swap a backup and the current pair; and how an interrupted swap is finished."""

from .. import backups, checks
from ..backups import unfinished_moves
from ..command import Command
from ..problems import Failed, Problem
from ..snapshot import Database


class Undo(Command):
    """Swap a backup and the current pair; run again, swap them back."""

    help = "swap a backup in; run again, it swaps back"
    takes = ("N", *Command.takes)
    counts_all = False
    swaps = True

    @property
    def number(self):
        """The number of the backup: the one asked for, else the newest; 0: there is none."""
        if self.options["N"]:
            return int(self.options["N"])
        return next(iter(self.snapshot.backups), 0)

    @property
    def backup(self):
        """Its database, which may not be there."""
        return self.snapshot.backups.get(self.number, Database(""))

    def checks(self):
        if self.backup.usable:
            yield from checks.check_privileges(self.snapshot, self.backup, self.database)
        else:
            yield Problem("There is no such backup, or it is not valid.")

    def blocking_sessions(self):
        if not self.backup.oid:
            return []
        return [*self.backup.sessions, *self.database.sessions]

    def heading(self):
        if self.backup.oid:
            yield "Comes back", f"{self.backup.name}: {self.backup}"

    def steps(self):
        if self.backup.oid:
            yield from backups.swap_back(self.snapshot, self.number, self.force)

    def verify(self, now):
        if now.database.oid != self.backup.oid or unfinished_moves(now):
            raise Failed("The undo is not finished.")
        return f"{now.database.name} is back: {now.database}"


class FinishSwap(Command):
    """Move the migrations to their databases, which an interrupted swap has left undone."""

    def heading(self):
        yield "Unfinished", "a swap was interrupted; this finishes it"

    def blocking_sessions(self):
        return []

    def steps(self):
        yield from unfinished_moves(self.snapshot)

    def verify(self, now):
        if unfinished_moves(now):
            raise Failed("The migrations are still not with their databases.")
        name = now.database.name
        return f"The interrupted swap is finished; {name} is there: {now.database}"
