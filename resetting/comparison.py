"""What two looks at a database have different."""

from dataclasses import replace
from typing import Iterator, Sequence

from .migrations import unfinished_moves
from .problems import Failed, Problem
from .snapshot import Database, Model, Snapshot


def describe_changes(before: Database, now: Database) -> list[str]:
    """Return in which tables rows were stored, changed or deleted between two looks."""
    if now.tables is None:
        return [f"{now.name} cannot be inspected: {now.error}"]
    known = {table.oid: table for table in before.seen_tables}
    found = []
    for table in now.tables:
        old = known.pop(table.oid, replace(table, rows=0, version="0"))
        if old.rows is not None and (old.rows, old.version) != (table.rows, table.version):
            found.append(f"{table}, {old.rows} before")
    gone = [table for table in known.values() if table.rows != 0]
    return found + [f"{table.label}: dropped, {table.rows} before" for table in gone]


def is_unchanged(before: Snapshot, now: Snapshot) -> bool:
    """Return whether the databases, folders and rows are as they were."""
    return now.layout == before.layout and now.database.tables == before.database.tables


def new_backups(before: Snapshot, now: Snapshot) -> Sequence[int]:
    """Return the numbers of the backups that were not there before."""
    return [number for number in now.backups if number not in before.backups]


def describe_state(before: Snapshot, now: Snapshot) -> Iterator[str]:
    """Yield in sentences how things are now."""
    database = now.database
    if database.oid:
        yield f"{database.name} is there: {database}, revision {database.revision}."
    else:
        yield f"There is no database {database.name} now."
    for number in new_backups(before, now):
        yield f"The old one is kept as {now.backups[number].name}."


def check_swapped(before: Snapshot, now: Snapshot) -> None:
    """Raise Failed if the database that was current is not kept, with its migrations."""
    kept = now.backups.get(before.number, Database(""))
    if kept.oid != before.database.oid or unfinished_moves(now):
        raise Failed(Problem("The swap is not finished."))


def check_seen(database: Database) -> None:
    """Raise Failed if it cannot be seen what has become of a database."""
    if database.tables is None:
        message = f"What {database.name} holds now cannot be seen:\n{database.error}"
        raise Failed(Problem(message))


def lost_structure(old: Database, new: Database) -> list[str]:
    """Return the columns, indexes, constraints and triggers that tables do not have any more."""
    lost = []
    for table in old.seen_tables:
        successor = new.find(table.schema, table.name)
        if successor is None:
            lost.append(f"table {table.label}")
        elif successor.structure:  # and nobody has locked it
            gone = [part for part in table.structure if part not in successor.structure]
            lost += [f"{table.label}: {part}" for part in gone]
    return lost


def check_structure(database: Database, models: Sequence[Model]) -> None:
    """Raise Failed if a database has not the tables of the models."""
    check_seen(database)
    missing = [str(model) for model in models if not database.find(model.schema, model.name)]
    if missing:
        message = f"{database.name} has no tables {', '.join(missing)}"
        raise Failed(Problem(f"{message}: flask db migrate made none."))
    if not database.revisions:
        raise Failed(Problem(f"{database.name} has no revision: flask db migrate made none."))
