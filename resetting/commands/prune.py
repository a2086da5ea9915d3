"""db-prune: remove backups for good."""

import time

from .. import backups, checks
from ..command import Command
from ..problems import Failed, Problem
from ..snapshot import count, join
from ..steps import Step, numbered


class Prune(Command):
    """Remove all backups, or one, for good."""

    help = "remove the backups, or only N=3, for good"
    takes = ("N", *Command.takes)

    @property
    def chosen(self):
        """The backups that are to be removed."""
        chosen = {}
        for number, backup in self.snapshot.backups.items():
            if backup.owned and self.options["N"] in ("", str(number)):
                chosen[number] = backup
        return chosen

    def checks(self):
        yield from checks.check_unfinished_swap(self.snapshot)
        if self.options["N"] and not self.chosen:
            yield Problem(f"There is no backup {self.options['N']} that is ours.")

    def blocking_sessions(self):
        return [session for backup in self.chosen.values() for session in backup.sessions]

    def heading(self):
        for number, backup in self.chosen.items():
            yield "Remove", describe_backup(self.snapshot, number, backup)

    def confirmation(self):
        names = [backup.name for backup in self.chosen.values()]
        return f"This removes for good: {join(names)}."

    def steps(self):
        for number, backup in self.chosen.items():
            yield backups.dropdb(backup.name, self.force)
            if backups.belongs(backup, self.snapshot.folders.get(number)):
                yield Step(["rm", "-r", numbered("migrations", number)])

    def verify(self, now):
        left = [backup.name for number, backup in now.backups.items() if number in self.chosen]
        if left:
            raise Failed(f"Not removed: {join(left)}.")
        return f"{count(len(self.chosen), 'backup')} removed"


def describe_backup(snapshot, number, backup):
    """Return a backup in words, with the time at which its migrations were renamed."""
    since = "no migrations"
    if number in snapshot.folders:
        folder = snapshot.settings.checkout / numbered("migrations", number)
        renamed = time.localtime(folder.lstat().st_ctime)
        since = time.strftime("since %Y-%m-%d %H:%M", renamed)
    return f"{backup.name}: {backup}, {since}"
