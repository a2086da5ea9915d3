"""db-status: show the state of things."""

from dataclasses import replace

from .. import console
from ..backups import fits, unfinished_moves
from ..checks import check_copyable
from ..command import Look
from ..problems import Hint
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
        console.show_hints(self.hints())

    def hints(self):
        """Yield the commands that change what was shown."""
        snapshot = self.snapshot
        settings = snapshot.settings
        if settings.values["POSTGRES_DISPOSABLE_DB"] == settings.database:
            purpose = "name another database for flask test, which would empty this one"
            yield Hint(settings.edit_hint.command, purpose)
        if snapshot.app.differences and not list(check_copyable(snapshot, self.options)):
            purpose = "create the tables of the models, and copy the rows"
            yield self.options.hint(purpose, "rebuild", CARRY="1")
        if snapshot.database.matching_ids:
            yield self.options.hint("un-flag them", "unflag")
        for number, backup in list(snapshot.backups.items())[:1]:
            if backup.owned and backup.valid and not unfinished_moves(snapshot):
                yield self.options.hint(f"swap {backup.name} in", "undo", N=str(number))
                yield self.options.hint(f"remove {backup.name}", "prune", N=str(number))
