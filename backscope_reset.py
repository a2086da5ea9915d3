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
import json
import logging
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Mapping, NoReturn, Sequence

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
# libpq's variables that say how to speak to a server; all others say to which one (H27).
HARMLESS = ("PGSSL", "PGGSS", "PGKRB", "PGCHANNELBINDING", "PGREQUIREAUTH", "PGLOCALEDIR")
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Finding:
    """Something in the way: a sentence about it, and the command that mends it."""

    what: str
    mend: str


class Refused(Exception):
    """Nothing was changed. `findings` say why."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings)
        self.findings = findings


class Failed(Exception):
    """Something was begun and is not as it should be; the text says what to do."""


class Interrupted(Exception):
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


def quoted(word: str) -> str:
    """`word` as a shell takes it; unlike shlex.quote, `a.~1~` is left as people write it."""
    plain = re.fullmatch(r"[\w@%+=,./-][\w@%+=,./~-]*", word, re.A) and "=~" not in word
    return word if plain else shlex.quote(word)


def tilde(path: Path) -> str:
    """`path` with the home folder as ~."""
    with contextlib.suppress(ValueError, RuntimeError):
        return str(Path("~") / path.relative_to(Path.home()))
    return str(path)


def last_line(text: object) -> str:
    """The last line of an error that has something to say."""
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


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
    raise Refused([Finding(what, "Name the checkout: make db-status BACKSCOPE_DIR=../backscope")])


def read_dotenv(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of `.env`, as python-dotenv's load_dotenv() would set them.

    Raises Refused, with the number of each line that python-dotenv would skip (H31),
    or if there is no such file: Backscope would use its defaults or a parent's (H3).
    """
    from dotenv.main import DotEnv
    from dotenv.parser import parse_stream

    mend = f"Correct it: ${{EDITOR:-vi}} {quoted(tilde(path))}"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        what = f"There is no .env in {tilde(path.parent)}, so Backscope would use its defaults."
        example = Path(__file__).resolve().with_name(".env.example")
        copy = f"cp {quoted(tilde(example))} {quoted(tilde(path))}, and edit it"
        raise Refused([Finding(what, copy)]) from None
    except OSError as error:
        raise Refused([Finding(f".env cannot be read: {error.strerror}.", mend)]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Refused([Finding(f"Line {line} of .env is not UTF-8.", mend)]) from None
    bad = [1] if text.startswith("\ufeff") else []
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key in DEFAULTS and binding.value is None):
            part = binding.original.string
            bad.append(binding.original.line + part[: len(part) - len(part.lstrip())].count("\n"))
    if bad:
        lines = ", ".join(map(str, bad))
        what = f".env does not parse at line {lines}, so Backscope would use a default instead."
        raise Refused([Finding(what, mend)])
    values = DotEnv(path, encoding="utf-8", override=False).dict()
    return {name: value for name, value in values.items() if value is not None}


def read_settings(checkout: Path, environ: Mapping[str, str]) -> Settings:
    """Backscope's settings by Backscope's rule: the environment wins over `.env`.

    Raises Refused with all that is wrong with them (H3, H4, H6, H8, H31).
    """
    dotenv = read_dotenv(checkout / ".env", environ)
    value, origins, found = {}, {}, []
    for name, default in DEFAULTS.items():
        for origin, source in (("the environment", environ), (".env", dotenv)):
            if name in source:
                value[name], origins[name] = source[name], origin
                break
        else:
            value[name], origins[name] = default, "default"

    def refuse(name: str, what: str, mend: str = "") -> None:
        mend = mend or f"Change it where it is set, in {origins[name]}."
        found.append(Finding(f"{name} {what}", mend))

    name, host, port = value["POSTGRES_DB"], value["POSTGRES_HOST"], value["POSTGRES_PORT"]
    if re.fullmatch(r"\[[0-9A-Fa-f:.]+\]", host):
        host = host[1:-1]
    elif host == "" and environ.get("PGHOST"):  # Flask goes there too (H32)
        host = environ["PGHOST"]
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
        text = value[variable]
        if variable == "POSTGRES_HOST" and host != text:
            characters, text = ",", host
        for character in sorted(set(text)):
            if character in characters:
                what = f"holds a {character}, which means something else in Backscope's URL."
                socket = "For a socket's folder: POSTGRES_HOST= in .env, and export PGHOST=/folder"
                refuse(variable, what, socket if text.startswith("/") and variable[9:] == "HOST" else "")
            elif not character.isprintable():
                refuse(variable, f"holds a character that cannot be shown, {character!a}.")
    for variable in ("POSTGRES_DB", "POSTGRES_USER"):
        if len(value[variable].encode(errors="replace")) > NAME_LIMIT:
            refuse(variable, f"is longer than PostgreSQL's {NAME_LIMIT} bytes.")
    if environ.get("PGHOSTADDR"):
        what = "PGHOSTADDR is set, and sends Flask to another server than POSTGRES_HOST says."
        found.append(Finding(what, "unset PGHOSTADDR"))
    if found:
        raise Refused(found)
    return Settings(
        checkout, value["APP_ENVIRONMENT"], name, host, value["POSTGRES_HOST"], port,
        value["POSTGRES_USER"],
        value["POSTGRES_PASSWORD"], origins, dotenv.get("POSTGRES_DB"),
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
    """Print what the Backscope in the current folder says of itself, as lines of JSON.

    Runs in a process of its own, as `flask` would. The first line is from
    flaskr/config.py alone; with `load_app` a second one is from the loaded app,
    which costs what the app costs. A line with "error" is the last.
    """
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever Backscope prints is no answer
    sys.path[0] = os.getcwd()
    os.environ["FLASK_RUN_FROM_CLI"] = "true"
    from dotenv import load_dotenv

    for name in (".env", ".flaskenv"):  # flask.cli.load_dotenv() does so before the app
        if os.path.exists(name):
            load_dotenv(os.path.abspath(name))
    setattr(logging.FileHandler, "_open", leave_no_log)
    for ask in (ask_config, ask_app)[: 1 + load_app]:
        try:
            answer = ask()
        except BaseException as error:  # whatever the app raises is what there is to tell
            text = [last_line(error) if str(error) else type(error).__name__]
            if isinstance(error, SyntaxError):
                text = [f"{error.filename}, line {error.lineno}: {error.msg}"]
            elif type(error).__module__ != "flask.cli" and str(error):
                text = [f"{type(error).__name__}: {last_line(error)}"]
            answer = {"error": text[0]}
        print(json.dumps(answer), file=out, flush=True)
        if "error" in answer:
            break


def leave_no_log(handler: logging.FileHandler) -> Any:
    """Open a handler's file; remove it at once if that made it, so that looking leaves none."""
    new = not os.path.exists(handler.baseFilename)
    stream = open(handler.baseFilename, handler.mode, encoding=handler.encoding)
    if new:
        os.unlink(handler.baseFilename)
    return stream


def ask_config() -> dict[str, Any]:
    """What flaskr/config.py and the sources tell without loading the app (H2, H7, H9, H19)."""
    import ast

    config = runpy.run_path("flaskr/config.py")["config"]
    environment = os.environ.get("APP_ENVIRONMENT", "development")
    if environment not in config:
        return {"known": sorted(config)}
    chosen = config[environment]
    missing, text = set(), ""
    for path in [Path("wsgi.py"), *Path("flaskr").rglob("*.py")]:
        if "test" in path.parts or path == Path("flaskr/config.py") or not path.exists():
            continue
        source = path.read_text(encoding="utf-8")
        text += source
        for node in ast.parse(source, str(path)).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            tops = {name.partition(".")[0] for name in names}
            missing |= {top for top in tops if importlib.util.find_spec(top) is None}
    return {
        "url": str(chosen.SQLALCHEMY_DATABASE_URI),
        "production": bool(getattr(chosen, "PRODUCTION", False)),
        "missing": sorted(missing),
        "clears": "clear-database" in text,
        # Only the app itself tells where it connects if something else has a say in it.
        "ask app": "FLASK_APP" in os.environ
        or bool(re.search(r"SQLALCHEMY_(DATABASE_URI|BINDS|ENGINE_OPTIONS)\W{0,3}\s*=(?!=)", text)),
    }


def ask_app() -> dict[str, Any]:
    """Where the loaded app connects, and the tables of its models (H9, H17, H18)."""
    import psycopg2
    from flask.cli import ScriptInfo

    class Opened(Exception):
        """The connection string that Flask would use, in the place of a connection."""

    def opened(dsn: str | None = None, *factories: object, **options: Any) -> NoReturn:
        for factory in ("connection_factory", "cursor_factory"):
            options.pop(factory, None)
        raise Opened(psycopg2.extensions.make_dsn(dsn, **options))

    app = ScriptInfo(app_import_path=os.environ.get("FLASK_APP")).load_app()
    database = app.extensions["migrate"].db
    setattr(psycopg2, "connect", opened)
    with app.app_context():
        target = {"dbname": str(database.engine.url)}
        if database.engine.dialect.driver == "psycopg2":
            try:
                database.engine.connect()
            except Opened as connection:
                target = psycopg2.extensions.parse_dsn(str(connection))
        target.pop("password", None)
        return {"target": target, "tables": sorted(database.metadata.tables)}


class Probe:
    """A running probe(): started early, asked when its answer is needed."""

    def __init__(self, checkout: Path, load_app: bool, environ: Mapping[str, str]) -> None:
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "_probe", "app" if load_app else "config"],
            cwd=checkout, env={**environ, "PYTHONDONTWRITEBYTECODE": "1"}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, encoding="utf-8",
        )  # fmt: skip

    def answer(self) -> dict[str, Any]:
        """The next line of JSON; {"error": ...} if the process ended or hung instead."""
        assert self.process.stdout
        timer = threading.Timer(LOAD_TIMEOUT, self.process.kill)
        timer.start()
        try:
            return dict(json.loads(self.process.stdout.readline()))
        except ValueError:
            self.errors.seek(0)
            return {"error": last_line(self.errors.read().decode(errors="replace"))}
        finally:
            timer.cancel()

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.__exit__(None, None, None)
        self.errors.close()


