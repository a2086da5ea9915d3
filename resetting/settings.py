"""Which database Backscope uses, by its own rule; what its processes get.

Knows files and variables; knows neither a server nor what is in a database.
"""

from __future__ import annotations

import io
import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping
from urllib.parse import quote, quote_plus, unquote

from . import Finding, Refused
from . import commands as write

LOCK_TIMEOUT = "5s"  # how long a command waits for a lock before it gives up (H12)
EXACT = "-c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1"  # as pg_dump has it
CONNECT_TIMEOUT = 10  # seconds until a server that does not answer is given up
APPLICATION = f"backscope-reset-{os.getpid()}"  # application_name of what this run starts

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
TARGET = ("POSTGRES_DB", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_USER")
# libpq's variables that say how to speak to a server; all others say to which one (H27).
HARMLESS = ("PGSSL", "PGGSS", "PGKRB", "PGCHANNELBINDING", "PGREQUIREAUTH", "PGLOCALEDIR")
# Those that win over a host and a port which are named.
STRONGER = ("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGOPTIONS")
# What redirects flask (H37), or has it wait at its end.
FLASKS = ("FLASK_APP", "FLASK_ENV_FILE", "FLASK_SKIP_DOTENV", "FLASK_DB_", "PYTHONINSPECT")


@dataclass(frozen=True)
class Settings:
    """What Backscope would read, as it was read once and for all (H35)."""

    checkout: Path
    values: Mapping[str, str] = field(repr=False)  # Backscope's variables, defaults included
    dotenv: Mapping[str, str] = field(repr=False)  # all of .env
    environ: Mapping[str, str] = field(repr=False)  # the environment that the user gave
    database: str
    host: str  # as libpq takes it; "" is the default socket

    @property
    def environment(self) -> str:
        """APP_ENVIRONMENT."""
        return self.values["APP_ENVIRONMENT"]

    @property
    def port(self) -> str:
        """The port, as libpq takes it."""
        return self.values["POSTGRES_PORT"]

    @property
    def user(self) -> str:
        """The role; SQLAlchemy unquotes it (its "Database URLs", escaping), and so do we."""
        return unquote(self.values["POSTGRES_USER"])

    @property
    def password(self) -> str:
        """The password, unquoted likewise: what works by hand works here (H8)."""
        return unquote(self.values["POSTGRES_PASSWORD"])

    @property
    def where(self) -> str:
        """The server in words."""
        if not self.host or self.host.startswith("/"):
            return f"the socket in {self.host or 'the default folder'}, port {self.port}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether the server is this machine: its socket or a loopback address (H29)."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host in ("", "localhost") or self.host.startswith("/")

    @property
    def answer(self) -> str:
        """What has to be typed to confirm."""
        return self.database if self.local else f"{self.database}@{self.host}"

    @property
    def overrides(self) -> list[str]:
        """The variables in which the environment differs from .env (H5, H51)."""
        plain, names = {**DEFAULTS, **self.dotenv}, (*TARGET, "APP_ENVIRONMENT")
        return [name for name in names if self.values[name] != plain[name]]

    def origin(self, name: str) -> str:
        """Say where a variable of Backscope's comes from."""
        if name in self.environ:
            told = name in self.environ.get("RESET_VARIABLES", "").split()
            return "make's command line" if told else "the environment"
        return ".env" if name in self.dotenv else "default"

    def change(self, name: str) -> str:
        """Give the command that changes a variable where it is set."""
        origin = self.origin(name) if name in DEFAULTS else "the environment"
        if origin == "make's command line":
            return f"   without {name}=, or with the right one: it wins over .env"
        if name in self.environ:
            return f"unset {name}   or set it right: the environment wins over .env"
        return f"${{EDITOR:-vi}} {write.tilde(self.checkout / '.env')}"

    def conninfo(self, database: str, role: bool = True) -> str:
        """Give a connection string for a command that is typed elsewhere (H56)."""
        words = {"host": self.host, "port": self.port, "user": self.user if role else ""}
        given = {**{name: words[name] for name in words if words[name]}, "dbname": database}
        return " ".join(f"{name}={write.conninfo_value(given[name])}" for name in given)

    def psql(self, database: str, *sql: str, role: bool = True) -> str:
        """Give a psql command that goes to this server from anywhere (H56)."""
        words = ["psql", self.conninfo(database, role), *(w for one in sql for w in ("-c", one))]
        return " ".join(map(write.quote, [*self.away(), *words]))

    def client(self, program: str, name: str) -> str:
        """Give a command of PostgreSQL's client programs that goes to this server (H56)."""
        host = ["-h", self.host] if self.host else []
        words = [program, *host, "-p", self.port, "-U", self.user, *write.before_a_name(name)]
        return " ".join(map(write.quote, [*self.away(), *words]))

    def away(self) -> list[str]:
        """Give what keeps a command that is typed elsewhere from another server (H27, H56)."""
        return ["env", "-u", "PGHOSTADDR"] if "PGHOSTADDR" in self.environ else []

    def superuser(self, *sql: str) -> str:
        """Give a command that somebody else has to type."""
        return f"{self.psql('postgres', *sql, role=False)}   as a superuser"

    def mask(self, text: str) -> str:
        """Give a text from outside without the password, unless that is a name, too (H25, H52)."""
        others = self.environ.get("PGPASSWORD", "")
        for plain in {self.values["POSTGRES_PASSWORD"], self.password, others} - {""}:
            if plain not in (self.database, self.user, self.host):
                ways = (quote(plain), quote(plain, ""), quote(plain, " +"), quote_plus(plain))
                for secret in (plain, repr(plain)[1:-1], ascii(plain)[1:-1], *ways):
                    text = text.replace(secret, "***")
        return text

    def adopt(self) -> None:
        """Make the environment of the children ours, as libpq reads it here, too."""
        environment = self.for_children()
        os.environ.clear()
        os.environ.update(environment)

    def for_children(self) -> dict[str, str]:
        """Give the environment in which every command goes where Flask goes (H27, H35, H37).

        See "Environment Variables" in the libpq chapter of PostgreSQL's manual. An empty
        POSTGRES_PASSWORD leaves the choice to PGPASSWORD and PGPASSFILE, as for Flask.
        """
        harmless = HARMLESS if self.password else (*HARMLESS, "PGPASSWORD", "PGPASSFILE")
        children = {n: text for n, text in self.environ.items()
                    if not re.match("PG[A-Z]|PG_COLOR", n)
                    if not n.startswith(FLASKS)}  # fmt: skip
        for source in (self.dotenv, self.environ):
            children.update({n: text for n, text in source.items() if n.startswith(harmless)})
        ours = {
            "PGHOST": self.host, "PGPORT": self.port, "PGUSER": self.user,
            "PGPASSWORD": self.password, "PGCLIENTENCODING": "UTF8",
            "PGOPTIONS": f"-c lock_timeout={LOCK_TIMEOUT} {EXACT}", "PGAPPNAME": APPLICATION,
            "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT),
        }  # fmt: skip
        children.update({name: text for name, text in ours.items() if text})
        return {**children, **self.values}


def read_dotenv(path: Path) -> str:
    """Give the text of `.env`.

    Raises Refused, with the number of each line that python-dotenv would skip (H31), or
    if there is no such file: Backscope would use its defaults, or a parent's (H3).
    """
    from dotenv.parser import parse_stream

    shown = write.tilde(path)
    mend = f"${{EDITOR:-vi}} {shown}"
    if not os.path.lexists(path):
        what = f"There is no .env in {write.tilde(path.parent)}, so Backscope would use defaults."
        example = write.tilde(Path(__file__).resolve().parent.parent / ".env.example")
        raise Refused(Finding(what, f"cp {example} {shown} && {mend}"))
    if not path.is_file():  # a FIFO would be waited for (H54)
        raise Refused(Finding(".env is no file, so it cannot be read.", f"ls -l {shown}"))
    try:
        raw = path.read_bytes()
        text, bad = raw.decode(), [1] if raw.startswith(b"\xef\xbb\xbf") else []
    except OSError as error:
        raise Refused(Finding(f".env cannot be read: {error.strerror}.", mend)) from None
    except UnicodeDecodeError as error:
        text, bad = "", [raw[: error.start].count(b"\n") + 1]
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key in DEFAULTS and binding.value is None):
            part = binding.original.string
            blank = part[: len(part) - len(part.lstrip())]
            bad.append(binding.original.line + blank.count("\n"))
    if bad:
        lines = ", ".join(map(str, bad))
        what = f".env does not parse at line {lines}, so Backscope would use a default instead."
        raise Refused(Finding(what, mend))
    return text


