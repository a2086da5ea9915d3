"""What two looks at a database have different."""

from dataclasses import replace

from .backups import unfinished_moves
from .problems import Failed
from .snapshot import Database, join


def describe_changes(before, now):
    """Return in which tables rows were stored, changed or deleted between two looks."""
    if now.error:
        return [f"{now.name} cannot be inspected: {now.error}"]
    known = {table.oid: table for table in before.tables}
    found = []
    for table in now.tables:
        old = known.pop(table.oid, replace(table, rows=0, version="0"))
        if old.rows is not None and (old.rows, old.version) != (table.rows, table.version):
            found.append(f"{table}, {old.rows} before")
    dropped = [table for table in known.values() if table.rows != 0]
    return found + [f"{table.label}: dropped, {table.rows} before" for table in dropped]


def is_unchanged(before, now):
    """Return whether the databases, folders and rows are as they were."""
    return now.layout == before.layout and now.database.tables == before.database.tables


def describe_state(before, now):
    """Return in a sentence how things are now."""
    database = now.database
    if is_unchanged(before, now):
        return "Everything is as it was before."
    if not database.oid:
        return f"There is no database {database.name} now."
    return f"{database.name} is there: {database}, revision {database.revision}."


def check_swapped(before, now):
    """Raise Failed if the database that was current is not kept, with its migrations."""
    kept = now.backups.get(before.number, Database(""))
    if kept.oid != before.database.oid or unfinished_moves(now):
        raise Failed("The swap is not finished.")


def check_seen(database):
    """Raise Failed if it cannot be seen what has become of a database."""
    if database.error:
        raise Failed(f"What {database.name} holds now cannot be seen:\n{database.error}")


def lost_structure(old, new):
    """Return the columns, indexes, constraints and triggers that tables do not have any more."""
    lost = []
    for table in old.tables:
        successor = new.find(table.schema, table.name)
        if successor and successor.structure:  # and nobody has locked it
            gone = [part for part in table.structure if part not in successor.structure]
            lost += [f"{table.label}: {part}" for part in gone]
    return lost


def check_structure(database, models):
    """Raise Failed if a database has not the tables of the models."""
    check_seen(database)
    missing = [model for model in models if not database.find(model.schema, model.name)]
    if missing:
        tables = join(missing)
        raise Failed(f"{database.name} has no tables {tables}: flask db migrate made none.")
    if not database.revisions:
        raise Failed(f"{database.name} has no revision: flask db migrate made none.")
