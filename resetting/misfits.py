"""What is wrong with the settings, the connection, the checkout, or Backscope. Pure.

The names H1 to H58 are hazards; README.md has the list.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Iterable, Iterator

from . import Finding
from .backscope import activate, beside, install
from .commands import Step, identifier, quote, tilde
from .facts import Facts
from .guards import NAME_LIMIT
from .settings import Settings
from .wishes import Wish

OWN = ("postgres", "template0", "template1")  # PostgreSQL's own databases
IN_URLS = {"POSTGRES_DB": "?", "POSTGRES_USER": ":/@?#%", "POSTGRES_PASSWORD": "@/?#%",
           "POSTGRES_HOST": "/?#%@"}  # fmt: skip


def wrong(settings: Settings, name: str, what: str) -> Finding:
    """Give a finding about a variable, which is mended where it is set."""
    return Finding(f"{name} {what}", settings.change(name))


def settings_unfit(settings: Settings, variable: str = "POSTGRES_DB") -> Iterator[Finding]:
    """Yield what is wrong with the settings alone; `variable` names the database."""
    name, port, host = settings.database, settings.port, settings.values["POSTGRES_HOST"]
    if not name:
        given = variable in {**settings.dotenv, **settings.environ}
        yield wrong(settings, variable, "is empty." if given else "is not set.")
    if name in OWN:  # H4
        yield wrong(settings, variable, f"is {name}, one of the server's own databases.")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):  # H31
        yield wrong(settings, "POSTGRES_PORT", "is no port number from 1 to 65535.")
    if not settings.user:
        yield wrong(settings, "POSTGRES_USER", "is empty, so the role would be a guess.")
    if host.startswith("/"):
        what = "POSTGRES_HOST is a folder, which Backscope's URL cannot hold."
        yield Finding(what, f"export PGHOST={quote(host)}   and POSTGRES_HOST= in .env")
    elif "," in settings.host:
        what = "names several servers, and each command might take another one."
        yield wrong(settings, "POSTGRES_HOST" if host else "PGHOST", what)
    elif re.fullmatch(r"[\w.-]+:[0-9]*", host, re.A):
        yield wrong(settings, "POSTGRES_HOST", "holds a port, which belongs into POSTGRES_PORT.")
    elif ":" in host and not host.startswith("["):
        what = "POSTGRES_HOST is an IPv6 address without the brackets that a URL needs."
        yield Finding(what, f"POSTGRES_HOST={quote(f'[{host}]')}   is how .env has to say it")
    names = {variable: name, "POSTGRES_USER": settings.user}
    texts = {**names, "POSTGRES_HOST": host, "POSTGRES_PASSWORD": settings.password}
    for one, text in texts.items():
        odd = [character for character in text if not character.isprintable()]
        if odd:
            yield wrong(settings, one, f"holds a character that cannot be shown, {odd[0]!a}.")
        if one in names and len(text.encode(errors="replace")) > NAME_LIMIT:
            yield wrong(settings, one, f"is longer than PostgreSQL's {NAME_LIMIT} bytes.")


def testing(wish: Wish, settings: Settings) -> Iterator[Finding]:
    """Yield that Flask and `dropdb` would act on two databases (H6)."""
    if settings.environment == "testing":
        what = "APP_ENVIRONMENT is testing: Flask would open POSTGRES_DISPOSABLE_DB, not"
        given, other = wish.given, settings.values["POSTGRES_DISPOSABLE_DB"]
        given = {**given, "APP_ENVIRONMENT": "development"}
        mend = f"{wish.again(given=given)}   is about {settings.database}"
        if other:
            given = {**given, "POSTGRES_DB": other}
            mend += f"\n{wish.again(given=given)}   is about {other}"
        yield Finding(f"{what} POSTGRES_DB.", mend)


def disposable(settings: Settings, main: str) -> Iterator[Finding]:
    """Yield that `flask test` would empty the main database (H58)."""
    name, variable = settings.database, "POSTGRES_DISPOSABLE_DB"
    if name == main:
        yield wrong(settings, variable, f"is {main} like POSTGRES_DB, and flask test empties it.")
    if re.search(r"\.~[0-9]+~$", name):
        yield wrong(settings, variable, f"is {name}, the name of a kept database.")


def backscope(wish: Wish, facts: Facts, clears: bool) -> Iterator[Finding]:
    """Yield what Backscope's own answers put in the way (H2, H7 to H9, H17, H18, H38, H57)."""
    settings, app = facts.settings, facts.app
    git = f"git -C {tilde(settings.checkout)}"
    edited = f"{git} diff flaskr   tells what was edited"
    routes = f"cd {tilde(settings.checkout)} && {beside('flask')} routes   shows it all"
    top, named = app.missing.partition(".")[0], settings.environ.get("FLASK_APP", "")
    if top and Path(named.partition(":")[0]).stem == top:
        what = f"FLASK_APP is {quote(named)}, which this checkout has not."
        yield Finding(what, settings.change("FLASK_APP"))
    elif top and not any((settings.checkout / one).exists() for one in (top, f"{top}.py")):
        what = f"Backscope's {app.missing} is missing in the environment {tilde(Path(sys.prefix))}."
        mend, parents = install(settings.checkout / "requirements.txt"), Path(sys.prefix).parents
        right = f"{activate(settings.checkout)}\n{mend}   if the active one is the right one"
        mend = mend if settings.checkout in parents else right
        yield Finding(what, f"{mend}\n{routes}")
    elif app.kind == "PermissionError" and "logs" in app.error:
        what, logs = f"Backscope cannot write its log: {app.error}.", settings.checkout / "logs"
        place = logs if logs.exists() else settings.checkout
        remove = f"sudo rm {quote(str(logs))}/*.log*"
        yield Finding(what, remove if os.access(place, os.W_OK) else writing(place))
    elif app.error:
        kind = "" if app.kind in ("NoAppException", app.error) else app.kind
        said, mend = "Backscope does not load", routes
        if app.loads:
            said, mend = "Backscope's models cannot be used", edited
        why = ": ".join(filter(None, [said, kind, app.error.rstrip(".")]))
        yield Finding(f"{why}.", mend)
    elif app.environments:
        known = f"\n   it knows {', '.join(app.environments)}"
        what = f"APP_ENVIRONMENT is {quote(settings.environment)}, which this Backscope does not"
        yield Finding(f"{what} know.", settings.change("APP_ENVIRONMENT") + known)
    elif app.url is not None:
        yield from url_elsewhere(settings, dict(app.url), edited)
    elif app.elsewhere:
        yield Finding(app.elsewhere, edited)
    if app.tables is not None and not app.tables:
        what = "The app's models make no tables, so there is nothing to clear or to build."
        yield Finding(what, edited)
    if not clears and app.directory != "migrations":
        what = f"Backscope keeps its migrations in {app.directory}, not in migrations."
        yield Finding(what, edited)
    command, mark = "flask db", "flask_migrate"
    if clears:
        command = mark = "clear-database"
    if command in app.lacks:
        mend = f"{git} log --all -S {mark} flaskr   tells which has it"
        yield Finding(f"This Backscope has no command {command}.", mend)


