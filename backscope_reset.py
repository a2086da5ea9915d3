"""Reset the database of a Backscope checkout, and lose nothing by surprise.

The two procedures of Backscope's page doc/resetting-the-database.md, and what
belongs to them, as commands. The module reads in the order of a run: settings,
what Backscope says of itself, looking at the server, what is in the way, the
plan, running it, checking it, the command line. It looks through psycopg2,
read-only; it touches only by commands that the user could have typed, run
through `sh`. The names H1 to H32 are hazards; README.md has the list.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import fcntl
import importlib.util
import io
import ipaddress
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Iterator, Mapping, NoReturn, Sequence

LOOKING = "backscope-reset looks"  # application_name of our own connections, which soon end
LOCK_TIMEOUT = "5s"  # how long a command waits for a lock before it gives up (H12)
CONNECT_TIMEOUT = 10  # seconds until a server that does not answer is given up
LOAD_TIMEOUT = 60  # seconds until an app that does not load is given up
NAME_LIMIT = 63  # bytes in the name of a database: NAMEDATALEN - 1
HANDFUL = 5  # how many sequences are named before the rest is only counted
EXACT_ROWS = 1000  # rows that are counted one by one; more are estimated

# Backscope's variables and the defaults of its flaskr/config.py.
DEFAULTS = {
    "POSTGRES_DB": "",
    "POSTGRES_HOST": "localhost",
    "POSTGRES_PORT": "5432",
    "POSTGRES_USER": "postgres",
    "POSTGRES_PASSWORD": "root",
    "POSTGRES_DISPOSABLE_DB": "",
    "APP_ENVIRONMENT": "development",
}
# What Backscope pastes unescaped into a URL must not hold what a URL gives a meaning (H8).
URL_CHARACTERS = {
    "POSTGRES_DB": "?",
    "POSTGRES_HOST": "/?#%@:,",
    "POSTGRES_USER": ":/@?#%",
    "POSTGRES_PASSWORD": "@/?#%",
}
# The locks that a DELETE or an UPDATE does not wait for (table-level lock modes).
COMPATIBLE = ("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock")
# libpq's variables that say how to speak to a server; all others say to which one (H27).
HARMLESS = ("PGSSL", "PGGSS", "PGKRB", "PGCHANNELBINDING", "PGREQUIREAUTH", "PGLOCALEDIR")
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
COLUMNS = {"id", "values", "values_requested"}  # of the table sequences, that are relied on
STUCK = 'values_requested AND "values" IS NULL'  # what a failed download leaves (H30)


@dataclass(frozen=True)
class Finding:
    """Something in the way: a sentence about it, and the command that mends it."""

    what: str
    mend: str


class Refused(Exception):
    """Nothing was changed. Its arguments are the findings that say why."""


class Failed(Exception):
    """Something was begun and is not as it should be; the text says what to do."""


class Interrupted(Failed):
    """A signal asked the tool to end; the text says what was done until then."""


def say(text: str = "", end: str = "\n", error: bool = False) -> None:
    """Print: the one door to the screen. A reader that has gone does not stop a reset."""
    stream = sys.stderr if error else sys.stdout
    try:
        print(text, end=end, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def paint(text: str, code: int, stream: Any = None) -> str:
    """`text` in an ANSI colour on a terminal, plain elsewhere and with NO_COLOR."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    on_terminal = (stream or sys.stdout).isatty() and not plain
    return f"\x1b[{code}m{text}\x1b[0m" if on_terminal else text


def folded(text: str, indent: str, stream: Any = None) -> str:
    """The lines of `text` behind `indent`, folded on a terminal but for commands (6 blanks)."""
    width = shutil.get_terminal_size().columns - len(indent)
    fold = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    lines = []
    for line in text.splitlines():
        fold.subsequent_indent = " " * (len(line) - len(line.lstrip()) + 2 * line.startswith(" "))
        whole = line.startswith(" " * 6) or not (stream or sys.stdout).isatty()
        lines += [line] if whole else fold.wrap(line)
    return textwrap.indent("\n".join(lines), indent)


def quoted(word: str) -> str:
    """`word` as a shell takes it; unlike shlex.quote, `a.~1~` is left as people write it."""
    plain = re.fullmatch(r"[\w@%+=,./-][\w@%+=,./~-]*", word, re.A) and "=~" not in word
    return word if plain else shlex.quote(word)


def tilde(path: Path) -> str:
    """`path` with the home folder as ~."""
    with contextlib.suppress(ValueError, RuntimeError):
        return str(Path("~") / path.relative_to(Path.home()))
    return str(path)


def last_line(error: BaseException) -> str:
    """The last line of an error that has something to say."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


# ---------------------------------------------------------------- settings


@dataclass(frozen=True)
class Settings:
    """Where Backscope is and which database it uses, by its own rule."""

    checkout: Path
    environment: str  # APP_ENVIRONMENT
    database: str
    host: str  # as libpq takes it; "" is the server's Unix socket
    flask_host: str  # POSTGRES_HOST itself; "" is libpq's default or PGHOST (H32)
    port: str
    user: str
    password: str = field(repr=False)
    origins: Mapping[str, str]  # variable -> "the environment", ".env" or "default"
    in_dotenv: str | None  # POSTGRES_DB as .env alone has it

    @property
    def where(self) -> str:
        """The server in words."""
        if not self.host or self.host.startswith("/"):
            return f"the socket in {self.host or 'the default folder'}, port {self.port}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """What Backscope makes of the settings, unescaped as it does it (H8)."""
        server = f"{self.user}:{self.password}@{self.flask_host}:{self.port}"
        return f"postgresql+psycopg2://{server}/{self.database}"

    @property
    def local(self) -> bool:
        """Whether the server is this machine: its socket or a loopback address (H29)."""
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host in ("", "localhost") or self.host.startswith("/")

    @property
    def answer(self) -> str:
        """What has to be typed to confirm."""
        return self.database if self.local else f"{self.database}@{self.host}"


def find_checkout(folder: str) -> Path:
    """The Backscope checkout at `folder`. Raises Refused if it is none."""
    path = Path(folder).expanduser().resolve()
    if folder and (path / "flaskr" / "config.py").is_file():
        return path
    what = f"{quoted(folder)} is no Backscope checkout: it has no flaskr/config.py."
    raise Refused(Finding(what, "Name the checkout: make db-status BACKSCOPE_DIR=../backscope"))


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of `.env`, as python-dotenv's load_dotenv() would set them.

    Raises Refused, with the number of each line that python-dotenv would skip (H31),
    or if there is no such file: Backscope would use its defaults or a parent's (H3).
    """
    from dotenv.main import DotEnv
    from dotenv.parser import parse_stream

    mend = f"Correct it: ${{EDITOR:-vi}} {quoted(tilde(path))}"
    try:
        raw = path.read_bytes()
        text, bad = raw.decode(), [1] if raw.startswith(b"\xef\xbb\xbf") else []
    except FileNotFoundError:
        what = f"There is no .env in {tilde(path.parent)}, so Backscope would use its defaults."
        example = Path(__file__).resolve().with_name(".env.example")
        copy = f"cp {quoted(tilde(example))} {quoted(tilde(path))}, and edit it"
        raise Refused(Finding(what, copy)) from None
    except OSError as error:
        raise Refused(Finding(f".env cannot be read: {error.strerror}.", mend)) from None
    except UnicodeDecodeError as error:
        text, bad = "", [raw[: error.start].count(b"\n") + 1]
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key in DEFAULTS and binding.value is None):
            part = binding.original.string
            bad.append(binding.original.line + part[: len(part) - len(part.lstrip())].count("\n"))
    if bad:
        lines = ", ".join(map(str, bad))
        what = f".env does not parse at line {lines}, so Backscope would use a default instead."
        raise Refused(Finding(what, mend))
    values = DotEnv(path, encoding="utf-8", override=False).dict()
    return {name: value for name, value in values.items() if value is not None}


