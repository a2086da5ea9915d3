"""The moment before the first touch: what was shown is what is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import Finding, Refused, refuse
from .facts import Facts
from .procedures import Procedure

if TYPE_CHECKING:
    from .server import Server


def look_again(server: Server, procedure: Procedure, before: Facts) -> Facts:
    """Look once more, after Backscope's answer and the user's (H40, H41)."""
    if not procedure.loses(before) and procedure.asked(before.settings) != "app":
        return before  # nobody was waited for
    if not server.holds_lock():
        what = "The lock of this reset is lost: its session was ended while the question was open."
        raise Refused(Finding(what, procedure.wish.again()))
    now = replace(server.look(procedure.looks), app=before.app, busy=False)
    if now.oid != before.oid:
        what = f"{now.settings.database} is another database than the one that was shown."
        raise Refused(Finding(what, f"{procedure.wish.again()}   shows the new one"))
    refuse(procedure.in_the_way(now))
    if procedure.loses(now) and not procedure.loses(before) and procedure.wish.confirm is None:
        what = f"{now.settings.database} has got rows meanwhile."
        raise Refused(Finding(what, f"{procedure.wish.again()}   asks about them"))
    return now