def url_elsewhere(settings: Settings, url: dict[str, str], edited: str) -> Iterator[Finding]:
    """Yield where Backscope's URL leads, and the character that is the likely cause (H8, H9)."""
    ours = f"{settings.database} on {settings.where} as {settings.user}"
    for name, characters in IN_URLS.items():
        odd = next((one for one in settings.values[name] if one in characters), "")
        if odd:  # where it would lead may hold a part of the password, so that is not said
            what = f"Backscope's URL does not lead to {ours}: {name} holds the character"
            mend = settings.change(name)
            if name in ("POSTGRES_USER", "POSTGRES_PASSWORD"):
                mend += f"\n   {odd} is %{ord(odd):02X} there"
            yield Finding(f"{what} {odd}, which means something else in a URL.", mend)
            return
    theirs = "what is no URL of a database"
    if url:
        server = f"{url['host'] or 'the default host'}:{url['port']}"
        theirs = settings.mask(f"{url['database']} on {server} as {url['user']}")
    yield Finding(f"Flask would open {theirs}, but the settings say {ours}.", edited)


def not_itself(settings: Settings, patience: str, role: str) -> Finding | None:
    """Give why a connection is not what we asked for: a pooler's, or another role's."""
    if patience != "1s":  # it did not get through (H34)
        return pooler(settings)
    if role != settings.user:
        what = f"The role {settings.user} becomes {role} as soon as it connects (ALTER ROLE … SET"
        change = f"ALTER ROLE {identifier(settings.user)} RESET role"
        return Finding(f"{what} role).", settings.psql("postgres", change))
    return None


def pooler(settings: Settings) -> Finding:
    """Name a connection pooler, which a reset cannot go through (H34)."""
    what = f"A connection pooler such as PgBouncer answers at {settings.where}, not PostgreSQL."
    return Finding(what, "POSTGRES_PORT=5432 make db-status   names the server's own port")


