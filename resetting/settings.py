"""Which database Backscope uses, by its own rule, and what its processes and PostgreSQL's get."""

import io
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote as url_quote
from urllib.parse import unquote

from .problems import Hint, Problem, Refused
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
EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"
# What redirects libpq or flask; libpq's other variables say how to speak to a server.
REDIRECTS = re.compile("PG(?!SSL|GSS|KRB|CHANNEL|REQUIRE|PASS)[A-Z_]+|FLASK_(APP|ENV|SKIP|DB).*")
# Settings of a session that a role or a database may have otherwise (PostgreSQL, "Client
# Connection Defaults"): as pg_dump has them, then for what reads, and for what writes.
PINNED_OPTIONS = (
    "-c idle_in_transaction_session_timeout=0 -c row_security=off -c datestyle=ISO"
    " -c intervalstyle=postgres -c extra_float_digits=1 -c standard_conforming_strings=on"
    " -c statement_timeout=0"
)
READ_OPTIONS = f"{PINNED_OPTIONS} -c lock_timeout=500ms -c default_transaction_read_only=on"
WRITE_OPTIONS = (
    f"{PINNED_OPTIONS} -c lock_timeout=5s -c default_transaction_read_only=off"
    " -c synchronous_commit=on"  # what was renamed is so after a crash, too, as its folder is
)
APPLICATION_NAME = f"backscope-reset {os.getpid()}"  # of what this run starts


@dataclass(frozen=True)
class Settings:
    """What Backscope would read, as it was read once and for all."""

    checkout: Path
    values: dict = field(repr=False)  # Backscope's variables, defaults included
    dotenv: dict = field(repr=False)
    environ: dict = field(repr=False)  # the environment that the user gave
    database: str
    host: str  # as libpq takes it; "" is the default socket
    port: str
    user: str
    password: str = field(repr=False)
    superuser: str = ""  # the name of one, once the server has told it

    @property
    def server_label(self):
        """The server in words."""
        return f"{self.host or 'the default socket'}:{self.port}"

    @property
    def local(self):
        """Whether the server is this machine: one socket or one loopback address."""
        return bool(re.fullmatch(r"(localhost|127(\.\d+){3}|::1|/[^,]*)?", self.host))

    @property
    def confirmation_text(self):
        """What has to be typed to confirm."""
        if self.local:
            return self.database
        return f"{self.database}@{self.host}"

    @property
    def overrides(self):
        """The variables in which the environment differs from .env, but for the other database."""
        found = []
        for name in NON_SECRET_VARIABLES:
            value = self.values[name]
            concerns_it = not name.endswith("_DB") or value == self.database
            if concerns_it and value != self.dotenv.get(name, DEFAULTS[name]):
                found.append(name)
        return found

    @property
    def edit_hint(self):
        """The command that opens .env."""
        return Hint(f"${{EDITOR:-vi}} {tilde(self.checkout / '.env')}", "check the settings")

    def client(self, program, *words, user=""):
        """Return a command of PostgreSQL's client programs that goes to this server."""
        flags = {"-h": self.host, "-p": self.port, "-U": user}
        argv = [program]
        for flag, value in flags.items():
            if value:
                argv += [flag, value]
        return " ".join(quote(word) for word in [*argv, *words])

    def mask(self, text):
        """Return a text without the password, unless that is a name, too."""
        for password in {self.values["POSTGRES_PASSWORD"], self.password}:
            if password in (self.database, self.user, self.host, ""):
                continue
            escaped = repr(password)[1:-1]
            for secret in (password, escaped, url_quote(password), url_quote(password, "")):
                text = text.replace(secret, "***")
        return text

    def child_environment(self):
        """Return the environment in which every command goes where Flask goes.

        As in an active environment, the interpreter's folder is the first on the PATH. An empty
        POSTGRES_PASSWORD leaves the choice to PGPASSWORD and PGPASSFILE, as for Flask.
        """
        folder = os.path.dirname(sys.executable)
        path = self.environ.get("PATH", os.defpath)
        pinned = {
            "PATH": f"{folder}{os.pathsep}{path}",
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGOPTIONS": WRITE_OPTIONS,
            "PGCLIENTENCODING": "UTF8",
            "PGAPPNAME": APPLICATION_NAME,
            "PGCONNECT_TIMEOUT": "10",
        }
        kept = {name: self.environ[name] for name in self.environ if not REDIRECTS.fullmatch(name)}
        given = {name: value for name, value in pinned.items() if value}
        return {**kept, **given, **self.values}


def read_settings(checkout, environ, variable):
    """Return Backscope's settings, about the database that `variable` names.

    As by load_dotenv(), which Backscope calls, the environment wins over `.env`. SQLAlchemy
    unquotes role and password ("Database URLs"), and so do we. Raises Refused.
    """
    from dotenv.main import DotEnv  # the environment was checked before

    text = io.StringIO(read_dotenv(checkout / ".env"))
    parsed = DotEnv(None, stream=text, override=False).dict()
    dotenv = {name: value for name, value in parsed.items() if value is not None}
    known = {**DEFAULTS, **dotenv, **environ}
    values = {name: known[name] for name in DEFAULTS}
    host = values["POSTGRES_HOST"]
    if not host:  # libpq decides, for Flask too
        host = known.get("PGHOST", "")
    return Settings(
        checkout=checkout,
        values=values,
        dotenv=dotenv,
        environ=environ,
        database=values[variable],
        host=re.sub(r"^\[([0-9A-Fa-f:.]+)\]$", r"\1", host),
        port=values["POSTGRES_PORT"],
        user=unquote(values["POSTGRES_USER"]),
        password=unquote(values["POSTGRES_PASSWORD"]),
    )


def read_dotenv(path):
    """Return the text of `.env`; raise Refused with the lines that python-dotenv would skip."""
    edit = Hint(f"${{EDITOR:-vi}} {tilde(path)}", "mend it")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Refused(Problem(f".env is not in UTF-8, at line {line}.", edit)) from None
    except OSError as error:
        message = f"{tilde(path)} cannot be read: {error.strerror}."
        hint = Hint(f"ls -la {tilde(path)}", "see what it is")
        if not path.exists():
            hint = Hint(f"cp {tilde(EXAMPLE)} {tilde(path)} && {edit.command}", "make and edit it")
        raise Refused(Problem(message, hint)) from None
    skipped = ", ".join(str(line) for line in skipped_lines(text))
    if skipped:
        raise Refused(Problem(f"python-dotenv cannot read line {skipped} of .env.", edit))
    return text


def skipped_lines(text):
    """Yield the numbers of the lines that python-dotenv would skip or misread."""
    from dotenv.parser import parse_stream

    for key, value, original, error in parse_stream(io.StringIO(text)):
        unset = key in DEFAULTS and value is None
        if error or unset or "\ufeff" in original.string:
            content = original.string.lstrip()
            blank = original.string[: -len(content)]
            yield original.line + blank.count("\n")
