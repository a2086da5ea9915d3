"""Pairs of a database and its migrations under one number: build beside, swap, drop."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

from .migrations import WAITING, fits, swap_moves
from .snapshot import BUILDING, Database, Snapshot
from .steps import Step, Steps, flask, identifier, literal, move, numbered, psql, quote


def set_migrations_aside(snapshot: Snapshot) -> Steps:
    """Yield the step that renames `migrations`."""
    if snapshot.migrations is not None:
        yield Step(["mv", "migrations", numbered("migrations", snapshot.number)])


def build(snapshot: Snapshot) -> Steps:
    """Yield what builds a pair beside the current one; its number is 0."""
    name = snapshot.beside.name
    yield from remove_beside(snapshot, snapshot.beside.oid)
    yield createdb(snapshot, name, BUILDING)
    for subcommand in ("init", "migrate", "upgrade"):
        title = f"flask db {subcommand} -d {WAITING}"
        yield flask("db", subcommand, "-d", WAITING, database=name, title=title)


def remove_beside(snapshot: Snapshot, oid: int) -> Steps:
    """Yield what removes the pair that is built beside the others, if the database has this oid.

    The folder goes first: without a database of that number it is in the middle of a swap.
    """
    if oid and snapshot.beside.oid == oid:
        yield Step(["rm", "-rf", WAITING])
        yield dropdb(snapshot.beside.name, force=True)


def copy(snapshot: Snapshot, force: bool) -> Steps:
    """Yield what builds a copy of the current pair beside it."""
    yield from remove_beside(snapshot, snapshot.beside.oid)
    name = snapshot.database.name
    beside = snapshot.beside.name
    argv = ["createdb", "-T", name, beside, BUILDING]
    title = f"createdb -T {quote(name)} {quote(beside)}"
    step = Step(argv, title=title, database=beside, creates=True)
    if force:
        step = terminating_sessions(snapshot, step, [name])
    yield step
    if snapshot.migrations is not None:
        yield Step(["cp", "-R", "migrations", WAITING])


def swap_in(snapshot: Snapshot, force: bool, moves: bool = True) -> Steps:
    """Yield what makes the new pair the current one; the one that was current is kept.

    It `moves` a folder of migrations, unless none was built.
    """
    name = snapshot.database.name
    pairs = [(name, snapshot.backup), (snapshot.beside.name, name)]
    yield rename(snapshot, pairs, force, building=name)
    if snapshot.migrations is not None:
        yield move("migrations", numbered("migrations", snapshot.number))
    if moves:
        yield move(WAITING, "migrations")


def swap_back(snapshot: Snapshot, number: int, force: bool) -> Steps:
    """Yield what swaps a backup and the current pair."""
    current = snapshot.database
    backup = snapshot.backups[number]
    waiting = snapshot.beside.name
    backups = dict(snapshot.backups)
    migrations = snapshot.migrations
    if current.oid:
        pairs = [(current.name, waiting), (backup.name, current.name), (waiting, backup.name)]
        backups[number] = current
    else:
        pairs = [(backup.name, current.name)]
        del backups[number]
        if number in snapshot.folders and not fits(backup, migrations):
            yield from set_migrations_aside(snapshot)
            migrations = None
    yield from remove_beside(snapshot, snapshot.beside.oid)
    yield rename(snapshot, pairs, force)
    swapped = replace(snapshot, database=backup, backups=backups, migrations=migrations)
    yield from swap_moves(swapped, number)


def rename(
    snapshot: Snapshot, pairs: Sequence[tuple[str, str]], force: bool, building: str = ""
) -> Step:
    """Return the step that renames databases in one transaction; `building` is ready then."""
    statements = []
    for old, new in pairs:
        statements.append(f"ALTER DATABASE {identifier(old)} RENAME TO {identifier(new)}")
    if building:
        statements.append(f"COMMENT ON DATABASE {identifier(building)} IS NULL")
    renames = [f"{old} to {new}" for old, new in pairs]
    title = f"rename {', '.join(renames)}"
    if len(pairs) == 3:
        title = f"swap {pairs[0][0]} and {pairs[1][0]}"
    step = psql(snapshot.server.maintenance, *statements, title=title, commits=True)
    if force:
        return terminating_sessions(snapshot, step, [old for old, _ in pairs])
    return step


def terminating_sessions(snapshot: Snapshot, step: Step, databases: Sequence[str]) -> Step:
    """Return a step while which all sessions of some databases are terminated.

    It takes a lock at which who connects has to wait, and then waits five seconds for the
    sessions that are there (ALTER DATABASE, CREATE DATABASE). So they are terminated a second
    after it has begun: who connects again at once comes too late.
    """
    names = ", ".join(literal(name) for name in databases)
    terminate = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE usename IS NOT NULL AND datname IN ({names})"
    )
    meanwhile = psql(snapshot.server.maintenance, "SELECT pg_sleep(1)", terminate)
    return replace(step, meanwhile=meanwhile)


def drop_pair(database: Database, number: int, folder: bool, force: bool) -> Steps:
    """Yield what removes a backup and, if that is its own, the folder of its migrations."""
    yield dropdb(database.name, force)
    if folder:
        yield Step(["rm", "-r", numbered("migrations", number)])


def dropdb(name: str, force: bool) -> Step:
    """Return the step that drops a database."""
    if force:
        return Step(["dropdb", "--force", name])
    return Step(["dropdb", name])


def wanted_locale(snapshot: Snapshot) -> Sequence[str]:
    """Return the encoding and locale of a new database: those of the old one; a first is UTF8."""
    if snapshot.database.locale:
        return snapshot.database.locale
    if snapshot.template.locale[0] == "UTF8":
        return snapshot.template.locale
    return ["UTF8", "C", "C"]  # a locale has an encoding


def template(snapshot: Snapshot) -> Database:
    """Return the database that a new one is a copy of (CREATE DATABASE).

    What differs from template1 needs template0. So does a server without a database postgres,
    as we are connected to template1 there.
    """
    differs = wanted_locale(snapshot) != snapshot.template.locale
    if differs or snapshot.server.maintenance == snapshot.template.name:
        return Database("template0")
    return snapshot.template


def createdb(snapshot: Snapshot, name: str, comment: str = "") -> Step:
    """Return the step that creates a database like the old one."""
    argv = ["createdb"]
    locale = wanted_locale(snapshot)
    if locale != snapshot.template.locale:
        encoding, collate, ctype = locale
        argv += ["-E", encoding, f"--lc-collate={collate}", f"--lc-ctype={ctype}"]
    if template(snapshot) != snapshot.template:
        argv += ["-T", "template0"]
    argv.append(name)
    title = ""
    if comment:
        title = f"createdb {quote(name)}"
        argv.append(comment)
    return Step(argv, title=title, database=name, creates=True)
