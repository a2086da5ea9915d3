"""Forget and Unflag: what changes some rows of the table sequences and keeps all others."""

from __future__ import annotations

from typing import Iterator, Sequence

from . import Failed, Finding, guards
from .commands import Step, literal, psql
from .facts import Facts, Session
from .procedures import Procedure, asks_to_clear, end_sessions


class Inside(Procedure):
    """What changes some rows of the table sequences, through psql."""

    takes = ("sequences", *Procedure.takes)
    asks = "config"

    def refuses(self, facts: Facts) -> Iterator[Finding]:
        """Yield what stops a change inside the database."""
        yield from guards.usable(self.wish, facts)
        yield from guards.sequence_table(self.wish, facts)

    def blocking(self, facts: Facts) -> list[Session]:
        """Give who holds a lock that stops a change of some rows."""
        return guards.blocked_by(lock for lock in facts.locks if lock.stops_rows)

    def some(self) -> str:
        """Give the condition for the sequences that were named."""
        return f"id IN ({', '.join(map(literal, self.wish.sequences))})"


class Forget(Inside):
    """Clear only some sequences."""

    def loses(self, facts: Facts) -> str:
        """Say which sequences would go, where a clear asks."""
        if not facts.cached or not asks_to_clear(facts):
            return ""
        return f"This clears {' '.join(facts.cached)} of {facts.settings.database}."

    def idle(self, facts: Facts) -> str:
        """Say that none is cached."""
        return (
            ""
            if facts.cached
            else f"Not cached in {facts.settings.database}: {' '.join(self.wish.sequences)}"
        )

    def steps(self, facts: Facts) -> Iterator[Step]:
        """Yield the deletion."""
        if self.wish.force:
            yield from end_sessions(self.blocking(facts))
        yield psql(facts.settings.database, f"DELETE FROM sequences WHERE {self.some()}")

    def result(self, before: Facts, now: Facts) -> str:
        """Say which are gone."""
        if now.cached or not now.contents:
            raise Failed(Finding(f"{' '.join(now.cached) or 'Some'} came back.", self.wish.again()))
        others = [one for one in self.wish.sequences if one not in before.cached]
        return f"{len(before.cached)} forgotten: {' '.join(before.cached)}" + not_so(
            "cached", others
        )

    def unchanged(self, before: Facts, now: Facts) -> bool:
        """Say whether they are all there; the rows of a large table are only estimated."""
        return super().unchanged(before, now) and before.cached == now.cached


class Unflag(Inside):
    """Un-flag downloads that never finished (H30)."""

    help = "un-flag downloads that never finished"
    looks_at_flags = True

    @property
    def exact(self) -> bool:
        """All flags are looked for, however long it takes."""
        return True

    def meant(self, facts: Facts) -> list[str]:
        """Give the flags that are to go."""
        return [
            one
            for one in facts.stuck or ()
            if not self.wish.sequences or one in self.wish.sequences
        ]

    def idle(self, facts: Facts) -> str:
        """Say that no flag is stuck."""
        return "" if self.meant(facts) else f"No download is stuck in {facts.settings.database}"

    def rows(self, facts: Facts) -> Iterator[tuple[str, str]]:
        """Yield who might be downloading just now."""
        found = facts.on(facts.settings.database)
        if found:
            yield (
                "Running",
                "\n".join(
                    ["Backscope perhaps, and a download really in progress:", *map(str, found)]
                ),
            )

    def steps(self, facts: Facts) -> Iterator[Step]:
        """Yield the update."""
        if self.wish.force:
            yield from end_sessions(self.blocking(facts))
        where = 'values_requested AND "values" IS NULL' + (
            f" AND {self.some()}" if self.wish.sequences else ""
        )
        yield psql(
            facts.settings.database, f"UPDATE sequences SET values_requested = false WHERE {where}"
        )

    def result(self, before: Facts, now: Facts) -> str:
        """Say which are no longer flagged."""
        done, left = self.meant(before), self.meant(now)
        if left or now.stuck is None:
            raise Failed(Finding(f"{' '.join(left) or 'Some'} came back.", self.wish.again()))
        others = [one for one in self.wish.sequences if one not in done]
        return f"{len(done)} un-flagged: {' '.join(done)}" + not_so("flagged", others)

    def unchanged(self, before: Facts, now: Facts) -> bool:
        """Say whether all flags are as they were."""
        return before.stuck == now.stuck is not None


def not_so(word: str, sequences: Sequence[str]) -> str:
    """Say which sequences were not what was asked for."""
    return f"; not {word}: {' '.join(sequences)}" if sequences else ""