def no_connection(settings: Settings, text: str) -> Finding:
    """Say in one line what libpq says in many (H10), and what helps."""
    text = settings.mask(text)
    if "unsupported startup parameter" in text:
        return pooler(settings)
    reasons = re.findall(r"failed: (?:FATAL: +)?(.+)", text)
    plain = re.compile("no encryption$|SSL off$")  # libpq's second try; PostgreSQL 13's words
    reasons = [one for one in reasons if not plain.search(one)] or reasons
    reason = (reasons[-1] if reasons else text.strip().partition("\n")[0]).rstrip(".")
    role = identifier(settings.user)
    new = (f"CREATE ROLE {role} LOGIN CREATEDB", rf"\password {role}")
    host = ["-h", settings.host] if settings.host else []
    words = [*settings.away(), "pg_isready", *host, "-p", settings.port]
    mend = f"{' '.join(map(quote, words))}   tells whether it runs"
    denied = re.search('permission denied for database "(.*)"', reason)
    given = [name for name in ("POSTGRES_HOST", "POSTGRES_PORT") if name in settings.overrides]
    if not given and "refused" in reason:
        given = ["POSTGRES_PORT"]
    mend = "\n".join([mend, *map(settings.change, given)])
    if "connections for role" in reason:
        mend = settings.superuser(f"ALTER ROLE {role} CONNECTION LIMIT -1")
    elif "not permitted to log in" in reason:
        mend = settings.superuser(f"ALTER ROLE {role} LOGIN")
    elif denied:
        mend = settings.superuser(f"GRANT CONNECT ON DATABASE {identifier(denied[1])} TO {role}")
    elif re.search('role ".*" does not exist', reason):
        mend = settings.superuser(*new)
    elif plain.search(reason) and os.environ.get("PGSSLMODE") == "disable":
        mend = settings.change("PGSSLMODE")
    elif "pg_hba.conf" in reason:
        who = "tells a superuser which file decides that"
        mend = settings.superuser("SHOW hba_file", who=who)
    elif "translate host name" in text:
        mend = settings.change("POSTGRES_HOST")
    elif re.search("password|authentication", reason):
        names = [name for name in ("POSTGRES_USER", "POSTGRES_PASSWORD")
                 if settings.values[name] or name in settings.environ]  # fmt: skip
        unset = [name for name in names if settings.origin(name) == "default"]
        if unset:
            reason += f", and {' and '.join(unset)} {'are' if unset[1:] else 'is'} not set"
        names.sort(key=lambda name: name not in settings.environ)  # that wins over .env
        lines = list(dict.fromkeys(map(settings.change, names)))
        if "POSTGRES_USER" not in unset:
            lines.append(settings.superuser(*new, who="if there is no such role, as a superuser"))
        mend = "\n".join(lines)
    none = "No answer in time from" if "canceling statement" in reason else "No connection to"
    return Finding(f"{none} {settings.where} as {settings.user}: {reason}.", mend)


def programs(facts: Facts, steps: Iterable[Step]) -> Iterator[Finding]:
    """Yield the programs that are not to be found."""
    wanted = {one.program for step in steps for one in (step, step.into) if one} - {"flask"}
    lacking = sorted(wanted - facts.programs)
    if lacking:
        what = f"{', '.join(lacking)} {'are' if len(lacking) > 1 else 'is'} not on the PATH."
        apt = "sudo apt install postgresql-client"
        brew = 'brew install libpq && export PATH="$(brew --prefix libpq)/bin:$PATH"   on macOS'
        yield Finding(what, f"{apt}\n{brew}")


def folders(wish: Wish, facts: Facts) -> Iterator[Finding]:
    """Yield what in the checkout stops a rebuild or an undo (H21)."""
    checkout, current = facts.settings.checkout, facts.folders.current
    if current and current.path.exists() and not current.path.is_dir():
        yield Finding(f"{tilde(current.path)} is no folder.", f"rm {tilde(current.path)}")
    if current and os.path.ismount(current.path):
        what = f"{tilde(current.path)} is a mount point, which cannot be renamed."
        yield Finding(what, f"umount {tilde(current.path)}")
    if not facts.writable:
        what = f"{tilde(checkout)} is not writable, so migrations could not be renamed."
        yield Finding(what, writing(checkout))


def writing(folder: Path) -> str:
    """Give the command that makes a folder writable, or tells whose it is."""
    own = folder.exists() and folder.stat().st_uid == os.geteuid()
    tells = f"ls -ld {tilde(folder)}   tells who may write there"
    return f"chmod u+w {tilde(folder)}" if own else tells