def same_target(settings: Settings, target: Mapping[str, Any]) -> bool:
    """Whether a connection's parameters lead to the database of the settings (H9)."""
    host = target.get("host") or ("" if settings.flask_host else settings.host)
    theirs = (target.get("dbname"), host, str(target.get("port") or 5432), target.get("user"))
    return theirs == (settings.database, settings.host, str(int(settings.port)), settings.user)


def config_target(settings: Settings, url: str) -> dict[str, Any]:
    """The parameters of the connection that a database URL of SQLAlchemy stands for."""
    from sqlalchemy.engine import make_url

    parts = make_url(url)
    names = {"dbname": parts.database, "host": parts.host, "port": parts.port, "user": parts.username}
    return {**names, **parts.query}


# ---------------------------------------------------------------- looking at the server


@dataclass(frozen=True)
class Session:
    """A session on the server, as pg_stat_activity has it, or a prepared transaction."""

    pid: int | None
    role: str
    application: str
    state: str
    since: str
    does: str  # "is connected to scope", "holds a lock on sequences"
    can_end: bool  # whether our role may end it
    lock: str = ""  # the mode of the lock it holds

    def __str__(self) -> str:
        who = f"pid {self.pid}" if self.pid else "a prepared transaction"
        parts = [self.application, self.role and f"role {self.role}", self.state]
        return ", ".join([who, *filter(None, parts), self.since and f"since {self.since}"])


@dataclass(frozen=True)
class Server:
    """What the server says of the role, the database and its neighbours."""

    version: int  # server_version_num, such as 150018
    superuser: bool
    createdb: bool
    owner: str | None  # of the database; None: there is no such database
    owned: bool  # our role has the owner's rights
    open: bool  # it accepts connections: not interrupted in a DROP or a rename
    valid: bool  # it is not what an interrupted DROP DATABASE leaves
    oid: int
    size: int | None  # bytes
    sessions: Sequence[Session]  # on the database
    pinned: Sequence[Finding]  # what even dropdb --force cannot drop
    template: Sequence[Finding]  # why createdb could not copy template1 (H16)
    kept: Mapping[int, str]  # number -> size, of the databases kept, newest first
    kept_sessions: Sequence[Session]


@dataclass(frozen=True)
class Contents:
    """What is inside the database."""

    tables: Mapping[str, bool | None]  # name -> whether it holds rows (None: cannot be read)
    oids: Mapping[str, int]
    foreign: Sequence[str]  # tables that our role does not own
    may_create: bool  # tables, in the schema that new tables get (H15)
    locks: Sequence[Session]
    revisions: Sequence[str] | None  # of alembic_version; None: no such table
    rows: Mapping[str, str]  # name -> approximate count, in words
    columns: frozenset[str]  # of the table sequences


SESSIONS = """
    SELECT a.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''),
           coalesce(a.state, ''), coalesce(to_char(a.{since}, 'YYYY-MM-DD HH24:MI:SS'), ''), {does},
           (pg_has_role(a.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))
           AND (NOT r.rolsuper OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
"""


def connect(settings: Settings, database: str) -> Any:
    """A read-only, self-committing connection that waits for nothing long (psycopg2's errors)."""
    import psycopg2

    connection = psycopg2.connect(
        dbname=database, host=settings.host or None,
        port=settings.port, user=settings.user, password=settings.password or None,
        connect_timeout=CONNECT_TIMEOUT, application_name="backscope-reset",
        options="-c lock_timeout=1s -c default_transaction_read_only=on", client_encoding="UTF8",
    )  # fmt: skip
    connection.autocommit = True
    return connection


