"""Reset the database of a Backscope checkout, and lose nothing by surprise.

First Backscope's page "Resetting the database" (doc/resetting-the-database.md) as code, then the
command line. How a run goes is in `resetting/runner.py`.
"""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while this is loaded

from resetting import backups, checks, comparison, console, copies
from resetting.command import Command
from resetting.commands.disposable import Disposable
from resetting.commands.prune import Prune
from resetting.commands.sequences import ClearSequences, terminate
from resetting.commands.status import Status
from resetting.commands.undo import Undo
from resetting.commands.unflag import Unflag
from resetting.environment import check_environment, find_checkout
from resetting.options import parse, usage
from resetting.problems import Failed, Refused, describe_fault, refuse
from resetting.snapshot import count, join
from resetting.steps import flask, numbered


class Clear(Command):
    """Clear the stored data, but keep the database structure."""

    help = "clear the stored data, or only some sequences"
    takes = ("SEQ", "KEEP", *Command.takes)

    @property
    def template(self):
        return self.database.name

    def blocking_sessions(self):
        if self.keeps:
            return self.database.sessions
        return self.database.locking_sessions

    def checks(self):
        yield from checks.check_exists(self.snapshot)
        yield from checks.check_recreatable(self.snapshot)
        if self.keeps:
            yield from checks.check_privileges(self.snapshot, self.database)
            yield from checks.check_template(self.database)

    def confirmation(self):
        rows = join(self.database.tables_with_rows)
        if self.keeps or not rows or not self.needs_confirmation:
            return ""
        return f"This clears all the stored data of {self.database.name}: {rows}."

    def steps(self):
        database = ""
        if self.keeps:
            database = self.snapshot.beside.name
            yield from backups.copy(self.snapshot, self.force)
        elif self.force:
            yield from terminate(self.snapshot, self.blocking_sessions())
        # 2. Clear the database by calling `flask clear-database`.
        yield flask("clear-database", interactive=self.snapshot.production, database=database)
        if self.keeps:
            moves = self.snapshot.migrations is not None
            yield from backups.swap_in(self.snapshot, self.force, moves)

    def verify(self, now):
        done = f"{now.database.name} is cleared"
        stored = self.check_built(now.database)
        if stored:
            done += f"; stored since: {join(stored)}"
        if self.keeps:
            comparison.check_swapped(self.snapshot, now)
            done += f"; what it had is kept as {self.snapshot.backup}"
        return done

    def check_built(self, cleared):
        """Return what was stored since; raise Failed if rows are left, or structure was lost."""
        comparison.check_seen(cleared)
        known = {table.oid for table in self.database.tables}
        left = [table for table in cleared.tables_with_rows if table.oid in known]
        if left and known == {table.oid for table in cleared.tables}:
            raise Failed("Backscope took no action.")
        if left:
            raise Failed(f"Not in the models, so not cleared: {join(left)}.")
        lost = comparison.lost_structure(self.database, cleared)
        if lost:
            message = "It is cleared, but made as today's models are. These are gone:"
            raise Failed("\n".join([message, *lost]))
        return [table for table in cleared.tables_with_rows if table.oid not in known]


class Rebuild(Command):
    """Wipe out the whole database structure and build a fresh database from scratch."""

    help = "drop and rebuild the database; the first time, set it up"
    takes = ("KEEP", "CARRY", *Command.takes)
    uses_app = True

    @property
    def carries(self):
        """Whether the rows are copied."""
        return self.keeps and self.options.on("CARRY")

    def checks(self):
        yield from checks.check_privileges(self.snapshot, self.database)
        yield from checks.check_template(backups.template(self.snapshot))
        yield from checks.check_unfinished_swap(self.snapshot)
        if self.carries:
            yield from checks.check_copyable(self.snapshot, self.options)

    def confirmation(self):
        contents = self.database.contents
        if self.keeps or not contents:
            return ""
        name = self.database.name
        return f"This wipes out the entire structure and contents of {name}: {contents}."

    def heading(self):
        yield from super().heading()
        if self.carries:
            yield from copies.describe_copy(self.snapshot)
        if self.snapshot.migrations is not None:
            yield "Migrations", f"migrations -> {numbered('migrations', self.snapshot.number)}"

    def steps(self):
        snapshot = self.snapshot
        if self.keeps:  # the same beside the current pair; then the two are swapped
            yield from backups.build(snapshot)
            if self.carries:
                if self.force:
                    yield from terminate(snapshot, self.database.locking_sessions)
                compare = self.options.dry_run or not self.force
                yield from copies.copy_rows(snapshot, compare)
            yield from backups.swap_in(snapshot, self.force)
            return
        # 2. Erase every trace of the database by calling `dropdb <database name>`.
        if self.database.oid:
            yield backups.dropdb(self.database.name, self.force)
        # 3. Forget local information about past migrations by renaming the `migrations` folder.
        yield from backups.set_migrations_aside(snapshot)
        # 4. Create a new database and furnish it with the Backscope database structure.
        yield backups.createdb(snapshot, self.database.name)
        yield flask("db", "init")
        yield flask("db", "migrate")
        yield flask("db", "upgrade")

    def check_built(self, new):
        comparison.check_structure(new, self.snapshot.app.models)

    def verify(self, now):
        new = now.database
        self.check_built(new)
        verb = "set up"
        if self.database.oid:
            verb = "rebuilt"
        tables = count(len(new.tables), "table")
        done = f"{new.name} is {verb}: {tables} at revision {new.revision}"
        if self.keeps:
            comparison.check_swapped(self.snapshot, now)
        if self.carries:
            copied = [table for _, table in copies.rows_to_copy(self.snapshot)]
            done += f"; copied {join(copied)}"
            kept = now.backups[self.snapshot.number]
            later = comparison.describe_changes(self.database, kept)
            if later:
                done += f"; changed meanwhile, perhaps only in {kept.name}: {join(later)}"
        return done


KINDS = (Status, Clear, Unflag, Rebuild, Undo, Prune, Disposable)
COMMANDS = {kind.__name__.lower(): kind for kind in KINDS}


def main(arguments, environ):
    """Run a command line; return the exit status: 0, 1, 2 or 130."""
    console.allow_any_character()
    try:
        if not arguments or {"help", "-h", "--help"} & set(arguments):
            console.say(usage(COMMANDS))
            return 0
        options = parse(arguments, COMMANDS, environ)
        checkout = find_checkout(options)
        refuse(check_environment(options, checkout))
        from resetting.runner import Run  # its packages are known to load now

        kind = COMMANDS[options.command]
        if kind is Clear and options.sequences:
            kind = ClearSequences
        Run(options).run(kind, COMMANDS, checkout)
        return 0
    except (Refused, Failed) as error:
        console.say(error.heading, console.BOLD, error=True)
        for problem in error.args:
            console.show(problem)
        return error.status
    except Exception as error:  # no traceback reaches a user
        console.say(f"\n{describe_fault(error)}", error=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
