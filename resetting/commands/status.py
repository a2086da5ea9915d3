"""db-status: show the state of things."""

from dataclasses import replace

from .. import checks, console
from ..command import Look
from ..migrations import unfinished_moves
from ..problems import Problem
from ..snapshot import first_ten
from .prune import describe_backup
from .unflag import UNFINISHED


class Status(Look):
    """Show the database, its backups, and what would be refused."""

    help = "show the database, and what would be refused"
    uses_app = True
    previewed = ("clear", "rebuild")

    @classmethod
    def condition(cls, options):
        return UNFINISHED

    def heading(self):
        snapshot = self.snapshot
        if self.database.oid and self.database.tables is not None:
            revision = self.database.revision
            if not self.database.revisions <= (snapshot.migrations or frozenset()):
                revision += ", which migrations does not have"
            yield "Revision", revision
        differences = snapshot.app.differences
        if differences:
            yield "Models", f"flask db migrate would {', '.join(differences)}"
        elif differences is not None:
            yield "Models", "the same as the database"
        if self.database.matching_ids:
            yield "Unfinished", f"downloads of {first_ten(self.database.matching_ids)}"
        if snapshot.beside.oid:
            yield "Half built", f"{snapshot.beside.name}, until the next KEEP=1 or CARRY=1"
        for number, backup in sorted(snapshot.backups.items()):
            yield "Backup", describe_backup(snapshot, number, backup)

    def show(self, commands):
        """Print what would be refused, and what helps."""
        given = dict(self.options.given)
        verdict = "could run"
        if self.snapshot.production:
            given["PRODUCTION"] = "1"
            verdict += " with PRODUCTION=1"
        problems = list(self.warnings())
        for name in self.previewed:
            options = replace(self.options, command=name, given=given)
            found = list(commands[name](options, self.snapshot).problems())
            if found:
                console.row(f"db-{name}", "would be refused")
            else:
                console.row(f"db-{name}", verdict)
            problems += found
        for problem in {problem.message: problem for problem in problems}.values():
            console.show(problem, error=False)
        console.show_hints(self.hints())

    def warnings(self):
        """Yield what is wrong, whatever is done next."""
        values = self.snapshot.settings.values
        yield from checks.check_unfinished_swap(self.snapshot)
        if values["POSTGRES_DB"] == values["POSTGRES_DISPOSABLE_DB"]:
            message = "POSTGRES_DISPOSABLE_DB is the main database, which flask test would empty."
            yield Problem(message, self.snapshot.settings.edit_hint)

    def hints(self):
        """Yield the commands that change what was shown."""
        snapshot = self.snapshot
        not_copyable = list(checks.check_copyable(snapshot, self.options))
        if snapshot.app.differences and not not_copyable:
            purpose = "create the tables of the models, and copy the rows"
            yield self.options.hint(purpose, "rebuild", CARRY="1")
        if snapshot.database.matching_ids:
            yield self.options.hint("un-flag them", "unflag")
        if unfinished_moves(snapshot):
            return
        for number, backup in snapshot.backups.items():
            if backup.owned and backup.valid:
                newest = {"N": str(number)}
                yield self.options.hint(f"swap {backup.name} in", "undo", **newest)
                yield self.options.hint(f"remove {backup.name}", "prune", **newest)
                break
