"""Disposable: the database that `flask test` empties."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

from . import Finding, fail, guards, misfits
from .building import locale_options
from .commands import Step, createdb, dropdb
from .contents import described
from .facts import Facts
from .procedures import Procedure
from .settings import Settings


class Disposable(Procedure):
    """Make the database that `flask test` empties anew, empty."""

    help = "make POSTGRES_DISPOSABLE_DB anew, empty, for flask test"
    variable = "POSTGRES_DISPOSABLE_DB"

    def target(self, settings: Settings) -> Settings:
        return replace(settings, database=settings.values[self.variable])

    def unfit(self, settings: Settings) -> Iterator[Finding]:
        yield from misfits.settings_unfit(settings, self.variable)
        for main in {settings.values["POSTGRES_DB"], settings.dotenv.get("POSTGRES_DB", "")}:
            yield from misfits.disposable(settings, main)

    def refuses(self, facts: Facts) -> Iterator[Finding]:
        yield from guards.may_replace(self.wish, facts, [facts.database] if facts.database else [])
        yield from guards.template(facts, locale_options(facts))

    def loses(self, facts: Facts) -> str:
        """Say what is lost if it is not .env that calls it disposable, or if nobody can see it."""
        name, contents = facts.settings.database, facts.contents
        declared = facts.settings.dotenv.get(self.variable) == name
        declared = declared and set(facts.settings.overrides) <= {"POSTGRES_DB"}  # on that server
        seen = contents and all(table.rows is not None for table in facts.tables.values())
        whole = facts.database and facts.database.valid and not (contents and contents.empty)
        if not whole or (declared and seen):
            return ""
        why = "" if declared else f".env does not call {name} disposable. "
        return f"{why}This wipes out {name}{described(contents)}."

    def steps(self, facts: Facts) -> Iterator[Step]:
        name = facts.settings.database
        if facts.database:
            yield dropdb(name, self.wish.force)
        yield createdb(name, *locale_options(facts))

    def result(self, before: Facts, now: Facts) -> str:
        if not now.contents or now.oid == before.oid or now.contents.rows:
            fail(f"{now.settings.database} is not there, or not empty.", self.wish.again())
        return f"{now.settings.database} is there, empty"

    def unchanged(self, before: Facts, now: Facts) -> bool:
        return now.reached and now.oid == before.oid
