"""What a procedure is, and what may be in its way; pure. The server says the rest itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Iterator, Sequence

from . import Problem, Step, backups, command, identifier, psql, quote, tilde
from .backscope import hints
from .options import Options
from .settings import Settings
from .state import Database, Session, State, count

OWN = ("postgres", "template0", "template1")  # PostgreSQL's own databases
NAME_LIMIT = 63 - len(".~999~")  # bytes in a name (NAMEDATALEN - 1), so that it can be kept


def settings_problems(options: Options, settings: Settings, variable: str) -> Iterator[Problem]:
    """Yield what is wrong with the settings alone; `variable` names the database."""
    name, port, main = settings.database, settings.port, variable == "POSTGRES_DB"
    others = (settings.values["POSTGRES_DB"], settings.dotenv.get("POSTGRES_DB"))
    wrong = {}
    if not name or name in OWN:
        wrong[variable] = f"is {name}, PostgreSQL's own database." if name else "is not set."
    elif not name.isprintable() or len(name.encode(errors="replace")) > NAME_LIMIT:
        wrong[variable] = f"is {name!a}, which is no name for a database, or too long."
    elif not main and (name in others or re.search(r"\.~\d+~$", name)):
        wrong[variable] = f"is {name}, which flask test must not empty."
    if not re.fullmatch("[0-9]{1,5}", port, re.ASCII) or not 0 < int(port) < 65536:
        wrong["POSTGRES_PORT"] = f"is {quote(port)}. It has to be a number from 1 to 65535."
    if main and settings.values["APP_ENVIRONMENT"] == "testing":
        wrong["APP_ENVIRONMENT"] = "is testing, so Flask would open POSTGRES_DISPOSABLE_DB."
    for one, what in wrong.items():
        unset = (f"unset {one}", "has .env decide, unless it was typed on the command line")
        given = one in settings.environ
        yield Problem(f"{one} {what}", unset if given else (settings.edit, "sets it"))
    if options["CONFIRM"] not in ("", settings.answer):
        what = f"CONFIRM is {quote(options['CONFIRM'])}, but the name is {settings.answer}."
        yield Problem(what, (options.again(CONFIRM=settings.answer), "confirms it"))


@dataclass(frozen=True)
class Procedure:
    """One way to reset a database; its steps are the documented commands."""

    options: Options
    state: State
    help: ClassVar[str] = ""
    takes: ClassVar[Sequence[str]] = ("CONFIRM", "FORCE", "PRODUCTION")
    variable: ClassVar[str] = "POSTGRES_DB"  # what names its database
    probes: ClassVar[bool] = False  # whether Backscope's app is loaded before anything

    def problems(self) -> Iterator[Problem]:
        """Yield what is in the way of this procedure in particular: nothing to work on."""
        database, rebuild = self.state.database, (self.options.again("rebuild"), "makes it")
        if not database.oid:
            where = self.state.settings.where
            yield Problem(f"There is no database {database.name} on {where}.", rebuild)
        elif database.tables is None:  # so that nobody could say what was changed
            once_more = (self.options.again(), "tries once more") if database.whole else rebuild
            advice = hints(database.trouble, self.state.settings) or [once_more]
            yield Problem(f"{database.name} cannot be looked into:\n{database.trouble}", *advice)
        elif self.options.condition and not database.find(None, "sequences"):
            yield Problem(f"{database.name} has no table sequences.", rebuild)
        elif not database.tables and not database.revisions and not self.state.source:
            yield Problem(f"{database.name} has no tables and no revision.", rebuild)
        yield from self.unfinished()

    def in_the_way(self) -> Sequence[Session]:
        """Give the sessions in the way, which FORCE=1 ends."""
        return self.state.database.sessions

    def heading(self) -> Iterator[tuple[str, str]]:
        """Yield what the heading says beside the target: a label and a text."""
        yield from ()

    def loses(self) -> str:
        """Say what would be lost for good, for the question; "" asks nothing."""
        return ""

    def steps(self) -> Iterator[Step]:
        """Yield the commands, in the documented order; none if there is nothing to do."""
        yield from ()

    def check(self, now: State) -> str:
        """Say what was reached; raise Failed if it is not as it should be."""
        raise NotImplementedError

    def put_back(self, now: State, made: int) -> Iterator[Step]:
        """Yield what undoes a run that failed; `made` is the oid of what its createdb made."""
        yield from ()

    def all_problems(self) -> Iterator[Problem]:
        """Yield all that is in the way."""
        settings, found, options = self.state.settings, self.in_the_way(), self.options
        error, environment = self.state.app.error, settings.values["APP_ENVIRONMENT"]
        if error:
            look = (f"cd {tilde(settings.checkout)} && flask routes", "shows it all")
            what = f"Backscope's app cannot be used:\n{error}"
            yield Problem(what, *(hints(error, settings) or [look]))
        if self.state.production and not options.on("PRODUCTION"):
            what = f"APP_ENVIRONMENT is {quote(environment)}, so this may be production."
            yield Problem(what, (options.again(PRODUCTION="1"), "goes on all the same"))
        yield from self.problems()
        if found and not options.on("FORCE"):
            are = "1 session is" if len(found) == 1 else f"{len(found)} sessions are"
            listed = "\n".join([f"{are} in the way:", *(one.words for one in found)])
            yield Problem(listed, (options.again(FORCE="1"), "ends what is listed"))

    def ending(self) -> Iterator[Step]:
        """Yield the step that ends the sessions in the way, with FORCE=1."""
        found = self.in_the_way()
        if found and self.options.on("FORCE"):
            calls = ", ".join(f"pg_terminate_backend({one.pid})" for one in found)
            yield psql("postgres", f"SELECT {calls}", title=f"end {count(len(found), 'session')}")

    def dropdb(self) -> Iterator[Step]:
        """Yield the step that drops the database, if there is one."""
        if self.state.database.oid:
            force = ["--force"] * self.options.on("FORCE")
            yield command("dropdb", *force, self.state.database.name)

    def unusual(self) -> bool:
        """Say whether a clear asks: in production, on another machine, or not as .env says."""
        settings = self.state.settings
        return self.state.production or not settings.local or bool(settings.overrides)

    def unfinished(self) -> Iterator[Problem]:
        """Check whether the rows of a kept database are still to be copied."""
        source = self.state.source
        if source and not self.options.on("CARRY"):
            carry = (self.options.again("rebuild", CARRY="1"), "starts over and copies them")
            yield Problem(f"The rows of {source.name} are still to be copied.", carry)

    def rights(self, *databases: Database) -> Iterator[Problem]:
        """Check the rights of who drops, renames or creates."""
        settings, role = self.state.settings, identifier(self.state.settings.user)
        if not self.state.creates:
            grant = settings.superuser(f"ALTER ROLE {role} CREATEDB", "allows it")
            yield Problem(f"The role {settings.user} may not create databases.", grant)
        for one in (one for one in databases if not one.owned):
            change = f"ALTER DATABASE {identifier(one.name)} OWNER TO {role}"
            grant = settings.superuser(change, f"makes {settings.user} its owner")
            what = f"{one.name} is owned by {one.owner}, not by {settings.user}."
            yield Problem(what, (settings.edit, "has the settings of the connection"), grant)

    def keep(self, source: Database | None) -> Iterator[Problem]:
        """Check that migrations can be renamed, and that rows can come along."""
        path = self.state.settings.checkout / "migrations"
        keeps = (self.options.again(CARRY="", KEEP="1"), "keeps it, and copies nothing")
        if path.exists() and not path.is_dir():
            yield Problem(f"{tilde(path)} is not a folder.", (f"rm {tilde(path)}", "removes it"))
        if source and source.tables is None:
            yield Problem(f"The rows of {source.name} cannot be seen: {source.trouble}", keeps)
        for model, table in backups.rows_to_copy(self.state, source):
            lacking = [f"{model}.{one}" for one in model.required if one not in table.columns]
            what = f"The rows of {model} cannot be"
            if table.rows is None:
                yield Problem(f"{what} counted.", keeps)
            elif lacking and table.rows:
                yield Problem(f"{what} copied: {', '.join(lacking)} must not be null.", keeps)

    def swap(self) -> Iterator[Problem]:
        """Check that no undo was interrupted."""
        moves = backups.unfinished_swap(self.state)
        if moves:
            all_of = " && ".join([f"cd {tilde(self.state.settings.checkout)}", *map(str, moves)])
            what = "The migrations are not with their databases, as after an interrupted undo."
            yield Problem(what, (all_of, "puts them right"))
