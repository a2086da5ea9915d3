"""What belongs to what: a database and its migrations, by the revision that both know.

Pure. A database belongs to a folder if the revision which it records is a file in there.
What is still to be moved is told by the state alone, one move after the other, so that a
swap which was interrupted at any point goes on from there, and no mark can go stale (H44).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import Iterator, Mapping, Optional

from .contents import UNFINISHED, Database
from .facts import Facts, Folder

Revisions = frozenset[str]
Move = tuple[Optional[int], Optional[int]]  # from and to a number; None is `migrations` itself
MISPLACED = (  # of migrations
    "not where they belong, as after an interrupted undo, an mv by hand, or another checkout's"
    " rebuild"
)
WAITING = 0  # the number of the folder that waits while two others change places


@dataclass(frozen=True)
class Pairs:
    """The databases by what they record, and the folders by what is in them."""

    current: Revisions | None  # None: there is no such database
    kept: Mapping[int, Revisions]  # the newest first
    folder: Revisions | None  # of `migrations`; None: there is none
    folders: Mapping[int, Revisions]
    others: Revisions = frozenset()  # recorded by databases that are neither current nor kept

    def foreign(self, folder: Revisions) -> bool:
        """Say whether a folder belongs to another database, so that it is left alone."""
        return bool(folder & self.others)

    def home(self, number: int) -> bool:
        """Say whether a kept database has its migrations under its own number."""
        return holds(self.folders.get(number), self.kept.get(number))

    def number(self) -> int:
        """Give the number under which the current pair is to be kept.

        A database whose own migrations were not yet renamed comes first (a KEEP=1 that was
        killed); then the first number that is free for both.
        """
        if self.current is None and self.folder is not None:
            return self._place(self.folder)
        return next(n for n in count(1) if n not in self.folders and n not in self.kept)

    def swap(self, number: int) -> Pairs:
        """Give the state after the current and a kept database have changed places."""
        kept = {n: revisions for n, revisions in self.kept.items() if n != number}
        if self.current is not None:
            kept[number] = self.current
        return replace(self, current=self.kept[number], kept=kept)

    def apply(self, move: Move) -> Pairs:
        """Give the state after a folder was renamed."""
        places: dict[int | None, Revisions | None] = {None: self.folder}
        places.update(self.folders.items())
        places[move[1]] = places.pop(move[0])
        folder = places.pop(None, None)
        folders = {n: one for n, one in places.items() if n is not None and one is not None}
        return replace(self, folder=folder, folders=folders)

    def next_move(self) -> Move | None:
        """Give the next folder that has to be renamed, so that each is where it belongs."""
        waiting = self.folders.get(WAITING)
        if waiting is not None and self.foreign(waiting):
            waiting = None  # what another database's undo has left
        if self.folder is not None and waiting is not None:
            return (WAITING, self._place(waiting))
        own = next((n for n in self.folders if self.strayed(n)), None)
        if self.folder is None:
            if own is not None:
                return (own, None)
            return self._back(waiting) if waiting is not None else None
        if self.current is None or holds(self.folder, self.current) or self.foreign(self.folder):
            return None
        owner = self._owner(self.folder)
        if owner is not None and owner not in self.folders:
            return (None, owner)
        exchange = owner is not None or own is not None
        return (None, WAITING) if exchange and WAITING not in self.folders else None

    def moves(self) -> Iterator[Move]:
        """Yield all renames that are left to do."""
        move = self.next_move()
        if move:
            yield move
            yield from self.apply(move).moves()

    @property
    def settled(self) -> Pairs:
        """The state after all renames that are left to do."""
        state = self
        for move in self.moves():
            state = state.apply(move)
        return state

    def strayed(self, number: int) -> bool:
        """Say whether the current database's migrations are under a number, and no other's."""
        return holds(self.folders[number], self.current) and not self.home(number)

    def _owner(self, folder: Revisions) -> int | None:
        """Give the kept database that lacks this folder, unless a foreign one is in its place."""
        for number, revisions in self.kept.items():
            taken = self.folders.get(number, frozenset())
            if holds(folder, revisions) and not self.home(number) and not self.foreign(taken):
                return number
        return None

    def _place(self, folder: Revisions) -> int:
        """Give the number to which a folder belongs, or else a free one."""
        free = [number for number in self.kept if number not in self.folders]
        theirs = [number for number in free if holds(folder, self.kept[number])]
        nobodys = [number for number in free if not self.kept[number] and not self.foreign(folder)]
        return next(iter([*theirs, *nobodys]), Pairs.number(replace(self, folder=None)))

    def _back(self, waiting: Revisions) -> Move:
        """Give the next rename while nothing is called `migrations` and a folder waits."""
        owner = self._owner(waiting)
        if owner is None:
            return (WAITING, None)
        if owner not in self.folders:
            return (WAITING, owner)
        # What is in its place is nobody's, or of a current database that records nothing.
        free = Pairs.number(replace(self, folder=None))
        return (owner, free if self.current else None)


def whose(facts: Facts) -> str:
    """Say whose the migrations are, if they are another database's."""
    folder = facts.folders.current
    owners = {
        facts.others[one] for one in (folder.revisions if folder else ()) if one in facts.others
    }
    return f", those of {', '.join(sorted(owners))}" if owners else ""


