"""Forget and Unflag: what changes some rows of the table sequences and keeps all others."""

from __future__ import annotations

from typing import Iterator, Sequence

from . import Finding, fail, guards
from .commands import Step, literal, psql
from .facts import Facts, Looks, Session
from .procedures import Procedure, asks_to_clear, end_sessions

NAMED = 20  # how many sequences are named before the rest is only counted


class Inside(Procedure):
    """What changes some rows of the table sequences, through psql."""

    takes = ("sequences", *Procedure.takes)
    asks = "config"

    @property
    def looks(self) -> Looks:
        return Looks(sequences=self.wish.sequences)

    def refuses(self, facts: Facts) -> Iterator[Finding]:
        yield from guards.usable(self.wish, facts)
        unfinished = list(guards.half_built(self.wish, facts))
        yield from unfinished or guards.sequence_table(self.wish, facts)

    def blocking(self, facts: Facts) -> list[Session]:
        """Give who stops a change of some rows; who may have locked one is ended with FORCE=1."""
        force = self.wish.force
        found = (one for one in facts.locks if one.stops_rows or (force and one.stops_some))
        return guards.blocked_by(found)

    def hint(self, before: Facts) -> str:
        """Give what helps after the change was given up: others may have locked a row."""
        force = f"{self.wish.again(force=True)}   ends who is changing sequences, too"
        some = any(lock.stops_some for lock in before.locks) and not self.wish.force
        return force if some else super().hint(before)

    def change(self, facts: Facts, sql: str) -> Iterator[Step]:
        """Yield the steps that change those rows, after the sessions in the way are ended."""
        if self.wish.force:
            yield from end_sessions(self.blocking(facts))
        yield psql(facts.settings.database, sql)

    def some(self) -> str:
        """Give the condition for the sequences that were asked for."""
        return f"id IN ({', '.join(map(literal, self.wish.sequences))})"

    def report(self, done: Sequence[str], left: Sequence[str] | None, how: str, what: str) -> str:
        """Say which are `done`; raise Failed if any are `left`, or that cannot be seen."""
        if left is None or left:
            came = f"{' '.join(left)} came back." if left else "The result cannot be seen."
            fail(came, self.wish.again())
        others = " ".join(one for one in self.wish.sequences if one not in done)
        more = f" and {len(done) - NAMED:,} more" if len(done) > NAMED else ""
        text = f"{len(done):,} {how}: {' '.join(done[:NAMED])}{more}"
        return f"{text}; not {what}: {others}" if others else text


class Forget(Inside):
    """Clear only some sequences."""

    def loses(self, facts: Facts) -> str:
        if not facts.cached or not asks_to_clear(self.wish, facts.settings, facts.production):
            return ""
        return f"This clears {' '.join(facts.cached)} of {facts.settings.database}."

    def idle(self, facts: Facts) -> str:
        asked = " ".join(self.wish.sequences)
        return "" if facts.cached else f"Not cached in {facts.settings.database}: {asked}"

    def steps(self, facts: Facts) -> Iterator[Step]:
        yield from self.change(facts, f"DELETE FROM sequences WHERE {self.some()}")

    def result(self, before: Facts, now: Facts) -> str:
        left = now.cached if now.contents else None
        return self.report(before.cached, left, "forgotten", "cached")

    def unchanged(self, before: Facts, now: Facts) -> bool:
        """Say whether they are all there; the rows of a large table are only estimated."""
        return super().unchanged(before, now) and before.cached == now.cached


class Unflag(Inside):
    """Un-flag downloads that never finished (H30)."""

    help = "un-flag downloads that never finished"
    looks = Looks(flags=True, exact=True)  # all flags are looked for, however long it takes

    def meant(self, facts: Facts) -> list[str]:
        """Give the flags that are to go."""
        stuck, asked = facts.stuck or (), self.wish.sequences
        return [one for one in stuck if not asked or one in asked]

    def idle(self, facts: Facts) -> str:
        asked = f" of {' '.join(self.wish.sequences)}" if self.wish.sequences else ""
        idle = f"No download{asked} is stuck in {facts.settings.database}"
        return "" if self.meant(facts) or facts.stuck is None else idle

    def rows(self, facts: Facts) -> Iterator[tuple[str, str]]:
        found = map(str, facts.on(facts.settings.database))
        listed = "\n".join(["perhaps Backscope, with a download really in progress:", *found])
        if "\n" in listed:
            yield "Connected", listed

    def steps(self, facts: Facts) -> Iterator[Step]:
        some = f" AND {self.some()}" if self.wish.sequences else ""
        where = f"values_requested AND sequences.values IS NULL{some}"
        yield from self.change(
            facts, f"UPDATE sequences SET values_requested = false WHERE {where}"
        )

    def result(self, before: Facts, now: Facts) -> str:
        done = self.meant(before)
        left = None if now.stuck is None else self.meant(now)
        if not done and left == []:  # it could not be looked for before
            return f"No download is flagged any more in {now.settings.database}"
        return self.report(done, left, "un-flagged", "flagged")

    def unchanged(self, before: Facts, now: Facts) -> bool:
        return before.stuck == now.stuck is not None
