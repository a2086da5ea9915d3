"""What is in the way on the server: a guard for each kind of it. Pure.

The names H1 to H58 are hazards; README.md has the list.
"""

from __future__ import annotations

from typing import Iterable, Iterator, Sequence

from . import Finding
from .commands import allow_connections, identifier, numbered, qualified, quote, terminate
from .contents import SEQUENCE_COLUMNS, Database
from .facts import Facts, Lock, Session
from .pairs import MISPLACED, half_carried, misplaced, number_of, own_folder, pairs
from .settings import Settings
from .wishes import VARIABLES, Wish

NAME_LIMIT = 63  # bytes in the name of a database: NAMEDATALEN - 1


def confirmation(wish: Wish, settings: Settings, loses: bool = False) -> Iterator[Finding]:
    """Yield that CONFIRM names something else than the target, or answers another wish (H49)."""
    if wish.confirm is not None and wish.confirm != settings.answer:
        what = f"CONFIRM is {quote(wish.confirm)}, but the target is {settings.answer}."
        yield Finding(what, f"{wish.make('status')}   shows the target")
    elif wish.confirm is not None and wish.meant and loses:
        names = [name for name in wish.left_out if VARIABLES[name] in wish.meant]
        what = f"On the command line only, {' and '.join(names)} would count: all would be lost."
        unset = f"unset {' '.join(names)}   if not, or take it out of the makefile"
        yield Finding(what, f"{wish.again()}   if that is meant\n{unset}")