def number_of(facts: Facts, database: Database) -> int:
    """Give the number of a kept database; 0 if it is none."""
    return next((number for number, one in facts.kept.items() if one.oid == database.oid), 0)


def own_folder(facts: Facts, number: int, database: Database) -> Folder | None:
    """Give the folder with the migrations of a kept database: under its number, or elsewhere."""
    same = facts.folders.numbered.get(number)
    folders = [
        one for one in (same, facts.folders.current, *facts.folders.numbered.values()) if one
    ]
    theirs = (one for one in folders if holds(one.revisions, database.revisions))
    if database.revisions or (same and shared(facts, same, database)):
        return next(theirs, None)
    return same


def shared(facts: Facts, folder: Folder, owner: Database | None = None) -> bool:
    """Say whether a database needs a folder of migrations, other than its owner."""
    ours = [one for one in (facts.database, *facts.kept.values()) if one and one is not owner]
    needed = any(holds(folder.revisions, one.revisions) for one in ours)
    return needed or bool(folder.revisions & set(facts.others))


def half_carried(facts: Facts) -> Database | None:
    """Give the kept database whose rows the current one has not got to the end (H23)."""
    comment = facts.database.comment if facts.database else ""
    meant = (one for one in facts.kept.values() if comment == UNFINISHED.format(one.oid))
    return next(meant, None)


def holds(folder: Revisions | None, database: Revisions | None) -> bool:
    """Say whether a folder has the revisions that a database records."""
    return bool(database and folder is not None and database <= folder)


def pairs(facts: Facts) -> Pairs:
    """Give the databases and folders that were seen."""
    folders = facts.folders

    def recorded(database: Database, folder: Folder | None) -> Revisions:
        # Closed is what a swap by force left that was not committed, so it is still at home.
        if not database.open:
            return folder.revisions if folder else frozenset()
        return database.revisions

    current = recorded(facts.database, folders.current) if facts.database else None
    kept = {n: recorded(one, folders.numbered.get(n)) for n, one in facts.kept.items()}
    ours = frozenset[str]().union(current or (), *kept.values())
    return Pairs(
        current,
        kept,
        folders.current.revisions if folders.current else None,
        {number: folder.revisions for number, folder in folders.numbered.items()},
        frozenset(facts.others) - ours,  # a copy of ours records the same
    )


def misplaced(facts: Facts) -> bool:
    """Say whether migrations have to move before a rebuild: not only back to `migrations`."""
    return any(place is not None for _, place in pairs(facts).moves())
