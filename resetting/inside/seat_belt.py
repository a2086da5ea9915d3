"""The seat belt: in this process no engine opens anything but the target.

Runs inside Backscope's processes, as FLASK_APP of each `flask` step, and imports nothing
of the tool. It loads Backscope's app as flask would have without it, and asks each new
connection of SQLAlchemy's pools who it is, before a statement of Backscope's runs there
(SQLAlchemy's manual, "Pool Events", `connect`).
"""

import gc
import json
import os
import re
import sys
import traceback
from datetime import timezone
from urllib.parse import quote

VARIABLE = "BACKSCOPE_RESET_BELT"
WHO = """
    SELECT pg_catalog.pg_postmaster_start_time(), pg_catalog.current_database()::text,
           current_user::text, oid::text
    FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"""


def stranger(connection, target):
    """Say in a sentence what a DB-API connection is, if it is not the target; else nothing."""
    ours = f"{target['database']} as {target['user']}"
    try:
        cursor = connection.cursor()
        cursor.execute(WHO)
        started, database, user, oid = cursor.fetchone()
        cursor.close()
        connection.rollback()
        started = started.astimezone(timezone.utc).isoformat()
    except Exception as error:  # it is no PostgreSQL, or none that answers
        return f"Backscope opened something that is not {ours}: {type(error).__name__}."
    theirs = f"{database} as {user}"
    if started != target["started"]:
        return f"Backscope opened {theirs} on another server, or this one was started anew."
    if (database, user) != (target["database"], target["user"]):
        return f"Backscope opened {theirs}, not {ours}."
    if target["oid"] and oid != str(target["oid"]):
        return f"Backscope opened another {database} than the one that was shown."
    return ""


def stop(sentence):
    """End this process at once, so that nothing can catch it and go on."""
    sys.stdout.flush()
    print(f"{sentence} It was stopped before it did anything there.", file=sys.stderr, flush=True)
    os._exit(1)


def wear(target, stop=stop):
    """Have each new connection asked; `target()` is what it has to be, `stop` ends it all."""
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    def connected(connection, record):
        sentence = stranger(connection, target())
        if sentence:
            connection.close()
            stop(sentence)
        cursor = connection.cursor()
        for statement in target()["session"]:  # an engine may have libpq options of its own
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    event.listen(Pool, "connect", connected, insert=True)


def load(flask_app, skip_dotenv):
    """Load the app that flask would load, and take back what redirects libpq or Flask."""
    from flask.cli import ScriptInfo, load_dotenv

    for name in ("FLASK_APP", "FLASK_SKIP_DOTENV"):
        os.environ.pop(name, None)
    given = dict(os.environ)
    if flask_app:
        os.environ["FLASK_APP"] = flask_app
    if not skip_dotenv:
        load_dotenv()
    gc.disable()  # what is loaded stays to the end; looking through it is a third of the time
    app = ScriptInfo(app_import_path=os.environ.get("FLASK_APP")).load_app()
    gc.freeze()
    gc.enable()
    for name in set(os.environ) - set(given):
        if re.match("PG[A-Z]|FLASK_DB_", name):
            del os.environ[name]
    return app


def hide(kind, error, trace):
    """Print a traceback without the password: where Backscope asks, nobody reads what it prints."""
    text = "".join(traceback.format_exception(kind, error, trace))
    names = {os.environ.get(f"POSTGRES_{name}") for name in ("DB", "USER", "HOST")}
    for plain in (os.environ.get("POSTGRES_PASSWORD", ""), os.environ.get("PGPASSWORD", "")):
        for secret in {plain, repr(plain)[1:-1], quote(plain), quote(plain, "")} - {"", *names}:
            text = text.replace(secret, "***")
    sys.stderr.write(text)


def begin():
    """Put on the belt that the tool has laid ready, and give the app."""
    sys.excepthook = hide
    here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.realpath(path or ".") != here]
    belt = json.loads(os.environ.pop(VARIABLE))
    wear(lambda: belt)
    return load(belt["flask_app"], belt["skip_dotenv"])


if VARIABLE in os.environ:
    app = begin()