def read_settings(checkout: Path, environ: Mapping[str, str]) -> Settings:
    """Backscope's settings by Backscope's rule: the environment wins over `.env`.

    Raises Refused with all that is wrong with them (H3, H4, H6, H8, H31).
    """
    dotenv = read_dotenv(checkout / ".env")
    sources = {"the environment": environ, ".env": dotenv, "default": DEFAULTS}
    origins = {name: next(o for o in sources if name in sources[o]) for name in DEFAULTS}
    value = {name: sources[origin][name] for name, origin in origins.items()}
    found: list[Finding] = []

    def refuse(name: str, what: str, mend: str = "") -> None:
        mend = mend or f"Change it where it is set, in {origins[name]}."
        found.append(Finding(f"{name} {what}", mend))

    name, host, port = value["POSTGRES_DB"], value["POSTGRES_HOST"], value["POSTGRES_PORT"]
    libpq = {**dotenv, **environ}  # Backscope puts all of .env into its environment
    if re.fullmatch(r"\[[0-9A-Fa-f:.]+\]", host):
        host = host[1:-1]
    elif host == "":  # libpq decides, for Flask too (H32)
        host = libpq.get("PGHOST", "")
    if name in ("", "postgres", "template0", "template1"):
        state = f"is {name}, one of the server's own databases." if name else "is not set."
        refuse("POSTGRES_DB", state, "Name Backscope's database in .env: POSTGRES_DB=scope")
    if not (re.fullmatch("[0-9]+", port, re.A) and 0 < int(port) < 65536):
        refuse("POSTGRES_PORT", "is no port number from 1 to 65535.")
    if not value["POSTGRES_USER"]:
        refuse("POSTGRES_USER", "is empty, so the role would be a guess.")
    if value["APP_ENVIRONMENT"] == "testing":
        disposable = value["POSTGRES_DISPOSABLE_DB"] or "NAME"
        again = f"APP_ENVIRONMENT=development POSTGRES_DB={quoted(disposable)}"
        what = "is testing: Flask would open POSTGRES_DISPOSABLE_DB, dropdb would get POSTGRES_DB."
        refuse("APP_ENVIRONMENT", what, f"To reset the disposable one: make db-rebuild {again}")
    for variable, characters in URL_CHARACTERS.items():
        given = variable == "POSTGRES_HOST" and host != value[variable]  # not pasted as it is
        for character in sorted(set(host if given else value[variable])):
            if character in ("," if given else characters):
                what = f"holds a {character}, which means something else in Backscope's URL."
                socket = "For a socket's folder: POSTGRES_HOST= in .env, and export PGHOST=/folder"
                refuse(variable, what, socket if value["POSTGRES_HOST"][:1] == "/" else "")
            elif not character.isprintable():
                refuse(variable, f"holds a character that cannot be shown, {character!a}.")
    for variable in ("POSTGRES_DB", "POSTGRES_USER"):
        if len(value[variable].encode(errors="replace")) > NAME_LIMIT:
            refuse(variable, f"is longer than PostgreSQL's {NAME_LIMIT} bytes.")
    if libpq.get("PGHOSTADDR"):
        what = "PGHOSTADDR is set, and sends Flask to another server than POSTGRES_HOST says."
        found.append(Finding(what, "unset PGHOSTADDR"))
    if found:
        raise Refused(*found)
    return Settings(
        checkout, value["APP_ENVIRONMENT"], name, host, value["POSTGRES_HOST"], port,
        value["POSTGRES_USER"], value["POSTGRES_PASSWORD"], origins, dotenv.get("POSTGRES_DB"),
    )  # fmt: skip


def child_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which every command goes where Flask goes (H12, H25, H27, H28).

    See "Environment Variables" in the libpq chapter of PostgreSQL's manual. An empty
    POSTGRES_PASSWORD leaves the choice to PGPASSWORD and PGPASSFILE, as it does for Flask.
    """
    ours = {
        "PGHOST": settings.host, "PGPORT": settings.port, "PGUSER": settings.user,
        "PGPASSWORD": settings.password, "PGCLIENTENCODING": "UTF8",
        "PGOPTIONS": f"-c lock_timeout={LOCK_TIMEOUT}", "PGAPPNAME": "backscope-reset",
        "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT),
    }  # fmt: skip
    kept = HARMLESS if settings.password else (*HARMLESS, "PGPASSWORD", "PGPASSFILE")
    clean = {
        name: value
        for name, value in environ.items()
        if not re.match("PG[A-Z]|PG_COLOR|FLASK_DB_", name) or name.startswith(kept)
    }
    return {**clean, **{name: value for name, value in ours.items() if value}}


# ---------------------------------------------------------------- what Backscope says


def probe(load_app: bool) -> None:
    """Print what the Backscope in the current folder says of itself, as JSON.

    Runs in a process of its own, as `flask` would. flaskr/config.py alone is read;
    with `load_app` the app is loaded too, which costs what the app costs.
    """
    import logging

    from dotenv import load_dotenv

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever Backscope prints is no answer
    sys.path[0] = os.getcwd()
    os.environ["FLASK_RUN_FROM_CLI"] = "true"
    for name in (".env", ".flaskenv"):  # flask.cli.load_dotenv() does so before the app
        if os.path.exists(name):
            load_dotenv(os.path.abspath(name))
    setattr(logging.FileHandler, "_open", leave_no_log)
    try:
        answer = ask_config()
        if load_app and "known" not in answer:
            answer.update(ask_app())
    except SyntaxError as error:
        answer = {"error": f"{error.filename}, line {error.lineno}: {error.msg}"}
    except BaseException as error:  # whatever the app raises is what there is to tell
        kind = "" if type(error).__module__ == "flask.cli" else f"{type(error).__name__}: "
        answer = {"error": kind * bool(str(error)) + last_line(error)}
    print(json.dumps(answer), file=out, flush=True)
    os._exit(0)  # ending a Python with all of Backscope in it takes long


def leave_no_log(handler: Any) -> Any:
    """Open a handler's file; remove it at once if that made it, so that looking leaves none."""
    new = not os.path.exists(handler.baseFilename)
    stream = open(handler.baseFilename, handler.mode, encoding=handler.encoding)
    if new:
        os.unlink(handler.baseFilename)
    return stream


