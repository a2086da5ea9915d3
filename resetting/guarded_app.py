"""Backscope's app with guarded connections: no engine opens anything but the target.

FLASK_APP of each `flask` step; it imports nothing of the tool, and loads Backscope's app as
flask would have. Before it connects, or when it has loaded, it waits for its turn and learns what
it may open (SQLAlchemy, "Dialect Events", `do_connect`); each new connection is looked at before a
statement of Backscope's runs there ("Pool Events", `connect`). As a script it is the probe: it
loads the app in the same way, and tells about it as JSON.
"""

import contextlib
import functools
import gc
import json
import os
import sys
import threading

TURN = threading.Lock()  # the gate has one line, for whichever thread connects first
IDENTITY = """
    SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text,
           pg_catalog.current_database() || ' as ' || current_user, oid::int8
    FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"""


def learn_target(gate):
    """Wait at a file descriptor until it is our turn, and return what may be opened."""
    with TURN:
        return read_target(gate)


@functools.lru_cache
def read_target(gate):
    """Return what the tool has written, once; without a word of it this process ends."""
    with os.fdopen(gate) as file:
        line = file.readline()
    if not line:
        os._exit(1)
    return json.loads(line)


def describe_mismatch(connection, target):
    """Return in a sentence what a DB-API connection is, if it is not the target; else ""."""
    try:
        cursor = connection.cursor()
        cursor.execute(IDENTITY)
        started, found, oid = cursor.fetchone()
        connection.rollback()
    except Exception as error:  # it is no PostgreSQL, or none that answers
        kind = type(error).__name__
        return f"Backscope opened something that is not {target['identity']} ({kind})."
    if started != target["started"]:
        found += " on another server"
    if found == target["identity"] and target["oid"] in (0, oid):
        return ""
    return f"Backscope opened {found} (oid {oid}), not {target['identity']}."


def stop(sentence):
    """End this process at once, so that nothing can catch it and continue."""
    print(sentence, "It was closed before a statement ran.", file=sys.stderr, flush=True)
    os._exit(1)


def load(start, stop):
    """Return the app that flask would load; `stop` is told what it opens that is not the target.

    The tool has told at the `start` where the gate is, and which variables flask would have.
    """
    here = os.path.dirname(os.path.realpath(__file__))
    hidden = (here, os.path.dirname(here))  # Backscope is not to find what is in there
    sys.path[:] = [path for path in sys.path if os.path.realpath(path or ".") not in hidden]
    sys.path.insert(0, os.getcwd())
    from flask.cli import ScriptInfo, load_dotenv
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from sqlalchemy.pool import Pool

    def wait(*_):  # the database may have to be created before
        learn_target(start["gate"])

    def connected(connection, record):
        sentence = describe_mismatch(connection, learn_target(start["gate"]))
        if sentence:
            connection.close()
            stop(sentence)

    event.listen(Engine, "do_connect", wait)
    event.listen(Pool, "connect", connected, insert=True)
    for name in ("FLASK_APP", "FLASK_SKIP_DOTENV"):
        del os.environ[name]
    os.environ.update(start["flask"])
    load_dotenv()
    gc.disable()  # what is loaded stays to the end; looking through it is a third of the time
    app = ScriptInfo(app_import_path=os.environ.get("FLASK_APP")).load_app()
    gc.freeze()
    gc.enable()
    for name in list(os.environ):
        if name.startswith("FLASK_DB_"):  # of some .env; it would have migrations elsewhere
            del os.environ[name]
    return app


def describe_app(app, target, report):
    """Add to the report what the tool has to know of the app (snapshot.App); return an error."""
    report["production"] = bool(app.config.get("PRODUCTION"))
    migrate = app.extensions.get("migrate")
    if not migrate or migrate.directory != "migrations":
        return "Backscope's `flask db` does not use the folder migrations."
    metadata = migrate.db.metadata
    if not metadata.tables:
        return "Backscope's app has no models."
    with app.app_context():
        engines = list(migrate.db.engines.values())
        main = migrate.db.engine
    plain = type(main.dialect)(paramstyle="named")  # others write each % twice
    plain._backslash_escapes = False  # as standard_conforming_strings, which is pinned, has it
    for table in metadata.sorted_tables:
        columns = [describe_column(column, plain) for column in table.columns]
        model = {"schema": table.schema, "name": table.name, "columns": columns}
        report["models"].append(model)
    if target["compares"]:
        compare(main, metadata, report)
    sentences = [open_once(engine, target) for engine in engines]
    return "".join(sentences)


