"""Reset the database of a Backscope checkout, and lose nothing by surprise.

The page "Resetting the database" of Backscope's doc/resetting-the-database.md as code, then
how a run goes, then the command line. What each word means is a room in `resetting/`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Collection, Iterator, Mapping, Sequence

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while the rooms are imported

from resetting import Failed, Finding, Interrupted, Refused, guards, misfits, refuse, screen
from resetting.aside import put_back, set_aside, waits
from resetting.backscope import asking, environment_unfit, find_checkout, seat_belt
from resetting.building import carry_all, locale_options, rows_from, source_of, staying
from resetting.command_line import parse
from resetting.commands import Step, createdb, dropdb, flask, mv, numbered
from resetting.contents import Database, described
from resetting.disposable import Disposable
from resetting.facts import Facts, Looks, Session
from resetting.heading import target
from resetting.moment import look_again
from resetting.pairs import half_carried, pairs, whose
from resetting.procedures import Procedure, asks_to_clear, end_sessions
from resetting.results import built, cleared, goes, less, remains
from resetting.sequences import Forget, Unflag
from resetting.settings import Settings, read_settings
from resetting.signals import Signals, deafen, end_what_looks
from resetting.status import Status, show
from resetting.undo import Undo
from resetting.wishes import Wish

if TYPE_CHECKING:
    from resetting.server import Server

# ---------------------------------------------------------------- the page


class Clear(Procedure):
    """Clear the stored data, but keep the database structure."""

    help = "clear the stored data, or only some sequences"
    takes = ("sequences", *Procedure.takes)
    asks = "config"

    def asked(self, settings: Settings) -> str:
        """Give the whole app where it is read before it runs: it tells which tables stay."""
        asks = self.wish.confirm is None and asks_to_clear(self.wish, settings)
        return "app" if asks or self.wish.dry_run else self.asks

    def refuses(self, facts: Facts) -> Iterator[Finding]:
        yield from guards.usable(self.wish, facts)
        yield from guards.half_built(self.wish, facts)
        yield from guards.may_clear(self.wish, facts)

    def blocking(self, facts: Facts) -> list[Session]:
        """Give who holds a lock on any table (H12)."""
        return guards.blocked_by(facts.locks)

    def loses(self, facts: Facts) -> str:
        return goes(facts) if asks_to_clear(self.wish, facts.settings, facts.production) else ""

    def rows(self, facts: Facts) -> Iterator[tuple[str, str]]:
        yield from staying(facts)

    def steps(self, facts: Facts) -> Iterator[Step]:
        if self.wish.force:
            yield from end_sessions(self.blocking(facts))
        # 2. Clear the database by calling `flask clear-database`.
        yield flask("clear-database", asks=facts.production)

    def result(self, before: Facts, now: Facts) -> str:
        return cleared(self.wish, before, now, self.hint(before))

    def afterwards(self, before: Facts, now: Facts) -> Finding:
        return Finding(remains(before, now), f"{self.wish.make('status')}   tells more")

    def narrowed(self) -> Procedure:
        return Forget(self.wish) if self.wish.sequences else self

    def hint(self, before: Facts) -> str:
        if before.production:
            return f"{self.wish.again()}   on a terminal, with yes to Backscope's own question"
        anew = f"if so, {self.wish.make('rebuild', keep=True)} starts anew"
        return f"{self.wish.make('status')}   tells whether Backscope loads; {anew}"


class Rebuild(Procedure):
    """Wipe out the whole database structure and build a fresh database from scratch."""

    help = "wipe and rebuild the database"
    takes = ("keep", "carry", *Procedure.takes)
    asks = "app"

    @property
    def looks(self) -> Looks:
        return Looks(pairs=True, exact=self.wish.carry)

    def keeps(self, facts: Facts) -> Database | None:
        """Give the database that is to be set aside: with rows or a revision, and whole (H45)."""
        old = facts.database
        if not old or not self.wish.keeps or (half_carried(facts) and facts.copied):
            return None
        return old if not old.contents or not old.contents.empty or old.revisions else None

    def refuses(self, facts: Facts) -> Iterator[Finding]:
        wish, old = self.wish, facts.database
        yield from guards.may_replace(wish, facts, [old] if old else [])
        yield from guards.template(facts, locale_options(facts))
        yield from misfits.folders(wish, facts)
        yield from guards.undo_begun(wish, facts)
        yield from guards.half_filled(wish, facts)
        yield from guards.source(wish, facts, source_of(facts, self.keeps(facts)))
        yield from guards.whole(wish, facts) if self.keeps(facts) else ()

    def loses(self, facts: Facts) -> str:
        name, contents, old = facts.settings.database, facts.contents, facts.database
        empty = facts.copied or (contents and contents.empty)
        if not old or self.keeps(facts) or empty:
            return ""
        what = f"This wipes out the entire structure and contents of {name}{described(contents)}."
        return f"{what}{less(self.wish, facts)}"

    def rows(self, facts: Facts) -> Iterator[tuple[str, str]]:
        number = pairs(facts).number()
        if self.keeps(facts):
            yield "Kept as", numbered(facts.settings.database, number)
        there = f"migrations -> {numbered('migrations', number)}"
        yield "Migrations", there + whose(facts) if facts.folders.there else "none yet"
        yield from rows_from(self.wish, facts, self.keeps(facts))

    def steps(self, facts: Facts) -> Iterator[Step]:
        name, number, old = facts.settings.database, pairs(facts).number(), facts.database
        kept = self.keeps(facts)
        # 2. Erase every trace of the database by calling `dropdb <database name>`.
        if kept:
            yield from set_aside(kept, number, end=self.wish.force and bool(self.blocking(facts)))
        elif old:
            yield dropdb(name, self.wish.force)
        # 3. Forget local information about past migrations by renaming the `migrations` folder.
        if facts.folders.there:
            yield mv("migrations", numbered("migrations", number))
        # 4. Create a new database and furnish it with the Backscope database structure.
        yield createdb(name, *locale_options(facts))
        rows = carry_all(facts, kept, number) if self.wish.carry else []
        yield from rows[:1]  # the comment: from here on the database is one that is being filled
        yield flask("db", "init")
        yield flask("db", "migrate")
        yield flask("db", "upgrade")
        yield from rows[1:]

    def result(self, before: Facts, now: Facts) -> str:
        return built(self.wish, before, now, self.keeps(before))

    def retry(self, failed: Step | None) -> str:
        if failed and failed.into:  # a row that does not fit would not fit the next time either
            return f"{self.wish.again(carry=False, keep=True)}   leaves the rows in what it keeps"
        return super().retry(failed)

    def put_back(self, before: Facts, now: Facts, made: Collection[str]) -> Iterator[Step]:
        """Yield what brings the kept database and the migrations back; nothing else is removed."""
        if self.keeps(before) or (self.wish.keeps and not before.database):
            yield from put_back(before, now, made, number=pairs(before).number())

    def afterwards(self, before: Facts, now: Facts) -> Finding:
        if self.wish.keeps and now.kept and set(now.kept) != set(before.kept):
            return Finding(waits(before, now), f"{self.wish.make('undo')}   brings it back")
        return super().afterwards(before, now)


# ---------------------------------------------------------------- a run


@contextlib.contextmanager
def seeing(
    procedure: Procedure, environ: Mapping[str, str], acting: bool
) -> Iterator[tuple[Server, Facts]]:
    """Read the settings, ask Backscope and look at the server; nothing is touched.

    Raises Refused where there is nothing to look at. A run that is `acting` locks first (H24).
    """
    checkout = find_checkout(procedure.wish)
    refuse(environment_unfit(checkout))
    settings = procedure.target(read_settings(checkout, environ))
    refuse(procedure.unfit(settings))
    settings.adopt()
    with contextlib.ExitStack() as stack:
        compare = procedure.wish.confirm is None  # a question says whether the structure differs
        asked = stack.enter_context(asking(settings, procedure.asked(settings), compare))
        from resetting.server import Server

        server = stack.enter_context(contextlib.closing(Server(settings)))
        server.settings.adopt()
        locked = not acting or server.lock(stack)
        facts = server.look(procedure.looks)
        import resetting.runner  # noqa: F401  while Backscope answers

        busy = not locked if acting else facts.busy
        yield server, replace(facts, app=asked.answer(facts), busy=busy)


def reset(procedure: Procedure, environ: Mapping[str, str]) -> int:
    """Look, refuse or ask, run the steps, check, say it: a whole run.

    Raises Refused (nothing was changed), Failed or Interrupted; the result is the exit status.
    """
    wish = procedure.wish
    with seeing(procedure, environ, acting=not wish.dry_run) as (server, facts):
        target(wish, facts)
        for label, text in procedure.shown(facts):
            screen.row(label, text, wish.dry_run)
        findings, sentence = list(procedure.in_the_way(facts)), procedure.loses(facts)
        idle = procedure.idle(facts)
        if wish.dry_run:
            screen.dry_run(procedure.steps(facts), server.settings, wish, refused=bool(findings))
        refuse(findings)
        if idle:
            screen.say(("# " if wish.dry_run else "\n") + f"{idle}: there is nothing to do.")
        if idle or wish.dry_run:
            return 0
        if sentence and wish.confirm is None:
            screen.ask(sentence, server.settings.answer, procedure.instead(facts), wish.again())
        return act(server, procedure, look_again(server, procedure, facts))


def act(server: Server, procedure: Procedure, before: Facts) -> int:
    """Run the steps, check the result, say it; raise what says that it failed."""
    from resetting.recovery import give_up
    from resetting.runner import run

    began, steps, wish = time.monotonic(), list(procedure.steps(before)), procedure.wish
    anew = any(step.program == "createdb" for step in steps)
    screen.say()
    with Signals() as signals:
        belt = lambda: seat_belt(before, server.made() if anew else before.oid)  # noqa: E731
        outcome = run(steps, server.settings, belt, signals, wish.verbose)
        if outcome.failed or signals.caught:
            give_up(server, procedure, before, outcome, signals, Finding(outcome.failed, ""))
        try:
            result = procedure.result(before, server.look(procedure.looks))
        except Failed as error:
            give_up(server, procedure, before, outcome, signals, error.finding)
        screen.done(result, time.monotonic() - began)
        screen.ended(procedure.blocking(before) if wish.force else [])
    return 0


def status(wish: Wish, shown: Sequence[Procedure], environ: Mapping[str, str]) -> int:
    """Show the state of things; the result is 0, as what would be refused is an answer, too."""
    with seeing(Status(wish), environ, acting=False) as (_, facts):
        target(wish, facts)
        if facts.trouble and not facts.reached:
            refuse([*misfits.backscope(wish, facts, clears=False), facts.trouble])
        if not wish.dry_run:  # nothing that it shows is to be run
            show(wish, facts, {one.wish.verb: list(one.in_the_way(facts)) for one in shown})
    return 0


# ---------------------------------------------------------------- the command line

PROCEDURES: Mapping[str, type[Procedure]] = {
    "status": Status, "clear": Clear, "unflag": Unflag, "rebuild": Rebuild, "undo": Undo,
    "disposable": Disposable,
}  # fmt: skip


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command line; the result is the exit status: 0, 1, 2 or 130."""
    screen.prepare()
    end_what_looks()
    try:
        wish = parse(arguments, {v: (p.help, p.takes) for v, p in PROCEDURES.items()}, environ)
        if wish.verb == "status":
            shown = [Clear(replace(wish, verb="clear")), Rebuild(replace(wish, verb="rebuild"))]
            return status(wish, shown, environ)
        return reset(PROCEDURES[wish.verb](wish).narrowed(), environ)
    except Refused as error:
        screen.refused(error)
        return 2
    except Failed as error:
        screen.failed(error)
        return 130 if isinstance(error, Interrupted) else 1
    except Exception as error:  # no traceback reaches a user, whatever happened
        screen.broken(error)
        return 1


if __name__ == "__main__":
    end = main(sys.argv[1:], dict(os.environ))
    deafen()
    os._exit(end)  # all is said; tearing down would only take time
