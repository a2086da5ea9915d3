"""db-clear SEQ=...: clear only some sequences."""

import re
from typing import Sequence

from .. import checks
from ..command import Command
from ..problems import Failed, Problem
from ..snapshot import Session, Snapshot, count, first_ten
from ..steps import Steps, identifier, psql


class ClearSequences(Command):
    """Clear only some sequences."""

    takes = ("SEQ", *Command.takes)
    sql = "DELETE FROM {} WHERE {}"
    verb = "delete"
    done = "cleared"
    not_matching = "Not cached"  # the label of those that are not meant

    def blocking_sessions(self):
        """Return who holds a lock that waits for a change of rows ("Table-Level Lock Modes")."""
        strong = re.compile(r"sequences in (Share|ShareRowExclusive|Exclusive|AccessExclusive)Lock")
        found = []
        for session in self.database.sessions:
            if any(strong.fullmatch(lock) for lock in session.locks):
                found.append(session)
        return found

    def checks(self):
        yield from checks.check_exists(self.snapshot, self.options)
        if self.options.on("KEEP"):
            hint = self.options.hint("clear them without a copy", KEEP="")
            yield Problem("KEEP=1 copies the whole database. It is not for SEQ.", hint)

    def confirmation(self):
        if not self.needs_confirmation():
            return ""
        return f"This clears {self.options['SEQ']} of {self.database.name}."

    def heading(self):
        cached = self.database.matching_ids
        if cached is not None and self.options.sequences:
            others = [name for name in self.options.sequences if name not in cached]
            if others:
                yield self.not_matching, first_ten(others)

    def steps(self):
        table = self.database.find(None, "sequences")
        if table is None or self.database.matching_ids == []:
            return
        title = f"{self.verb} sequences"
        if self.database.matching_ids is not None:
            title = f"{self.verb} {count(len(self.database.matching_ids), 'sequence')}"
        if self.force:
            yield from terminate(self.snapshot, self.blocking_sessions())
        name = identifier(table.schema, table.name)
        statement = self.sql.format(name, self.condition(self.options))
        yield psql(self.database.name, statement, title=title)

    def verify(self, now):
        before = self.database.matching_ids
        left = now.database.matching_ids
        if left is None:
            raise Failed(Problem(f"Whether they are {self.done} cannot be seen."))
        if left:
            raise Failed(Problem(f"Not {self.done}: {first_ten(left)}."))
        if before is None:  # they were locked
            return f"The sequences are {self.done}"
        number = count(len(before), "sequence")
        if len(before) == 1:
            return f"{number} is {self.done}: {first_ten(before)}"
        return f"{number} are {self.done}: {first_ten(before)}"


def terminate(snapshot: Snapshot, sessions: Sequence[Session]) -> Steps:
    """Yield the step that terminates some sessions, if there are any."""
    if sessions:
        calls = ", ".join(f"pg_terminate_backend({session.pid})" for session in sessions)
        title = f"terminate {count(len(sessions), 'session')}"
        yield psql(snapshot.server.maintenance, f"SELECT {calls}", title=title)
