"""Setting a database and its migrations aside, and bringing them back: the steps. Pure."""

from __future__ import annotations

from typing import Collection, Iterator, Sequence

from .commands import Step, allow_connections, dropdb, literal, mv, numbered, psql, rename
from .contents import Database
from .facts import Facts
from .pairs import Move, pairs


def close(names: Sequence[str]) -> Iterator[Step]:
    """Yield the steps after which nobody is connected, nor can connect again at once (H11)."""
    listed = ", ".join(map(literal, names))
    yield psql("postgres", *(allow_connections(name, False) for name in names))
    yield psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           f" WHERE datname IN ({listed}) AND pid <> pg_backend_pid()")  # fmt: skip


def open_again(*databases: Database | None) -> Iterator[Step]:
    """Yield the steps that let everybody in where the door was left closed."""
    for one in databases:
        if one and one.valid and not one.open:
            yield psql("postgres", allow_connections(one.name, True))


def folder_moves(moves: Iterator[Move]) -> Iterator[Step]:
    """Yield the renames of folders."""
    for move in moves:
        old, new = ("migrations" if n is None else numbered("migrations", n) for n in move)
        yield mv(old, new)


def set_aside(old: Database, number: int, end: bool) -> Iterator[Step]:
    """Yield the steps that rename a database to its number; with `end` nobody stays connected."""
    if end:
        yield from close([old.name])
    kept = numbered(old.name, number)
    yield rename((old.name, kept), opening=[] if old.open and not end else [kept])


def stored(before: Facts, now: Facts) -> bool:
    """Say whether somebody has stored rows in the new database, which are in no other."""
    new = now.contents if now.oid != before.oid else None
    return bool(new and new.rows and not now.copied)


def waits(before: Facts, now: Facts) -> str:
    """Say where the old database is, and why it was left there."""
    name, where = before.settings.database, next(iter(now.kept.values())).name
    why = f"Somebody has stored rows in {name}, so it stays. " if stored(before, now) else ""
    return f"{why}The old database is kept as {where}."


def put_back(before: Facts, now: Facts, made: Collection[str], number: int) -> Iterator[Step]:
    """Yield what brings back what was set aside, and removes only what this run `made` (H42)."""
    name, kept = before.settings.database, now.kept.get(number)
    kept = kept if number not in before.kept else None
    moved = number in now.folders.numbered and number not in before.folders.numbered
    new = now.database if now.oid != before.oid else None
    if not now.reached or (new and (stored(before, now) or "createdb" not in made)):
        return
    yield from open_again(now.database, kept)
    if new:
        yield dropdb(name, force=True)
    if kept:
        yield rename((kept.name, name))
    if now.folders.there and (moved or not before.folders.there):
        ours = "flask" in made
        free = numbered("migrations", pairs(now).number())
        yield Step(("rm", "-r", "migrations")) if ours else mv("migrations", free)
    if moved:
        yield mv(numbered("migrations", number), "migrations")
