"""Which database Backscope uses, and what its processes and PostgreSQL's get; pure."""

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence
from urllib.parse import quote as url_quote

from .problems import Hint
from .steps import quote, tilde

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
NON_SECRET_VARIABLES = [name for name in DEFAULTS if name != "POSTGRES_PASSWORD"]
# What redirects libpq or flask; libpq's other variables say how to speak to a server.
REDIRECTS = re.compile("PG(?!SSL|GSS|KRB|CHANNEL|REQUIRE|PASS)[A-Z_]+|FLASK_(APP|ENV|SKIP|DB).*")
# Settings of a session that a role or a database may have otherwise (PostgreSQL, "Client
# Connection Defaults"): for what reads, for what writes, and for both as pg_dump has them.
READ_OPTIONS = "-c lock_timeout=500ms -c statement_timeout=0 -c default_transaction_read_only=on"
WRITE_OPTIONS = (
    "-c lock_timeout=5s -c statement_timeout=0 -c default_transaction_read_only=off"
    " -c synchronous_commit=on"  # what was renamed is so after a crash, too, as its folder is
)
PINNED_OPTIONS = (
    "-c idle_in_transaction_session_timeout=0 -c row_security=off -c datestyle=ISO"
    " -c intervalstyle=postgres -c extra_float_digits=1 -c standard_conforming_strings=on"
)
APPLICATION_NAME = f"backscope-reset {os.getpid()}"  # of what this run starts


@dataclass(frozen=True)
class Settings:
    """What Backscope would read, as it was read once and for all."""

    checkout: Path
    values: Mapping[str, str] = field(repr=False)  # Backscope's variables, defaults included
    dotenv: Mapping[str, str] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)  # the environment that the user gave
    database: str
    host: str  # as libpq takes it; "" is the default socket
    port: str
    user: str
    password: str = field(repr=False)
    superuser: str = ""  # the name of one, once the server has told it

    @property
    def server_label(self) -> str:
        """The server in words."""
        host = self.host or "the default socket"
        return f"{host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether the server is this machine: one socket or one loopback address."""
        return bool(re.fullmatch(r"(localhost|127(\.\d+){3}|::1|/[^,]*)?", self.host))

    @property
    def confirmation_text(self) -> str:
        """What has to be typed to confirm."""
        if self.local:
            return self.database
        return f"{self.database}@{self.host}"

    @property
    def overrides(self) -> Sequence[str]:
        """The variables in which the environment differs from .env, but for the other database."""
        found = []
        for name in NON_SECRET_VARIABLES:
            differs = self.values[name] != self.dotenv.get(name, DEFAULTS[name])
            concerns_it = not name.endswith("_DB") or self.values[name] == self.database
            if differs and concerns_it:
                found.append(name)
        return found

    @property
    def edit_hint(self) -> Hint:
        """The command that opens .env."""
        return Hint(f"${{EDITOR:-vi}} {tilde(self.checkout / '.env')}", "check the settings")

    def client(self, program: str, *words: str, user: str = "") -> str:
        """Return a command of PostgreSQL's client programs that goes to this server."""
        argv = [program]
        if self.host:
            argv += ["-h", self.host]
        argv += ["-p", self.port]
        if user:
            argv += ["-U", user]
        return " ".join(quote(word) for word in [*argv, *words])

    def mask(self, text: str) -> str:
        """Return a text without the password, unless that is a name, too."""
        names = (self.database, self.user, self.host, "")
        for password in {self.values["POSTGRES_PASSWORD"], self.password}:
            if password in names:
                continue
            escaped = repr(password)[1:-1]
            for secret in (password, escaped, url_quote(password), url_quote(password, "")):
                text = text.replace(secret, "***")
        return text

    def child_environment(self) -> dict[str, str]:
        """Return the environment in which every command goes where Flask goes.

        As in an active environment, the interpreter's folder is the first on the PATH. An empty
        POSTGRES_PASSWORD leaves the choice to PGPASSWORD and PGPASSFILE, as for Flask.
        """
        kept = dict(self.environ)
        for name in self.environ:
            if REDIRECTS.fullmatch(name):
                del kept[name]
        pinned = {
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGOPTIONS": f"{WRITE_OPTIONS} {PINNED_OPTIONS}",
            "PGCLIENTENCODING": "UTF8",
            "PGAPPNAME": APPLICATION_NAME,
            "PGCONNECT_TIMEOUT": "10",
        }
        folder = os.path.dirname(sys.executable)
        path = self.environ.get("PATH", os.defpath)
        pinned["PATH"] = f"{folder}{os.pathsep}{path}"
        given = {name: value for name, value in pinned.items() if value}
        return {**kept, **given, **self.values}
