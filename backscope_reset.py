"""Reset the database of a Backscope checkout, and lose nothing by surprise.

First Backscope's page "Resetting the database" (doc/resetting-the-database.md) as code, then the
command line. How a run goes is in `resetting/runner.py`.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Mapping, Sequence

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
from resetting.problems import Failed, Problem, Refused, describe_fault, refuse
from resetting.snapshot import count, join
from resetting.steps import flask, numbered


class Clear(Command):
    """Clear the stored data, but keep the database structure."""

    help = "clear the stored data, or only some sequences"
    takes = ("SEQ", "KEEP", *Command.takes)

    @property
    def swaps(self):
        return self.options.on("KEEP")

    @property
    def keeps(self):
        """Whether a copy of the pair is cleared, and then swapped in."""
        return self.swaps and self.database.usable

    def blocking_sessions(self):
        if self.keeps:
            return self.database.sessions
        return self.database.locking_sessions

    def checks(self):
        yield from checks.check_exists(self.snapshot, self.options)
        yield from checks.check_recreatable(self.snapshot)
        if self.keeps:
            yield from checks.check_privileges(self.snapshot, self.database)
            yield from checks.check_template(self.snapshot, self.database)
            yield from checks.check_unfinished_swap(self.snapshot)
            yield from checks.check_beside(self.snapshot)

    def confirmation(self):
        rows = join(self.database.tables_with_rows)
        if self.keeps or not rows or not self.needs_confirmation():
            return ""
        return f"This clears all the stored data of {self.database.name}: {rows}."

    def alternatives(self):
        return [self.options.hint("keep them beside the new one", KEEP="1")]

    @property
    def extended_database(self):
        return self.database.name

    def heading(self):
        if self.keeps:
            yield "Kept as", self.snapshot.backup

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

    def verify_built(self, now):
        self.check_cleared(now.beside)

    def verify(self, now):
        self.check_cleared(now.database)
        done = f"{now.database.name} is cleared"
        known = {table.oid for table in self.database.seen_tables}
        stored = [table for table in now.database.tables_with_rows if table.oid not in known]
        if stored:
            done += f"; stored since: {join(stored)}"
        if self.keeps:
            comparison.check_swapped(self.snapshot, now)
            done += f"; what it had is kept as {self.snapshot.backup}"
        return done

    def check_cleared(self, cleared):
        """Raise Failed if a database still has rows, or has lost some of its structure."""
        rebuild = self.options.hint("create it from the models", "rebuild", KEEP="1")
        comparison.check_seen(cleared)
        known = {table.oid for table in self.database.seen_tables}
        left = [table for table in cleared.tables_with_rows if table.oid in known]
        if left and known == {table.oid for table in cleared.seen_tables}:
            status = self.options.hint("see what there is", "status")
            raise Failed(Problem("Backscope took no action.", status))
        if left:
            message = f"Not in the models, so not cleared: {join(left)}."
            raise Failed(Problem(message, rebuild))
        lost = comparison.lost_structure(self.database, cleared)
        if lost:
            message = "It is cleared, but made as today's models are. These are gone:"
            raise Failed(Problem("\n".join([message, *lost]), rebuild))


class Rebuild(Command):
    """Wipe out the whole database structure and build a fresh database from scratch."""

    help = "drop and rebuild the database; the first time, set it up"
    takes = ("KEEP", "CARRY", *Command.takes)
    uses_app = True

    @property
    def swaps(self):
        return self.options.on("KEEP") or self.options.on("CARRY")

    @property
    def keeps(self):
        """Whether the new pair is built beside the current one."""
        return self.swaps and self.database.usable

    @property
    def carries(self):
        """Whether the rows are copied."""
        return self.keeps and self.options.on("CARRY")

    def checks(self):
        yield from checks.check_privileges(self.snapshot, self.database)
        yield from checks.check_template(self.snapshot, backups.template(self.snapshot))
        yield from checks.check_unfinished_swap(self.snapshot)
        if self.carries:
            yield from checks.check_copyable(self.snapshot, self.options)
        if self.keeps:
            yield from checks.check_beside(self.snapshot)

    def confirmation(self):
        contents = self.database.contents
        if self.keeps or not contents:
            return ""
        name = self.database.name
        return f"This wipes out the entire structure and contents of {name}: {contents}."

    def alternatives(self):
        keep = self.options.hint("keep it beside the new one", KEEP="1")
        return [keep, self.options.hint("keep it and copy the rows", CARRY="1")]

    @property
    def extended_database(self):
        return backups.template(self.snapshot).name

    def heading(self):
        if self.keeps:
            yield "Kept as", self.snapshot.backup
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

    def verify_built(self, now):
        comparison.check_structure(now.beside, self.snapshot.app.models)

    def verify(self, now):
        new = now.database
        comparison.check_structure(new, self.snapshot.app.models)
        if self.keeps:
            comparison.check_swapped(self.snapshot, now)
        verb = "set up"
        if self.database.oid:
            verb = "rebuilt"
        tables = count(len(new.seen_tables), "table")
        done = f"{new.name} is {verb}: {tables} at revision {new.revision}"
        if self.carries:
            copied = join(table for _, table in copies.rows_to_copy(self.snapshot))
            done += f"; copied {copied}"
        later = self.stored_later(now)
        if later:
            done += f"; changed meanwhile, perhaps only in {self.snapshot.backup}: {join(later)}"
        return done

    def stored_later(self, now):
        """Return which rows of the kept database were stored after they were copied."""
        if not self.carries:
            return []
        kept = now.backups[self.snapshot.number]
        return comparison.describe_changes(self.database, kept)

    def hints_afterwards(self, now):
        if not self.stored_later(now):
            return []
        undo = self.options.hint("swap that one in again", "undo", N=str(self.snapshot.number))
        return [undo, self.options.hint("copy its rows once more, then", CARRY="1")]


KINDS: Sequence[type[Command]] = (Status, Clear, Unflag, Rebuild, Undo, Prune, Disposable)
COMMANDS: Mapping[str, type[Command]] = {kind.__name__.lower(): kind for kind in KINDS}


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command line; return the exit status: 0, 1, 2 or 130."""
    console.allow_any_character()
    try:
        if not arguments or {"help", "-h", "--help"} & set(arguments):
            console.say(usage(COMMANDS))
            return 0
        options = parse(arguments, COMMANDS, environ)
        refuse(check_environment(options, find_checkout(options)))
        from resetting.runner import Run  # its packages are known to load now

        kind = COMMANDS[options.command]
        if kind is Clear and options.sequences:
            kind = ClearSequences
        Run(options).run(kind, COMMANDS)
        return 0
    except Refused as error:
        console.say("\nNothing was changed.", console.BOLD, error=True)
        for problem in error.problems:
            console.show(problem)
        return 2
    except Failed as error:
        console.say(error=True)
        console.show(error.problem, console.RED)
        return error.status
    except Exception as error:  # no traceback reaches a user
        console.say(f"\n{describe_fault(error)}", error=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
