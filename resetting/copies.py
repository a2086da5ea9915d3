"""The rows that come along: which tables and columns are copied, and the steps."""

from .snapshot import join
from .steps import identifier, literal, psql


def rows_to_copy(snapshot):
    """Return the tables that the models and the database both have, parents first."""
    found = []
    for model in snapshot.app.models:
        table = snapshot.database.find(model.schema, model.name)
        if table:
            found.append((model, table))
    return found


def not_copied(snapshot):
    """Yield what of the database the models have no place for: rows, columns, other objects."""
    models = {table.oid: model for model, table in rows_to_copy(snapshot)}
    for table in snapshot.database.tables_with_rows:
        if table.oid not in models:
            yield str(table)
            continue
        columns = {column.name for column in models[table.oid].columns}
        for column in table.columns:
            if column not in columns:
                yield f"column {table.label}.{column}"
    for kind, number in snapshot.database.other_objects.items():
        yield f"{kind}s: {number}"


def filled_columns(model, table):
    """Return the columns that are new and must not be null, with the models' default as SQL."""
    new = [column for column in model.columns if column.name not in table.columns]
    return {column.name: column.fill for column in new if column.fill is not None}


def describe_filled(snapshot):
    """Yield with what new columns of tables that hold rows are filled."""
    for model, table in rows_to_copy(snapshot):
        for name, value in filled_columns(model, table).items():
            if table.rows:
                yield f"{model}.{name}: {value}"


def describe_copy(snapshot):
    """Yield what the heading says of a copy that is not like the old one."""
    yield "Not copied", join(not_copied(snapshot))
    yield "Filled", join(describe_filled(snapshot))
    yield "Types", join(snapshot.app.type_changes)


def copy_rows(snapshot, compare):
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
        if compare and table.rows is not None:
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


def continue_generators(model, table, new):
    """Yield the statements after which the generators of keys go on where they were."""
    for column in model.columns:
        key = identifier(column.name)
        last = table.sequence_values.get(column.name, "NULL")
        bound = f"greatest(max({key}), {last})"
        if column.increment < 0:
            bound = f"least(min({key}), {last})"
        sequence = f"pg_get_serial_sequence({literal(new)}, {literal(column.name)})"
        if column.increment:
            yield f"SELECT setval({sequence}, {bound}) FROM {new}"