def rows(connection: Any, query: Any, *values: Any) -> list[Any]:
    """All rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return list(cursor.fetchall())


def lock_key(settings: Settings) -> tuple[int, int]:
    """The advisory lock that stands for "a reset of this database is running" (H24)."""
    return 0x4253, zlib.crc32(settings.database.encode()) & 0x7FFFFFFF


def look_at_server(maintenance: Any, settings: Settings) -> Server:
    """Ask the server, through a connection to its maintenance database."""
    name = settings.database
    version, superuser, createdb = rows(
        maintenance,
        "SELECT current_setting('server_version_num')::int, rolsuper, rolcreatedb"
        " FROM pg_roles WHERE rolname = current_user",
    )[0]
    about = rows(
        maintenance,
        "SELECT pg_get_userbyid(datdba), pg_has_role(datdba, 'USAGE'), datallowconn,"
        " datconnlimit <> -2, oid::int8,"
        " CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) END"
        " FROM pg_database WHERE datname = %s",
        name,
    )
    kept_names = {}
    for (kept,) in rows(maintenance, "SELECT datname FROM pg_database ORDER BY age(xmin)"):
        number = re.fullmatch(re.escape(name) + r"\.~([1-9][0-9]*)~", kept)
        if number:  # age(xmin): the last one renamed comes first
            kept_names[int(number[1])] = kept
    sessions: dict[str, list[Session]] = collections.defaultdict(list)
    for row in rows(
        maintenance,
        SESSIONS.format(since="backend_start", does="a.datname") +
        " FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid"
        " WHERE a.datname = ANY(%s::text[]) AND a.pid <> pg_backend_pid()"
        " AND a.usesysid IS NOT NULL"  # autovacuum gives way by itself
        " ORDER BY a.backend_start, a.pid",
        [name, "template1", *kept_names.values()],
    ):  # fmt: skip
        sessions[row[5]].append(Session(*row))
    pinned = [
        Finding(f"The prepared transaction {gid} is not ended in {name}.",
                shown_psql(name, f"ROLLBACK PREPARED {literal(gid)}"))
        for (gid,) in rows(maintenance, "SELECT gid FROM pg_prepared_xacts WHERE database = %s", name)
    ] + [
        Finding(f"The replication slot {slot} is of {name}.",
                shown_psql(name, f"SELECT pg_drop_replication_slot({literal(slot)})"))
        for (slot,) in rows(
            maintenance, "SELECT slot_name FROM pg_replication_slots WHERE database = %s", name)
    ]  # fmt: skip
    sizes = rows(
        maintenance,
        "SELECT datname, CASE WHEN has_database_privilege(oid, 'CONNECT')"
        " THEN pg_size_pretty(pg_database_size(oid)) END FROM pg_database"
        " WHERE datname = ANY(%s::text[])",
        list(kept_names.values()),
    )
    owner, owned, allowed, valid, oid, size = about[0] if about else (None, True, True, True, 0, None)
    return Server(
        version, superuser, superuser or createdb, owner, owned, allowed and valid, valid, oid, size,
        sessions[name], pinned, look_at_template(maintenance, version, sessions["template1"]),
        {number: dict(sizes).get(kept) or "?" for number, kept in kept_names.items()},
        [session for kept in kept_names.values() for session in sessions[kept]],
    )  # fmt: skip


def look_at_template(maintenance: Any, version: int, sessions: Sequence[Session]) -> list[Finding]:
    """What keeps createdb from copying template1 (H16; CREATE DATABASE in the manual)."""
    found = []
    if sessions:
        what = "template1 is in use, so createdb could not copy it: " + "; ".join(map(str, sessions))
        pids = ", ".join(f"pg_terminate_backend({session.pid})" for session in sessions)
        found.append(Finding(what + ".", f"End it: psql -d postgres -c 'SELECT {pids}'"))
    stale = (
        "datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)"
        if version >= 150000
        else "false"
    )
    query = f"SELECT datistemplate OR pg_has_role(datdba, 'USAGE'), {stale} FROM pg_database"
    for allowed, outdated in rows(maintenance, f"{query} WHERE datname = 'template1'") or [(False, 0)]:
        if not allowed:
            what = "template1 is missing or is no template, so createdb could not copy it."
            found.append(Finding(what, "psql -d postgres -c 'ALTER DATABASE template1 IS_TEMPLATE true'"))
        if outdated:
            what = "template1 has the collations of another system, so createdb would refuse it."
            mend = "ALTER DATABASE template1 REFRESH COLLATION VERSION"
            found.append(Finding(what, f"As a superuser: psql -d postgres -c '{mend}'"))
    return found


def look_into_database(connection: Any, counting: bool) -> Contents:
    """Ask the database itself, in a time that does not grow with its tables."""
    from psycopg2 import Error, sql

    tables, oids, foreign, counts = {}, {}, [], {}
    for schema, table, oid, owned, estimate in rows(
        connection,
        "SELECT nspname, relname, c.oid::int8, pg_has_role(relowner, 'USAGE'),"
        " greatest(reltuples::int8, pg_stat_get_live_tuples(c.oid))"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind IN ('r', 'p') AND relpersistence <> 't' AND NOT relispartition"
        " AND nspname <> 'information_schema' AND nspname !~ '^pg_' AND NOT EXISTS"
        " (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY relname",
    ):
        name = table if schema == "public" else f"{schema}.{table}"
        oids[name] = oid
        foreign += [] if owned else [name]
        few = "SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS few"
        limit = sql.Literal(EXACT_ROWS + 1 if counting else 1)
        try:
            number = rows(connection, sql.SQL(few).format(sql.Identifier(schema, table), limit))[0][0]
        except Error:  # locked, or not for our role
            tables[name], counts[name] = None, "?"
            continue
        tables[name] = number > 0
        counts[name] = str(number) if number <= EXACT_ROWS else f"about {max(estimate, number):,}"
    revisions = None
    if tables.get("alembic_version") is not None:
        revisions = [row[0] for row in rows(connection, "SELECT version_num FROM alembic_version")]
    held = {}
    for *values, mode in rows(
        connection,
        SESSIONS.format(since="xact_start", does="'holds a lock on ' || c.relname")
        + ", l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
        " LEFT JOIN pg_stat_activity a ON a.pid = l.pid LEFT JOIN pg_roles r ON r.oid = a.usesysid"
        " WHERE l.locktype = 'relation' AND c.oid >= 16384 AND relpersistence <> 't'"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND l.pid IS DISTINCT FROM pg_backend_pid()"
        " AND (a.usesysid IS NOT NULL OR l.pid IS NULL)"  # autovacuum gives way by itself
        " ORDER BY relkind <> 'r', l.mode <> 'AccessExclusiveLock', relname",
    ):
        held.setdefault(values[0], Session(*values, lock=mode))
    creating = "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)"
    columns = (
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('sequences') AND attnum > 0"
    )
    return Contents(
        tables, oids, foreign, rows(connection, creating)[0][0], list(held.values()), revisions,
        counts, frozenset(column for (column,) in rows(connection, columns)),
    )  # fmt: skip


def flagged(connection: Any, wanted: Sequence[str] = ()) -> list[str]:
    """The sequences that were requested and have no values (H30)."""
    query = "SELECT id FROM sequences WHERE values_requested AND \"values\" IS NULL"
    return [
        row[0]
        for row in rows(connection, query + " AND (%s = '{}' OR id = ANY(%s)) ORDER BY id",
                        list(wanted), list(wanted))
    ]  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """All that was seen before the first touch."""

    settings: Settings
    config: Mapping[str, Any]  # the probe's first answer
    server: Server | None  # None: it cannot be reached, see `trouble`
    contents: Contents | None  # None: no such database, or it cannot be opened
    maintained: bool  # the maintenance database can be reached
    free: bool  # no other reset of the database is running
    trouble: Sequence[Finding]  # why something could not be looked at
    folders: Mapping[int, Path]  # migrations.~N~, newest first
    mark: tuple[int, int] | None  # N and oid, of an undo that was interrupted
    has_migrations: bool

    @property
    def number(self) -> int:
        """The first number that is free for both a kept database and kept migrations."""
        taken = {*self.folders, *(self.server.kept if self.server else ())}
        return next(number for number in range(1, 10**6) if number not in taken)

    @property
    def migrations(self) -> Path:
        """The folder `migrations`, there or not."""
        return self.settings.checkout / "migrations"


def trouble_connecting(settings: Settings, error: Exception) -> Finding:
    """Why there is no connection, in one line (H10)."""
    reasons = re.findall(r"failed: (?:FATAL: +)?(.+)", str(error))
    reason = reasons[-1] if reasons else str(error).strip().partition("\n")[0]
    host = f"-h {quoted(settings.host)} " if settings.host else ""
    mend = f"pg_isready {host}-p {settings.port}   tells whether it runs"
    if re.search("password|role|authentication|pg_hba", reason):
        mend = "Correct POSTGRES_USER and POSTGRES_PASSWORD: ${EDITOR:-vi} .env"
    return Finding(f"No connection to {settings.where} as {settings.user}: {reason}.", mend)


@contextlib.contextmanager
def looking(settings: Settings, config: Mapping[str, Any], lock: bool, counting: bool = False,
            held: Any = None) -> Iterator[tuple[Facts, Any]]:  # fmt: skip
    """Look at everything; give the facts and the connection that holds the lock, if `lock`.

    A lock of PostgreSQL's is of one database, so that it is taken in the maintenance
    database, which a rebuild leaves alone; where that one is closed, in the target.
    """
    from psycopg2 import Error

    trouble: list[Finding] = []
    server = contents = maintenance = target = None
    maintained, free = True, True
    with contextlib.ExitStack() as stack:
        try:
            maintenance = held or connect(settings, "postgres")
        except Error as error:
            maintained = False
            trouble = [trouble_connecting(settings, error)]
            with contextlib.suppress(Error):
                maintenance = connect(settings, settings.database)
        try:
            if maintenance:
                stack.callback(lambda: None if held else maintenance.close())
                free = held or take_lock(maintenance, settings, lock)
                server = look_at_server(maintenance, settings)
                trouble = []
            if server and server.owner is not None and server.open:
                target = connect(settings, settings.database)
                stack.callback(target.close)
                contents = look_into_database(target, counting)
        except Error as error:
            trouble = [trouble_connecting(settings, error)]
        finally:
            if target:
                target.close()  # or it would be a session in the way itself
        folders, mark = {}, None
        for path in settings.checkout.glob("migrations.~*~"):
            name = re.fullmatch(r"migrations\.~([1-9][0-9]*)~(?:of([0-9]+)~)?", path.name)
            if name and name[2]:
                mark = (int(name[1]), int(name[2]))
            elif name:
                folders[int(name[1])] = path
        newest = sorted(folders.items(), key=lambda item: item[1].lstat().st_ctime, reverse=True)
        yield Facts(settings, config, server, contents, maintained, bool(free), trouble,
                    dict(newest), mark, os.path.lexists(settings.checkout / "migrations")), maintenance  # fmt: skip


def take_lock(connection: Any, settings: Settings, take: bool) -> bool:
    """Take the advisory lock, or (`take` false) only see whether it is free (H24)."""
    key = lock_key(settings)
    if take:
        return bool(rows(connection, "SELECT pg_try_advisory_lock(%s, %s)", *key)[0][0])
    query = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid) = (%s, %s)"
    return not rows(connection, query, *key)


# ---------------------------------------------------------------- what is in the way


@dataclass(frozen=True)
class Wish:
    """What the command line asks for."""

    action: str  # status, clear, forget (a clear of some sequences), unflag, rebuild, undo
    sequences: Sequence[str] = ()
    number: int = 0
    force: bool = False
    keep: bool = False
    production: bool = False
    confirm: str | None = None
    dry_run: bool = False
    verbose: bool = False

    @property
    def command(self) -> str:
        """The make target."""
        return "make db-" + ("clear" if self.action == "forget" else self.action)


def environment_findings() -> list[Finding]:
    """Whether this interpreter is Backscope's, with all that the tool needs (H1)."""
    prefix = Path(sys.prefix)
    if sys.prefix == sys.base_prefix and not (prefix / "conda-meta").is_dir():
        what = "No virtual environment is active."
        return [Finding(what, "In the Backscope folder: source .venv/bin/activate")]
    venv, flask = tilde(prefix), flask_program()
    if not os.access(flask, os.X_OK):
        return [Finding(f"The active environment {venv} has no flask, so it is not Backscope's.",
                        "deactivate; cd to Backscope; source .venv/bin/activate")]  # fmt: skip
    with flask.open("rb") as script:
        first = script.readline().decode(errors="replace")[2:].strip()
    if Path(first).name.startswith("python") and not (
        Path(first).exists() and Path(first).parent.samefile(flask.parent)
    ):
        return [Finding(f"The flask in {venv} runs {first}: the environment was moved or copied.",
                        "Make it anew: python3 -m venv .venv")]  # fmt: skip
    packages = [name for name in ("dotenv", "psycopg2", "sh") if not importlib.util.find_spec(name)]
    requirements = quoted(tilde(Path(__file__).resolve().with_name("requirements.txt")))
    mend = f"pip install -r {requirements}"
    return [Finding(f"The active environment {venv} lacks {name}.", mend) for name in packages]


