"""db-status: show the state of things."""

from dataclasses import replace

from .. import console
from ..backups import fits
from ..command import Look
from ..hints import find_hints
from ..snapshot import first_ten, join
from .prune import describe_backup
from .unflag import UNFINISHED


class Status(Look):
    """Show the database, its backups, and what would be refused."""

    help = "show the database, and what would be refused"
    uses_app = True

    @classmethod
    def condition(cls, options):
        return UNFINISHED

    def heading(self):
        snapshot = self.snapshot
        if self.database.usable:
            revision = self.database.revision
            if not fits(self.database, snapshot.migrations):
                revision += ", which migrations does not have"
            yield "Revision", revision
        differences = snapshot.app.differences
        if differences:
            yield "Models", f"flask db migrate would {join(differences)}"
        elif differences is not None:
            yield "Models", "the same as the database"
        yield "Unfinished", first_ten(self.database.matching_ids or ())
        if snapshot.beside.oid:
            yield "Half built", f"{snapshot.beside.name}, until the next KEEP=1 or CARRY=1"
        for number, backup in sorted(snapshot.backups.items()):
            yield "Backup", describe_backup(snapshot, number, backup)
        if snapshot.settings.values["POSTGRES_DISPOSABLE_DB"] == self.database.name:
            yield "Disposable", f"{self.database.name}, which flask test would empty"

    def show(self, commands):
        """Print what would be refused, and what helps."""
        given = dict(self.options.given)
        can_run = "could run"
        if self.snapshot.production:
            given["PRODUCTION"] = "1"
            can_run = "could run with PRODUCTION=1"
        problems = {}
        for name in ("clear", "rebuild"):
            options = replace(self.options, command=name, given=given)
            found = list(commands[name](options, self.snapshot).problems())
            problems.update({problem.message: problem for problem in found})
            verdict = can_run
            if found:
                verdict = "would be refused"
            console.row(f"db-{name}", verdict)
        for problem in problems.values():
            console.show(problem, error=False)
        shown = "\n".join(f"{label} {text}" for label, text in self.heading() if text)
        console.show_hints(find_hints(shown, self.snapshot.settings, self.options))
