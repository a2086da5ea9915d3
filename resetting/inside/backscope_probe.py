"""The probe: has Backscope tell about itself, as JSON, and changes nothing.

Runs in a process of its own in the checkout, as `flask` would, and imports nothing of the
tool but the seat belt beside it. Its argument is `config`, to read flaskr/config.py alone,
or `app`, to load the app too. The target comes as a line of JSON on its standard input,
when it is known; where that has no database yet, nothing is connected.
"""

import functools
import json
import logging
import os
import re
import runpy
import sys
from urllib.parse import unquote

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def ask_config():
    """Tell what flaskr/config.py says: its environments, the URL, whether it is production."""
    config = runpy.run_path("flaskr/config.py")["config"]
    environment = os.environ["APP_ENVIRONMENT"]
    if environment not in config:
        return {"environments": sorted(config)}
    chosen = config[environment]
    url = elsewhere(str(chosen.SQLALCHEMY_DATABASE_URI))
    return {"production": bool(getattr(chosen, "PRODUCTION", False)), "url": url}


def elsewhere(url):
    """Give where a URL leads, if not to what Backscope's variables name; {} if nowhere."""
    names = ("USER", "PASSWORD", "HOST", "PORT", "DB")
    user, password, host, port, name = (os.environ[f"POSTGRES_{word}"] for word in names)
    plain = re.fullmatch(r"[\w.-]*", user + password + host + name, re.ASCII)
    if plain and url == f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{name}":
        return None
    from sqlalchemy.engine import make_url

    try:
        parsed = make_url(url)
    except Exception:  # its text would quote the URL, and so the password
        return {}
    ours = (name, unquote(user), unquote(password), int(port))
    theirs = (parsed.database, parsed.username, parsed.password or "", parsed.port or 5432)
    hosts = {host.strip("[]"), parsed.host or ""}
    if ours == theirs and (len(hosts) == 1 or hosts <= LOOPBACK) and not parsed.query:
        return None
    parts = {"database": parsed.database, "user": parsed.username, "port": theirs[3],
             "host": parsed.query.get("host") or parsed.host}  # fmt: skip
    return {name: str(value or "") for name, value in parts.items()}


def make_no_logs():
    """Have no log file made where there is none: who looks is not always who runs it (H57)."""
    opening = logging.FileHandler._open

    def opened(handler):
        file = handler.baseFilename
        makes = not os.path.exists(file) and os.access(os.path.dirname(file), os.W_OK)
        return open(os.devnull, "w") if makes else opening(handler)

    logging.FileHandler._open = opened


def ask_app(seat_belt, answer, told):
    """Tell what the loaded app says, after each of its engines was asked who it is."""
    target = functools.lru_cache(lambda: json.loads(sys.stdin.readline()))
    seat_belt.wear(target, lambda sentence: answer({"elsewhere": sentence}))
    flask_app, skip = (os.environ.pop(f"BACKSCOPE_RESET_{word}") for word in ("APP", "SKIP"))
    make_no_logs()
    app = seat_belt.load(flask_app, skip)
    told["lacks"] = ["clear-database"] if "clear-database" not in app.cli.commands else []
    if "migrate" not in app.extensions:
        return {"lacks": [*told["lacks"], "flask db"]}
    told["loads"] = True
    database, told["directory"] = app.extensions["migrate"].db, app.extensions["migrate"].directory
    tables = database.metadata.sorted_tables
    told["tables"] = {
        table.fullname: [column.name for column in table.columns if column.computed is None]
        for table in tables
    }
    told["keys"] = {  # those that rows have to bring, or are numbered anew
        table.fullname: [one.name for one in table.primary_key
                         if one.identity or not one.server_default]
        for table in tables
    }  # fmt: skip
    binds = getattr(database, "metadatas", {})  # a clear takes them all
    told["bound"] = [name for bind, one in binds.items() if bind for name in one.tables]
    if not target()["connect"]:
        return told
    with app.app_context():
        for engine in database.engines.values():
            with engine.connect():
                pass
        if target()["compare"]:
            told.update(compare(database, target()["database"]))
        for engine in database.engines.values():
            engine.dispose()
    return told


