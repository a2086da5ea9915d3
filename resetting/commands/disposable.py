"""db-disposable: recreate the database that `flask test` empties."""

from .. import backups, checks
from ..command import Command
from ..problems import Failed


class Disposable(Command):
    """Recreate POSTGRES_DISPOSABLE_DB, empty."""

    help = "recreate POSTGRES_DISPOSABLE_DB, empty, for flask test"
    variable = "POSTGRES_DISPOSABLE_DB"

    def checks(self):
        yield from checks.check_privileges(self.snapshot, self.database)
        yield from checks.check_template(backups.template(self.snapshot))

    def confirmation(self):
        """Return a question where a clear asks, too, and if nobody can see what is lost."""
        asks = self.database.error or self.needs_confirmation
        if asks and self.database.contents:
            return f"This wipes out {self.database.name}: {self.database.contents}."
        return ""

    def steps(self):
        if self.database.oid:
            yield backups.dropdb(self.database.name, self.force)
        yield backups.createdb(self.snapshot, self.database.name)

    def verify(self, now):
        new = now.database
        if new.oid in (0, self.database.oid) or new.tables_with_rows:
            raise Failed(f"{new.name} is not there, or not empty.")
        return f"{new.name} is there, and is empty"