def production(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """Yield that this is a production database, and nobody said so (H19)."""
    if facts.production and not wish.production:
        what = f"APP_ENVIRONMENT is {facts.settings.environment}: this is a production database."
        yield Finding(what, f"{wish.again(production=True)}   once the service is stopped")


def busy(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """Yield that another reset is running (H24)."""
    if facts.busy and facts.reached:
        what = f"Another reset of {facts.settings.database}, or in this checkout, is still running."
        yield Finding(what, f"{wish.again()}   when that one has ended")


def sessions(wish: Wish, facts: Facts, found: Sequence[Session]) -> Iterator[Finding]:
    """Yield the sessions in the way, how to end them, and whether FORCE=1 may (H11, H12)."""
    others = [session for session in found if not session.can_end]
    are = f"{len(found)} sessions are" if len(found) > 1 else "1 session is"
    them = "them" if len(found) > 1 else "it"
    some = them if len(others) == len(found) else f"{len(others)} of them"
    whose = f", and {facts.settings.user} may not end {some}" if others else ""
    what = listed(f"{are} in the way{whose}:", found)
    ports = ",".join(str(one.port) for one in found if one.port > 0 and facts.settings.local)
    stop = f"lsof -nP -iTCP:{ports}   tells which program to stop\n" if ports else ""
    if others:
        yield Finding(what, stop + facts.settings.superuser(terminate(one.pid for one in others)))
    elif found and not wish.force:
        yield Finding(what, f"{stop}{wish.again(force=True)}   ends {them}")


def listed(head: str, found: Sequence[Session]) -> str:
    """Give some sessions in lines below a sentence."""
    return "\n".join([head, *(f"  {one}" for one in found)])


def blocked_by(locks: Iterable[Lock]) -> list[Session]:
    """Give the sessions that hold some locks, each once."""
    first = {lock.session.pid: lock for lock in reversed(list(locks))}  # the worst of each session
    return [lock.locking for lock in reversed(list(first.values()))]


def usable(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """Yield why the database itself cannot be used (H23)."""
    name, database = facts.settings.database, facts.database
    if not database:
        what = f"There is no database {name} on {facts.settings.where}."
        yield Finding(what, finishing(wish, facts, "sets it up"))
    elif not database.valid:
        what = f"{name} is what an interrupted dropdb left, and cannot be used."
        yield Finding(what, f"{wish.make('rebuild')}   finishes it")
    elif not database.open:
        allow = allow_connections(name, True)
        yield Finding(f"{name} accepts no connections.", facts.settings.psql("postgres", allow))
    elif not database.contents and facts.trouble:
        yield facts.trouble


def whole(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """Yield that there is nothing left to keep (H23), or that its name would be too long."""
    database, kept = facts.database, numbered(facts.settings.database, pairs(facts).number())
    if database and not database.valid:
        what = f"{database.name} is what an interrupted dropdb left, so there is nothing to keep."
        yield Finding(what, f"{wish.again(keep=False, carry=False)}   replaces it")
    if len(kept.encode()) > NAME_LIMIT:
        what = f"{kept} is longer than PostgreSQL's {NAME_LIMIT} bytes."
        yield Finding(what, f"{wish.again(keep=False, carry=False)}   keeps nothing")


def half_built(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """Yield that a rebuild was interrupted, which a clear would paint over (H23)."""
    yield from half_filled(wish, facts)
    contents, name = facts.contents, facts.settings.database
    if contents and not contents.revisions and not contents.tables and not half_carried(facts):
        what = f"{name} has no tables and no revision: its rebuild is unfinished, or never began."
        yield Finding(what, finishing(wish, facts))


def finishing(wish: Wish, facts: Facts, alone: str = "finishes it") -> str:
    """Give the commands that finish a rebuild, with the rows of what is kept or empty (H23)."""
    number, kept = next(iter(facts.ours.items()), (0, None))
    if misplaced(facts):
        return f"{wish.make('undo')}   moves the migrations first"
    if not kept or (kept.contents and not kept.contents.rows):
        return f"{wish.make('rebuild')}   {alone}"
    lines = [f"{wish.make('rebuild', carry=True)}   finishes it, with the rows of {kept.name}",
             f"{wish.make('rebuild')}   finishes it, empty"]  # fmt: skip
    latest = max(facts.folders.numbered.values(), key=lambda one: one.since, default=None)
    if own_folder(facts, number, kept) not in (latest, facts.folders.current):
        lines.reverse()  # it was kept by an older run
    undo = f"{wish.make('undo', number=number)}   brings {kept.name} back"
    return "\n".join([*lines, undo])


def half_filled(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """Yield that rows are still to come, which nothing else would fetch (H23)."""
    source = half_carried(facts)
    if source and not wish.carry:
        what = f"The rows of {source.name} are still to come to {facts.settings.database}."
        undo = f"{wish.make('undo', number=number_of(facts, source))}   brings {source.name} back"
        yield Finding(what, f"{wish.make('rebuild', carry=True)}   fetches them\n{undo}")


def source(wish: Wish, facts: Facts, where: Database | None) -> Iterator[Finding]:
    """Yield that the rows which are to come along cannot be seen, so that none would (H23)."""
    if not (wish.carry and where):
        return
    name, keep = where.name, f"{wish.again(carry=False, keep=True)}   keeps it as it is"
    if not where.contents:
        allow = facts.settings.psql("postgres", allow_connections(name, True))
        opens = "" if where.open else f"{allow}   opens it\n"
        what = f"{name} cannot be looked into, so its rows would not come along."
        yield Finding(what, opens + keep)
        return
    old = {one: table for one, table in where.contents.tables.items()
           if one in (facts.app.tables or ())}  # fmt: skip
    unread = [one for one, table in old.items() if table.rows is None]
    if unread and not facts.locks:
        what = f"{', '.join(unread)} of {name} cannot be read, so could not come along."
        yield Finding(what, keep)
    new = [f"{one}.{key}" for one, table in old.items() if table.rows
           for key in facts.app.keys.get(one, ())
           if key not in (*table.columns, *table.generated)]  # fmt: skip
    if new:
        what = f"{name} has no {', '.join(new)}, a key of the models:"
        yield Finding(f"{what} its rows could not keep theirs.", keep)


def may_clear(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """Yield what our role may not do inside the database (H15), or nobody may."""
    settings, contents = facts.settings, facts.contents
    if not contents:
        return
    name, role = settings.database, identifier(settings.user)
    if not contents.creates:
        what = f"The role {settings.user} may not create tables in {name}, as a clear must."
        grant = f"GRANT CREATE ON SCHEMA public TO {role}"
        yield Finding(what, settings.superuser(grant, on=name, who=f"as the owner of {name}"))
    dropped = set(contents.tables) - facts.outside
    others = [one for one in contents.tables if one in dropped and not contents.tables[one].owned]
    if others and facts.app.tables is not None:  # else nobody knows which it drops
        what = f"The role {settings.user} does not own {', '.join(others)}, which a clear drops."
        own = "; ".join(f"ALTER TABLE {qualified(one)} OWNER TO {role}" for one in others)
        yield Finding(what, to_be_ours(settings, own, name, on=name))
    needing = {one for table in dropped for one in contents.tables[table].needed_by} - dropped
    if needing:
        what = f"A clear cannot drop the tables that are needed by {', '.join(sorted(needing))}."
        yield Finding(what, f"{wish.make('rebuild', keep=True)}   starts anew, and keeps what is")


def sequence_table(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """Yield that the table of sequences is none that is known."""
    settings, table = facts.settings, facts.tables.get("sequences")
    if facts.contents and SEQUENCE_COLUMNS - facts.contents.sequence_columns:
        lacking = sorted(SEQUENCE_COLUMNS - facts.contents.sequence_columns)
        mend = f"{wish.make('rebuild', carry=True)}   gives it the structure of the models"
        yield Finding(f"{settings.database} has no sequences.{' or '.join(lacking)}.", mend)
    may, change = "", ""
    if table and not table.changeable:
        may = "may not read and change the rows of sequences."
        change = f"GRANT SELECT, UPDATE, DELETE ON sequences TO {identifier(settings.user)}"
    elif table and table.rows is None and not facts.locks:  # H47
        may = "may not see all rows of sequences (row-level security?)."
        change = "ALTER TABLE sequences DISABLE ROW LEVEL SECURITY"
    if may:
        mend = settings.superuser(change, on=settings.database, who="as the owner of sequences")
        yield Finding(f"The role {settings.user} {may}", mend)


def may_replace(wish: Wish, facts: Facts, databases: Sequence[Database]) -> Iterator[Finding]:
    """Yield what the server does not allow who drops, renames or creates (H13, H14)."""
    settings, user, role = facts.settings, facts.settings.user, identifier(facts.settings.user)
    if not facts.maintained:
        what = f"The role {user} cannot open the maintenance database postgres."
        yield Finding(what, settings.superuser(f"GRANT CONNECT ON DATABASE postgres TO {role}"))
    if not facts.creates:
        what = f"The role {user} may not create databases, so none could be made or renamed."
        yield Finding(what, settings.superuser(f"ALTER ROLE {role} CREATEDB"))
    for one in databases:
        if not one.owned:
            what = f"{one.name} is owned by {one.owner}, so {user} may not drop or rename it."
            change = f"ALTER DATABASE {identifier(one.name)} OWNER TO {role}"
            yield Finding(what, to_be_ours(settings, change, one.name))


def to_be_ours(settings: Settings, change: str, database: str, on: str = "postgres") -> str:
    """Give where to name another database, and how this one's becomes ours: whose is it? (H14)."""
    stray = [settings.change("POSTGRES_USER")] if "POSTGRES_USER" in settings.overrides else []
    names = ("POSTGRES_DB", "POSTGRES_DISPOSABLE_DB")
    other = [settings.change(name) for name in names if settings.values[name] == database]
    other = [line if "   " in line else f"{line}   names another one" for line in other]
    who = f"if that is to be {settings.user}'s, as a superuser"
    return "\n".join([*stray, *other, settings.superuser(change, on=on, who=who)])


def template(facts: Facts, options: Sequence[str]) -> Iterator[Finding]:
    """Yield why createdb could not copy its template (H16); see CREATE DATABASE."""
    settings, template1 = facts.settings, facts.template
    if "template0" in options:
        return
    in_use = facts.on("template1")
    if in_use:
        what = listed("template1 is in use, so createdb could not copy it:", in_use)
        yield Finding(what, settings.superuser(terminate(one.pid for one in in_use)))
    if not template1 or not (template1.template or template1.owned):
        what = "template1 is missing or is no template, so createdb could not copy it."
        yield Finding(what, settings.superuser("ALTER DATABASE template1 IS_TEMPLATE true"))
    elif template1.outdated:
        what = "template1 has the collations of another system, so createdb would refuse it."
        change = "ALTER DATABASE template1 REFRESH COLLATION VERSION"
        yield Finding(what, settings.superuser(change))


def undo_begun(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """Yield that an undo was interrupted, which comes before anything else (H44)."""
    if misplaced(facts):
        yield Finding(f"The migrations are {MISPLACED}.", f"{wish.make('undo')}   finishes it")