def compare(database, name):
    """Tell how the models differ from the database, in tables and columns (Alembic), in words."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import inspect

    with database.engine.connect() as connection:
        readonly = connection.execution_options(postgresql_readonly=True)
        context = MigrationContext.configure(readonly, opts={"compare_type": True})
        found = compare_metadata(context, database.metadata)
        there = inspect(connection).has_table  # Alembic looks into one schema only
        found = [one for one in found if one[0] != "add_table" or not one[1].schema
                 or not there(one[1].name, one[1].schema)]  # fmt: skip
    changes = [change for one in found for change in (one if isinstance(one, list) else [one])]
    words = [in_words(change, name) for change in changes]
    full = [change[2] for change in changes if unfit(change)]
    return {"differences": sorted(filter(None, words)), "full": full}


def in_words(change, name):
    """Say one difference; those of constraints do not count, as fresh databases show some."""
    kind = change[0]
    if kind == "add_table":
        return f"the table {change[1].fullname} is not in {name}"
    if kind == "remove_table":
        return f"the table {change[1].fullname} of {name} is not in the models"
    if kind == "add_column":
        full = " and must not be null" if unfit(change) else ""
        return f"{change[2]}.{change[3].name} is not in {name}{full}"
    if kind == "remove_column":
        return f"{change[2]}.{change[3].name} of {name} is not in the models"
    if kind == "modify_type":
        ours, theirs = map(type_in_words, change[5:7])
        return f"{change[2]}.{change[3]} is {ours} in {name}, {theirs} in the models"
    if kind == "modify_nullable":
        ours, theirs = ("may be null" if one else "must not be null" for one in change[5:7])
        return f"{change[2]}.{change[3]} {ours} in {name}, {theirs} in the models"
    return ""


def type_in_words(one):
    """Give a type as PostgreSQL writes it."""
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.exc import CompileError

    try:
        return one.compile(dialect=postgresql.dialect())
    except CompileError:  # of an extension that SQLAlchemy does not know
        return str(one)


def unfit(change):
    """Say whether rows cannot come along: a new column must not be null, and has no default."""
    column = change[3] if change[0] == "add_column" else None
    return column is not None and not column.nullable and column.server_default is None


def main():
    """Print the answer, and end at once: tearing down a loaded app takes long."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever Backscope prints is no answer
    here, told = os.path.dirname(os.path.realpath(__file__)), {}
    others = [path for path in sys.path if os.path.realpath(path or ".") != here]
    sys.path[:] = [os.getcwd(), *others]

    def answer(more):
        print(json.dumps({**told, **more}), file=out, flush=True)
        os._exit(0)

    try:
        given = set(os.environ)
        told.update(ask_config())
        for name in set(os.environ) - given:  # PGSERVICE in .env, say, is not to stay (H37)
            del os.environ[name]
        if sys.argv[1] == "app" and told.get("url", 0) is None:
            sys.path.insert(0, here)
            import seat_belt

            sys.path.remove(here)  # Backscope is not to find what is in there
            answer(ask_app(seat_belt, answer, told))
    except SyntaxError as error:
        answer({"kind": "SyntaxError",
                "error": f"{error.filename}, line {error.lineno}: {error.msg}"})  # fmt: skip
    except BaseException as error:  # whatever the app raises is what there is to tell
        said = getattr(error, "orig", None) or error  # SQLAlchemy adds the SQL, and where to read
        lines, cause = str(said).strip().splitlines(), error
        while cause and not isinstance(cause, ModuleNotFoundError):  # flask wraps it
            cause = cause.__cause__ or cause.__context__
        last, missing = lines[-1].strip() if lines else "", cause.name if cause else ""
        answer({"kind": type(error).__name__, "error": last, "missing": missing})
    answer({})


if __name__ == "__main__":
    main()