def flask_program() -> Path:
    """The flask beside the running interpreter, and no other (H1)."""
    return Path(sys.executable).with_name("flask")


def backscope_findings(wish: Wish, settings: Settings, config: Mapping[str, Any]) -> list[Finding]:
    """What Backscope's own answers put in the way (H2, H7, H9, H17, H18)."""
    venv = tilde(Path(sys.prefix))
    if "error" in config:
        missing = re.search(r"No module named '([^']+)'", config["error"])
        if missing:
            config = {"missing": [missing[1]]}
        else:
            return [Finding(f"Backscope does not load: {config['error']}",
                            f"cd {quoted(tilde(settings.checkout))} && flask routes")]  # fmt: skip
    if "known" in config:
        what = f"APP_ENVIRONMENT={settings.environment} is unknown to this Backscope."
        return [Finding(what, f"Set one of: {', '.join(config['known'])}")]
    if config.get("missing"):
        what = f"Backscope's {', '.join(config['missing'])} is missing in the environment {venv}."
        return [Finding(what, "source .venv/bin/activate   or: pip install -r requirements.txt")]
    found = []
    target = config.get("target")
    plain = re.fullmatch(r"[\w.-]+", settings.database + settings.user, re.A)
    if not target and not (plain and config["url"] == settings.url):
        target = config_target(settings, config["url"])
    if target and not same_target(settings, target):
        theirs = f"{target.get('dbname')} on {target.get('host')}:{target.get('port') or 5432}"
        what = (
            f"Flask would open {theirs} as {target.get('user')}, but the settings"
            f" say {settings.database} on {settings.where} as {settings.user}."
        )
        found.append(Finding(what, "See what was edited: git diff flaskr/"))
    if wish.action == "clear" and not config.get("clears", True):
        what = "This Backscope has no command clear-database."
        found.append(Finding(what, "git log -S clear-database flaskr   tells which ones have it"))
    if "tables" in config and not config["tables"]:
        what = "The app's models make no tables, so a rebuild would end with an empty database."
        found.append(Finding(what, "See what was edited: git diff flaskr/"))
    return found


def session_findings(wish: Wish, sessions: Sequence[Session]) -> list[Finding]:
    """The sessions in the way, and whether FORCE=1 may end them (H11, H12)."""
    if not sessions:
        return []
    listed = "".join(f"\n    {session}, {session.does}" for session in sessions)
    what = f"{len(sessions)} session{'s are' if sessions[1:] else ' is'} in the way:{listed}"
    if not all(session.can_end for session in sessions):
        grant = f"GRANT pg_signal_backend TO {wish.command}"
        grant = "End them where they run; the role may not end them (GRANT pg_signal_backend)."
        return [Finding(what, grant)]
    return [] if wish.force else [Finding(what, f"End them, or: {wish.command} FORCE=1")]


def in_the_way(wish: Wish, facts: Facts) -> list[Finding]:
    """All that refuses the wish, in the order of a run. Pure: it decides, others look."""
    settings, server, inside = facts.settings, facts.server, facts.contents
    name, role = settings.database, settings.user
    found = backscope_findings(wish, settings, facts.config)
    if wish.confirm is not None and wish.confirm != settings.answer:
        what = f"CONFIRM is {quoted(wish.confirm)}, but the target is {settings.answer}."
        found.append(Finding(what, f"{wish.command} CONFIRM={quoted(settings.answer)}"))
    if not wish.production and (
        settings.environment == "production" or facts.config.get("production")
    ):
        what = f"APP_ENVIRONMENT={settings.environment}: this is a production database."
        found.append(Finding(what, f"Stop the service, then: {wish.command} PRODUCTION=1"))
    if not facts.free:
        what = f"Another reset of {name} is running, or what it started still is."
        found.append(Finding(what, f"Wait for it, then: {wish.command}"))
    if facts.trouble or not server:  # H10: nothing more can be seen
        return found + list(facts.trouble)
    if wish.action in ("clear", "forget", "unflag"):
        if server.owner is None:
            found.append(Finding(f"There is no database {name} on {settings.where}.", "make db-rebuild"))
        elif not server.valid:
            what = f"{name} is what an interrupted dropdb left, and cannot be used."
            found.append(Finding(what, "make db-rebuild"))
        elif not server.open:
            allow = f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS true"
            found.append(Finding(f"{name} accepts no connections.", shown_psql("postgres", allow)))
        elif inside:
            found += inside_findings(wish, settings, inside)
        return found
    return found + rebuild_findings(wish, facts, server) + folder_findings(wish, facts)


def inside_findings(wish: Wish, settings: Settings, inside: Contents) -> list[Finding]:
    """What inside the database stops a clear or an unflag."""
    found = []
    name, role = settings.database, settings.user
    if wish.action == "clear":
        if not inside.may_create:  # H15
            what = f"The role {role} may not create tables in {name}, as a clear must."
            grant = f"GRANT CREATE ON SCHEMA public TO {identifier(role)}"
            found.append(Finding(what, f"As {name}'s owner: {shown_psql(name, grant)}"))
        if inside.foreign:
            what = f"The role {role} does not own {', '.join(inside.foreign)}, which a clear drops."
            own = f"ALTER TABLE {identifier(inside.foreign[0])} OWNER TO {identifier(role)}"
            found.append(Finding(what, f"As a superuser, for each: {shown_psql(name, own)}"))
        return found + session_findings(wish, inside.locks)
    lacking = {"id", "values", "values_requested"} - inside.columns
    if lacking:
        what = f"{name} has no sequences.{' or '.join(sorted(lacking))}: it is of another Backscope."
        found.append(Finding(what, "make db-status   tells its revision; make db-rebuild renews it"))
    weak = ("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock")
    return found + session_findings(wish, [lock for lock in inside.locks if lock.lock not in weak])


def rebuild_findings(wish: Wish, facts: Facts, server: Server) -> list[Finding]:
    """What on the server stops a rebuild or an undo."""
    settings, found = facts.settings, []
    name, role = settings.database, settings.user
    if not facts.maintained:
        what = f"The role {role} cannot open the maintenance database postgres."
        grant = f"GRANT CONNECT ON DATABASE postgres TO {identifier(role)}"
        found.append(Finding(what, f"As a superuser: {shown_psql('postgres', grant)}"))
    if not server.createdb:  # H13
        what = f"The role {role} may not create databases, so {name} could not be made again."
        alter = f"ALTER ROLE {identifier(role)} CREATEDB"
        found.append(Finding(what, f"As a superuser: {shown_psql('postgres', alter)}"))
    if server.owner is not None and not server.owned:  # H14
        what = f"{name} is owned by {server.owner}, so {role} may not drop or rename it."
        alter = f"ALTER DATABASE {identifier(name)} OWNER TO {identifier(role)}"
        found.append(Finding(what, f"As a superuser: {shown_psql('postgres', alter)}"))
    if wish.force and server.version < 130000:
        found.append(Finding("FORCE=1 needs PostgreSQL 13 or newer.", "End the sessions by hand."))
    undo = wish.action == "undo"
    if not server.valid and (undo or wish.keep):
        what = f"{name} is what an interrupted dropdb left, so there is nothing to keep."
        found.append(Finding(what, shown("dropdb", name)))
    found += session_findings(wish, [*server.sessions, *(server.kept_sessions if undo else ())])
    found += server.pinned
    if undo:
        number = undo_number(wish, facts, server)
        if number is None or number not in {*server.kept, *facts.folders, *(facts.mark or ())[:1]}:
            what = f"Nothing is kept of {name}" + (f" as number {number}." if number else ".")
            found.append(Finding(what, "make db-status   lists what is kept"))
        return found
    if wish.keep and len(kept_name(name, facts.number).encode()) > NAME_LIMIT:
        what = f"{kept_name(name, facts.number)} is longer than PostgreSQL's {NAME_LIMIT} bytes."
        found.append(Finding(what, "make db-rebuild   without KEEP=1, or a shorter POSTGRES_DB"))
    return found + list(server.template)


