"""Backscope's app with guarded connections: no engine opens anything but the target.

FLASK_APP of each `flask` step; it imports nothing of the tool, and loads Backscope's app as
flask would have. Each new connection of SQLAlchemy's pools is looked at before a statement
of Backscope's runs there (SQLAlchemy, "Pool Events", `connect`). As a script it is the probe:
it loads the app in the same way, and tells about it as JSON.
"""

import contextlib
import gc
import json
import os
import sys

WHO = """
    SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text,
           pg_catalog.current_database()::text, current_user::text, oid::int8
    FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"""


def stranger(connection, target):
    """Say in a sentence what a DB-API connection is, if it is not the target; else nothing."""
    ours = f"{target['database']} as {target['user']}"
    try:
        cursor = connection.cursor()
        cursor.execute(WHO)
        started, database, user, oid = cursor.fetchone()
        for statement in target["session"]:  # an engine may have options of its own
            cursor.execute(statement)
        connection.commit()
    except Exception as error:  # it is no PostgreSQL, or none that answers
        return f"Backscope opened something that is not {ours} ({type(error).__name__})."
    same = (database, user, started) == (target["database"], target["user"], target["started"])
    same = same and target["oid"] in (0, oid)
    other = "" if started == target["started"] else " on another server"
    return "" if same else f"Backscope opened {database} as {user}{other} (oid {oid}), not {ours}."


def stop(sentence):
    """End this process at once, so that nothing can catch it and go on."""
    print(sentence, "It was closed before a statement ran.", file=sys.stderr, flush=True)
    os._exit(1)


def load(target, stop=stop):
    """Load the app that flask would load; `stop` is told what it opens that is not the target."""
    from flask.cli import ScriptInfo, load_dotenv
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    def connected(connection, record):
        sentence = stranger(connection, target)
        if sentence:
            connection.close()
            stop(sentence)

    event.listen(Pool, "connect", connected, insert=True)
    here = os.path.dirname(os.path.realpath(__file__))
    ours = (here, os.path.dirname(here))  # Backscope is not to find what is in there
    sys.path[:] = [path for path in sys.path if os.path.realpath(path or ".") not in ours]
    sys.path.insert(0, os.getcwd())
    for name in ("FLASK_APP", "FLASK_SKIP_DOTENV"):
        os.environ.pop(name, None)
    os.environ.update(target["flask"])
    load_dotenv()
    gc.disable()  # what is loaded stays to the end; looking through it is a third of the time
    app = ScriptInfo(app_import_path=os.environ.get("FLASK_APP")).load_app()
    gc.freeze()
    gc.enable()
    for name in [one for one in os.environ if one.startswith("FLASK_DB_")]:
        del os.environ[name]  # of some .env; it would have migrations in another folder
    return app


def tell(app, target, told):
    """Add to `told` what the tool has to know of the app (state.App); give what is wrong."""
    from sqlalchemy.schema import sort_tables_and_constraints

    told["production"] = bool(app.config.get("PRODUCTION"))
    migrate = app.extensions.get("migrate")
    if not migrate or migrate.directory != "migrations":
        return "Backscope's `flask db` does not use the folder migrations."
    metadata = migrate.db.metadata
    tables = [one for one, _ in sort_tables_and_constraints(metadata.tables.values())]
    told["models"] = []
    for table in tables[:-1]:  # the last one has the constraints of a cycle
        stored = [one for one in table.columns if one.computed is None]
        required = [c.name for c in stored if c.primary_key or not (c.nullable or c.server_default)]
        model = {"schema": table.schema, "name": table.name, "required": required}
        told["models"].append({**model, "columns": [one.name for one in stored]})
    with app.app_context():
        for engine in migrate.db.engines.values() if target["oid"] else ():
            with engine.connect() as connection:
                if target["compares"] and engine is migrate.db.engine:
                    with contextlib.suppress(Exception):  # what Alembic cannot read
                        told["differences"] = compare(connection, metadata)
            engine.dispose()
    return "" if metadata.tables else "Backscope's app has no models."


def compare(connection, metadata):
    """Give what `flask db migrate` would change, in Alembic's words, but for constraints."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    schemas = any(table.schema for table in metadata.tables.values())
    options = {"compare_type": True, "include_schemas": schemas}
    found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    words = []
    for kind, *rest in (c for one in found for c in (one if isinstance(one, list) else [one])):
        if kind.endswith(("_table", "_column")) or kind.startswith("modify_"):
            table = getattr(rest[0], "fullname", "")
            what = table or f"{rest[1]}.{getattr(rest[2], 'name', rest[2])}"
            words.append(f"{kind.replace('_', ' ')} {what}")
    return words


def probe():
    """Print what there is to tell as JSON, and end at once: tearing down an app takes long."""
    import flask_migrate  # noqa: F401  this takes a while, in which the tool looks at the server

    out, told = os.fdopen(os.dup(1), "w"), {}
    os.dup2(2, 1)  # whatever Backscope prints is no answer
    target = json.loads(sys.stdin.readline())

    def answer(error):
        print(json.dumps({**told, "error": error}), file=out, flush=True)
        os._exit(0)

    try:
        answer(tell(load(target, stop=answer), target, told))
    except BaseException as error:  # whatever the app raises; without the SQL of SQLAlchemy
        said = str(getattr(error, "orig", None) or error).strip().splitlines() or [""]
        line = said[-1 if "Traceback" in str(error) else 0]
        answer(f"{type(error).__name__}: {line.strip()}")


if __name__ == "__main__":
    probe()
elif "BACKSCOPE_RESET_TARGET" in os.environ:
    app = load(json.loads(os.environ.pop("BACKSCOPE_RESET_TARGET")))
