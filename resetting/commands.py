"""The other commands: clear some sequences, un-flag, undo, disposable, status."""

import re
import time
from typing import Iterator, Sequence

from . import Failed, Problem, Step, backups, identifier, numbered, psql, rename, tilde
from .procedure import Procedure
from .state import Database, Session, State, count, named


class Forget(Procedure):
    """Clear only some sequences."""

    takes = ("SEQ", *Procedure.takes)
    sql, title, done = "DELETE FROM {} WHERE {}", "delete", "cleared"

    def in_the_way(self) -> Sequence[Session]:
        """Give who holds a lock that waits for a change of rows ("Table-Level Lock Modes")."""
        strong = re.compile(r"sequences in (Share|ShareRowExclusive|Exclusive|AccessExclusive)Lock")
        return [s for s in super().in_the_way() if any(map(strong.fullmatch, s.locks))]

    def loses(self) -> str:
        what = f"This clears {self.options['SEQ']} of {self.state.database.name}."
        return what if self.unusual() and self.done == "cleared" else ""

    def steps(self) -> Iterator[Step]:
        database = self.state.database
        table, found = database.find(None, "sequences"), database.found
        if table and found != []:
            yield from self.ending()
            some = "sequences" if found is None else count(len(found), "sequence")
            sql = self.sql.format(identifier(table.schema, table.name), self.options.condition)
            yield psql(database.name, sql, title=f"{self.title} {some}")

    def check(self, now: State) -> str:
        old, new = self.state.database.found, now.database.found
        if new is None or new:
            raise Failed(Problem(f"Not {self.done}: {named(new or ()) or 'that cannot be seen'}."))
        if old is None:  # they were locked
            return f"sequences are {self.done}"
        are = f"{count(len(old), 'sequence')} {'is' if len(old) == 1 else 'are'}"
        return f"{are} {self.done}: {named(old)}"


class Unflag(Forget):
    """Un-flag downloads that never finished."""

    help = "un-flag downloads that never finished; keep what is cached"
    sql, title, done = "UPDATE {} SET values_requested = false WHERE {}", "un-flag", "un-flagged"


class Undo(Procedure):
    """Swap a kept pair with the current one; run again, it swaps them back."""

    help = "swap in what was kept; run again, it swaps back"
    takes = ("N", *Procedure.takes)

    @property
    def number(self) -> int:
        """The pair that is meant: the one asked for, else our newest; 0: there is none."""
        ours = [n for n, one in self.state.kept.items() if one.owned]
        return int(self.options["N"] or 0) or next(iter([*ours, *self.state.kept]), 0)

    @property
    def kept(self) -> Database:
        """Its database, which may not be there."""
        name = numbered(self.state.database.name, self.number)
        return self.state.kept.get(self.number, Database(name))

    def problems(self) -> Iterator[Problem]:
        if self.kept.oid and self.kept.whole:
            yield from self.rights(self.kept, self.state.database)
            yield from self.swap()
        else:
            which = f" {self.kept.name} that is whole" if self.number else ""
            status = (self.options.again("status"), "lists what is kept")
            yield Problem(f"There is no kept database{which}.", status)

    def in_the_way(self) -> Sequence[Session]:
        return [*self.kept.sessions, *self.state.database.sessions] if self.kept.oid else []

    def heading(self) -> Iterator[tuple[str, str]]:
        if self.kept.oid:
            yield "Comes back", f"{self.kept.name}: {self.kept}"

    def steps(self) -> Iterator[Step]:
        yield from self.ending()
        name, kept = self.state.database.name, self.kept.name
        waits = numbered(name, 0)
        both = [(kept, waits), (name, kept), (waits, name)]
        yield rename(*(both if self.state.database.oid else [(kept, name)]))
        yield from backups.swap_folders(self.state, self.number)

    def check(self, now: State) -> str:
        if now.database.oid != self.kept.oid or backups.unfinished_swap(now):
            raise Failed(Problem("The undo is not finished."))
        return f"{now.database.name} is back: {now.database}"


class Disposable(Procedure):
    """Make POSTGRES_DISPOSABLE_DB anew, empty."""

    help = "make POSTGRES_DISPOSABLE_DB for flask test anew"
    variable = "POSTGRES_DISPOSABLE_DB"

    def problems(self) -> Iterator[Problem]:
        yield from self.rights(self.state.database)

    def loses(self) -> str:
        """Ask where a clear would, too, and if it cannot be looked into."""
        database = self.state.database
        what = f"This wipes out {database.name}: {database.counts}."
        return what if database.counts and (database.tables is None or self.unusual()) else ""

    def steps(self) -> Iterator[Step]:
        yield from self.dropdb()
        yield backups.createdb(self.state)

    def check(self, now: State) -> str:
        if now.database.oid in (0, self.state.database.oid) or now.database.counts:
            raise Failed(Problem(f"{now.database.name} is not there, or not empty."))
        return f"{now.database.name} is there, and is empty"


class Status(Procedure):
    """Show the state of things; nothing is changed."""

    help = "show the database, and what would be refused"
    takes = ()
    probes = True

    def heading(self) -> Iterator[tuple[str, str]]:
        state, database, found = self.state, self.state.database, self.state.app.differences
        if database.oid and database.tables is not None:
            lost = not database.revisions <= (state.migrations or frozenset())
            yield "Revision", database.revision + ", which migrations does not have" * lost
        if found is not None:
            differ = f"flask db migrate would {', '.join(found[:3])}{' ...' * (len(found) > 3)}"
            yield "Models", differ if found else "the same tables and columns"
        if database.found:
            yield "Unfinished", f"downloads of {named(database.found)}"
        for number, one in sorted(state.kept.items()):
            folder = state.settings.checkout / numbered("migrations", number)
            since = time.localtime(folder.lstat().st_ctime if number in state.folders else 0)
            words = time.strftime("since %Y-%m-%d %H:%M", since)  # when it was renamed
            yield "Kept", f"{one.name}: {one}, {words if since.tm_year > 1970 else 'no migrations'}"

    def advice(self) -> Iterator[tuple[str, str]]:
        """Yield the commands that finish or mend what was shown, or remove what is kept."""
        state, again, removals, swaps = self.state, self.options.again, [], [*self.swap()]
        for one in swaps:
            yield from one.advice
        if state.app.differences and not state.source and not any(self.keep(state.database)):
            yield again("rebuild", CARRY="1"), "makes the tables of the models, and copies the rows"
        if state.database.found:
            yield again("unflag"), "un-flags them"
        ours = [(n, kept.name) for n, kept in state.kept.items() if kept.owned]
        for number, name in ours if state.database.oid and not (state.source or swaps) else ():
            folder = tilde(state.settings.checkout / numbered("migrations", number))
            drop, recorded = state.settings.client("dropdb", name), state.kept[number].revisions
            its = recorded and recorded <= state.folders.get(number, frozenset())
            removals.append(f"{drop} && rm -r {folder}" if its else drop)
        if ours and not swaps:
            yield again("undo", N=str(ours[0][0])), f"brings {ours[0][1]} back"
        if removals:
            yield removals[0], f"removes {ours[0][1]}"
        if removals[1:]:
            yield " && ".join(removals), "removes all that is kept"