def folder_findings(wish: Wish, facts: Facts) -> list[Finding]:
    """What in the checkout stops a rebuild or an undo (H21)."""
    found, folder = [], facts.migrations
    if folder.exists() and not folder.is_dir():
        what = f"{tilde(folder)} is no folder."
        found.append(Finding(what, f"mv {quoted(str(folder))} somewhere else"))
    if not os.access(folder.parent, os.W_OK):
        what = f"{tilde(folder.parent)} is not writable, so migrations could not be renamed."
        found.append(Finding(what, f"chmod u+w {quoted(tilde(folder.parent))}"))
    if facts.mark and wish.action == "rebuild":
        found.append(Finding("An undo was interrupted half-way.", "make db-undo   finishes it"))
    return found


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


def identifier(name: str) -> str:
    """`name` as SQL, for a command that is shown to be typed."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string, for a command that is shown to be typed."""
    return "'" + text.replace("'", "''") + "'"


def conninfo(name: str) -> str:
    """A database for `psql -d`, which takes a=b and postgresql://x for more than a name (H26)."""
    if re.fullmatch(r"\w[\w.~ -]*", name):
        return name
    return "dbname='" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


def named(program: str, *options: str) -> tuple[str, ...]:
    """A command line whose last word is a name, which may begin with a dash (H26)."""
    *flags, name = options
    return (program, *flags, "--", name) if name.startswith("-") else (program, *flags, name)


def psql(database: str, sql: str, **variables: str) -> Step:
    """A step of psql: no ~/.psqlrc (H28), the first error ends it, values as bound variables."""
    bound = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    argv = ("psql", "-qX", *bound, "-d", conninfo(database))
    return Step(argv, "\\set ON_ERROR_STOP on\n" + sql)


def kept_name(name: str, number: int) -> str:
    """The database or folder `name` set aside, as a GNU numbered backup."""
    return f"{name}.~{number}~"


END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    "\nWHERE datname IN ({}) AND pid <> pg_backend_pid();"
)


def plan(wish: Wish, facts: Facts) -> list[Step]:
    """The commands that fulfil the wish, in the documented order. Pure."""
    settings, inside = facts.settings, facts.contents
    name = settings.database
    ids = {"ids": " ".join(wish.sequences)} if wish.sequences else {}
    some = "id = ANY (string_to_array(:'ids', ' '))"
    if wish.action == "forget":
        return [psql(name, f"DELETE FROM sequences WHERE {some};", **ids)]
    if wish.action == "unflag":
        where = f'values_requested AND "values" IS NULL{" AND " + some if ids else ""}'
        return [psql(name, f"UPDATE sequences SET values_requested = false WHERE {where};", **ids)]
    if wish.action == "clear":
        clear = Step(("flask", "clear-database"), asks=bool(facts.config.get("production")))
        locks = inside.locks if inside and wish.force else []
        pids = " ".join(str(session.pid) for session in locks if session.pid)
        end = "SELECT pg_terminate_backend(pid::int) FROM unnest(string_to_array(:'pids', ' ')) pid;"
        return [psql("postgres", end, pids=pids), clear] if pids else [clear]
    if wish.action == "undo":
        return plan_undo(wish, facts)
    steps = []
    exists = facts.server is None or facts.server.owner is not None
    if exists and wish.keep:
        steps.append(rename(name, kept_name(name, facts.number), facts, wish.force))
    elif exists:
        steps.append(Step(named("dropdb", *(["--force"] if wish.force else []), name)))
    if facts.has_migrations:
        steps.append(Step(("mv", "migrations", kept_name("migrations", facts.number))))
    steps.append(Step(named("createdb", name)))
    return steps + [Step(("flask", "db", verb)) for verb in ("init", "migrate", "upgrade")]


def rename(name: str, new: str, facts: Facts, force: bool) -> Step:
    """Rename a database. With `force` nobody can connect while its sessions are ended.

    A client that was let in just before is seen by the second look.
    """
    sql = 'ALTER DATABASE :"name" RENAME TO :"new";'
    allow = 'ALTER DATABASE :"new" ALLOW_CONNECTIONS true;'
    if force:
        end = END_SESSIONS.format(":'name'")
        closed = 'ALTER DATABASE :"name" ALLOW_CONNECTIONS false;'
        sql = f"{closed}\n{end}\nSELECT pg_sleep(0.1);\n{end}\n{sql}\n{allow}"
    elif facts.server and not facts.server.open:
        sql += "\n" + allow
    return psql("postgres", sql, name=name, new=new)


def undo_number(wish: Wish, facts: Facts, server: Server) -> int | None:
    """Which kept pair an undo takes: the one asked for or begun, else the newest."""
    numbers = [*(facts.mark or ())[:1], *server.kept]
    if not numbers and not facts.has_migrations:
        numbers = [*facts.folders]
    return wish.number or next(iter(numbers), None)


def plan_undo(wish: Wish, facts: Facts) -> list[Step]:
    """Swap the kept and the current pair; go on where an interrupted undo stopped.

    The databases change places in one transaction. The migrations on their way wait in
    a folder that names the database they belong to by its oid, so that any state tells
    which renames are still to be done.
    """
    server = facts.server
    assert server
    number = undo_number(wish, facts, server) or 0
    name, kept = facts.settings.database, kept_name(facts.settings.database, number)
    folder, mark = kept_name("migrations", number), f"migrations.~{number}~of{server.oid}~"
    started, current = facts.mark is not None, facts.has_migrations
    if facts.mark:
        mark = f"migrations.~{number}~of{facts.mark[1]}~"
    steps = []
    if not started and current and number in facts.folders:
        steps.append(Step(("mv", "migrations", mark)))
        current = False
    if number in facts.folders and not current:
        steps.append(Step(("mv", folder, "migrations")))
    if number in server.kept and (facts.mark is None or facts.mark[1] == server.oid):
        if server.owner is None:
            steps.append(rename(kept, name, facts, wish.force))
        else:
            steps.append(swap(name, kept, wish.force))
    if started or steps[:1] == [Step(("mv", "migrations", mark))]:
        steps.append(Step(("mv", mark, folder)))
    return steps


def swap(name: str, kept: str, force: bool) -> Step:
    """Let two databases change names, in one transaction."""
    renames = (
        'BEGIN;\nALTER DATABASE :"kept" RENAME TO :"swap";\nALTER DATABASE :"name" RENAME TO :"kept";\n'
        'ALTER DATABASE :"swap" RENAME TO :"name";\nCOMMIT;'
    )
    if force:
        both = ('"name"', '"kept"')
        close, allow = (
            "\n".join(f"ALTER DATABASE :{one} ALLOW_CONNECTIONS {value};" for one in both)
            for value in ("false", "true")
        )
        end = END_SESSIONS.format(":'name', :'kept'")
        renames = f"{close}\n{end}\nSELECT pg_sleep(0.1);\n{end}\n{renames}\n{allow}"
    number = zlib.crc32(name.encode())
    return psql("postgres", renames, name=name, kept=kept, swap=f"swap.~{number}~")


