"""What helps against what libpq, PostgreSQL, Python or Flask say, and how to be a superuser."""

import json
import os
import pwd
import re
import sys
from dataclasses import replace
from pathlib import Path

from .environment import install_command
from .problems import Hint
from .steps import tilde

# Each entry has the `pattern` of what was said and a `purpose`; and what helps: a `command`, the
# words that a `superuser` has to run, or `variables` for this command or another `target`.
# {1} is the pattern's first group.
HINTS = json.loads(Path(__file__).with_name("hints.json").read_text())
SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")


def find_hints(text, settings, options, template="template1"):
    """Return what helps against a text that a library or a command has printed.

    `template` is the database in which an extension or a right has to be for the next try.
    """
    words = {
        "ready": settings.client("pg_isready"),
        "again": options.command_line(),
        "install": install_command(settings.checkout / "requirements.txt"),
        "checkout": tilde(settings.checkout),
        "python": tilde(Path(sys.executable)),
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
            elif "command" in entry:
                found.append(Hint(entry["command"].format(*groups, **words), purpose))
            else:
                target = entry.get("target", "")
                variables = entry["variables"]
                already_given = variables.items() <= options.given.items()
                if target or not already_given:
                    found.append(options.hint(purpose, target, **variables))
    return list(dict.fromkeys(found))


def superuser_hint(settings, argv, purpose):
    """Return how to run a program of PostgreSQL's as a superuser on this installation.

    Debian's packages let the system's user postgres in, by the socket only (pg_hba.conf, "peer").
    """
    host = socket_host(settings)
    if host is not None and "postgres" in [user.pw_name for user in pwd.getpwall()]:
        command = replace(settings, host=host).client(*argv)
        return Hint(f"sudo -u postgres {command}", purpose)
    if not settings.superuser:
        purpose += ", as a superuser"
    return Hint(settings.client(*argv, user=settings.superuser), purpose)


def socket_host(settings):
    """Return which host is the server's socket on this machine; None if there is none."""
    hosts = dict.fromkeys(SOCKET_FOLDERS, "")  # the default
    if settings.host.startswith("/"):
        hosts = {settings.host: settings.host}
    for folder, host in hosts.items():
        if settings.local and os.path.exists(f"{folder}/.s.PGSQL.{settings.port}"):
            return host
    return None