def open_once(engine, target):
    """Have an engine connect, which the guard sees; return in a sentence what it would not open.

    Where the target has to be created yet, only the name in its URL can be seen.
    """
    if target["exists"]:
        engine.connect().close()
        engine.dispose()
    elif engine.url.database != target["database"]:
        return f"Backscope would open {engine.url.database}, not {target['database']}."
    return ""


def describe_column(column, dialect):
    """Return what the tool has to know of a column of the models (snapshot.Column)."""
    from sqlalchemy import literal

    increment = 0
    if column is column.table._autoincrement_column:
        increment = 1
    if column.identity is not None:
        increment = column.identity.increment or 1
    optional = column.nullable or column.server_default is not None or increment != 0
    fill = None
    if not optional and getattr(column.default, "is_scalar", False):
        with contextlib.suppress(Exception):  # a type that has no literal
            value = literal(column.default.arg, column.type)
            fill = str(value.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    return {
        "name": column.name,
        "required": not optional,
        "fill": fill,
        "increment": increment,
        "computed": column.computed is not None,
    }


def compare(engine, metadata, report):
    """Add to the report what `flask db migrate` would change, in Alembic's words."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    schemas = any(table.schema for table in metadata.tables.values())
    options = {"compare_type": True, "include_schemas": schemas}
    with contextlib.suppress(Exception), engine.connect() as connection:  # Alembic cannot read all
        context = MigrationContext.configure(connection, opts=options)
        differences = []
        for found in compare_metadata(context, metadata):
            if isinstance(found, list):  # what is modified of one column
                differences += found
            elif not is_primary_key(found, metadata):
                differences.append(found)
        report["differences"] = [describe_difference(found) for found in differences]
        for kind, *rest in differences:
            if kind == "modify_type":
                _, table, column, _, *types = rest
                types = " -> ".join(str(name).replace(", ", ",").lower() for name in types)
                report["type_changes"].append(f"{table}.{column}: {types}")


def is_primary_key(difference, metadata):
    """Return whether a unique constraint repeats the primary key: PostgreSQL makes none."""
    kind, constraint, *_ = difference
    if kind != "add_constraint":
        return False
    key = metadata.tables[constraint.table.key].primary_key
    return set(constraint.columns.keys()) == set(key.columns.keys())


def describe_difference(difference):
    """Return an operation of Alembic's in words (Alembic, "compare_metadata")."""
    kind, first, *rest = difference
    verb = kind.replace("_", " ")
    if kind.startswith("modify"):  # schema, table, column ...
        return f"{verb} {rest[0]}.{rest[1]}"
    if rest:  # schema, table, column
        return f"{verb} {rest[0]}.{rest[1].name}"
    if kind.endswith("table"):
        return f"{verb} {first.fullname}"
    name = first.name or ", ".join(first.columns.keys())
    return f"{verb} {name} of {first.table.name}"


def probe(start):
    """Print what there is to tell as JSON, and end at once: tearing down an app takes long."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever Backscope prints is no answer
    report = {"models": [], "type_changes": []}

    def finish(error):
        print(json.dumps({**report, "error": error}), file=answer, flush=True)
        os._exit(0)

    try:
        app = load(start, finish)
        finish(describe_app(app, learn_target(start["gate"]), report))
    except BaseException as error:  # whatever the app raises; without the SQL of SQLAlchemy
        text = str(getattr(error, "orig", None) or error).strip()
        line, *rest = text.split("\n")
        if "Traceback" in text:
            line = rest[-1]
        finish(f"{type(error).__name__}: {line.strip()}")


if "BACKSCOPE_RESET" in os.environ:
    start = json.loads(os.environ.pop("BACKSCOPE_RESET"))
    if __name__ == "__main__":
        del sys.path[0]  # this folder, whose modules are not for Backscope
        probe(start)
    app = load(start, stop)
    learn_target(start["gate"])
