"""Undo: what is kept and what is current change places."""

from __future__ import annotations

from typing import Collection, Iterator

from . import Failed, Finding, guards, misfits
from .aside import close, folder_moves, open_again
from .commands import Step, numbered, rename, tilde
from .facts import Facts, Looks, Session
from .pairs import MISPLACED, WAITING, holds, pairs
from .procedures import Procedure


class Undo(Procedure):
    """Swap the kept database and migrations back in; run again, it swaps them back."""

    help = "swap the kept database and migrations back in"
    takes = ("number", *Procedure.takes)
    asks = "config"  # whether it is production (H19)
    looks = Looks(pairs=True)

    def number(self, facts: Facts) -> int:
        """Give the pair that is meant: the one asked for, else the newest; 0: there is none."""
        return self.wish.number or next(iter(facts.ours or facts.kept), 0)

    def begun(self, facts: Facts) -> list[Step]:
        """Give what an undo that was interrupted has still to move (H44)."""
        return list(folder_moves(pairs(facts).moves()))

    def swaps(self, facts: Facts) -> bool:
        """Say whether databases change places: not if migrations are only to follow them (H44).

        A number that is named is swapped all the same if its migrations are with it: they
        would not be if it were its own undo that was interrupted.
        """
        number = self.number(facts)
        named = bool(self.wish.number) and pairs(facts).home(number)
        return number in facts.kept and (named or not self.begun(facts))

    def refuses(self, facts: Facts) -> Iterator[Finding]:
        """Yield what stops a swap; both databases are looked at (H46)."""
        wish, number, name = self.wish, self.number(facts), facts.settings.database
        yield from misfits.folders(wish, facts)
        unknown = number and not {number, WAITING} & {*facts.kept, *facts.folders.numbered}
        if self.begun(facts) and not self.swaps(facts) and not unknown:
            return
        if number not in facts.kept:
            what = f"Nothing of {name} is kept" + (f" as number {number}" if number else "")
            mend = f"{wish.make('status')}   lists what is kept"
            if number and number in facts.folders.numbered:
                what += ", only a folder of migrations"
            elif not facts.kept:
                mend = f"{wish.make('rebuild', keep=True)}   keeps what it replaces"
            yield Finding(f"{what}.", mend)
        else:
            both = [one for one in (facts.database, facts.kept[number]) if one]
            yield from guards.may_replace(wish, facts, both)
            for one in both:
                if not one.valid:
                    what = f"{one.name} is what an interrupted dropdb left, and cannot be swapped."
                    yield Finding(what, facts.settings.client("dropdb", one.name))
            yield from filter(None, [facts.kept[number].trouble])  # nor could its result be seen
            yield from self.foreign(facts, number)

    def foreign(self, facts: Facts, number: int) -> Iterator[Finding]:
        """Yield that the migrations of another database are in the place of the kept ones."""
        state = pairs(facts).settled.swap(number).settled
        if holds(state.folder, state.current) or not any(map(state.strayed, state.folders)):
            return
        place, blocker = "migrations", state.folder or frozenset()
        if WAITING in state.folders:  # what another database's undo has left half done
            place, blocker = numbered(place, WAITING), state.folders[WAITING]
        owner = facts.others[next(iter(blocker & state.others))]
        what = f"{place} belongs to {owner}, those of {facts.kept[number].name} cannot take its"
        free = numbered("migrations", state.number())
        old, new = (tilde(facts.settings.checkout / name) for name in (place, free))
        mend = f"mv {old} {new}   sets it aside\n{self.wish.again(number=number)}   swaps them then"
        yield Finding(f"{what} place.", mend)

    def blocking(self, facts: Facts) -> list[Session]:
        if not self.swaps(facts):
            return []
        return facts.on(facts.settings.database, facts.kept[self.number(facts)].name)

    def rows(self, facts: Facts) -> Iterator[tuple[str, str]]:
        number = self.number(facts)
        if self.begun(facts):
            yield "Migrations", MISPLACED
        if self.swaps(facts):
            kept, current = facts.kept[number], facts.database
            yield "Comes", f"{kept.name}: {kept.described}"
            if current:
                yield "Goes", f"{current.name}: {current.described}, to {kept.name}"

    def steps(self, facts: Facts) -> Iterator[Step]:
        """Yield the renames of folders that are left to do, and then the swap."""
        if not self.swaps(facts):
            yield from open_again(facts.database, *facts.kept.values())
        yield from self.begun(facts)
        if self.swaps(facts):
            yield from self.swap(facts)

    def swap(self, facts: Facts) -> Iterator[Step]:
        """Yield the swap of the databases, in one transaction, and then of the folders."""
        number, name = self.number(facts), facts.settings.database
        kept, waits = numbered(name, number), numbered(name, 0)
        both = {kept: facts.kept[number].open}
        if facts.database:
            both[name] = facts.database.open
        if self.wish.force and self.blocking(facts):
            yield from close(list(both))
            both = dict.fromkeys(both, False)
        opening = [name if one == kept else kept for one in both if not both[one]]
        swap = [(kept, waits), (name, kept), (waits, name)] if facts.database else [(kept, name)]
        yield rename(*swap, opening=opening)
        yield from folder_moves(pairs(facts).settled.swap(number).moves())

    def result(self, before: Facts, now: Facts) -> str:
        name = now.settings.database
        if self.begun(now) or not now.contents:
            raise Failed(self.afterwards(before, now))
        state = pairs(now)
        lacking = bool(state.current) and not holds(state.folder, state.current)
        ours = f", but those of {name} are missing" if lacking else ""
        done = f"The migrations are where they belong{ours}; the databases stay as they are"
        if self.swaps(before):
            ours = ", but its migrations are missing" if lacking else ""
            done = f"{name} is {'swapped' if before.database else 'back'}{ours}"
        return f"{done}: {now.database.described}" if now.database else done

    def unchanged(self, before: Facts, now: Facts) -> bool:
        """An undo says itself how far it came."""
        return False

    def put_back(self, before: Facts, now: Facts, made: Collection[str]) -> Iterator[Step]:
        """Yield the opening of doors; a swap that was begun is finished by running it again."""
        yield from open_again(now.database, *now.kept.values())

    def afterwards(self, before: Facts, now: Facts) -> Finding:
        """Say whether the undo is finished, begun or not begun."""
        status = self.wish.make("status")
        if not now.reached:
            return Finding("How far the undo came cannot be seen.", f"{status}   tells it")
        if self.begun(now):
            mend = f"{self.wish.make('undo')}   finishes it"
            return Finding("The undo is begun, not finished.", mend)
        if now.oid == before.oid and self.swaps(before):
            what = f"The undo is not begun: {now.settings.database} is as it was."
            return Finding(what, f"{self.wish.again()}   begins it")
        return Finding("The undo is finished all the same.", f"{status}   shows it")
