"""Which database Backscope uses, by its own rule; what its processes get.

Knows files and variables; knows neither a server nor what is in a database.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping
from urllib.parse import quote, quote_plus, unquote

from . import Finding, Refused
from . import commands as write
from .envfile import expand, read_dotenv

LOCK_TIMEOUT = "5s"  # how long a command waits for a lock before it gives up (H12)
# What a command waits for: locks not for long, its own work as long as it takes, no standby.
PATIENCE = f"-c lock_timeout={LOCK_TIMEOUT} -c statement_timeout=0 -c synchronous_commit=local"
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
    dotenv: Mapping[str, str] = field(repr=False)  # all of .env, as it is without an environment
    environ: Mapping[str, str] = field(repr=False)  # the environment that the user gave
    database: str
    host: str  # as libpq takes it; "" is the default socket
    address: str = ""  # which of the host's addresses answered; from then on it is the only one

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
        differ = [name for name in names if self.values[name] != plain[name]]
        moved = (
            not self.values["POSTGRES_HOST"] and self.dotenv.get("PGHOST", self.host) != self.host
        )
        return [*differ, "PGHOST"] if moved else differ

    def origin(self, name: str) -> str:
        """Say where a variable of Backscope's comes from."""
        if name in self.environ:
            told = name in self.environ.get("RESET_VARIABLES", "").split()
            return "make's command line" if told else "the environment"
        if name in self.overrides:  # through a ${…}
            return "the environment"
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
        stronger = [word for name in STRONGER if name in self.environ for word in ("-u", name)]
        return ["env", *stronger] if stronger else []

    def superuser(self, *sql: str, on: str = "postgres", who: str = "as a superuser") -> str:
        """Give a command that somebody else has to type, who may have no password."""
        by_tcp = self.local and self.host and not self.host.startswith("/")
        more = f"; with sudo -u postgres leave out host={self.host}" if by_tcp else ""
        return f"{self.psql(on, *sql, role=False)}   {who}{more}"

    def mask(self, text: str) -> str:
        """Give a text from outside without the password, unless that is a name, too (H25, H52)."""
        others = {**self.dotenv, **self.environ}.get("PGPASSWORD", "")
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
            "PGHOST": self.host, "PGHOSTADDR": self.address, "PGPORT": self.port,
            "PGUSER": self.user,
            "PGPASSWORD": self.password, "PGCLIENTENCODING": "UTF8",
            "PGOPTIONS": f"{PATIENCE} {EXACT}", "PGAPPNAME": APPLICATION,
            "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT),
        }  # fmt: skip
        children.update({name: text for name, text in ours.items() if text})
        return {**children, **self.values}


def read_settings(checkout: Path, environ: Mapping[str, str]) -> Settings:
    """Give Backscope's settings: the environment wins over `.env`, and that over the defaults.

    python-dotenv expands ${NAME} from the environment first for load_dotenv(), as Backscope
    calls it, and from the file first for dotenv_values(), as Flask 3.1 does. Raises Refused
    where these differ (H36), and as read_dotenv().
    """
    path = checkout / ".env"
    text = read_dotenv(path, DEFAULTS)
    seen, other = expand(text), expand(text, override=True)
    values = {name: {**DEFAULTS, **seen, **environ}[name] for name in DEFAULTS}
    unsure = [n for n in DEFAULTS if n not in environ and seen.get(n) != other.get(n)]
    if unsure:
        differently = "in .env holds a ${…} that Backscope and Flask read differently."
        mend = f"${{EDITOR:-vi}} {write.tilde(path)}   write its value out"
        raise Refused(Finding(f"{', '.join(unsure)} {differently}", mend))
    host = values["POSTGRES_HOST"]
    if re.fullmatch(r"\[[0-9A-Fa-f:.]+\]", host):
        host = host[1:-1]
    elif not host:  # libpq decides, for Flask too (H32)
        host = {**seen, **environ}.get("PGHOST", "")
    dotenv = expand(text, alone=True)
    return Settings(checkout, values, dotenv, environ, values["POSTGRES_DB"], host)