def expand(text: str, override: bool) -> dict[str, str]:
    """Give the variables of `.env`; with `override` it wins over the environment inside ${}."""
    from dotenv.main import DotEnv

    values = DotEnv(None, stream=io.StringIO(text), override=override).dict()
    return {name: value for name, value in values.items() if value is not None}


def read_settings(checkout: Path, environ: Mapping[str, str]) -> Settings:
    """Give Backscope's settings: the environment wins over `.env`, and that over the defaults.

    python-dotenv expands ${NAME} from the environment first for load_dotenv(), as Backscope
    calls it, and from the file first for dotenv_values(), as Flask 3.1 does. Raises Refused
    where these differ (H36), and as read_dotenv().
    """
    path = checkout / ".env"
    text = read_dotenv(path)
    dotenv, other = expand(text, False), expand(text, True)
    values = {name: {**DEFAULTS, **dotenv, **environ}[name] for name in DEFAULTS}
    unsure = [n for n in DEFAULTS if n not in environ and dotenv.get(n) != other.get(n)]
    if unsure:
        differently = "in .env holds a ${…} that Backscope and Flask read differently."
        mend = f"${{EDITOR:-vi}} {write.tilde(path)}   write its value out"
        raise Refused(Finding(f"{', '.join(unsure)} {differently}", mend))
    host = values["POSTGRES_HOST"]
    if re.fullmatch(r"\[[0-9A-Fa-f:.]+\]", host):
        host = host[1:-1]
    elif not host:  # libpq decides, for Flask too (H32)
        host = {**dotenv, **environ}.get("PGHOST", "")
    return Settings(checkout, values, dotenv, environ, values["POSTGRES_DB"], host)
