"""What a clear or a rebuild has reached: seen, never assumed from an exit status. Pure."""

from __future__ import annotations

from . import fail, guards
from .building import comes_along, source_of, stays
from .contents import Database
from .facts import Facts
from .procedures import count, same_contents
from .wishes import Wish


def cleared(wish: Wish, before: Facts, now: Facts, hint: str) -> str:
    """Say how many rows went; rows that are left are in tables of no such Backscope (H20)."""
    name, contents = now.settings.database, now.contents
    if not contents or same_contents(before.contents, contents):
        fail("Backscope took no action.", hint)
    old, new = before.contents.tables if before.contents else {}, contents.tables
    went = [old[name].count for name in old
            if old[name].rows != 0 and (name not in new or new[name].rows == 0)]  # fmt: skip
    gone = f"; gone: {', '.join(went)}" if went else ""
    if contents.rows:
        mend = f"{wish.make('rebuild', carry=True)}   renews the structure, and keeps them aside"
        sure = any(table.rows for table in contents.tables.values())
        holds = "still holds" if sure else "may still hold"
        fail(f"{name} {holds} rows in {contents.counts}: not in the models{gone}.", mend)
    return f"{name} is cleared: {count(len(contents.tables), 'table')}, no rows{gone}"


def goes(facts: Facts) -> str:
    """Say what a clear loses, for its question; tables that are not in the models may stay."""
    contents, name = facts.contents, facts.settings.database
    if not contents or not contents.rows:
        return ""
    gone = contents.only(set(contents.tables) - facts.outside).counts or contents.counts
    return f"This clears all the stored data of {name}: {gone}."


def remains(before: Facts, now: Facts) -> str:
    """Say what is in a database that a clear has changed, but not cleared."""
    if now.contents and now.contents.rows and set(before.tables) <= set(now.tables):
        return ""  # it did all that it does, and says what it has left
    if not now.contents:
        return f"What {now.settings.database} holds now cannot be seen."
    holds = f"{count(len(now.contents.tables), 'table')}, {now.contents.counts or 'no rows'}"
    return f"{now.settings.database} holds {holds} now."


def built(wish: Wish, before: Facts, now: Facts, aside: Database | None) -> str:
    """Say what was built, `aside` is what was set aside for it.

    Raises Failed if a revision or a table lacks, or rows are odd (H18, H47).
    """
    name, contents = now.settings.database, now.contents
    verbose = f"{wish.again(verbose=True)}   shows what flask db says"
    if not contents:
        why = now.trouble.what if now.trouble else f"{name} is not there."
        fail(f"The result could not be checked: {why}", wish.make("status"))
    if not contents.revisions:
        fail(f"{name} has no revision: flask db migrate made none.", verbose)
    missing = ", ".join(sorted(set(before.app.tables or ()) - set(contents.tables)))
    if missing or not contents.tables:
        fail(f"{name} lacks the tables {missing or 'of the models'}.", verbose)
    revision = ", ".join(sorted(contents.revisions))
    done = "rebuilt" if before.database else "set up"
    text = f"{name} is {done}: {count(len(contents.tables), 'table')} at revision {revision}"
    source = source_of(before, aside) if wish.carry else None
    if source:
        return f"{text}; {carried(wish, before, now, source)}"
    if contents.rows:
        mend = now.settings.psql("template1", "...   to empty template1", role=False)
        fail(f"{name} is not empty: template1 brought {contents.counts}.", mend)
    return text


def less(wish: Wish, facts: Facts) -> str:
    """Say what would lose less than a rebuild; a command has a line of its own."""
    differences = facts.app.differences
    if differences is None:
        return ""
    if differences:
        come = facts.contents and facts.contents.only(facts.app.tables or ()).rows
        stay = stays(facts, facts.database)
        more = f"\n{wish.again(carry=True)}   would bring the rows along"
        more += f", but not {stay}" if stay else ""
        return more if come and comes_along(facts) else ""
    same = "Its tables and columns are already those of the models, as far as Alembic sees"
    left = facts.contents and facts.contents.only(facts.outside).rows
    if left or any(guards.may_clear(wish, facts)):
        return f" {same}."
    return f" {same}.\n{wish.make('clear')}   is enough"


def carried(wish: Wish, before: Facts, now: Facts, source: Database) -> str:
    """Say how many rows came along; raise Failed if there are not as many as there were."""
    models = before.app.tables or {}
    source = next((one for one in now.kept.values() if one.oid == source.oid), source)
    old = source.contents.tables if source.contents else {}
    lost = [old[t].count for t in models if t in old and old[t].rows != now.tables[t].rows]
    if lost:
        what = f"Not all rows came along: there were {', '.join(lost)}."
        fail(what, f"{wish.again()}   tries it again")
    counts = now.contents.counts if now.contents else ""
    stay = stays(before, source)
    text = f"carried over: {counts or 'no rows'}"
    return f"{text}; not in the models: {stay}" if stay else text
