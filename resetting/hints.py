"""What helps against what libpq, PostgreSQL, Python or Flask say, and how to be a superuser."""

import json
import os
import pwd
import re
from pathlib import Path
from typing import Iterator, Sequence

from .environment import install_command
from .options import Options
from .problems import Hint
from .settings import Settings
from .steps import identifier, literal, quote, tilde

# Each entry has the `pattern` of what was said and a `purpose`; and what helps: a `command`,
# `variables` with which this command helps, or the words that a `superuser` has to run.
# {1} is the pattern's first group.
HINTS = json.loads(Path(__file__).with_name("hints.json").read_text())
SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")


def find_hints(
    text: str, settings: Settings, options: Options, template: str = "template1"
) -> list[Hint]:
    """Return what helps against a text that a library or a command has printed.

    `template` is the database in which an extension has to be for the next try.
    """
    words = {
        "edit": settings.edit_hint.command,
        "ready": settings.client("pg_isready"),
        "again": options.command_line(),
        "install": install_command(settings.checkout / "requirements.txt"),
        "checkout": tilde(settings.checkout),
        "role": identifier(settings.user),
        "database": literal(settings.database),
        "settings": settings,
        "template": template,
    }
    found = []
    for entry in HINTS:
        purpose = entry["purpose"]
        for match in re.finditer(entry["pattern"], text):
            groups = ["", *match.groups()]
            if "superuser" in entry:
                argv = [word.format(*groups, **words) for word in entry["superuser"]]
                found.append(superuser_hint(settings, argv, purpose))
            elif "variables" not in entry:
                found.append(Hint(entry["command"].format(*groups, **words), purpose))
            elif not entry["variables"].items() <= options.given.items():
                found.append(options.hint(purpose, **entry["variables"]))
    return list(dict.fromkeys(found))


def statement_hint(settings: Settings, sql: str, purpose: str, database: str = "postgres") -> Hint:
    """Return the hint that runs a statement for which one has to be a superuser."""
    return superuser_hint(settings, ["psql", "-d", database, "-c", sql], purpose)


def superuser_hint(settings: Settings, argv: Sequence[str], purpose: str) -> Hint:
    """Return how to run a program of PostgreSQL's as a superuser on this installation.

    Debian's packages let the system's user postgres in, by the socket only (pg_hba.conf, "peer").
    """
    program, *words = argv
    users = [user.pw_name for user in pwd.getpwall()]
    for where in socket_options(settings):
        if "postgres" in users:
            quoted = [quote(word) for word in (program, *where, "-p", settings.port, *words)]
            return Hint(" ".join(["sudo -u postgres", *quoted]), purpose)
    if not settings.superuser:
        purpose += ", as a superuser"
    return Hint(settings.client(program, *words, user=settings.superuser), purpose)


def socket_options(settings: Settings) -> Iterator[Sequence[str]]:
    """Yield how a server on this machine is reached by its socket, if it is one."""
    name = f".s.PGSQL.{settings.port}"
    if settings.host.startswith("/"):
        if os.path.exists(os.path.join(settings.host, name)):
            yield ["-h", settings.host]
    elif settings.local:
        for folder in SOCKET_FOLDERS:
            if os.path.exists(os.path.join(folder, name)):
                yield []