def plan_restore(wish: Wish, before: Facts, now: Facts) -> list[Step]:
    """What puts everything back after a KEEP=1 rebuild or an undo that did not get through.

    It goes by what is there now, and removes only what was not there before.
    """
    steps, server, was = [], now.server, before.server
    assert server and was
    name, number = before.settings.database, before.number
    allow = 'ALTER DATABASE :"name" ALLOW_CONNECTIONS true;'
    if wish.action == "undo":
        number = undo_number(wish, before, was) or 0
        closed = [kept_name(name, number)] if number in server.kept and wish.force else []
        closed += [name] if server.owner is not None and not server.open else []
        steps += [psql("postgres", allow, name=one) for one in closed]
        if (server.oid, set(server.kept)) == (was.oid, set(was.kept)):  # not swapped yet
            if number in before.folders and number not in now.folders:
                steps.append(Step(("mv", "migrations", kept_name("migrations", number))))
            if now.mark and not before.mark:
                mark = f"migrations.~{number}~of{now.mark[1]}~"
                steps.append(Step(("mv", mark, "migrations")))
        return steps
    kept, folder = kept_name(name, number), kept_name("migrations", number)
    half_made = number in server.kept or was.owner is None
    if half_made and server.owner is not None:
        force = ["--force"] if server.version >= 130000 else []
        steps.append(Step(named("dropdb", *force, name)))
    if number in server.kept:
        steps.append(rename(kept, name, now, force=False))
    elif server.owner is not None and not half_made and not server.open:
        steps.append(psql("postgres", allow, name=name))
    if now.has_migrations and (number in now.folders or not before.has_migrations):
        steps.append(Step(("rm", "-r", "migrations")))
    if number in now.folders:
        steps.append(Step(("mv", folder, "migrations")))
    return steps


# ---------------------------------------------------------------- running it


@dataclass(frozen=True)
class Outcome:
    """How far a plan got: all its steps, or up to one that failed or was interrupted."""

    done: int
    failed: str = ""  # why step `done` (from 0) failed
    signal: int = 0  # the signal that ended it


def run(steps: Sequence[Step], facts: Facts, environment: dict[str, str], verbose: bool,
        held: Sequence[int], deaf: bool = False) -> Outcome:  # fmt: skip
    """Run the steps in the Backscope folder, one after the other, until one fails.

    A signal goes on to the running command, which is waited for (H22); `deaf` ignores
    it. Every command inherits the connection that holds the lock (`held`): if the tool
    itself is killed, the lock lasts as long as the command (H23, H24).
    """
    import sh

    caught: list[int] = []
    running: list[Any] = []

    def hand_on(number: int, frame: object) -> None:
        typed = number == signal.SIGINT and steps[len(done)].asks and sys.stdin.isatty()
        caught.append(number)
        if running and not typed:  # what is typed at a terminal is there already
            with contextlib.suppress(OSError):
                running[0].signal(signal.SIGTERM if number == signal.SIGHUP else number)

    done: list[Step] = []
    handlers = {number: signal.getsignal(number) for number in ENDINGS}
    for number in ENDINGS:
        if handlers[number] != signal.SIG_IGN:
            signal.signal(number, (lambda number, frame: None) if deaf else hand_on)
    try:
        for step in steps:
            label = f"[{len(done) + 1}/{len(steps)}] " + str(step).replace("\n", "\n      ")
            apart = verbose or step.asks
            above, newline, last = label.rpartition("\n")
            say(above + newline + last.ljust(50), end="\n" if apart else " ")
            output: collections.deque[str] = collections.deque(maxlen=40)

            def take(text: str) -> None:
                output.append(hidden(text, facts.settings)[:2000])
                if verbose:
                    say("      " + output[-1].rstrip("\n"))

            began, failed = time.monotonic(), ""
            with open(os.devnull, "rb") as nothing:
                streams: dict[str, Any] = {
                    "_in": step.sql or nothing, "_out": take, "_err_to_out": True,
                    "_out_bufsize": 1, "_tty_out": False, "_new_session": True,
                }  # fmt: skip
                if step.asks:
                    streams = {"_in": sys.stdin, "_out": sys.stdout, "_err": sys.stderr}
                try:
                    running[:] = [
                        sh.Command(program(step.argv[0]))(
                            *step.argv[1:], **streams, _cwd=str(facts.settings.checkout),
                            _env=environment, _encoding="utf-8", _decode_errors="replace",
                            _bg=True, _bg_exc=False, _no_out=True, _pass_fds=set(held),
                        )
                    ]  # fmt: skip
                    if caught and not deaf:
                        hand_on(caught.pop(), None)
                    running[0].wait()
                except sh.ErrorReturnCode as error:
                    code = error.exit_code
                    how = f"with exit status {code}" if code >= 0 else f"by signal {-code}"
                    failed = f"{shown(*step.argv[:3])} ended {how}."
                except (sh.CommandNotFound, sh.ForkException) as error:
                    failed = f"{step.argv[0]} could not be run: {last_line(error)}."
                finally:
                    running.clear()
            took = f"{time.monotonic() - began:6.1f} s"
            mark = paint("  interrupted", 33) if caught else paint("  failed", 31) if failed else ""
            say(" " * 51 * apart + took + mark)
            if failed and not verbose:
                say("".join(f"      {line}" for line in output), end="")
            if caught or failed:
                finished = len(done) + (not failed)
                return Outcome(finished, failed, caught[0] if caught else 0)
            done.append(step)
        return Outcome(len(done))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def program(name: str) -> str:
    """The path of a program: flask from our environment, the others from PATH."""
    return str(flask_program()) if name == "flask" else shutil.which(name) or name


def hidden(text: str, settings: Settings) -> str:
    """`text` without the password, unless that is no secret but one of the names (H25)."""
    names = (settings.database, settings.user, settings.host)
    secret = settings.password
    return text if not secret or secret in names else text.replace(secret, "***")


# ---------------------------------------------------------------- checking it


def check(wish: Wish, before: Facts, now: Facts, tables: Sequence[str]) -> str:
    """What the result is, in a sentence. Raises Failed if it is not as it should be."""
    name, inside, was = now.settings.database, now.contents, before.contents
    if wish.action == "undo" and now.server and now.server.owner is None:
        return f"The migrations are back; there is no database {name}."
    if not inside:
        trouble = now.trouble[0].what if now.trouble else f"{name} is not there."
        raise Failed(f"The result could not be checked: {trouble}\n    make db-status")
    data = [table for table in inside.tables if table != "alembic_version"]
    count = f"{len(data)} table{'s' * (len(data) != 1)}"
    at = f"{count} at revision {', '.join(inside.revisions or ()) or 'none'}"
    if wish.action == "undo":
        return f"{name} is swapped: {at}"
    if wish.action == "clear":
        left = [table for table in data if inside.tables[table] is not False]
        same = was is not None and was.oids == inside.oids  # flask drops and makes them
        had = was is not None and any(was.tables[table] for table in data if table in was.tables)
        if same and (left or not had) and (left or before.config.get("production")):
            raise Failed(f"Backscope took no action: {name} is as it was.\n    {wish.command}")
        if left:
            what = f"{name} still holds rows in {', '.join(left)}: not Backscope's tables of today."
            raise Failed(f"{what}\n    make db-rebuild   renews the structure")
        return f"{name} is cleared: {count}, no rows"
    missing = sorted(set(tables) - set(inside.tables))
    if not inside.revisions:
        raise Failed(f"{name} has no revision: flask db migrate made none.\n    flask db migrate")
    if missing or not data:
        what = f"{name} lacks the tables {', '.join(missing)}." if missing else f"{name} has no table."
        raise Failed(f"{what}\n    make db-rebuild VERBOSE=1   shows what flask db says")
    return f"{name} is rebuilt: {at}"


# ---------------------------------------------------------------- showing the state


def show(label: str, text: str) -> None:
    """One row of the table that a run begins with."""
    say(f"{paint(label.ljust(11), 1)}  {text}")


def show_target(wish: Wish, facts: Facts, revision: str) -> None:
    """The checkout, the database and what a rebuild does with the migrations."""
    settings, server, inside = facts.settings, facts.server, facts.contents
    prefix = Path(sys.prefix)
    inner = prefix.relative_to(settings.checkout) if settings.checkout in prefix.parents else None
    at = f" ({revision})" if revision else ""
    show("Backscope", f"{tilde(settings.checkout)}{at}, venv {inner or tilde(prefix)}"
         + f", {settings.environment}" * (settings.environment != "development"))  # fmt: skip
    target = f"{settings.database} on {settings.where} as {settings.user}"
    if server and server.owner is None:
        target += ": not there yet"
    elif server and server.size is not None:
        tables = f", {len(inside.tables)} tables" if inside else ""
        target += f": {pretty_size(server.size)}{tables}"
    show("Database", target)
    if settings.origins["POSTGRES_DB"] == "the environment":
        also = f"; .env says {settings.in_dotenv}" if settings.in_dotenv else ""
        show("", f"POSTGRES_DB={quoted(settings.database)} is from the environment{also}")
    if wish.action == "rebuild":
        if wish.keep and server and server.owner is not None:
            show("Kept as", kept_name(settings.database, facts.number))
        renamed = f"migrations -> {kept_name('migrations', facts.number)}"
        show("Migrations", renamed if facts.has_migrations else "none yet")
    if wish.action == "undo" and server:
        number = undo_number(wish, facts, server) or 0
        for noun, there in (("database", server.kept), ("migrations", facts.folders)):
            if number not in there and not facts.mark:
                show("", f"No {noun} of number {number} kept: the current {noun} will stay as is")


