"""What a procedure is: the questions that each answers, purely, from what was seen.

Knows none of them; looks at nothing and runs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Collection, Iterator, Sequence

from . import Finding, guards, misfits
from .commands import Step, psql, terminate
from .contents import Contents
from .facts import Facts, Looks, Session
from .settings import Settings
from .wishes import Wish


@dataclass(frozen=True)
class Procedure:
    """One way to reset a database; a new one is a class and a line in the command line."""

    wish: Wish
    takes: ClassVar[Sequence[str]] = ("confirm", "force", "production", "verbose")
    help: ClassVar[str] = ""
    asks: ClassVar[str] = ""  # what is asked of Backscope: its "config", the whole "app", nothing
    variable: ClassVar[str] = "POSTGRES_DB"  # what names its database

    def asked(self, settings: Settings) -> str:
        """Give what is asked of Backscope this time."""
        return self.asks

    @property
    def looks(self) -> Looks:
        """What is to be looked at, beside the database itself."""
        return Looks()

    def narrowed(self) -> Procedure:
        """Give the procedure that the wish really means, if another one knows it better."""
        return self

    def target(self, settings: Settings) -> Settings:
        """Give the settings with the database that this is about."""
        return settings

    def unfit(self, settings: Settings) -> Iterator[Finding]:
        """Yield what is wrong with the settings, before a server is looked at."""
        yield from misfits.settings_unfit(settings, self.variable)
        yield from misfits.testing(self.wish, settings)

    def in_the_way(self, facts: Facts) -> Iterator[Finding]:
        """Yield all that refuses the wish, in the order of a run."""
        if not (facts.busy and facts.reached):  # else another run may have changed what it opened
            yield from misfits.backscope(self.wish, facts, clears=self.asks == "config")
        yield from guards.confirmation(self.wish, facts.settings, bool(self.loses(facts)))
        yield from guards.production(self.wish, facts)
        wish = replace(self.wish, production=self.wish.production or facts.production)
        yield from guards.busy(wish, facts)
        if facts.reached and not facts.busy:  # else it is in motion
            yield from replace(self, wish=wish).refuses(facts)
            yield from guards.sessions(wish, facts, self.blocking(facts))
        elif facts.trouble and not facts.reached:  # nothing more can be seen
            yield facts.trouble
        yield from misfits.programs(facts, self.steps(facts))

    def refuses(self, facts: Facts) -> Iterator[Finding]:
        """Yield what is in the way of this procedure in particular."""
        yield from guards.usable(self.wish, facts)

    def blocking(self, facts: Facts) -> list[Session]:
        """Give the sessions in the way, which FORCE=1 ends."""
        return facts.on(facts.settings.database)

    def loses(self, facts: Facts) -> str:
        """Say what would be lost for good, for a question; nothing to lose is no question."""
        return ""

    def instead(self, facts: Facts) -> str:
        """Give what to do where nobody can be asked; first what loses nothing."""
        answer = self.wish.again(confirm=facts.settings.answer)
        if any(step.asks for step in self.steps(facts)):
            return f"{self.hint(facts)}\n{answer}   answers this, but not what Backscope asks"
        if self.wish.meant:
            return f"{self.wish.again()}   is what may be meant"
        keeping = f"{self.wish.again(keep=True)}   loses nothing\n" if "keep" in self.takes else ""
        return f"{keeping}{answer}   answers in advance"

    def idle(self, facts: Facts) -> str:
        """Say that there is nothing to do, if so."""
        return ""

    def rows(self, facts: Facts) -> Iterator[tuple[str, str]]:
        """Yield what the first screen says beside the target: a label and a text."""
        yield from ()

    def shown(self, facts: Facts) -> Iterator[tuple[str, str]]:
        """Yield those rows, and whom FORCE=1 is to end."""
        yield from self.rows(facts)
        if self.wish.force:
            yield "Ends", "\n".join(str(one) for one in self.blocking(facts) if one.can_end)

    def steps(self, facts: Facts) -> Iterator[Step]:
        """Yield the commands, in the documented order."""
        yield from ()

    def result(self, before: Facts, now: Facts) -> str:
        """Say what was reached; raise Failed if it is not as it should be."""
        raise NotImplementedError

    def unchanged(self, before: Facts, now: Facts) -> bool:
        """Say whether a run that failed has left everything as it was."""
        return before.oid == now.oid and same_contents(before.contents, now.contents)

    def hint(self, before: Facts) -> str:
        """Give what helps after a run that has changed nothing."""
        return f"{self.wish.again(verbose=True)}   shows all that it prints"

    def retry(self, failed: Step | None) -> str:
        """Give what to do after a step that failed, once everything was put back."""
        return f"{self.wish.again()}   tries it again"

    def put_back(self, before: Facts, now: Facts, made: Collection[str]) -> Iterator[Step]:
        """Yield what undoes a run that failed; `made` has the programs that made what is there."""
        yield from ()

    def afterwards(self, before: Facts, now: Facts) -> Finding:
        """Say what a run that failed has left, and what helps."""
        gone = before.database and now.reached and not now.database
        what = f"There is no database {now.settings.database} any more." if gone else ""
        return Finding(what, f"{self.wish.again()}   does it again and finishes it")


def same_contents(one: Contents | None, two: Contents | None) -> bool:
    """Say whether a database holds the same tables, each with as many rows.

    Where these are only estimated, the server's statistics tell whether any was changed.
    """
    if one is None or two is None:
        return False
    first, second = ({(table.oid, table.file, table.rows if table.exact else table.changes)
                      for table in contents.tables.values()}
                     for contents in (one, two))  # fmt: skip
    return first == second


def count(number: int, noun: str) -> str:
    """Say how many there are."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def end_sessions(found: Sequence[Session]) -> Iterator[Step]:
    """Yield the step that ends some sessions, if there are any."""
    if found:
        yield psql("postgres", terminate(session.pid for session in found))


def asks_to_clear(wish: Wish, settings: Settings, production: bool = False) -> bool:
    """Say whether a clear asks: not here, not as .env says, not ordinary, or less was meant."""
    ordinary = settings.environment == "development" and not production and not wish.meant
    return not (ordinary and settings.local and not settings.overrides)