def ask_config() -> dict[str, Any]:
    """What flaskr/config.py and the sources tell without loading the app (H2, H7, H9, H19)."""
    import runpy

    config = runpy.run_path("flaskr/config.py")["config"]
    environment = os.environ.get("APP_ENVIRONMENT", "development")
    if environment not in config:
        return {"known": sorted(config)}
    files = [path for path in (Path("wsgi.py"), *Path("flaskr").rglob("*.py")) if path.exists()]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in files}
    text = "\n".join(texts.values())
    doubt = "FLASK_APP" in os.environ
    del texts[Path("flaskr/config.py")]
    override = r"SQLALCHEMY_(DATABASE_URI|BINDS|ENGINE_OPTIONS)\W{0,3}\s*=(?!=)"
    doubt |= any(re.search(override, source) for source in texts.values())
    modules = set(re.findall(r"^(?:from|import) +(\w+)", text, re.M))
    doubt |= not all(map(importlib.util.find_spec, modules))
    for path, source in texts.items():
        try:
            compile(source, str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            doubt = True
    return {
        "url": str(config[environment].SQLALCHEMY_DATABASE_URI),
        "production": bool(getattr(config[environment], "PRODUCTION", False)),
        "clears": "clear-database" in text,
        "doubt": doubt,  # only the loaded app tells whether it loads, and where it connects
    }


def ask_app() -> dict[str, Any]:
    """Where the loaded app connects, and the tables of its models (H9, H17, H18)."""
    from flask.cli import ScriptInfo
    from sqlalchemy import event

    app = ScriptInfo(app_import_path=os.environ.get("FLASK_APP")).load_app()
    database, target = app.extensions["migrate"].db, {}

    def opened(dialect: Any, record: Any, words: Any, parameters: dict[str, Any]) -> NoReturn:
        names = {"database": "dbname", "username": "user", "hostaddr": "host"}
        target.update({names.get(name, name): value for name, value in parameters.items()})
        raise ConnectionRefusedError("it was only asked where it goes")

    with app.app_context():
        event.listen(database.engine, "do_connect", opened, insert=True)
        with contextlib.suppress(ConnectionRefusedError):
            database.engine.connect()
        target = {name: str(target.get(name) or "") for name in ("dbname", "host", "port", "user")}
        return {"target": target, "tables": sorted(database.metadata.tables)}


@contextlib.contextmanager
def probing(checkout: Path, load_app: bool, environ: Mapping[str, str]) -> Iterator[Any]:
    """A running probe(), ended with the block, whatever it does."""
    command = [sys.executable, os.path.realpath(__file__), "_probe", "app" if load_app else ""]
    with subprocess.Popen(
        command, cwd=checkout, env={**environ, "PYTHONDONTWRITEBYTECODE": "1"}, encoding="utf-8",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def answer_of(process: Any) -> dict[str, Any]:
    """What a probe found; {"error": ...} if it ended or hung instead."""
    try:
        return dict(json.loads(process.communicate(timeout=LOAD_TIMEOUT)[0]))
    except subprocess.TimeoutExpired:
        return {"error": f"it did not load within {LOAD_TIMEOUT} seconds"}
    except ValueError:
        return {"error": f"it ended with exit status {process.returncode}"}


def proved(settings: Settings, config: Mapping[str, Any]) -> bool:
    """Whether Flask opens the database of the settings (H9).

    A loaded app has told where it connects. Without it, Backscope's URL has to be the
    one that is expected, and without any character that a URL may give a meaning.
    """
    target = config.get("target")
    if target:
        host = target["host"] or ("" if settings.flask_host else settings.host)
        theirs = (target["dbname"], host, target["port"] or "5432", target["user"])
        return theirs == (settings.database, settings.host, str(int(settings.port)), settings.user)
    plain = re.fullmatch(r"[\w.-]+", settings.database + settings.user, re.A)
    return bool(plain) and config.get("url") == settings.url and not config["doubt"]


# ---------------------------------------------------------------- looking at the server


@dataclass(frozen=True)
class Session:
    """A session of pg_stat_activity."""

    pid: int
    role: str
    application: str
    state: str
    since: str
    can_end: bool  # whether our role may end it
    place: str  # the database or table
    lock: str = ""  # the mode of the lock it holds there

    def __str__(self) -> str:
        state = f"{self.state} since {self.since}" if self.state else ""
        words = filter(None, [self.application, f"role {self.role}", state])
        return f"pid {self.pid} {'locks' if self.lock else 'on'} {self.place}: {', '.join(words)}"


@dataclass(frozen=True)
class Facts:
    """All that was seen at one time. `role`, `database` and `template` are rows of look()."""

    settings: Settings
    folders: Mapping[int, Path]  # migrations.~N~, the newest first
    mark: tuple[int, int] | None  # N and oid, of an undo that was interrupted
    has_migrations: bool
    config: Mapping[str, Any] = field(default_factory=dict)  # the probe's answer
    trouble: Finding | None = None  # why the server, or the inside, could not be looked at
    maintained: bool = True  # the maintenance database can be opened
    busy: bool = False  # another reset of the database is running
    role: Any = None  # None: there is no server to be seen
    database: Any = None  # None: there is no such database
    template: Any = None
    sessions: tuple[Session, ...] = ()  # on the database, kept ones and template1
    kept: Mapping[int, str] = field(default_factory=dict)  # number -> size, the newest first
    inside: Any = None  # a row about the database's inside; None: it cannot be opened
    tables: Mapping[str, Any] = field(default_factory=dict)
    locks: tuple[Session, ...] = ()
    revisions: Sequence[str] = ()  # of alembic_version

    @property
    def oid(self) -> int:
        """The oid of the database; 0 if there is none."""
        return self.database.oid if self.database else 0

    @property
    def closed(self) -> bool:
        """Whether the database accepts no connections."""
        return bool(self.database and self.database.valid and not self.database.allows)

    @property
    def production(self) -> bool:
        """Whether this is a production database (H19)."""
        return self.settings.environment == "production" or bool(self.config.get("production"))

    @property
    def number(self) -> int:
        """The first number that is free for both a kept database and kept migrations."""
        return next(n for n in itertools.count(1) if n not in self.folders and n not in self.kept)

    def on(self, *databases: str) -> list[Session]:
        """The sessions on some databases."""
        return [session for session in self.sessions if session.place in databases]

    def holding(self, some: bool = False) -> list[Session]:
        """Who holds a lock (H12); with `some` only what stops a change of some sequences."""
        held = [lock for lock in self.locks if not some or (
            lock.place == "sequences" and lock.lock not in COMPATIBLE)]  # fmt: skip
        return list({lock.pid: lock for lock in reversed(held)}.values())[::-1]


ABOUT_ROLE = """
    SELECT current_setting('server_version_num')::int AS version,
           rolsuper OR rolcreatedb AS creates, EXISTS (SELECT FROM pg_locks
           WHERE locktype = 'advisory' AND (classid, objid) = (%s, %s)) AS busy
    FROM pg_roles WHERE rolname = current_user"""
ABOUT_DATABASES = """
    SELECT datname, oid::int8, pg_get_userbyid(datdba) AS owner,
           pg_has_role(datdba, 'USAGE') AS owned, datconnlimit <> -2 AS valid,
           datallowconn AS allows, datistemplate AS template, {stale} AS stale,
           CASE WHEN starts_with(datname, %s) AND has_database_privilege(oid, 'CONNECT')
           THEN pg_size_pretty(pg_database_size(oid)) ELSE '?' END AS size
    FROM pg_database ORDER BY age(xmin)"""  # the last one renamed comes first
SESSION = """
    SELECT pid, a.usename AS role, coalesce(a.application_name, '') AS application,
           coalesce(a.state, '') AS state,
           coalesce(to_char(a.{since}, 'YYYY-MM-DD HH24:MI:SS'), '?') AS since,
           (pg_has_role(a.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))
           AND (NOT r.rolsuper OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
           AS can_end, {place}
    FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
    AND application_name IS DISTINCT FROM '{looking}' """
CONNECTED = """
    WHERE datname = ANY(%s::text[]) AND pid <> pg_backend_pid() ORDER BY backend_start, pid"""
LOCKED = """
    JOIN pg_locks l USING (pid) JOIN pg_class c ON c.oid = l.relation
    WHERE l.locktype = 'relation' AND c.oid >= 16384 AND relpersistence <> 't'
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND pid <> pg_backend_pid()
    ORDER BY relkind <> 'r', mode <> 'AccessExclusiveLock', relname"""
TABLES = """
    SELECT nspname AS schema, relname AS name, c.oid::int8, pg_has_role(relowner, 'USAGE') AS owned,
           greatest(reltuples::int8, pg_stat_get_live_tuples(c.oid)) AS estimate
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND relpersistence <> 't' AND NOT relispartition
    AND nspname <> 'information_schema' AND nspname !~ '^pg_' AND NOT EXISTS
    (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY relname"""
INSIDE = """
    SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS creates,
           ARRAY(SELECT attname::text FROM pg_attribute
                 WHERE attrelid = to_regclass('sequences') AND attnum > 0) AS columns"""


def connect(settings: Settings, database: str) -> Any:
    """A read-only, self-committing connection that waits for nothing long (psycopg2's errors)."""
    import psycopg2
    from psycopg2.extras import NamedTupleCursor

    connection = psycopg2.connect(
        dbname=database, host=settings.host or None, port=settings.port, user=settings.user,
        password=settings.password or None, connect_timeout=CONNECT_TIMEOUT, client_encoding="UTF8",
        options="-c lock_timeout=1s -c statement_timeout=2s -c default_transaction_read_only=on",
        application_name=LOOKING, cursor_factory=NamedTupleCursor,
    )  # fmt: skip
    connection.autocommit = True
    return connection


def rows(connection: Any, query: Any, *values: Any) -> list[Any]:
    """All rows of a query, as named tuples."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return list(cursor.fetchall())


def look(settings: Settings, config: Mapping[str, Any], exact: int = 0) -> Facts:
    """Look at everything, in a time that does not grow with the tables.

    Rows are counted up to `exact`. What cannot be looked at is in Facts.trouble (H10).
    """
    from psycopg2 import Error

    seen: dict[str, Any] = look_at_folders(settings.checkout)
    try:
        try:
            connection = connect(settings, "postgres")
        except Error as error:
            seen.update(maintained=False, trouble=trouble_connecting(settings, error))
            connection = connect(settings, settings.database)
        with contextlib.closing(connection):  # or it would be a session in the way itself
            seen.update(look_at_server(connection, settings), trouble=None)
        if seen["database"] and seen["database"].valid and seen["database"].allows:
            with contextlib.closing(connect(settings, settings.database)) as connection:
                seen.update(look_inside(connection, exact))
    except Error as error:
        seen["trouble"] = seen.get("trouble") or trouble_connecting(settings, error)
    return Facts(settings, config=config, **seen)


def look_at_folders(checkout: Path) -> dict[str, Any]:
    """The folders of migrations, for Facts."""
    mark, folders = None, {}
    for path in checkout.glob("migrations.~*~"):
        name = re.fullmatch(r"migrations\.~([1-9][0-9]*)~(?:of([0-9]+)~)?", path.name)
        if name and name[2]:
            mark = (int(name[1]), int(name[2]))
        elif name:
            folders[int(name[1])] = path
    newest = sorted(folders.items(), key=lambda item: -item[1].lstat().st_ctime)
    there = os.path.lexists(checkout / "migrations")
    return {"folders": dict(newest), "mark": mark, "has_migrations": there}


def look_at_server(connection: Any, settings: Settings) -> dict[str, Any]:
    """What the server says of the role, the database and its neighbours, for Facts."""
    name = settings.database
    role = rows(connection, ABOUT_ROLE, *lock_key(settings))[0]
    actual = "datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)"
    query = ABOUT_DATABASES.format(stale=actual if role.version >= 150000 else "false")
    databases = {row.datname: row for row in rows(connection, query, name)}
    found = {one: re.fullmatch(re.escape(name) + r"\.~([1-9][0-9]*)~", one) for one in databases}
    kept = {int(number[1]): databases[one].size for one, number in found.items() if number}
    others = [name, "template1", *(kept_name(name, number) for number in kept)]
    connected = SESSION.format(looking=LOOKING, since="backend_start", place="datname") + CONNECTED
    return {
        "role": role,
        "busy": role.busy,
        "database": databases.get(name),
        "template": databases.get("template1"),
        "kept": kept,
        "sessions": tuple(Session(*row) for row in rows(connection, connected, others)),
    }


def look_inside(connection: Any, exact: int) -> dict[str, Any]:
    """What is inside the database, for Facts."""
    from psycopg2 import Error, sql

    tables: dict[str, Any] = {}
    for row in rows(connection, TABLES):
        name = row.name if row.schema == "public" else f"{row.schema}.{row.name}"
        few = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS few")
        table = sql.Identifier(row.schema, row.name)
        try:
            count = rows(connection, few.format(table, sql.Literal(exact + 1)))[0].count
        except Error:  # locked, or not for our role
            count = None
        tables[name] = (row, count)
    revisions = []
    if tables.get("alembic_version", (0, None))[1]:
        revisions = [row[0] for row in rows(connection, "SELECT version_num FROM alembic_version")]
    locked = SESSION.format(looking=LOOKING, since="xact_start", place="relname, mode") + LOCKED
    return {
        "inside": rows(connection, INSIDE)[0],
        "tables": tables,
        "locks": tuple(Session(*row) for row in rows(connection, locked)),
        "revisions": revisions,
    }


def trouble_connecting(settings: Settings, error: Exception) -> Finding:
    """Why there is no connection, in one line (H10)."""
    reasons = re.findall(r"failed: (?:FATAL: +)?(.+)", str(error))
    reason = reasons[-1] if reasons else str(error).strip().partition("\n")[0]
    host = f"-h {quoted(settings.host)} " if settings.host else ""
    mend = f"pg_isready {host}-p {settings.port}   tells whether it runs"
    if "connections for role" in reason:
        mend = superuser(f"ALTER ROLE {identifier(settings.user)} CONNECTION LIMIT -1")
    elif re.search("password|role|authentication|pg_hba", reason):
        mend = "Correct POSTGRES_USER and POSTGRES_PASSWORD: ${EDITOR:-vi} .env"
    return Finding(f"No connection to {settings.where} as {settings.user}: {reason}.", mend)


def lock_key(settings: Settings) -> tuple[int, int]:
    """The advisory lock that stands for "a reset of this database is running" (H24)."""
    return 0x4253, zlib.crc32(settings.database.encode()) & 0x7FFFFFFF


def take_locks(settings: Settings, stack: contextlib.ExitStack) -> bool:
    """Take the lock of the database and that of the checkout; False if one cannot be had (H24).

    PostgreSQL's is taken in the maintenance database, which a rebuild leaves alone, or
    where that one is closed in the target; the folder's is for two databases of one
    checkout. Every command inherits the descriptors: if the tool itself is killed, the
    locks last as long as what it left running (H23).
    """
    from psycopg2 import Error

    connection = None
    for database in ("postgres", settings.database):
        with contextlib.suppress(Error):
            connection = connection or connect(settings, database)
    if not connection:
        return False
    stack.callback(connection.close)
    folder = os.open(settings.checkout, os.O_RDONLY)
    stack.callback(os.close, folder)
    for descriptor in (connection.fileno(), folder):
        os.set_inheritable(descriptor, True)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return bool(rows(connection, "SELECT pg_try_advisory_lock(%s, %s)", *lock_key(settings))[0][0])


def affected(wish: Wish, settings: Settings) -> list[str]:
    """The sequences that a clear of some, or an unflag, is about (H30)."""
    test = "true" if wish.action == "forget" else STUCK
    query = f"SELECT id FROM sequences WHERE {test} AND (%s OR id = ANY(%s::text[])) ORDER BY id"
    with contextlib.closing(connect(settings, settings.database)) as connection:
        if wish.action != "status":
            rows(connection, "SELECT set_config('statement_timeout', '0', false)")
        return [row.id for row in rows(connection, query, not wish.sequences, list(wish.sequences))]


# ---------------------------------------------------------------- what is in the way


@dataclass(frozen=True)
class Wish:
    """What the command line asks for."""

    action: str  # status, clear, forget (a clear of some sequences), unflag, rebuild, undo
    sequences: Sequence[str] = ()
    number: int = 0  # of the kept pair that an undo takes; 0: the newest
    force: bool = False
    keep: bool = False
    production: bool = False
    confirm: str | None = None
    dry_run: bool = False
    verbose: bool = False

    @property
    def command(self) -> str:
        """The same wish as a make command, for whoever is told to try again."""
        words = [f"make db-{'clear' if self.action == 'forget' else self.action}"]
        words += [f'SEQ="{" ".join(self.sequences)}"'] * bool(self.sequences)
        words += [f"N={self.number}"] * bool(self.number)
        for name in ("keep", "production", "force"):
            words += [f"{name.upper()}=1"] * getattr(self, name)
        return " ".join(words)


def flask_program() -> Path:
    """The flask beside the running interpreter, and no other (H1)."""
    return Path(sys.executable).with_name("flask")


def environment_findings() -> Iterator[Finding]:
    """Whether this interpreter is Backscope's, with all that the tool needs (H1)."""
    venv, flask = tilde(Path(sys.prefix)), flask_program()
    if sys.prefix == sys.base_prefix and not Path(sys.prefix, "conda-meta").is_dir():
        mend = "In the Backscope folder: source .venv/bin/activate"
        yield Finding("No virtual environment is active.", mend)
        return
    if not os.access(flask, os.X_OK):
        what = f"The active environment {venv} has no flask, so it is not Backscope's."
        yield Finding(what, "deactivate; cd to Backscope; source .venv/bin/activate")
        return
    runs = Path(flask.read_bytes().partition(b"\n")[0].decode(errors="replace")[2:].strip())
    here = runs.exists() and runs.parent.samefile(flask.parent)
    if runs.name.startswith("python") and not here:
        what = f"The flask in {venv} runs {runs}: the environment was moved or copied."
        yield Finding(what, "Make it anew: python3 -m venv --clear .venv")
    for name in ("dotenv", "psycopg2", "sh"):
        if not importlib.util.find_spec(name):
            file = quoted(tilde(Path(__file__).resolve().with_name("requirements.txt")))
            yield Finding(f"The active environment {venv} lacks {name}.", f"pip install -r {file}")


def backscope_findings(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """What Backscope's own answers put in the way (H2, H7, H9, H17, H18)."""
    settings, config = facts.settings, facts.config
    edited = "Compare .env with the checkout: git diff flaskr/"
    missing = re.findall("No module named '([^']+)'", config.get("error", ""))
    if missing:
        venv = tilde(Path(sys.prefix))
        what = f"Backscope's {missing[0]} is missing in the environment {venv}."
        yield Finding(what, "source .venv/bin/activate   or: pip install -r requirements.txt")
    elif "error" in config:
        mend = f"cd {quoted(tilde(settings.checkout))} && flask routes   shows it all"
        yield Finding(f"Backscope does not load: {config['error']}", mend)
    elif "known" in config:
        what = f"APP_ENVIRONMENT={settings.environment} is unknown to this Backscope."
        yield Finding(what, f"Set one of: {', '.join(config['known'])}")
    if "url" not in config:
        return
    if not proved(settings, config):
        target = config["target"]
        host, port = target["host"] or "the default host", target["port"] or 5432
        theirs = f"{target['dbname']} on {host}:{port}"
        ours = f"{settings.database} on {settings.where} as {settings.user}"
        what = f"Flask would open {theirs} as {target['user']}, but the settings say {ours}."
        yield Finding(what, edited)
    if wish.action == "clear" and not config["clears"]:
        mend = "git log -S clear-database flaskr   tells which ones have it"
        yield Finding("This Backscope has no command clear-database.", mend)
    if not config.get("tables", True):
        what = "The app's models make no tables, so a rebuild would end with an empty database."
        yield Finding(what, edited)


def in_the_way(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """All that refuses the wish, in the order of a run. Pure: it decides, others look."""
    settings = facts.settings
    yield from backscope_findings(wish, facts)
    if wish.confirm is not None and wish.confirm != settings.answer:
        what = f"CONFIRM is {quoted(wish.confirm)}, but the target is {settings.answer}."
        yield Finding(what, f"{wish.command} CONFIRM={quoted(settings.answer)}")
    if facts.production and not wish.production:
        what = f"APP_ENVIRONMENT={settings.environment}: this is a production database."
        yield Finding(what, f"Stop the service, then: {wish.command} PRODUCTION=1")
    if facts.busy and facts.role:
        what = f"Another reset of {settings.database}, or in this checkout, is still running."
        yield Finding(what, f"Wait for it, then: {wish.command}")
    if not facts.role:  # nothing more can be seen
        yield from [facts.trouble] if facts.trouble else []
    elif wish.action in ("rebuild", "undo"):
        yield from rebuild_findings(wish, facts)
        yield from session_findings(wish, facts)
        yield from createdb_findings(facts) if wish.action == "rebuild" else ()
        yield from folder_findings(wish, facts)
    else:
        yield from inside_findings(wish, facts)
        yield from session_findings(wish, facts)


def blocking(wish: Wish, facts: Facts) -> list[Session]:
    """The sessions in the way of a wish, which FORCE=1 ends (H11, H12)."""
    name = facts.settings.database
    if wish.action in ("rebuild", "undo"):
        kept = kept_name(name, undo_number(wish, facts))
        return facts.on(name, kept) if wish.action == "undo" else facts.on(name)
    return facts.holding(some=wish.action != "clear")


def session_findings(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """The sessions in the way, and whether FORCE=1 may end them (H11, H12)."""
    sessions = blocking(wish, facts)
    others = [session for session in sessions if not session.can_end]
    number = f"{len(sessions)} session{'s are' if len(sessions) > 1 else ' is'} in the way"
    whose = f", and the role {facts.settings.user} may not end all" if others else ""
    what = "\n    ".join([f"{number}{whose}:", *map(str, sessions)])
    if others:
        yield Finding(what, ending(others))
    elif sessions and not wish.force:
        yield Finding(what, f"End them, or: {wish.command} FORCE=1")


def inside_findings(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """What stops a clear or an unflag, in the database and before it."""
    name, role, database = facts.settings.database, facts.settings.user, facts.database
    if not database:
        yield Finding(f"There is no database {name} on {facts.settings.where}.", "make db-rebuild")
    elif not database.valid:
        what = f"{name} is what an interrupted dropdb left, and cannot be used."
        yield Finding(what, "make db-rebuild")
    elif facts.closed:
        allow = f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS true"
        yield Finding(f"{name} accepts no connections.", shown_psql("postgres", allow))
    elif not facts.inside:
        yield from [facts.trouble] if facts.trouble else []
    elif wish.action == "clear":
        if not facts.inside.creates:  # H15
            grant = f"GRANT CREATE ON SCHEMA public TO {identifier(role)}"
            what = f"The role {role} may not create tables in {name}, as a clear must."
            yield Finding(what, f"As {name}'s owner: {shown_psql(name, grant)}")
        others = [table for table, (row, _) in facts.tables.items() if not row.owned]
        if others:
            own = f"ALTER TABLE {identifier(others[0])} OWNER TO {identifier(role)}"
            what = f"The role {role} does not own {', '.join(others)}, which a clear drops."
            yield Finding(what, f"As a superuser, for each: {shown_psql(name, own)}")
    else:
        lacking = sorted(COLUMNS - set(facts.inside.columns))
        if lacking:
            what = f"{name} has no sequences.{' or '.join(lacking)}: it is of another Backscope."
            yield Finding(what, "make db-status   tells its revision; make db-rebuild renews it")


def rebuild_findings(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """What the server does not allow a rebuild or an undo."""
    name, role, database = facts.settings.database, facts.settings.user, facts.database
    undo, number = wish.action == "undo", undo_number(wish, facts)
    if not facts.maintained:
        what = f"The role {role} cannot open the maintenance database postgres."
        yield Finding(what, superuser(f"GRANT CONNECT ON DATABASE postgres TO {identifier(role)}"))
    if not facts.role.creates:  # H13
        what = f"The role {role} may not create databases, so {name} could not be made again."
        yield Finding(what, superuser(f"ALTER ROLE {identifier(role)} CREATEDB"))
    if database and not database.owned:  # H14
        what = f"{name} is owned by {database.owner}, so {role} may not drop or rename it."
        yield Finding(
            what, superuser(f"ALTER DATABASE {identifier(name)} OWNER TO {identifier(role)}")
        )
    if database and not database.valid and (undo or wish.keep):
        what = f"{name} is what an interrupted dropdb left, so there is nothing to keep."
        yield Finding(what, shown(*named("dropdb", name)))
    if undo and number not in {*facts.kept, *facts.folders, *(facts.mark or ())[:1]}:
        what = f"Nothing is kept of {name}" + (f" as number {number}." if number else ".")
        yield Finding(what, "make db-status   lists what is kept")
    kept = kept_name(name, facts.number)
    if wish.keep and len(kept.encode()) > NAME_LIMIT:
        what = f"{kept} is longer than PostgreSQL's {NAME_LIMIT} bytes."
        yield Finding(what, "make db-rebuild   without KEEP=1, or a shorter POSTGRES_DB")


def createdb_findings(facts: Facts) -> Iterator[Finding]:
    """Whether createdb can copy template1; see CREATE DATABASE in PostgreSQL's manual (H16)."""
    in_use = facts.on("template1")
    if in_use:
        what = "template1 is in use, so createdb could not copy it:"
        yield Finding("\n    ".join([what, *map(str, in_use)]), ending(in_use))
    if not facts.template or not (facts.template.template or facts.template.owned):
        what = "template1 is missing or is no template, so createdb could not copy it."
        yield Finding(what, superuser("ALTER DATABASE template1 IS_TEMPLATE true"))
    elif facts.template.stale:
        what = "template1 has the collations of another system, so createdb would refuse it."
        yield Finding(what, superuser("ALTER DATABASE template1 REFRESH COLLATION VERSION"))


def folder_findings(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """What in the checkout stops a rebuild or an undo (H21)."""
    checkout = facts.settings.checkout
    folder = checkout / "migrations"
    if folder.exists() and not folder.is_dir():
        yield Finding(f"{tilde(folder)} is no folder.", f"rm {quoted(tilde(folder))}")
    if not os.access(checkout, os.W_OK):
        what = f"{tilde(checkout)} is not writable, so migrations could not be renamed."
        yield Finding(what, f"chmod u+w {quoted(tilde(checkout))}")
    if facts.mark and (wish.action == "rebuild" or wish.number not in (0, facts.mark[0])):
        yield Finding("An undo was interrupted half-way.", "make db-undo   finishes it")


# ---------------------------------------------------------------- the plan


@dataclass(frozen=True)
class Step:
    """A command of a plan; `sql` is its standard input. `asks`: it needs the terminal."""

    argv: tuple[str, ...]
    sql: str = ""
    asks: bool = False

    def __str__(self) -> str:
        command = shown(*self.argv)
        return f"{command} <<'SQL'\n{self.sql}\nSQL" if self.sql else command


def shown(*argv: str) -> str:
    """A command as one types it."""
    return " ".join(map(quoted, argv))


def shown_psql(database: str, sql: str) -> str:
    """A psql command as one types it."""
    return f"{shown('psql', '-d', conninfo(database))} -c {shlex.quote(sql)}"


def superuser(sql: str) -> str:
    """A command that somebody else has to type."""
    return f"As a superuser: {shown_psql('postgres', sql)}"


def ending(sessions: Sequence[Session]) -> str:
    """The command that ends sessions of others."""
    return superuser("SELECT " + ", ".join(f"pg_terminate_backend({one.pid})" for one in sessions))


def identifier(name: str) -> str:
    """`name` as SQL, for a command that is shown to be typed."""
    return '"' + name.replace('"', '""') + '"'


def conninfo(name: str) -> str:
    """A database for `psql -d`, which takes a=b and postgresql://x for more than a name (H26)."""
    if re.fullmatch(r"\w[\w.~ -]*", name):
        return name
    return "dbname='" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


def named(program: str, *options: str) -> tuple[str, ...]:
    """A command line whose last word is a name, which may begin with a dash (H26)."""
    *flags, name = options
    return (program, *flags, "--", name) if name.startswith("-") else (program, *flags, name)


def psql(database: str, *sql: str, **variables: str) -> Step:
    """A step of psql: no ~/.psqlrc (H28), the first error ends it, values as bound variables."""
    bound = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    argv = ("psql", "-qX", *bound, "-d", conninfo(database))
    return Step(argv, "\n".join(("\\set ON_ERROR_STOP on", *sql)))


def mv(old: str, new: str) -> Step:
    """A step that renames a folder of migrations."""
    return Step(("mv", old, new))


def kept_name(name: str, number: int) -> str:
    """The database or folder `name` set aside, as a GNU numbered backup."""
    return f"{name}.~{number}~"


def opened(name: str) -> Step:
    """Let everybody connect again, after a rename() by force that did not get through."""
    return psql("postgres", 'ALTER DATABASE :"name" ALLOW_CONNECTIONS true;', name=name)


def rename(name: str, number: int, force: bool, *renames: tuple[str, str]) -> Step:
    """Rename databases in one transaction; each is called `name`, `kept` or `swap`.

    With `force` nobody gets in the way, not even by connecting again at once: who was
    let in just before the door was closed is seen by the second look.
    """
    sql = [f'ALTER DATABASE :"{old}" RENAME TO :"{new}";' for old, new in renames]
    sql = ["BEGIN;", *sql, "COMMIT;"] if len(sql) > 1 else sql
    numbers = {"kept": number, "swap": 0}
    used = [word for word in numbers if word in itertools.chain(*renames)]
    if force:
        door = 'ALTER DATABASE :"{}" ALLOW_CONNECTIONS {};'
        here = [old for old, _ in renames if old != "swap"]
        there = [new for _, new in renames if new != "swap"]
        listed = ", ".join(f":'{one}'" for one in here)
        end = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f"\nWHERE datname IN ({listed}) AND pid <> pg_backend_pid();"
        )
        close = [door.format(one, "false") for one in here]
        reopen = [door.format(one, "true") for one in there]
        sql = [*close, end, "SELECT pg_sleep(0.1);", end, *sql, *reopen]
    names = [f"\\set {word} :name {kept_name('', numbers[word])}" for word in used]
    return psql("postgres", *names, *sql, name=name)


def plan(wish: Wish, facts: Facts) -> list[Step]:
    """The commands that fulfil the wish, in the documented order. Pure."""
    if wish.action == "undo":
        return plan_undo(wish, facts)
    name, number = facts.settings.database, facts.number
    if wish.action == "rebuild":
        keep, there = wish.keep and facts.database, facts.database or not facts.role
        return chosen(
            (keep and facts.closed, opened(name)),
            (keep, rename(name, number, wish.force, ("name", "kept"))),
            (there and not keep, Step(named("dropdb", *["--force"] * wish.force, name))),
            (facts.has_migrations, mv("migrations", kept_name("migrations", number))),
            (True, Step(named("createdb", name))),
            *((True, Step(("flask", "db", verb))) for verb in ("init", "migrate", "upgrade")),
        )
    pids = " ".join(str(session.pid) for session in blocking(wish, facts))
    ids = {"ids": " ".join(wish.sequences)} if wish.sequences else {}
    some = "id = ANY (string_to_array(:'ids', ' '))"
    stuck = f"{STUCK} AND {some}" if ids else STUCK
    end = "SELECT pg_terminate_backend(pid::int) FROM unnest(string_to_array(:'pids', ' ')) pid;"
    clear = Step(("flask", "clear-database"), asks=bool(facts.config.get("production")))
    unflag = f"UPDATE sequences SET values_requested = false\nWHERE {stuck};"
    return chosen(
        (wish.force and pids, psql("postgres", end, pids=pids)),
        (wish.action == "clear", clear),
        (wish.action == "forget", psql(name, f"DELETE FROM sequences WHERE {some};", **ids)),
        (wish.action == "unflag", psql(name, unflag, **ids)),
    )


def chosen(*candidates: tuple[object, Step]) -> list[Step]:
    """The steps that are wanted."""
    return [step for wanted, step in candidates if wanted]


def undo_number(wish: Wish, facts: Facts) -> int:
    """Which kept pair an undo takes: the one asked for or begun, else the newest; 0: none."""
    numbers = [*(facts.mark or ())[:1], *facts.kept]
    if not facts.has_migrations:
        numbers += facts.folders
    return wish.number or next(iter(numbers), 0)


def plan_undo(wish: Wish, facts: Facts) -> list[Step]:
    """Swap the kept and the current pair; go on where an interrupted undo stopped.

    The databases change places in one transaction. The migrations on their way wait in
    a folder that names the database they belong to by its oid, so that any state tells
    which renames are still to be done.
    """
    number = undo_number(wish, facts)
    name, folder = facts.settings.database, kept_name("migrations", number)
    begun, moves, there = facts.mark, number in facts.folders, facts.has_migrations
    mark = f"{folder}of{begun[1] if begun else facts.oid}~"
    swaps = number in facts.kept and (not begun or begun[1] == facts.oid)
    swap = [("kept", "swap"), ("name", "kept"), ("swap", "name")]
    return chosen(
        (facts.closed, opened(name)),
        (moves and there and not begun, mv("migrations", mark)),
        (moves and not (there and begun), mv(folder, "migrations")),
        (swaps and facts.database, rename(name, number, wish.force, *swap)),
        (swaps and not facts.database, rename(name, number, wish.force, ("kept", "name"))),
        (begun or (moves and there), mv(mark, folder)),
    )


def plan_restore(wish: Wish, before: Facts, now: Facts) -> list[Step] | None:
    """What puts everything back after a KEEP=1 rebuild or an undo that did not get through.

    It goes by what is there now, and removes only what was not there before. Gives None
    if the way on is shorter than the way back, or if the server cannot be seen.
    """
    name, undo = before.settings.database, wish.action == "undo"
    number = undo_number(wish, before) if undo else before.number
    swapped = (now.oid, set(now.kept)) != (before.oid, set(before.kept))
    if not now.role or (undo and (before.mark or swapped)):
        return None
    folder = kept_name("migrations", number)
    moved, kept = number in now.folders, number in now.kept
    doors = chosen(  # which are closed still
        (wish.force and now.database, opened(name)),
        (wish.force and kept, opened(kept_name(name, number))),
    )
    if undo:
        return doors + chosen(
            (number in before.folders and not moved, mv("migrations", folder)),
            (now.mark, mv(f"{folder}of{now.mark[1] if now.mark else 0}~", "migrations")),
        )
    half_made = now.database and (kept or not before.database)
    return doors + chosen(
        (half_made, Step(named("dropdb", "--force", name))),
        (kept, rename(name, number, False, ("kept", "name"))),
        (now.has_migrations and (moved or not before.has_migrations),
         Step(("rm", "-r", "migrations"))),
        (moved, mv(folder, "migrations")),
    )  # fmt: skip


# ---------------------------------------------------------------- running it


@dataclass(frozen=True)
class Outcome:
    """How far a plan got: all its steps, or up to one that failed or was interrupted."""

    done: int
    failed: str = ""  # why step `done` (from 0) failed
    signal: int = 0  # the signal that ended it


def run(steps: Sequence[Step], wish: Wish, settings: Settings, deaf: bool = False) -> Outcome:
    """Run the steps in the Backscope folder, one after the other, until one fails.

    A signal goes on to the running command, which is waited for (H22); `deaf` ignores it.
    """
    import sh

    caught: list[int] = []
    running: list[Any] = []
    output: collections.deque[str] = collections.deque(maxlen=40)

    def take(text: str) -> None:
        output.append(hidden(text, settings)[:2000])
        if wish.verbose:
            say("      " + output[-1].rstrip("\n"))

    def hand_on(number: int, frame: object) -> None:
        if deaf:
            return
        caught.append(number)
        typed = number == signal.SIGINT and steps[-1].asks and sys.stdin.isatty()
        if running and not typed:  # what is typed at a terminal is there already
            with contextlib.suppress(OSError):
                running[0].signal(signal.SIGTERM if number == signal.SIGHUP else number)

    def execute(step: Step) -> str:
        """Run one step; the result is why it failed."""
        quiet = {"_in": step.sql or nothing, "_out": take, "_err_to_out": True, "_out_bufsize": 1,
                 "_tty_out": False, "_new_session": True}  # fmt: skip
        terminal = {"_in": sys.stdin, "_out": sys.stdout, "_err": sys.stderr}
        try:
            program = str(flask_program()) if step.argv[0] == "flask" else step.argv[0]
            running[:] = [sh.Command(program)(
                *step.argv[1:], **(terminal if step.asks else quiet), _cwd=str(settings.checkout),
                _encoding="utf-8", _decode_errors="replace", _bg=True, _bg_exc=False,
                _no_out=True, _close_fds=False,
            )]  # fmt: skip
            if caught:  # before there was a command
                hand_on(caught.pop(), None)
            running[0].wait()
        except sh.ErrorReturnCode as error:
            code = error.exit_code
            how = f"with exit status {code}" if code >= 0 else f"by signal {-code}"
            return f"{shown(*step.argv[:3])} ended {how}."
        except (sh.CommandNotFound, sh.ForkException) as error:
            return f"{step.argv[0]} could not be run: {last_line(error)}."
        finally:
            running.clear()
        return ""

    with contextlib.ExitStack() as stack:
        nothing = stack.enter_context(open(os.devnull, "rb"))
        for number in ENDINGS:
            if signal.getsignal(number) != signal.SIG_IGN:
                stack.callback(signal.signal, number, signal.signal(number, hand_on))
        for done, step in enumerate(steps):
            label = f"[{done + 1}/{len(steps)}] {step}".replace("\n", "\n      ")
            above, newline, last = label.rpartition("\n")
            apart = wish.verbose or step.asks
            say(above + newline + last.ljust(50), end="\n" if apart else " ")
            output.clear()
            began = time.monotonic()
            failed = execute(step)
            took = f"{time.monotonic() - began:6.1f} s"
            mark = paint("  interrupted", 31) if caught else paint("  failed", 31) if failed else ""
            say(" " * 51 * apart + took + mark)
            if failed and not wish.verbose:
                say("".join(f"      {line.rstrip()}\n" for line in output), end="")
            if caught or failed:
                return Outcome(done + (not failed), failed, caught[0] if caught else 0)
    return Outcome(len(steps))


def hidden(text: str, settings: Settings) -> str:
    """`text` without the password, unless that is no secret but one of the names (H25)."""
    names = (settings.database, settings.user, settings.host)
    secret = settings.password
    return text if not secret or secret in names else text.replace(secret, "***")


# ---------------------------------------------------------------- checking it


def check(wish: Wish, before: Facts, now: Facts) -> str:
    """What the result is, in a sentence. Raises Failed if it is not as it should be."""
    name, models = now.settings.database, before.config.get("tables", ())
    if wish.action == "undo" and now.role and not now.database:
        return f"The migrations are back; there is no database {name}"
    if not now.inside:
        why = now.trouble.what if now.trouble else f"{name} is not there."
        raise Failed(f"The result could not be checked: {why}\n    make db-status")
    data = {table: count for table, (_, count) in now.tables.items() if table != "alembic_version"}
    tables = f"{len(data)} table{'s' * (len(data) != 1)}"
    if wish.action == "clear":
        left = [table for table, count in data.items() if count != 0]
        full_before = any(count for table, (_, count) in before.tables.items() if table in data)
        oids, oids_before = ({row.oid for row, _ in one.tables.values()} for one in (now, before))
        if oids == oids_before and (left or (before.production and not full_before)):
            raise Failed(f"Backscope took no action: {name} is as it was.\n    {wish.command}")
        if left:
            what = f"{name} still holds rows in {', '.join(left)}: no tables of this Backscope."
            raise Failed(f"{what}\n    make db-rebuild   renews the structure")
        return f"{name} is cleared: {tables}, no rows"
    missing = sorted(set(models) - set(now.tables))
    if wish.action == "rebuild" and not now.revisions:
        raise Failed(f"{name} has no revision: flask db migrate made none.\n    flask db migrate")
    if wish.action == "rebuild" and (missing or not data):
        what = f"{name} lacks the tables {', '.join(missing) or 'of the models'}."
        raise Failed(f"{what}\n    make db-rebuild VERBOSE=1   shows what flask db says")
    done = "rebuilt" if wish.action == "rebuild" else "swapped"
    return f"{name} is {done}: {tables} at revision {', '.join(now.revisions) or 'none'}"


def check_sequences(wish: Wish, settings: Settings, were: Sequence[str]) -> str:
    """What became of the sequences of a partial clear or an unflag; Failed as check()."""
    still = affected(wish, settings)
    if still:
        raise Failed(f"{', '.join(still)} came back meanwhile.\n    {wish.command}")
    done, state = ("forgotten", "cached") if wish.action == "forget" else ("un-flagged", "flagged")
    others = " ".join(one for one in wish.sequences if one not in were)
    return f"{len(were)} {done}: {' '.join(were)}" + f"; not {state}: {others}" * bool(others)


# ---------------------------------------------------------------- showing the state


def show(label: str, *lines: str) -> None:
    """A row of the table that a run begins with; the label stands at its first line."""
    text = folded("\n".join(lines), " " * 13)
    if text:
        say(paint(label.ljust(11), 1) + text[11:])


def git_revision(checkout: Path) -> str:
    """The short revision of the checkout; empty if git cannot tell."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return ""


def show_target(wish: Wish, facts: Facts) -> None:
    """The checkout, the database and what a rebuild or an undo does with the migrations."""
    settings, database, prefix = facts.settings, facts.database, Path(sys.prefix)
    inner = prefix.relative_to(settings.checkout) if settings.checkout in prefix.parents else None
    revision = git_revision(settings.checkout)
    at = f" ({revision})" if revision else ""
    environment = f", {settings.environment}" * (settings.environment != "development")
    show("Backscope", f"{tilde(settings.checkout)}{at}, venv {inner or tilde(prefix)}{environment}")
    size = f": {database.size}, {len(facts.tables)} tables" if database else ": not there yet"
    target = f"{settings.database} on {settings.where} as {settings.user}"
    shell = ""
    if settings.origins["POSTGRES_DB"] == "the environment":
        also = f"; .env says {settings.in_dotenv}" if settings.in_dotenv else ""
        shell = f"POSTGRES_DB={quoted(settings.database)} is from the environment{also}"
    show("Database", target + size * bool(facts.role), shell)
    if wish.action == "rebuild":
        if wish.keep and database:
            show("Kept as", kept_name(settings.database, facts.number))
        renamed = f"migrations -> {kept_name('migrations', facts.number)}"
        show("Migrations", renamed if facts.has_migrations else "none yet")
    elif wish.action == "undo" and not facts.mark:
        number = undo_number(wish, facts)
        for noun, there in (("database", facts.kept), ("migrations", facts.folders)):
            if number and number not in there:
                show("", f"No {noun} of number {number} kept: the current {noun} will stay as is")


def revision_in_words(facts: Facts) -> str:
    """The recorded revision against the newest in `migrations`, as alembic reads them."""
    recorded, folder = facts.revisions, facts.settings.checkout / "migrations"
    text = ", ".join(recorded) or "none recorded"
    if not folder.is_dir():
        return f"{text}; no migrations folder"
    from alembic.script import ScriptDirectory

    sys.dont_write_bytecode = True
    try:
        script = ScriptDirectory(str(folder))
        heads = sorted(script.get_heads())
        known = {entry.revision for entry in script.walk_revisions()}
    except Exception as error:  # whatever a version file raises
        return f"{text}; migrations cannot be read: {last_line(error)}"
    newest = f"the newest in migrations is {', '.join(heads) or 'none'}"
    if not recorded:
        return f"{text}; {newest}"
    if sorted(recorded) == heads:
        return f"{text}, the newest in migrations"
    return f"{text}, {'behind' if set(recorded) <= known else 'unknown to this checkout'}: {newest}"


def stuck_in_words(facts: Facts) -> str:
    """The sequences whose download never finished, by name up to a handful (H30)."""
    from psycopg2 import Error

    if COLUMNS - set(facts.inside.columns):
        return "no table sequences with id, values and values_requested"
    try:
        ids = affected(Wish("status"), facts.settings)
    except Error:
        return "not looked for: the table is too large or locked; make -n db-unflag"
    more = f" and {len(ids) - HANDFUL} more" if len(ids) > HANDFUL else ""
    text = f"{', '.join(ids[:HANDFUL])}{more} requested, no values"
    return f"{text}; make db-unflag mends it" if ids else ""


def rows_in_words(table: str, row: Any, count: int | None) -> str:
    """How many rows a table has: a few are counted, many estimated, some out of reach."""
    if count is None:
        return f"{table} ?"
    many = f"about {max(count, row.estimate):,}"
    return f"{table} {count if count <= EXACT_ROWS else many}"


def show_status(facts: Facts) -> int:
    """What db-status shows; the result is 0 if a clear and a rebuild could run, else 1."""
    settings, refused = facts.settings, 0
    lines = []
    for origin in ("the environment", ".env", "default"):
        names = [name.replace("POSTGRES_", "") for name, one in settings.origins.items()
                 if one == origin and name != "POSTGRES_DISPOSABLE_DB"]  # fmt: skip
        where = "by default" if origin == "default" else f"from {origin}"
        lines += [f"{' '.join(names)}: {where}"] * bool(names)
    show("Settings", *lines)
    if facts.inside:
        tables = {name: seen for name, seen in facts.tables.items() if name != "alembic_version"}
        counts = ", ".join(rows_in_words(name, *seen) for name, seen in tables.items())
        show("Rows", counts or "no tables")
    if facts.role:
        show("Revision", revision_in_words(facts))
    sessions = {one.pid: str(one) for one in (*facts.on(settings.database), *facts.holding())}
    show("Sessions", *sessions.values())
    if facts.inside:
        show("Stuck", stuck_in_words(facts))
    for number in sorted({*facts.folders, *facts.kept}):
        name, folder = kept_name(settings.database, number), facts.folders.get(number)
        things, remove = [], []
        if number in facts.kept:
            things.append(f"{name} ({facts.kept[number]})")
            remove.append(shown(*named("dropdb", name)))
        if folder:
            since = time.strftime("%Y-%m-%d %H:%M", time.localtime(folder.lstat().st_ctime))
            things.append(f"{folder.name} since {since}")
            remove.append(shown("rm", "-r", folder.name))
        show("Kept", ", ".join(things), f"      {'; '.join(remove)}   removes it")
    if facts.mark:
        show("Undo", "interrupted half-way; make db-undo finishes it")
    for wish in (Wish("clear"), Wish("rebuild")):
        findings = dict.fromkeys(in_the_way(wish, facts))
        verdict = f"would be {paint('refused', 31)}" if findings else "could run"
        show(f"A {wish.action}", verdict, *map(lines_about, findings))
        refused |= bool(findings)
    return refused


def lines_about(finding: Finding) -> str:
    """A finding as it stands on the screen."""
    return f"  {finding.what}\n      {finding.mend}"


# ---------------------------------------------------------------- a whole run


def question(wish: Wish, facts: Facts) -> str:
    """What would be lost for good, as a sentence to confirm; empty if nothing would be."""
    settings = facts.settings
    if wish.action == "rebuild" and not wish.keep and facts.database:
        return f"This wipes out the entire structure and contents of {settings.database}."
    as_dotenv = settings.local and settings.database == settings.in_dotenv
    ordinary = settings.environment == "development" and not facts.production and as_dotenv
    if ordinary or wish.action not in ("clear", "forget"):
        return ""
    what = " ".join(wish.sequences) or "all the stored data"
    return f"This clears {what} of {settings.database}."


def ask(sentence: str, answer: str) -> None:
    """Have `answer` typed. Raises Refused if there is no terminal or something else is typed."""
    say(f"\n{paint(sentence, 1)}")
    if not sys.stdin or not sys.stdin.isatty():
        mend = f"Answer in advance: CONFIRM={quoted(answer)}"
        raise Refused(Finding("Nobody can answer: the input is no terminal.", mend))
    say(f"Type {answer if '@' in answer else 'its name'} to go on: ", end="")
    typed = sys.stdin.buffer.readline().decode(errors="replace")
    if typed.rstrip("\r\n") != answer:
        raise Refused(Finding(f"What was typed is not {answer}.", "The same command asks again."))


def reset(wish: Wish, folder: str, environ: dict[str, str]) -> int:
    """Look, refuse or ask, run, check: a whole run.

    Raises Refused (nothing was changed), Failed or Interrupted; the result is the exit
    status otherwise.
    """
    checkout, findings = find_checkout(folder), list(environment_findings())
    status, acting = wish.action == "status", wish.action != "status" and not wish.dry_run
    load_app = wish.action in ("rebuild", "status")
    with contextlib.ExitStack() as stack:
        probes = [] if findings else [stack.enter_context(probing(checkout, load_app, environ))]
        try:
            settings = read_settings(checkout, environ)
        except (ModuleNotFoundError, Refused) as error:
            findings += error.args if isinstance(error, Refused) else ()
        if findings:
            raise Refused(*findings)
        os.environ.clear()  # libpq in this process reads it, and all commands inherit it
        os.environ.update(child_environment(settings, environ))
        locked = acting and take_locks(settings, stack)  # before looking, or it could be outdated
        facts = look(settings, {}, exact=EXACT_ROWS if status else 0)
        importlib.import_module("sh")  # now, while Backscope answers
        config = answer_of(probes[0])
        if not (load_app or ("url" in config and proved(settings, config))):
            config = answer_of(stack.enter_context(probing(checkout, True, environ)))
        facts = replace(facts, config=config, busy=not locked if acting else facts.busy)
        show_target(wish, facts)
        if status:
            return show_status(facts)
        findings, sentence = list(in_the_way(wish, facts)), question(wish, facts)
        if acting and sentence and not findings and wish.confirm is None:
            ask(sentence, settings.answer)
            facts = replace(look(settings, config), busy=False)  # the lock is our own
            findings = list(in_the_way(wish, facts))
        steps = plan(wish, facts)
        for name in sorted({step.argv[0] for step in steps} - {"flask"}):
            if not shutil.which(name):
                mend = "Install PostgreSQL's client programs, or set PATH"
                findings.append(Finding(f"The program {name} is not on the PATH.", mend))
        if wish.dry_run:
            say("\n".join(["", *map(str, steps)]))
        if findings:
            raise Refused(*findings)
        return 0 if wish.dry_run else act(wish, facts, steps)


def act(wish: Wish, facts: Facts, steps: Sequence[Step]) -> int:
    """Run the plan, check the result, say it. Raises Failed or Interrupted."""
    began, settings, some = time.monotonic(), facts.settings, wish.action in ("forget", "unflag")
    were = affected(wish, settings) if some else []
    sessions = "\n".join(map(str, facts.on(settings.database)))
    if wish.action == "unflag" and sessions:
        say("\nBackscope may be running, and a download really in progress:")
        say(folded(sessions, "    "))
    if some and not were:
        what = "None of them is cached" if wish.action == "forget" else "No such flag is set"
        say(f"\n{what}: there is nothing to do in {settings.database}.")
        return 0
    say()
    on_signals("make db-status   tells the state of things")
    outcome = run(steps, wish, settings)
    if outcome.failed or outcome.signal:
        stop(wish, facts, steps, outcome)
    try:
        now = facts if some else look(settings, facts.config)
        result = check_sequences(wish, settings, were) if some else check(wish, facts, now)
    except Failed as error:
        if wish.keep and not isinstance(error, Interrupted):
            stop(wish, facts, steps, Outcome(len(steps), str(error).partition("\n")[0]))
        raise
    say(f"{paint(result, 32)}, in {time.monotonic() - began:.1f} s")
    return 0


def stop(wish: Wish, facts: Facts, steps: Sequence[Step], outcome: Outcome) -> NoReturn:
    """Put back what can be put back, and raise what says how far the plan got."""
    name = signal.Signals(outcome.signal).name if outcome.signal else ""
    what = f"Interrupted by {name}." if name else outcome.failed
    raised = Interrupted if name else Failed
    mend = f"{wish.command}   does it again and finishes it"
    if wish.keep or wish.action == "undo":
        back = plan_restore(wish, facts, look(facts.settings, facts.config))
        say("\nPutting everything back:" if back else "")
        if back is not None and not run(back, wish, facts.settings, deaf=True).failed:
            what += " Everything is as it was before."
            raise raised(f"{what}\n    {wish.command}   tries it again")
        mend = "make db-status   tells what lies around; make db-undo mends it"
    done = ", ".join(shown(*step.argv) for step in steps[: outcome.done]) or "nothing"
    raise raised(f"{what}\n    Done before: {done}.\n    {mend}")


# ---------------------------------------------------------------- the command line


def sequence_ids(words: Sequence[str]) -> list[str]:
    """OEIS IDs as Backscope writes them: a45 is A000045. Raises Refused, naming all that are none.

    Backscope makes the first letter upper case (get_valid_oeis_id) and fills a number
    up to six digits (oeis_a_id).
    """
    ids = [word for part in words for word in part.split()]
    bad = [word for word in ids if not re.fullmatch("[Aa][0-9]{1,6}", word)]
    if bad or (words and not ids):
        what = f"{', '.join(map(quoted, bad)) or 'SEQ is empty: it'} is no OEIS sequence number."
        raise Refused(Finding(what, 'make db-clear SEQ="A000045 A000040"'))
    return list(dict.fromkeys(f"A{int(word[1:]):06}" for word in ids))


def parse(arguments: Sequence[str]) -> tuple[Wish, str]:
    """The command line as a wish and the folder of the checkout."""
    parser = argparse.ArgumentParser(
        prog="backscope-reset", description="Reset the database of a Backscope checkout.",
        epilog="Exit status: 0 done; 1 failed part-way; 2 refused; 130 interrupted.",
    )  # fmt: skip
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--backscope-dir", metavar="DIR", default=".",
                        help="the Backscope checkout (default: the current folder)")  # fmt: skip
    common.add_argument("--confirm", metavar="NAME", help="answer the confirmation in advance")
    for flag, text in {
        "--force": "end the sessions that are in the way",
        "--production": "go on although APP_ENVIRONMENT=production",
        "--dry-run": "print the commands, run none, ask nothing",
        "--verbose": "show what the commands print as it comes",
    }.items():
        common.add_argument(flag, action="store_true", help=text)
    actions = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    some = {"nargs": "*", "metavar": "A…", "help": "only these sequences"}
    number = {"nargs": "?", "default": "", "metavar": "N", "help": "which kept pair"}
    keep = {"action": "store_true", "help": "set the old database aside"}
    for action, text, name, options in (
        ("status", "show the target and what would be refused; change nothing", "", {}),
        ("clear", "clear the stored data, or only some sequences", "sequences", some),
        ("unflag", "un-flag downloads that never finished", "sequences", some),
        ("rebuild", "wipe and rebuild the database", "--keep", keep),
        ("undo", "swap the kept database and migrations back in", "number", number),
    ):
        command = actions.add_parser(action, help=text, description=text, parents=[common])
        if name:
            command.add_argument(name, **options)  # type: ignore[arg-type]
    values = vars(parser.parse_args(arguments))
    folder, chosen_number = values.pop("backscope_dir"), values.pop("number", "")
    if chosen_number and not re.fullmatch("[1-9][0-9]{0,5}", chosen_number):
        what = f"N is {quoted(chosen_number)}, which is no number."
        raise Refused(Finding(what, "make db-undo N=1"))
    values["sequences"] = sequence_ids(values.get("sequences", []))
    if values["action"] == "clear" and values["sequences"]:
        values["action"] = "forget"
    return Wish(**values, number=int(chosen_number or 0)), folder


def on_signals(text: str) -> None:
    """Let a signal raise Interrupted with this text, while no command is running."""

    def interrupt(number: int, frame: object) -> NoReturn:
        raise Interrupted(f"Interrupted by {signal.Signals(number).name}.\n    {text}")

    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run a command line. The result is the exit status: 0, 1, 2 or 130."""
    if arguments[:1] == ["_probe"]:
        probe(arguments[1:] == ["app"])
        return 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    on_signals("Nothing was changed.")
    try:
        return reset(*parse(arguments), dict(environ))
    except Refused as error:
        say(paint("\nNothing was changed.", 1, sys.stderr), error=True)
        for finding in dict.fromkeys(error.args):
            say(folded(lines_about(finding), "", sys.stderr), error=True)
        return 2
    except Failed as error:
        head, _, rest = str(error).partition("\n")
        say("\n" + paint(head, 31, sys.stderr) + (f"\n{rest}" if rest else ""), error=True)
        return 130 if isinstance(error, Interrupted) else 1
    except Exception as error:  # no traceback reaches a user, whatever happened
        what = f"The tool itself failed: {type(error).__name__}: {last_line(error)}"
        if type(error).__module__.startswith("psycopg2"):
            what = f"The server stopped answering: {last_line(error)}"
        say(f"\n{what}\n    make db-status   tells the state of things", error=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
