"""What `db-status` says: what belongs to what, what is missing, and the command that helps."""

from __future__ import annotations

import time
from typing import Iterator, Mapping, Sequence

from . import Finding
from .commands import numbered, tilde
from .facts import Facts, Folder, Looks
from .pairs import half_carried, holds, pairs
from .procedures import Procedure
from .screen import GREEN, RED, mends, paint, row, say
from .settings import DEFAULTS
from .wishes import Wish

HANDFUL = 5  # how many sequences are named before the rest is only counted


class Status(Procedure):
    """Show the target, what is in it, what differs from the models, and what would be refused."""

    help = "show the target and what would be refused; change nothing"
    takes = ()
    asks = "app"
    looks = Looks(pairs=True, flags=True)


def show(wish: Wish, facts: Facts, verdicts: Mapping[str, Sequence[Finding]]) -> None:
    """Print the state of things, and whether each procedure could run."""
    row("Settings", settings_in_words(facts))
    if facts.contents:
        row("Revision", revision_in_words(facts))
        row("Models", models_in_words(wish, facts))
        row("Stuck", stuck_in_words(wish, facts))
    row("Unfinished", unfinished_in_words(wish, facts))
    for text in kept_in_words(facts):
        row("Kept", text)
    row("Left over", left_over_in_words(facts))
    disposable = facts.settings.values["POSTGRES_DISPOSABLE_DB"]
    if disposable and disposable == facts.settings.database:
        row("Disposable", f"POSTGRES_DISPOSABLE_DB is {disposable} too: flask test empties it")
    for verb, findings in verdicts.items():
        could = f"would be {paint('refused', RED)}" if findings else f"could run: {wish.make(verb)}"
        row(f"A {verb}", could if findings else paint(could, GREEN))
    listed = [finding for findings in verdicts.values() for finding in findings]
    for finding in dict.fromkeys(listed):
        verbs = [verb for verb, findings in verdicts.items() if finding in findings]
        say(f"\nIn the way of a {' and a '.join(verbs)}:")
        say(mends(finding))


def settings_in_words(facts: Facts) -> str:
    """Say where each setting comes from."""
    lines, settings = [], facts.settings
    for origin in ("the environment", ".env", "default"):
        names = [name.replace("POSTGRES_", "") for name in DEFAULTS
                 if settings.origin(name) == origin and settings.values[name]]  # fmt: skip
        where = "by default" if origin == "default" else f"from {origin}"
        lines += [f"{' '.join(names)}: {where}"] if names else []
    return "\n".join(lines)


def revision_in_words(facts: Facts) -> str:
    """Say which revision is recorded, and what of it is in the migrations."""
    recorded = facts.database.revisions if facts.database else frozenset()
    folder = facts.folders.current
    if not recorded:
        return "none recorded" + ("" if folder else "; there is no migrations folder")
    text, state = ", ".join(sorted(recorded)), pairs(facts)
    if folder and recorded == folder.heads:
        return f"{text}, the newest in migrations"
    if folder and recorded <= folder.revisions:
        newest = ", ".join(sorted(folder.heads))
        return f"{text}, behind the newest in migrations, {newest}: flask db upgrade"
    places = [numbered("migrations", n) for n, one in state.folders.items() if holds(one, recorded)]
    text += f"; its migrations are {f'in {places[0]}' if places else 'missing'}"
    owners = {facts.others[one] for one in state.folder or () if one in facts.others}
    return f"{text}; migrations belongs to {', '.join(sorted(owners))}" if owners else text


def unfinished_in_words(wish: Wish, facts: Facts) -> str:
    """Say what was interrupted, and the command that finishes it."""
    name, source = facts.settings.database, half_carried(facts)
    kept = [one.name for one in facts.kept.values()]
    if pairs(facts).next_move():
        return f"an undo: the databases were swapped, their migrations not yet: {wish.make('undo')}"
    if source:
        return f"the rows of {source.name} are still to come: {wish.make('rebuild', carry=True)}"
    if kept and not facts.database:
        return f"{name} is not there: {wish.make('rebuild')}, or {wish.make('undo')} for {kept[0]}"
    if facts.contents and not facts.contents.revisions and not facts.tables:
        return f"{name} has no tables and no revision: {wish.make('rebuild')}"
    return ""


def models_in_words(wish: Wish, facts: Facts) -> str:
    """Say how the database differs from the models, and which tables a clear would leave full."""
    app = facts.app
    if app.differences is None:
        return ""
    lines = ["nothing differs from the database"]
    if app.differences:
        lines = [*app.differences, wish.make("rebuild", carry=True)]
    left = [table.count for name, table in facts.tables.items()
            if app.tables is not None and name not in app.tables and table.rows != 0]  # fmt: skip
    if left:
        lines.append(f"a clear would leave {', '.join(left)}")
    return "\n".join(lines)


def kept_in_words(facts: Facts) -> Iterator[str]:
    """Say what is kept, with the command that removes each."""
    for number, database in sorted(facts.kept.items()):
        folder = facts.folders.numbered.get(number)
        remove = facts.settings.client("dropdb", database.name)
        beside = "; its migrations are not there"
        if folder:
            since = time.strftime("%Y-%m-%d %H:%M", time.localtime(folder.since))
            beside = f" and {folder.path.name} since {since}"
            remove += f" && {removal([folder])}"
        yield f"{database.described}{beside}\n{remove}   removes it"


def left_over_in_words(facts: Facts) -> str:
    """Say which folders of migrations have no database, with the one command that removes them."""
    state = pairs(facts)
    left = [folder for number, folder in facts.folders.numbered.items()
            if number not in facts.kept and not state.foreign(folder.revisions)]  # fmt: skip
    names = ", ".join(folder.path.name for folder in left)
    them = "it" if len(left) == 1 else "them"
    return f"{names}\n{removal(left)}   removes {them}" if left else ""


def removal(folders: Sequence[Folder]) -> str:
    """Give the command that removes folders."""
    return f"rm -r {' '.join(tilde(folder.path) for folder in folders)}"


def stuck_in_words(wish: Wish, facts: Facts) -> str:
    """Say which downloads never finished, by name up to a handful (H30)."""
    if facts.stuck is None and facts.tables:
        return "not looked for: the table sequences is not as it is known, or too large, or locked"
    if not facts.stuck:
        return ""
    more = f" and {len(facts.stuck) - HANDFUL:,} more" if len(facts.stuck) > HANDFUL else ""
    return f"{', '.join(facts.stuck[:HANDFUL])}{more} requested, no values: {wish.make('unflag')}"
