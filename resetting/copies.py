"""The rows that come along: which tables and columns are copied, and the steps."""

from __future__ import annotations

from typing import Iterator, Sequence

from .snapshot import Model, Snapshot, Table
from .steps import Steps, identifier, literal, psql


def rows_to_copy(snapshot: Snapshot) -> list[tuple[Model, Table]]:
    """Return the tables that the models and the database both have, parents first."""
    found = []
    for model in snapshot.app.models:
        table = snapshot.database.find(model.schema, model.name)
        if table:
            found.append((model, table))
    return found


def not_copied(snapshot: Snapshot) -> Sequence[str]:
    """Return what of the database the models have no place for: rows, columns, other objects."""
    models = {table.oid: model for model, table in rows_to_copy(snapshot)}
    found = []
    for table in snapshot.database.tables_with_rows:
        if table.oid not in models:
            found.append(str(table))
            continue
        columns = {column.name for column in models[table.oid].columns}
        for column in table.columns:
            if column not in columns:
                found.append(f"column {table.label}.{column}")
    for kind, number in snapshot.database.other_objects.items():
        found.append(f"{kind}s: {number}")
    return found


def filled_columns(model: Model, table: Table) -> dict[str, str]:
    """Return the columns that are new and must not be null, with the models' default as SQL."""
    return {
        column.name: column.fill
        for column in model.columns
        if column.required and column.fill is not None and column.name not in table.columns
    }


def describe_filled(snapshot: Snapshot) -> list[str]:
    """Return with what new columns of tables that hold rows are filled."""
    found = []
    for model, table in rows_to_copy(snapshot):
        if table.rows:
            for name, value in filled_columns(model, table).items():
                found.append(f"{model}.{name}: {value}")
    return found


def describe_copy(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield what the heading says of a copy that is not like the old one."""
    for label, parts in (
        ("Not copied", not_copied(snapshot)),
        ("Filled", describe_filled(snapshot)),
        ("Types", snapshot.app.type_changes),
    ):
        if parts:
            yield label, ", ".join(parts)


def copy_rows(snapshot: Snapshot, compare: bool) -> Steps:
    """Yield a step for each table that copies its rows into what is built.

    A shell does not notice that the first psql of a pipe has failed; so the second one can
    `compare` how many rows have come with how many were seen.
    """
    for model, table in rows_to_copy(snapshot):
        values = {
            column.name: identifier(column.name)
            for column in model.columns
            if column.name in table.columns and not column.computed
        }
        values.update(filled_columns(model, table))
        if not values:
            continue
        names = ", ".join(identifier(name) for name in values)
        old = identifier(table.schema, table.name)
        new = identifier(model.schema or "public", model.name)
        statements = [f"COPY {new} ({names}) FROM STDIN"]
        if compare:
            wrong = f"'copied ' || count(*) || ' of {table.rows} rows'"
            case = f"CASE WHEN count(*) <> {table.rows} THEN ({wrong})::int END"
            statements.append(f"SELECT {case} FROM {new}")
        statements += continue_generators(model, table, new)
        yield psql(
            snapshot.database.name,
            f"COPY (SELECT {', '.join(values.values())} FROM {old}) TO STDOUT",
            title=f"copy {table}",
            rows=table.rows or 0,
            interruptible=True,
            pipe_to=psql(snapshot.beside.name, *statements),
        )


def continue_generators(model: Model, table: Table, new: str) -> Iterator[str]:
    """Yield the statements after which the generators of keys go on where they were."""
    for column in model.columns:
        if not column.increment:
            continue
        key = identifier(column.name)
        bounds = [f"max({key})"]
        choose = "greatest"
        if column.increment < 0:
            bounds = [f"min({key})"]
            choose = "least"
        if column.name in table.sequence_values:
            bounds.append(str(table.sequence_values[column.name]))
        sequence = f"pg_get_serial_sequence({literal(new)}, {literal(column.name)})"
        yield f"SELECT setval({sequence}, {choose}({', '.join(bounds)})) FROM {new}"
