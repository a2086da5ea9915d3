"""Kept pairs, a database and its migrations under one number: copy, put back, swap."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

from . import Step, command, identifier, literal, numbered, psql, rename
from .state import UNFINISHED, Database, Model, State, Table


def set_migrations_aside(state: State) -> Iterator[Step]:
    """Yield the step that renames `migrations`, under the number of their database.

    If a KEEP was killed between its two renames, that is the kept one.
    """
    alone = (n for n in state.kept if n not in state.folders)
    number = state.number if state.database.oid else next(alone, state.number)
    if state.migrations is not None:
        yield command("mv", "migrations", numbered("migrations", number))


def rows_to_copy(state: State, source: Database | None) -> Iterator[tuple[Model, Table]]:
    """Yield the tables that the models and the source both have, parents first."""
    for model in state.app.models if source else ():
        table = source.find(model.schema, model.name) if source else None
        if table and set(model.columns) & set(table.columns):
            yield model, table


def staying(state: State, source: Database | None) -> str:
    """Say what of the source the models have no place for: tables with rows, columns."""
    copied = {table.oid: model.columns for model, table in rows_to_copy(state, source)}
    words = []
    for table in (one for one in (source.tables if source else None) or () if one.rows != 0):
        columns = copied.get(table.oid)
        lost = [f"{table.name}.{one}" for one in table.columns if one not in (columns or ())]
        words += [str(table)] if columns is None else lost
    return ", ".join(words)


def carry(state: State, source: Database, called: str) -> Iterator[Step]:
    """Yield a step for each table; `called` is the name that the source has by then.

    The generator of a key goes on where it was.
    """
    for model, table in rows_to_copy(state, source):
        columns = [one for one in model.columns if one in table.columns]
        names = ", ".join(map(identifier, columns))
        old = identifier(table.schema, table.name)
        new = identifier(model.schema or "public", model.name)
        after = [
            f"SELECT setval(pg_get_serial_sequence({literal(new)}, {literal(key)}),"
            f" greatest({last}, max({identifier(key)}))) FROM {new}"
            for key, last in table.last.items()
            if key in columns
        ]
        out = psql(called, f"COPY (SELECT {names} FROM {old}) TO STDOUT")
        into = psql(state.database.name, f"COPY {new} ({names}) FROM STDIN", *after)
        rows = table.rows or 0
        yield replace(out, title=f"copy {model}: {rows:,} rows", into=into, rows=rows)


def mark(state: State, source: Database | None) -> Step:
    """Make the step that notes in the database's comment whose rows are still to be copied."""
    text = literal(UNFINISHED.format(source.oid)) if source else "NULL"
    sql = f"COMMENT ON DATABASE {identifier(state.database.name)} IS {text}"
    title = "note that the copy has begun" if source else "note that the copy is complete"
    return psql("postgres", sql, title=title)


def swap_folders(state: State, number: int) -> Iterator[Step]:
    """Yield the renames that are left of a swap of folders, which may have been begun.

    If a KEEP was killed, there is no database, and `migrations` are those of the kept one.
    """
    kept, waits = numbered("migrations", number), numbered("migrations", 0)
    both, waiting = number in state.folders, 0 in state.folders
    if state.migrations is not None and not waiting and (both or state.database.oid):
        yield command("mv", "migrations", waits if both else kept)
        waiting = both
    if both:
        yield command("mv", kept, "migrations")
    if waiting:
        yield command("mv", waits, kept)


def unfinished_swap(state: State) -> list[Step]:
    """Give the renames that an undo which was killed has left, seen by the revision recorded."""
    recorded, number = state.database.revisions, 0
    alone = (n for n in state.kept if n not in state.folders)
    places = (n for n, revisions in state.folders.items() if n and recorded <= revisions)
    if recorded and not recorded <= (state.migrations or frozenset()):
        number = next(places, 0)
    elif 0 in state.folders:  # only the last rename is left
        number = next(alone, state.number)
    return list(swap_folders(state, number)) if number else []


def put_back(before: State, now: State, made: int) -> Iterator[Step]:
    """Yield what brings a kept pair back; dropped is only what our own createdb `made`."""
    number, new = before.number, now.database
    if new.oid and new.oid == made:
        yield command("dropdb", "--force", new.name)
    if number in {*now.kept} - {*before.kept}:
        yield rename((now.kept[number].name, new.name))
    moved = number in {*now.folders} - {*before.folders}
    if now.migrations is not None and (moved or before.migrations is None):
        yield command("rm", "-r", "migrations")
    if moved:
        yield command("mv", numbered("migrations", number), "migrations")


def createdb(state: State) -> Step:
    """Make the step that creates the database with the encoding and locale of the old one.

    A first one is UTF8. See CREATE DATABASE: what differs from template1 needs template0.
    """
    newest = next(iter(state.kept.values()), state.database)
    old, theirs = state.database if state.database.oid else newest, state.template.locale
    first = theirs if theirs[0] == "UTF8" else ["UTF8", "C", "C"]  # a locale has an encoding
    encoding, collate, ctype = wanted = old.locale or first
    options = ["-E", encoding, f"--lc-collate={collate}", f"--lc-ctype={ctype}", "-T", "template0"]
    return command("createdb", *(options if wanted != theirs else []), state.database.name)
