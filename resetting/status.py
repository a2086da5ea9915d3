"""What `db-status` says: what belongs to what, what is missing, and the command that helps."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Iterator, Mapping, Sequence

from . import Finding, guards
from .building import comes_along
from .commands import numbered, tilde
from .contents import SEQUENCE_COLUMNS
from .facts import Facts, Folder, Looks
from .pairs import MISPLACED, half_carried, holds, own_folder, pairs, shared, whose
from .procedures import Procedure
from .screen import GREEN, RED, mends, paint, row, say
from .settings import DEFAULTS
from .wishes import Wish

HANDFUL = 5  # how many are named, before the rest of the sequences is only counted


class Status(Procedure):
    """Show the target, what is in it, what differs from the models, and what would be refused."""

    help = "show the target and what would be refused; change nothing"
    takes = ()
    asks = "app"
    looks = Looks(pairs=True, flags=True, others=True)


def show(wish: Wish, facts: Facts, verdicts: Mapping[str, Sequence[Finding]]) -> None:
    """Print the state of things, and whether each procedure could run."""
    wish = replace(wish, production=facts.production)  # else each would be refused
    for label, said in rows(wish, facts):
        row(label, said.what, mend="" if facts.app.environments else said.mend)
    for verb, findings in verdicts.items():
        could = paint("would be refused", RED) if findings else paint("could run", GREEN)
        row(f"A {verb}", could, mend="" if findings else wish.make(verb))
    reasons = [finding.what for findings in verdicts.values() for finding in findings]
    for what in dict.fromkeys(reasons):
        same = {verb: one.mend for verb, findings in verdicts.items() for one in findings
                if one.what == what}  # fmt: skip
        lines = [line for mend in same.values() for line in mend.splitlines()]
        say(f"\nIn the way of a {' and a '.join(same)}:")
        say(mends(Finding(what, "\n".join(dict.fromkeys(lines)))))


def rows(wish: Wish, facts: Facts) -> Iterator[tuple[str, Finding]]:
    """Yield what each row says, and the commands that help; what says nothing is none."""
    unfinished = unfinished_in_words(wish, facts)
    yield "Settings", Finding(settings_in_words(facts), "")
    if facts.contents:
        models = models_in_words(wish, facts)
        yield "Revision", revision_in_words(facts)
        yield "Models", replace(models, mend="") if unfinished.what else models
        yield "Stuck", stuck_in_words(wish, facts)
    yield "Unfinished", unfinished
    for kept in kept_in_words(wish, facts, whole=not unfinished.what):
        yield "Kept", kept
    yield "Left over", left_over_in_words(facts)
    disposable = facts.settings.values["POSTGRES_DISPOSABLE_DB"]
    if disposable and disposable == facts.settings.database:
        what = f"POSTGRES_DISPOSABLE_DB is {disposable} too: flask test empties it"
        yield "Disposable", Finding(what, "")


def settings_in_words(facts: Facts) -> str:
    """Say where each setting comes from."""
    lines, settings = [], facts.settings
    for origin in ("make's command line", "the environment", ".env", "default"):
        names = [name.replace("POSTGRES_", "") for name in DEFAULTS
                 if settings.origin(name) == origin and settings.values[name]]  # fmt: skip
        where = "by default" if origin == "default" else f"from {origin}"
        lines += [f"{' '.join(names)}: {where}"] if names else []
    return "\n".join(lines)


def revision_in_words(facts: Facts) -> Finding:
    """Say which revision is recorded, what of it is in the migrations, and how it comes back."""
    recorded = facts.database.revisions if facts.database else frozenset()
    folder = facts.folders.current
    if facts.contents and not facts.contents.legible:
        return Finding(f"cannot be read by {facts.settings.user}, or is locked", "")
    if not recorded:
        what = "none recorded" + ("" if folder else "; there is no migrations folder")
        return Finding(what, "")
    text, state = ", ".join(sorted(recorded)), pairs(facts)
    if folder and recorded == folder.heads:
        return Finding(f"{text}, the newest in migrations", "")
    if folder and recorded <= folder.revisions:
        newest = ", ".join(sorted(folder.heads))
        where = "one of the heads of" if recorded <= folder.heads else "behind the newest in"
        return Finding(f"{text}, {where} migrations, {newest}", "")
    places = [numbered("migrations", n) for n, one in state.folders.items() if holds(one, recorded)]
    text += f"; its migrations are {f'in {places[0]}' if places else 'missing'}"
    if not whose(facts):
        return Finding(text, "")
    strayed = next(filter(state.strayed, state.folders), None)
    names = ("migrations", numbered("migrations", state.number()),
             numbered("migrations", strayed or 0))  # fmt: skip
    here, free, there = (tilde(facts.settings.checkout / name) for name in names)
    mend = f"mv {here} {free} && mv {there} {here}   brings them back" if strayed else ""
    return Finding(f"{text}; migrations are{whose(facts)[1:]}", mend)


def unfinished_in_words(wish: Wish, facts: Facts) -> Finding:
    """Say what was interrupted, and the commands that finish it or take it back."""
    name = facts.settings.database
    if pairs(facts).next_move():
        return Finding(f"the migrations are {MISPLACED}", f"{wish.make('undo')}   moves them")
    if facts.database and facts.database.valid and not facts.database.open:  # FORCE=1 closes it
        mend = next(guards.usable(wish, facts)).mend
        return Finding(f"{name} accepts no connections", f"{mend}   opens it")
    source = half_carried(facts)
    if source:
        mend = next(guards.half_filled(wish, facts)).mend
        return Finding(f"the rows of {source.name} are still to come", mend)
    if facts.ours and not facts.database:
        return Finding(f"{name} is not there", guards.finishing(wish, facts))
    if facts.contents and not facts.contents.revisions and not facts.tables:
        return Finding(f"{name} has no tables and no revision", guards.finishing(wish, facts))
    return Finding("", "")


def models_in_words(wish: Wish, facts: Facts) -> Finding:
    """Say how the database differs from the models, and which tables a clear would leave full."""
    found = facts.app.differences
    if found is None or not facts.contents:
        return Finding("", "")
    left = facts.contents.only(facts.outside).counts
    lines = [f"a clear would leave {left}"] if left else []
    lines += found or ["no table or column differs, as far as Alembic sees"]
    how = {"carry": True} if comes_along(facts) else {"keep": True}
    return Finding("\n".join(lines), wish.make("rebuild", **how) if found else "")


def kept_in_words(wish: Wish, facts: Facts, whole: bool) -> Iterator[Finding]:
    """Say what is kept, and the command that brings each back; if all is `whole`, what removes it.

    Else its rows might be the only ones.
    """
    state = pairs(facts)
    for number, database in sorted(facts.kept.items()):
        remove = facts.settings.client("dropdb", database.name)
        folder, text = own_folder(facts, number, database), "; its migrations are not there"
        if database.trouble:
            folder, text = None, ""
        if folder:
            text = f" and {folder.path.name}"
        if folder and folder is facts.folders.numbered.get(number):
            text += time.strftime(" since %Y-%m-%d %H:%M", time.localtime(folder.since))
            if not shared(facts, folder, database):
                remove += f" && {removal([folder])}"
        lines = [f"{remove}   removes it"] if whole and database.owned else []
        ready = state.home(number) or not state.next_move()  # else it would finish what was begun
        if ready and database.owned and not database.trouble:
            lines.insert(0, f"{wish.make('undo', number=number)}   brings it back")
        name = database.name if database.owned else f"{database.name} of {database.owner}"
        yield Finding(f"{name}: {database.described}{text}", "\n".join(lines))


def left_over_in_words(facts: Facts) -> Finding:
    """Say which folders of migrations no database needs, and the one command that removes them.

    Not where a database cannot be looked into, or a folder not be read: it might need them.
    """
    theirs = [own_folder(facts, number, one) for number, one in facts.kept.items()]
    left = [folder for folder in facts.folders.numbered.values()
            if folder not in theirs and not shared(facts, folder)]  # fmt: skip
    names = ", ".join(folder.path.name for folder in left)
    settings, elsewhere = facts.settings, {"POSTGRES_HOST", "POSTGRES_PORT", "PGHOST"}
    away = elsewhere.intersection(settings.overrides)
    sure = left and not facts.hidden and not away and all(folder.read for folder in left)
    mend = ""
    if sure and not pairs(facts).next_move():  # which changes the numbers
        mend = f"{removal(left)}   removes {'it' if len(left) == 1 else 'them'}"
    but = "" if all(folder.read for folder in left) else ", as far as their files tell"
    if facts.hidden:
        hidden = " or ".join(facts.hidden[:HANDFUL])
        but = f", unless of {hidden}, which the role {settings.user} cannot look into"
    if away:
        but += ", but perhaps of one on the server that .env names"
    what = f"{names}: of no database on {settings.where}{but}"
    return Finding(what if left else "", mend)


def removal(folders: Sequence[Folder]) -> str:
    """Give the command that removes folders."""
    return f"rm -r {' '.join(tilde(folder.path) for folder in folders)}"


def stuck_in_words(wish: Wish, facts: Facts) -> Finding:
    """Say which downloads never finished, by name up to a handful (H30)."""
    if facts.stuck is None and facts.tables:
        known = facts.contents and not SEQUENCE_COLUMNS - facts.contents.sequence_columns
        why = "locked, or too large" if known else "not as it is known"
        table = facts.tables.get("sequences")
        if table and not table.changeable:
            why = f"not for {facts.settings.user} to read"
        return Finding(f"not looked for: the table sequences is {why}", "")
    if not facts.stuck:
        return Finding("", "")
    more = f" and {len(facts.stuck) - HANDFUL:,} more" if len(facts.stuck) > HANDFUL else ""
    names = ", ".join(facts.stuck[:HANDFUL])
    return Finding(f"{names}{more} requested, no values", wish.make("unflag"))