def pretty_size(size: int) -> str:
    """A size in bytes, in words, as pg_size_pretty() has it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 10240:
            break
        size = (size + 512) // 1024
    else:
        unit = "TB"
    return f"{size} {unit}"


def revision_in_words(facts: Facts) -> str:
    """The recorded revision against the newest in `migrations`, as alembic reads them."""
    recorded = facts.contents.revisions if facts.contents else None
    text = ", ".join(recorded or ()) or "none recorded"
    if not facts.migrations.is_dir():
        return f"{text}; no migrations folder"
    from alembic.script import ScriptDirectory

    sys.dont_write_bytecode = True
    try:
        script = ScriptDirectory(str(facts.migrations))
        heads = sorted(script.get_heads())
        known = {entry.revision for entry in script.walk_revisions()}
    except Exception as error:  # whatever a version file raises
        return f"{text}; migrations cannot be read: {last_line(error)}"
    newest = ", ".join(heads) or "none"
    if not recorded:
        return f"{text}; the newest in migrations is {newest}"
    if sorted(recorded) == heads:
        return f"{text}, the newest in migrations"
    if set(recorded) <= known:
        return f"{text}, behind: the newest in migrations is {newest}"
    return f"{text}, unknown to this checkout: the newest in migrations is {newest}"


def show_status(facts: Facts, connection: Any, stuck: str) -> None:
    """The rest of db-status: settings, contents, sessions, what is kept."""
    settings, server, inside = facts.settings, facts.server, facts.contents
    by_origin: dict[str, list[str]] = {}
    for name, origin in settings.origins.items():
        if name != "POSTGRES_DISPOSABLE_DB":
            by_origin.setdefault(origin, []).append(name.replace("POSTGRES_", ""))
    for number, (origin, names) in enumerate(by_origin.items()):
        show("" if number else "Settings", f"{' '.join(names)}: from {origin}".replace("from default", "by default"))
    if inside:
        counts = [f"{table} {count}" for table, count in inside.rows.items() if table != "alembic_version"]
        show("Rows", ", ".join(counts) or "no tables")
    if server:
        show("Revision", revision_in_words(facts))
    sessions = [*(server.sessions if server else ()), *(inside.locks if inside else ())]
    for number, session in enumerate(sessions):
        show("" if number else "Sessions", f"{session}, {session.does}")
    if stuck:
        show("Stuck", stuck)
    for number in sorted({*facts.folders, *(server.kept if server else ())}):
        show_kept(facts, number)
    if facts.mark:
        show("Undo", "interrupted half-way; make db-undo finishes it")


def show_kept(facts: Facts, number: int) -> None:
    """A kept pair, since when, how large, and the commands that remove it."""
    kept, folder = facts.server.kept if facts.server else {}, facts.folders.get(number)
    name = kept_name(facts.settings.database, number)
    things, remove = [], []
    if number in kept:
        things.append(f"{name} ({kept[number]})")
        remove.append(shown(*named("dropdb", name)))
    if folder:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(folder.lstat().st_ctime))
        things.append(f"{folder.name} since {when}")
        remove.append(shown("rm", "-r", folder.name))
    show("Kept", f"{', '.join(things)}; to remove: {'; '.join(remove)}")


def stuck_in_words(settings: Settings, facts: Facts) -> str:
    """The sequences whose download never finished, by name up to a handful (H30)."""
    from psycopg2 import Error

    if not facts.contents or not {"id", "values", "values_requested"} <= facts.contents.columns:
        return "no table sequences with id, values and values_requested" if facts.contents else ""
    try:
        connection = connect(settings, settings.database)
        with contextlib.closing(connection):
            rows(connection, "SELECT set_config('statement_timeout', '1s', false)")
            ids = flagged(connection)
    except Error:
        return "not looked for: the table is too large or locked; make -n db-unflag"
    if not ids:
        return ""
    more = f" and {len(ids) - HANDFUL} more" if len(ids) > HANDFUL else ""
    return f"{', '.join(ids[:HANDFUL])}{more} requested, no values; make db-unflag mends it"


# ---------------------------------------------------------------- the command line


def refuse(wish: Wish, findings: Sequence[Finding]) -> NoReturn:
    """Raise Refused, each finding once."""
    raise Refused(list(dict.fromkeys(findings)))


def git_revision(checkout: Path) -> "subprocess.Popen[str]":
    """Ask git for the short revision of the checkout."""
    return subprocess.Popen(
        ["git", "rev-parse", "--short", "HEAD"], cwd=checkout, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def must_ask(wish: Wish, facts: Facts) -> str:
    """What would be lost for good, as a sentence to confirm; empty if nothing would be."""
    settings, server = facts.settings, facts.server
    if wish.action == "rebuild" and not wish.keep and server and server.owner is not None:
        return f"This wipes out the entire structure and contents of {settings.database}."
    ordinary = (
        settings.environment == "development"
        and not facts.config.get("production")
        and settings.local
        and settings.database == settings.in_dotenv
    )
    if ordinary or wish.action not in ("clear", "forget"):
        return ""
    what = " ".join(wish.sequences) or "all the stored data"
    return f"This clears {what} of {settings.database}."


def ask(question: str, answer: str) -> None:
    """Have `answer` typed. Raises Refused if there is no terminal or something else is typed."""
    say(f"\n{paint(question, 1)}")
    if not sys.stdin or not sys.stdin.isatty():
        what = "Nobody can answer: the input is no terminal."
        raise Refused([Finding(what, f"Answer in advance: CONFIRM={quoted(answer)}")])
    say(f"Type {'its name' if '@' not in answer else answer} to go on: ", end="")
    typed = sys.stdin.buffer.readline().decode(errors="replace")
    if typed.rstrip("\r\n") != answer:
        say() if not typed else None
        raise Refused([Finding(f"What was typed is not {answer}.", "The same command asks again.")])


def reset(wish: Wish, folder: str, environ: dict[str, str]) -> int:
    """Look, refuse or ask, run, check: a whole run.

    Raises Refused (nothing was changed), Failed or Interrupted; the result is the exit
    status otherwise.
    """
    checkout = find_checkout(folder)
    found = environment_findings()
    with contextlib.ExitStack() as stack:
        load = wish.action in ("rebuild", "status")
        revision = git_revision(checkout)
        stack.enter_context(revision)
        backscope = None
        if not found:
            backscope = Probe(checkout, load, environ)
            stack.callback(backscope.end)
        try:
            settings = read_settings(checkout, environ)
        except ModuleNotFoundError:
            refuse(wish, found)
        except Refused as error:
            refuse(wish, [*found, *error.findings])
        if not backscope:
            refuse(wish, found)
        environment = child_environment(settings, environ)
        os.environ.clear()  # libpq in this process reads it, too
        os.environ.update(environment)
        acting = wish.action != "status" and not wish.dry_run
        config = backscope.answer()
        if config.get("ask app") and not load:  # config.py alone does not answer
            backscope = Probe(checkout, True, environ)
            stack.callback(backscope.end)
            config, load = backscope.answer(), True
        looked = looking(settings, config, acting, counting=wish.action == "status")
        facts, connection = stack.enter_context(looked)
        git = revision.stdout.read().strip() if revision.stdout else ""
        if wish.action == "status":
            return status(facts, connection, backscope, git)
        findings = in_the_way(wish, facts)
        steps = [] if findings and not facts.server else plan(wish, facts)
        programs = {step.argv[0] for step in steps} - {"flask"}
        for name in sorted(name for name in programs if not shutil.which(name)):
            what = f"The program {name} is not on the PATH."
            findings.append(Finding(what, "Install PostgreSQL's client programs, or set PATH"))
        show_target(wish, facts, git)
        before_app = facts
        if acting and wish.action in ("rebuild", "undo") and not lock_folder(checkout, stack):
            what = f"Another reset in {tilde(checkout)} is running."
            findings.append(Finding(what, "Wait for it, then run this again."))
        question = must_ask(wish, facts)
        if not findings and acting and question and wish.confirm is None:
            ask(question, settings.answer)
            with looking(settings, config, True, held=connection) as (facts, _):
                findings = in_the_way(wish, facts)
        tables: Sequence[str] = ()
        if load and "error" not in config and "known" not in config:
            loaded = backscope.answer()
            tables = loaded.get("tables", ())
            findings += backscope_findings(wish, settings, {**config, **loaded})
        if wish.dry_run:
            say("\n".join(["", *map(str, steps)]))
        if findings:
            refuse(wish, findings)
        if wish.dry_run:
            return 0
        return act(wish, facts, plan(wish, facts), environment, connection, stack, tables)


def lock_folder(checkout: Path, stack: contextlib.ExitStack) -> bool:
    """Lock the checkout for what renames its migrations; two databases can share them."""
    descriptor = os.open(checkout, os.O_RDONLY)
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def act(wish: Wish, facts: Facts, steps: Sequence[Step], environment: dict[str, str],
        connection: Any, stack: contextlib.ExitStack, tables: Sequence[str]) -> int:  # fmt: skip
    """Run the plan, check the result, say it. Raises Failed or Interrupted."""
    settings, began = facts.settings, time.monotonic()
    cached = flags = []
    if wish.action in ("forget", "unflag"):
        looked = connect(settings, settings.database)
        stack.callback(looked.close)
        flags = flagged(looked, wish.sequences)
        query = "SELECT id FROM sequences WHERE id = ANY(%s) ORDER BY id"
        cached = [row[0] for row in rows(looked, query, list(wish.sequences))]
        if wish.action == "unflag" and facts.server and facts.server.sessions:
            say("\nBackscope may be running, and a download really in progress:")
            say("".join(f"    {session}\n" for session in facts.server.sessions), end="")
        if not (cached if wish.action == "forget" else flags):
            what = "None of them is cached" if wish.action == "forget" else "No such flag is set"
            say(f"\n{what}: there is nothing to do in {settings.database}.")
            return 0
    say()
    outcome = run(steps, facts, environment, wish.verbose, [connection.fileno()])
    if outcome.failed or outcome.signal:
        stop(wish, facts, steps, outcome, environment, connection)
    if wish.action in ("forget", "unflag"):
        still = [row[0] for row in rows(looked, query, list(wish.sequences))]
        left = still if wish.action == "forget" else flagged(looked, wish.sequences)
        if left:
            raise Failed(f"{', '.join(left)} came back meanwhile.\n    {wish.command}")
        went = cached if wish.action == "forget" else flags
        verb = "forgotten" if wish.action == "forget" else "un-flagged"
        result = f"{len(went)} {verb}: {' '.join(went)}"
        other = [one for one in wish.sequences if one not in went]
        if other:
            result += f"; not {'cached' if wish.action == 'forget' else 'flagged'}: {' '.join(other)}"
    else:
        with looking(settings, facts.config, False, held=connection) as (now, _):
            result = check(wish, facts, now, tables)
    say(f"{paint(result, 32)}, in {time.monotonic() - began:.1f} s")
    return 0


def stop(wish: Wish, facts: Facts, steps: Sequence[Step], outcome: Outcome,
         environment: dict[str, str], connection: Any) -> NoReturn:  # fmt: skip
    """Put back what can be put back, and raise what says how far the plan got."""
    what = outcome.failed or "Interrupted."
    if outcome.signal:
        what = f"Interrupted by {signal.Signals(outcome.signal).name}."
    raised = Interrupted if outcome.signal else Failed
    done = ", ".join(map(str, steps[: outcome.done])) or "nothing"
    again = f"{wish.command}   does it again, from the start, and finishes it"
    if wish.keep or wish.action == "undo":
        again = "make db-status   tells what lies around; make db-undo mends it"
        from psycopg2 import Error

        with contextlib.suppress(Error):
            with looking(facts.settings, facts.config, False, held=connection) as (now, _):
                back = plan_restore(wish, facts, now) if now.server else []
            say("\nPutting everything back:") if back else None
            fds = [connection.fileno()]
            if now.server and not run(back, facts, environment, wish.verbose, fds, True).failed:
                raise raised(f"{what} Everything is as it was before.\n    {wish.command}   tries it again")
    raise raised(f"{what}\nDone before: {done}.\n    {again}")


def status(facts: Facts, connection: Any, backscope: Probe, git: str) -> int:
    """Show all there is to know; 0 if a clear and a rebuild could run, else 1."""
    config = facts.config
    stuck = stuck_in_words(facts.settings, facts)
    show_target(Wish("status"), facts, git)
    show_status(facts, connection, stuck)
    if "error" not in config and "known" not in config:
        config = {**config, **backscope.answer()}
    refused = 0
    for action in ("clear", "rebuild"):
        wish = Wish(action)
        seen = Facts(**{**vars(facts), "config": config})
        findings = list(dict.fromkeys(in_the_way(wish, seen)))
        refused |= bool(findings)
        show(f"A {action}", f"would be {paint('refused', 31)}:" if findings else "could run")
        for finding in findings:
            say(f"             {finding.what}\n                 {finding.mend}")
    return refused


def sequence_ids(words: Sequence[str]) -> list[str]:
    """OEIS IDs as Backscope writes them: a45 is A000045. Raises Refused, naming all that are none.

    Backscope makes the first letter upper case (get_valid_oeis_id) and fills a number
    up to six digits (oeis_a_id).
    """
    ids = [word for part in words for word in part.split()]
    bad = [word for word in ids if not re.fullmatch("[Aa][0-9]{1,6}", word)]
    if bad or (words and not ids):
        what = f"{', '.join(map(quoted, bad)) or 'SEQ is empty: it'} is no OEIS sequence number."
        raise Refused([Finding(what, 'make db-clear SEQ="A000045 A000040"')])
    return list(dict.fromkeys(f"A{int(word[1:]):06}" for word in ids))


def parse(arguments: Sequence[str]) -> tuple[Wish, str]:
    """The command line as a wish and the folder of the checkout."""
    parser = argparse.ArgumentParser(
        prog="backscope-reset", description="Reset the database of a Backscope checkout.",
        epilog="Exit status: 0 done; 1 failed part-way; 2 refused, nothing was changed; 130 interrupted.",
    )  # fmt: skip
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--backscope-dir", metavar="DIR", default=".",
                        help="the Backscope checkout (default: the current folder)")  # fmt: skip
    common.add_argument("--confirm", metavar="NAME", help="answer the confirmation in advance")
    for flag, text in (
        ("--force", "end the sessions that are in the way"),
        ("--production", "go on although APP_ENVIRONMENT=production"),
        ("--dry-run", "print the commands, run none, ask nothing"),
        ("--verbose", "show what the commands print as it comes"),
    ):
        common.add_argument(flag, action="store_true", help=text)
    actions = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    about = {
        "status": "show the target and what would be refused; change nothing",
        "clear": "clear the stored data, or only some sequences",
        "unflag": "un-flag downloads that never finished",
        "rebuild": "wipe and rebuild the database",
        "undo": "swap the kept database and migrations back in",
    }
    for action, text in about.items():
        command = actions.add_parser(action, help=text, description=text, parents=[common])
        if action in ("clear", "unflag"):
            command.add_argument("sequences", nargs="*", metavar="A…", help="only these sequences")
        elif action == "rebuild":
            command.add_argument("--keep", action="store_true", help="set the old database aside")
        elif action == "undo":
            command.add_argument("number", nargs="?", default="", metavar="N", help="which kept pair")
    values = vars(parser.parse_args(arguments))
    folder = values.pop("backscope_dir")
    number = values.get("number", "")
    if number and not re.fullmatch("[1-9][0-9]{0,5}", number):
        raise Refused([Finding(f"N is {quoted(number)}, which is no number.", "make db-undo N=1")])
    values["number"] = int(number or 0)
    values["sequences"] = sequence_ids(values.get("sequences", []))
    if values["action"] == "clear" and values["sequences"]:
        values["action"] = "forget"
    return Wish(**values), folder


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run a command line. The result is the exit status: 0, 1, 2 or 130."""
    if arguments[:1] == ["_probe"]:
        probe(arguments[1:] == ["app"])
        return 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def interrupt(number: int, frame: object) -> NoReturn:
        raise Interrupted(f"Interrupted by {signal.Signals(number).name}. Nothing was changed.")

    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        return reset(*parse(arguments), dict(environ))
    except Refused as error:
        say(paint("\nNothing was changed.", 33, sys.stderr), error=True)
        for finding in error.findings:
            say(f"  {finding.what}\n      {finding.mend}", error=True)
        return 2
    except (Failed, Interrupted) as error:
        head, _, rest = str(error).partition("\n")
        say("\n" + paint(head, 31, sys.stderr) + (f"\n{rest}" if rest else ""), error=True)
        return 130 if isinstance(error, Interrupted) else 1
    except Exception as error:  # no traceback reaches a user, whatever happened
        say(f"\nThe tool itself failed: {type(error).__name__}: {last_line(error)}", error=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
