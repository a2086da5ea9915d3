"""After a run that failed: what is put back, and what is said of how things are now."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from . import Failed, Finding, Interrupted, Refused, screen
from .commands import numbered
from .facts import Facts
from .pairs import pairs
from .procedures import Procedure
from .runner import Outcome, run
from .server import Server
from .signals import Signals


def give_up(server: Server, procedure: Procedure, before: Facts, outcome: Outcome, signals: Signals,
            why: Finding) -> NoReturn:  # fmt: skip
    """Put back what can be put back, and raise what says how things are now (H42, H43)."""
    name, wish = signals.name, procedure.wish
    signals.deaf = True
    settled = server.wait_for_commands() if outcome.failed else True
    anew = "createdb" in {step.program for step in outcome.done}
    now = server.look(replace(procedure.looks, copies=anew))
    raised = Interrupted if name else Failed
    what = f"Interrupted by {name}." if name else why.what
    made = programs_that_made(outcome, before, now, server.made_oid)
    again = procedure.retry(None if name or outcome.cut else outcome.step)
    left = {session.pid for session in now.sessions}
    ended = [one for one in procedure.blocking(before) if wish.force and one.pid not in left]
    screen.ended(ended)
    if settled and not ended and procedure.unchanged(before, now):
        if name:
            raise Interrupted(Finding(f"{what} Nothing was changed.", again))
        raise Refused(Finding(what, why.mend or procedure.hint(before)))
    back = list(procedure.put_back(before, now, made))
    if back:
        screen.say("\nPutting everything back:")
        if not run(back, server.settings, dict, signals).failed:
            now = server.look(procedure.looks)
            more = set(now.folders.numbered) - set(before.folders.numbered)  # what nobody claims
            ours, mine = (replace(pairs(one), others=frozenset()) for one in (before, now))
            folders = {n: one for n, one in mine.folders.items() if n not in more}
            if now.oid == before.oid and ours == replace(mine, folders=folders):
                but = ", but for ".join(["", *(numbered("migrations", n) for n in more)])
                raise raised(Finding(f"{what} Everything is as it was before{but}.", again))
    trouble = now.trouble if now.reached and now.trouble else Finding("", "")
    after = [trouble, procedure.afterwards(before, now)]
    mend = "\n".join(dict.fromkeys(filter(None, [why.mend, *(one.mend for one in after)])))
    said = " ".join([what, *(one.what for one in after if one.what and one.what not in what)])
    raise raised(Finding(said, mend), tuple(map(str, outcome.done)))


def programs_that_made(outcome: Outcome, before: Facts, now: Facts, made: int) -> set[str]:
    """Give createdb if the database that is there is this run's own, flask if migrations are (H42).

    The server finishes what a createdb began that a signal ended; then it is empty and ours.
    A flask db init that failed by itself may have met what somebody else made.
    """
    begun = [*outcome.done, *([outcome.step] if outcome.cut and outcome.step else [])]
    made_by = {step.program for step in begun} & {"createdb", "flask"}
    if any(step.program == "createdb" for step in outcome.done):
        ours = made in (0, now.oid)
    else:
        new = now.database if now.oid != before.oid else None
        ours = bool(new and new.owned and new.contents and not new.contents.tables)
    return made_by if ours else made_by - {"createdb"}
