"""Reset the database of a Backscope checkout, and lose nothing by surprise.

First Backscope's page "Resetting the database" (doc/resetting-the-database.md) as code, then
how a run goes, then the command line. What the words mean is in `resetting/`.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from dataclasses import replace
from typing import Iterator, Mapping, Sequence

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while this is loaded

from resetting import Failed, Problem, Refused, Step, backups, command, console, refuse, rename
from resetting.backscope import environment_problems, find_checkout
from resetting.commands import Disposable, Forget, Status, Undo, Unflag
from resetting.options import Options, parse, usage
from resetting.procedure import Procedure
from resetting.state import Database, Session, State, count


class Clear(Procedure):
    """Clear the stored data, but keep the database structure."""

    help = "clear the stored data, or only some sequences"
    takes = ("SEQ", *Procedure.takes)

    def in_the_way(self) -> Sequence[Session]:
        return [session for session in super().in_the_way() if session.locks]

    def loses(self) -> str:
        database = self.state.database
        what = f"This clears all the stored data of {database.name}: {database.counts}."
        return what if database.counts and self.unusual() else ""

    def steps(self) -> Iterator[Step]:
        yield from self.ending()
        # 2. Clear the database by calling `flask clear-database`.
        yield command("flask", "clear-database", asks=self.state.production)

    def check(self, now: State) -> str:
        if now == self.state:
            status = (self.options.again("status"), "shows what there is")
            raise Failed(Problem("Backscope took no action.", status))
        left = [str(table) for table in now.database.tables or () if table.rows != 0]
        if left:
            keep = (self.options.again("rebuild", KEEP="1"), "makes it anew, and keeps the old one")
            raise Failed(Problem(f"Not in the models, so not cleared: {', '.join(left)}.", keep))
        old = self.state.database.counts
        return f"{now.database.name} is {f'cleared of {old}' if old else 'empty'}"


class Rebuild(Procedure):
    """Wipe out the whole database structure and build a fresh database from scratch."""

    help = "drop and rebuild the database; the first time, set it up"
    takes = ("KEEP", "CARRY", *Procedure.takes)
    probes = True

    @property
    def kept(self) -> Database | None:
        """The database that is to be kept: not an empty one, nor one that is half filled."""
        wanted = self.options.on("KEEP") or self.options.on("CARRY")
        old = self.state.database
        return old if wanted and old.counts and not self.state.source else None

    @property
    def source(self) -> Database | None:
        """Where the rows are: in what is kept now, or was by a run that was killed."""
        begun = not self.state.database.tables and not self.state.database.revisions
        newest = next(iter(self.state.kept.values()), None) if begun else None
        return (self.state.source or self.kept or newest) if self.options.on("CARRY") else None

    def problems(self) -> Iterator[Problem]:
        yield from self.rights(self.state.database)
        yield from self.keep(self.source)
        yield from self.unfinished()

    def loses(self) -> str:
        old = self.state.database
        what = f"This wipes out the entire structure and contents of {old.name}: {old.counts}."
        return what if old.counts and not self.kept else ""

    def heading(self) -> Iterator[tuple[str, str]]:
        kept, source, stays = self.kept, self.source, backups.staying(self.state, self.source)
        if kept:
            yield "Kept as", self.state.backup
        if source and source is not kept:
            yield "Rows from", f"{source.name}: {source}"
        if stays:
            yield "Not copied", f"{stays}, not in the models"
        for step in backups.set_migrations_aside(self.state):
            yield "Migrations", " -> ".join(step.argv[1:])

    def steps(self) -> Iterator[Step]:
        state, kept, source = self.state, self.kept, self.source
        # 2. Erase every trace of the database by calling `dropdb <database name>`.
        if kept:
            yield from self.ending()
            yield rename((kept.name, state.backup))
        else:
            yield from self.dropdb()
        # 3. Forget local information about past migrations by renaming the `migrations` folder.
        yield from backups.set_migrations_aside(state)
        # 4. Create a new database and furnish it with the Backscope database structure.
        yield backups.createdb(state)
        if source:
            yield backups.mark(state, source)
        yield command("flask", "db", "init")
        yield command("flask", "db", "migrate")
        yield command("flask", "db", "upgrade")
        if source:
            yield from backups.carry(state, source, state.backup if kept else source.name)
            yield backups.mark(state, None)

    def check(self, now: State) -> str:
        new, source, models = now.database, self.source, self.state.app.models
        lacking = [str(model) for model in models if not new.find(model.schema, model.name)]
        if not new.revisions or lacking:
            lacks = f"tables {', '.join(lacking)}" if lacking else "revision"
            raise Failed(Problem(f"{new.name} has no {lacks}: flask db migrate made none."))
        for model, old in backups.rows_to_copy(self.state, source):
            table = new.find(model.schema, model.name)
            if not table or table.rows != old.rows:
                raise Failed(Problem(f"Not all rows were copied: of {old}, only {table}."))
        done = "rebuilt" if self.state.database.oid else "set up"
        tables = count(len(new.tables or ()), "table")
        text = f"{new.name} is {done}: {tables} at revision {new.revision}"
        return f"{text}; {new.counts or 'no rows'} copied" if source else text

    def put_back(self, now: State, made: int) -> Iterator[Step]:
        """Yield what brings a kept pair back, unless somebody has stored rows in the new one."""
        filled = now.database.oid == made and now.database.counts
        if self.kept and (self.options.on("CARRY") or not filled):
            yield from backups.put_back(self.state, now, made)


def reset(kind: type[Procedure], options: Options) -> None:
    """Look, refuse or ask, run the steps, check the result: a whole run.

    Raises Refused or Failed.
    """
    from resetting.run import Run  # main() has said what the environment lacks

    run = Run(options)
    procedure = run.look(kind)
    state = procedure.state
    if options.dry_run:
        refuse(procedure.all_problems())
        console.dry_run(procedure.steps(), state)
        return
    console.row("", str(state.database))
    for row in procedure.heading():
        console.row(*row)
    if isinstance(procedure, Status):
        show_status(procedure)
        return
    refuse(procedure.all_problems())
    question, answer = procedure.loses(), state.settings.answer
    if not any(procedure.steps()):
        console.say("\nThere is nothing to do.")
        return
    if question and not options["CONFIRM"]:
        keep = (options.again(KEEP="1"), "keeps it beside the new one")
        carry = (options.again(CARRY="1"), "keeps it, and copies the rows")
        ways = (keep, carry) if "KEEP" in kind.takes and not state.source else ()
        console.ask(question, answer, ways, options.again(CONFIRM=answer))
    if question or kind.probes:
        run.look_again()
    console.say(console.folded(run.act()), console.GREEN)


def show_status(status: Status) -> None:
    """Show what would be refused, and what helps."""
    given = {**status.options.given, "PRODUCTION": "1" * status.state.production}
    status, found = replace(status, options=replace(status.options, given=given)), {}
    for kind, name in ((Clear, "clear"), (Rebuild, "rebuild")):
        options = replace(status.options, command=name)
        problems = list(kind(options, status.state).all_problems())
        runs = f"could run{' with PRODUCTION=1' * status.state.production}"
        console.row(f"db-{name}", "would be refused" if problems else runs)
        found.update({problem.what: problem for problem in problems})
    for problem in found.values():
        console.show(problem, error=False)
    console.advise(status.advice())


KINDS: Sequence[type[Procedure]] = (Status, Clear, Unflag, Rebuild, Undo, Disposable)
PROCEDURES: Mapping[str, type[Procedure]] = {kind.__name__.lower(): kind for kind in KINDS}


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command line; the result is the exit status: 0, 1, 2 or 130."""
    try:
        if not arguments or {"help", "-h", "--help"} & set(arguments):
            console.say(usage(PROCEDURES))
            return 0
        options = parse(arguments, PROCEDURES, environ)
        refuse(environment_problems(find_checkout(options)))
        some = options.command == "clear" and options["SEQ"]
        reset(Forget if some else PROCEDURES[options.command], options)
        return 0
    except Refused as error:
        console.say("\nNothing was changed.", console.BOLD, error=True)
        for one in error.args:
            console.show(one)
        return 2
    except Failed as error:
        console.say(error=True)
        console.show(error.args[0], console.RED)
        return int(error.args[1] if error.args[1:] else 1)
    except Exception as error:  # no traceback reaches a user; what the error says may be secret
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}, line {last.lineno}"
        console.say(f"\nThe tool itself failed: {type(error).__name__} in {where}.", error=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
