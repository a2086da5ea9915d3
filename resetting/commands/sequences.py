"""db-clear SEQ=...: clear only some sequences."""

from .. import checks
from ..command import Command
from ..problems import Failed, Problem
from ..snapshot import count, first_ten
from ..steps import psql


class ClearSequences(Command):
    """Clear only some sequences."""

    takes = ("SEQ", *Command.takes)
    sql = "DELETE FROM sequences"
    verb = "delete"
    done = "cleared"
    not_matching = "Not cached"  # the label of those that are not meant

    def blocking_sessions(self):
        return [session for session in self.database.sessions if session.blocks_sequences]

    def checks(self):
        yield from checks.check_exists(self.snapshot)
        if self.options.on("KEEP"):
            yield Problem("KEEP=1 copies the whole database. It is not for SEQ.")

    def confirmation(self):
        if self.needs_confirmation:
            return f"This clears {self.options['SEQ']} of {self.database.name}."
        return ""

    def heading(self):
        cached = self.database.matching_ids
        if cached is not None:
            others = [name for name in self.options.sequences if name not in cached]
            yield self.not_matching, first_ten(others)

    def steps(self):
        if self.database.matching_ids == []:
            return
        if self.force:
            yield from terminate(self.snapshot, self.blocking_sessions())
        statement = f"{self.sql} WHERE {self.condition(self.options)}"
        yield psql(self.database.name, statement, title=f"{self.verb} sequences")

    def verify(self, now):
        before = self.database.matching_ids
        left = now.database.matching_ids
        if left is None:
            raise Failed(f"Whether they are {self.done} cannot be seen.")
        if left:
            raise Failed(f"Not {self.done}: {first_ten(left)}.")
        if before is None:  # they were locked
            return f"The sequences are {self.done}"
        return f"{count(len(before), 'sequence')} {self.done}: {first_ten(before)}"


def terminate(snapshot, sessions):
    """Yield the step that terminates some sessions, if there are any."""
    if sessions:
        calls = ", ".join(f"pg_terminate_backend({session.pid})" for session in sessions)
        title = f"terminate {count(len(sessions), 'session')}"
        yield psql(snapshot.server.maintenance, f"SELECT {calls}", title=title)
