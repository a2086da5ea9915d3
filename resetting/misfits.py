"""What is wrong with the settings, or with Backscope itself: a guard for each kind of it. Pure.

The names H1 to H58 are hazards; README.md has the list.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Iterator

from . import Finding
from .commands import quote, tilde
from .facts import Facts
from .guards import NAME_LIMIT
from .settings import Settings
from .wishes import Wish

OWN = ("postgres", "template0", "template1")  # PostgreSQL's own databases
IN_URLS = {"POSTGRES_DB": "?", "POSTGRES_USER": ":/@?#%", "POSTGRES_PASSWORD": "@/?#%",
           "POSTGRES_HOST": "/?#%@"}  # fmt: skip


def settings_unfit(settings: Settings, variable: str = "POSTGRES_DB") -> Iterator[Finding]:
    """Yield what is wrong with the settings alone; `variable` names the database."""
    host, port = settings.values["POSTGRES_HOST"], settings.port
    name = settings.database
    if not name or name in OWN:  # H4
        state = f"is {name}, one of the server's own databases." if name else "is not set."
        yield Finding(f"{variable} {state}", settings.change(variable))
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):  # H31
        yield Finding(
            "POSTGRES_PORT is no port number from 1 to 65535.", settings.change("POSTGRES_PORT")
        )
    if not settings.user:
        yield Finding(
            "POSTGRES_USER is empty, so the role would be a guess.",
            settings.change("POSTGRES_USER"),
        )
    if host.startswith("/"):
        what = "POSTGRES_HOST is a folder, which Backscope's URL cannot hold."
        yield Finding(what, f"export PGHOST={quote(host)}   and POSTGRES_HOST= in .env")
    elif "," in host:
        what = "POSTGRES_HOST names several servers, and each command might take another one."
        yield Finding(what, settings.change("POSTGRES_HOST"))
    elif ":" in host and not host.startswith("["):
        what = "POSTGRES_HOST is an IPv6 address without the brackets that a URL needs."
        yield Finding(what, f"POSTGRES_HOST={quote(f'[{host}]')}   is how .env has to say it")
    names = ((variable, name), ("POSTGRES_USER", settings.user))
    for one, text in (*names, ("POSTGRES_HOST", host), ("POSTGRES_PASSWORD", settings.password)):
        odd = sorted({character for character in text if not character.isprintable()})
        if odd:
            what = f"{one} holds a character that cannot be shown, {odd[0]!a}."
            yield Finding(what, settings.change(one))
    for one, text in names:
        if len(text.encode(errors="replace")) > NAME_LIMIT:
            what = f"{one} is longer than PostgreSQL's {NAME_LIMIT} bytes."
            yield Finding(what, settings.change(one))


def testing(wish: Wish, settings: Settings) -> Iterator[Finding]:
    """Yield that Flask and `dropdb` would act on two databases (H6)."""
    if settings.environment == "testing":
        what = (
            "APP_ENVIRONMENT is testing: Flask would open POSTGRES_DISPOSABLE_DB, not POSTGRES_DB."
        )
        yield Finding(what, f"{wish.make('disposable')}   makes that one anew")


def disposable(settings: Settings, main: str) -> Iterator[Finding]:
    """Yield that `flask test` would empty the main database (H58)."""
    if settings.database == main:
        what = f"POSTGRES_DISPOSABLE_DB is {main} like POSTGRES_DB, and flask test empties it."
        yield Finding(what, settings.change("POSTGRES_DISPOSABLE_DB"))
    if re.search(r"\.~[0-9]+~$", settings.database):
        what = f"POSTGRES_DISPOSABLE_DB is {settings.database}, the name of a kept database."
        yield Finding(what, settings.change("POSTGRES_DISPOSABLE_DB"))


def backscope(wish: Wish, facts: Facts, clears: bool) -> Iterator[Finding]:
    """Yield what Backscope's own answers put in the way (H2, H7 to H9, H17, H18, H38, H57)."""
    settings, app = facts.settings, facts.app
    compare = f"git -C {tilde(settings.checkout)} diff flaskr   tells what was edited"
    if app.missing:
        venv = tilde(Path(sys.prefix))
        what = f"Backscope's {app.missing} is missing in the environment {venv}."
        yield Finding(what, "source .venv/bin/activate   or: pip install -r requirements.txt")
    elif app.kind == "PermissionError" and "logs" in app.error:
        what = f"Backscope cannot write its log: {app.error}."
        yield Finding(what, f"sudo rm {quote(str(settings.checkout))}/logs/*.log*")
    elif app.error:
        mend = f"cd {tilde(settings.checkout)} && flask routes   shows it all"
        kind = (
            f"{app.kind}: "
            if app.kind and app.kind != app.error and not app.kind.startswith("NoApp")
            else ""
        )
        yield Finding(f"Backscope does not load: {kind}{app.error.rstrip('.')}.", mend)
    elif app.environments:
        what = (
            f"APP_ENVIRONMENT is {quote(settings.environment)}, which this Backscope does not know."
        )
        yield Finding(
            what, f"{settings.change('APP_ENVIRONMENT')}\nIt knows {', '.join(app.environments)}."
        )
    elif app.url is not None:
        yield from url_elsewhere(settings, dict(app.url))
    elif app.elsewhere:
        yield Finding(app.elsewhere, compare)
    if app.tables is not None and not app.tables:
        what = "The app's models make no tables, so a rebuild would end with an empty database."
        yield Finding(what, compare)
    if clears and not app.clears:
        mend = (
            f"git -C {tilde(settings.checkout)} log -S clear-database flaskr   tells which has it"
        )
        yield Finding("This Backscope has no command clear-database.", mend)


def url_elsewhere(settings: Settings, url: dict[str, str]) -> Iterator[Finding]:
    """Yield where Backscope's URL leads, and the character that is the likely cause (H8, H9)."""
    ours = f"{settings.database} on {settings.where} as {settings.user}"
    for name, characters in IN_URLS.items():
        held = [character for character in settings.values[name] if character in characters]
        if held:  # where it would lead may hold a part of the password, so that is not said
            what = (f"Backscope's URL does not lead to {ours}: {name} holds a {held[0]}, which"
                    " means something else in a URL.")  # fmt: skip
            encoded = (
                f"\nA {held[0]} is %{ord(held[0]):02X} there."
                if name in ("POSTGRES_USER", "POSTGRES_PASSWORD")
                else ""
            )
            yield Finding(what, settings.change(name) + encoded)
            return
    theirs = "what is no URL of a database"
    if url:
        server = f"{url['host'] or 'the default host'}:{url['port']}"
        theirs = settings.mask(f"{url['database']} on {server} as {url['user']}")
    mend = f"git -C {tilde(settings.checkout)} diff flaskr/config.py   tells what was edited"
    yield Finding(f"Flask would open {theirs}, but the settings say {ours}.", mend)
