"""Which database Backscope uses, by its own rule; what its processes and PostgreSQL's get."""

import contextlib
import io
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping
from urllib import parse as url

from . import Problem, Refused, quote, tilde

with contextlib.suppress(ImportError):  # backscope.environment_problems() says so
    from dotenv.main import DotEnv
    from dotenv.parser import parse_stream

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
SHOWN = [name for name in DEFAULTS if name != "POSTGRES_PASSWORD"]
# What redirects libpq or flask; libpq's other variables say how to speak to a server.
REDIRECTS = re.compile("PG(?!SSL|GSS|KRB|CHANNEL|REQUIRE|PASS)[A-Z_]+|FLASK_(APP|ENV|SKIP|DB).*")
# Settings of a session that a role or a database may have otherwise (PostgreSQL, "Client
# Connection Defaults"): for what touches, for what looks, and for both as pg_dump has them.
TOUCHES = "-c lock_timeout=5s -c statement_timeout=0 -c default_transaction_read_only=off"
LOOKS = "-c lock_timeout=1s -c statement_timeout=2s -c default_transaction_read_only=on"
PINNED = (
    "-c idle_in_transaction_session_timeout=0 -c row_security=off -c datestyle=ISO"
    " -c intervalstyle=postgres -c extra_float_digits=1 -c standard_conforming_strings=on"
)
# All SQL that looks, by its name.
LOOK = Path(__file__).with_name("look.sql").read_text()
SQL = dict(re.findall(r"-- name: (\w+)\n(.*?)(?=\n-- name:|\Z)", LOOK, re.DOTALL))
APPLICATION = f"backscope-reset {os.getpid()}"  # application_name of what this run starts


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

    @property
    def where(self) -> str:
        """The server in words."""
        return f"{self.host or 'the default socket'}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether the server is this machine: its socket or a loopback address."""
        return bool(re.fullmatch(r"(localhost|127(\.\d+){3}|::1|/.*)?", self.host))

    @property
    def answer(self) -> str:
        """What has to be typed to confirm."""
        return self.database if self.local else f"{self.database}@{self.host}"

    @property
    def overrides(self) -> list[str]:
        """The variables in which the environment differs from .env, but for the other database."""
        differ = [n for n in SHOWN if self.values[n] != self.dotenv.get(n, DEFAULTS[n])]
        return [n for n in differ if not n.endswith("_DB") or self.values[n] == self.database]

    @property
    def edit(self) -> str:
        """The command that opens .env."""
        return f"${{EDITOR:-vi}} {tilde(self.checkout / '.env')}"

    def client(self, program: str, *words: str, role: bool = True) -> str:
        """Give a command of PostgreSQL's client programs that goes to this server."""
        where = ["-h", self.host] * bool(self.host) + ["-p", self.port]
        return " ".join(map(quote, [program, *where, *["-U", self.user] * role, *words]))

    def superuser(self, sql: str, purpose: str, on: str = "postgres") -> tuple[str, str]:
        """Give a statement that a superuser has to run, and what it is for."""
        command = self.client("psql", "-U", "postgres", "-d", on, "-c", sql, role=False)
        return command, f"{purpose}; any superuser will do"

    def mask(self, text: str) -> str:
        """Give a text without the password, unless that is a name, too."""
        for plain in {self.values["POSTGRES_PASSWORD"], self.password} - {""}:
            if plain not in (self.database, self.user, self.host):
                for secret in (plain, repr(plain)[1:-1], url.quote(plain), url.quote(plain, "")):
                    text = text.replace(secret, "***")
        return text

    def children(self) -> dict[str, str]:
        """Give the environment in which every command goes where Flask goes.

        An empty POSTGRES_PASSWORD leaves the choice to PGPASSWORD and PGPASSFILE, as for Flask.
        """
        kept = {n: text for n, text in self.environ.items() if not REDIRECTS.fullmatch(n)}
        ours = dict(PGHOST=self.host, PGPORT=self.port, PGUSER=self.user, PGPASSWORD=self.password)
        ours.update(PGOPTIONS=f"{TOUCHES} {PINNED}", PGCLIENTENCODING="UTF8", PGAPPNAME=APPLICATION)
        ours = {name: text for name, text in ours.items() if text}
        return {**kept, **ours, "PGCONNECT_TIMEOUT": "10", **self.values}


def read_settings(checkout: Path, environ: Mapping[str, str], variable: str) -> Settings:
    """Give Backscope's settings, about the database that `variable` names.

    As by load_dotenv(), which Backscope calls, the environment wins over `.env`. SQLAlchemy
    unquotes role and password ("Database URLs"), and so do we. Raises Refused.
    """
    text = io.StringIO(read_dotenv(checkout / ".env"))
    found = DotEnv(None, stream=text, override=False).dict().items()
    dotenv = {name: value for name, value in found if value is not None}
    values = {name: {**DEFAULTS, **dotenv, **environ}[name] for name in DEFAULTS}
    host = re.sub(r"^\[([0-9A-Fa-f:.]+)\]$", r"\1", values["POSTGRES_HOST"])
    host = host or {**dotenv, **environ}.get("PGHOST", "")  # libpq decides, for Flask too
    user, password = (url.unquote(values[f"POSTGRES_{one}"]) for one in ("USER", "PASSWORD"))
    more = (values[variable], host, values["POSTGRES_PORT"], user, password)
    return Settings(checkout, values, dotenv, environ, *more)


def read_dotenv(path: Path) -> str:
    """Give the text of `.env`; raise Refused with the lines that python-dotenv would skip."""
    edit, lines = f"${{EDITOR:-vi}} {tilde(path)}", []
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        example = tilde(Path(__file__).resolve().parent.parent / ".env.example")
        made = (f"cp {example} {tilde(path)} && {edit}", "makes one, to be edited")
        what = f"There is no .env in {tilde(path.parent)} that can be read: {error.strerror}."
        raise Refused(Problem(what, made)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        what = f".env is not in UTF-8, at line {line}."
        raise Refused(Problem(what, (edit, "opens it"))) from None
    for key, value, original, wrong in parse_stream(io.StringIO(text)):
        if wrong or "\ufeff" in original.string or (key in DEFAULTS and value is None):
            blank = original.string[: len(original.string) - len(original.string.lstrip())]
            lines.append(str(original.line + blank.count("\n")))
    if lines:
        what = f"python-dotenv cannot read line {', '.join(lines)} of .env."
        raise Refused(Problem(what, (edit, "opens it")))
    return text
