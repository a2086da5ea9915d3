"""db-prune: remove backups for good."""

import time

from .. import backups, checks
from ..command import Command
from ..migrations import belongs
from ..problems import Failed, Problem
from ..snapshot import Database, Snapshot, count
from ..steps import numbered


class Prune(Command):
    """Remove all backups, or one, for good."""

    help = "remove the backups, or only N=3, for good"
    takes = ("N", *Command.takes)

    @property
    def chosen(self):
        """The backups that are to be removed, the oldest first."""
        oldest_first = reversed(list(self.snapshot.backups.items()))
        chosen = {}
        for number, backup in oldest_first:
            if backup.owned and self.options["N"] in ("", str(number)):
                chosen[number] = backup
        return chosen

    def checks(self):
        yield from checks.check_unfinished_swap(self.snapshot)
        if self.options["N"] and not self.chosen:
            message = f"There is no backup {self.options['N']} that is ours."
            yield Problem(message, self.options.hint("list the backups", "status"))

    def blocking_sessions(self):
        return [session for backup in self.chosen.values() for session in backup.sessions]

    def heading(self):
        for number, backup in self.chosen.items():
            yield "Remove", describe_backup(self.snapshot, number, backup)

    def confirmation(self):
        if not self.chosen:
            return ""
        names = ", ".join(backup.name for backup in self.chosen.values())
        return f"This removes for good: {names}."

    def steps(self):
        for number, backup in self.chosen.items():
            own_folder = belongs(backup, self.snapshot.folders.get(number))
            yield from backups.drop_pair(backup, number, own_folder, self.force)

    def verify(self, now):
        left = [backup.name for number, backup in now.backups.items() if number in self.chosen]
        if left:
            raise Failed(Problem(f"Not removed: {', '.join(left)}."))
        return f"{count(len(self.chosen), 'backup')} removed"


def describe_backup(snapshot: Snapshot, number: int, backup: Database) -> str:
    """Return a backup in words, with the time at which its migrations were renamed."""
    since = "no migrations"
    if number in snapshot.folders:
        folder = snapshot.settings.checkout / numbered("migrations", number)
        renamed = time.localtime(folder.lstat().st_ctime)
        since = time.strftime("since %Y-%m-%d %H:%M", renamed)
    return f"{backup.name}: {backup}, {since}"
