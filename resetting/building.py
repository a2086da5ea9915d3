"""Building a database anew: its encoding, and the rows that come along. Pure."""

from __future__ import annotations

from typing import Iterator

from .commands import Step, copy, dollars, identifier, literal, numbered, psql, qualified
from .contents import UNFINISHED, Database
from .facts import Facts
from .pairs import half_carried
from .wishes import Wish


def locale_options(facts: Facts) -> list[str]:
    """Give createdb's options, so that the encoding and locale of the old database stay (H33).

    See CREATE DATABASE: another encoding or locale than template1's needs template0.
    """
    old, template = facts.database or next(iter(facts.ours.values()), None), facts.template
    if not template or (old and (old.encoding, old.locale) == (template.encoding, template.locale)):
        return []
    if not old:
        if template.encoding == "UTF8":
            return []
        plain = template.locale[1] in ("C", "POSIX")
        return ["-E", "UTF8", *([] if plain else ["-l", "C"]), "-T", "template0"]
    collate, ctype, provider, locale = old.locale
    both = [f"--lc-collate={collate}", f"--lc-ctype={ctype}"]
    if collate == ctype:
        both = ["-l", collate]
    name = {"i": "icu", "b": "builtin", "c": "libc"}[provider]
    more = [f"--locale-provider={name}"] if provider != "c" or template.locale[2] != "c" else []
    more += [f"--{name}-locale={locale}"] if provider != "c" else []
    return ["-E", old.encoding, *both, *more, "-T", "template0"]


def carry_steps(facts: Facts, source: Database, called: str) -> Iterator[Step]:
    """Yield the steps that copy what the old and the new structure both have, a table each.

    The comment tells a database that was not filled to its end from one that is whole (H23);
    the sequences behind generated keys go on where they were.
    """
    name, models = facts.settings.database, facts.app.tables or {}
    old = source.contents.tables if source.contents else {}
    both = {table: [c for c in models[table] if c in old[table].columns + old[table].generated]
            for table in models if table in old}  # fmt: skip
    filled = [table for table in both
              if both[table] and (old[table].rows != 0 or old[table].serials)]  # fmt: skip
    comment = f"COMMENT ON DATABASE {identifier(name)} IS "
    if filled:
        yield psql("postgres", comment + literal(UNFINISHED.format(source.oid)))
    for table in filled:
        into = qualified(table)
        after = [
            f"SELECT setval(pg_get_serial_sequence({dollars(into)}, {dollars(column)}),"
            f" GREATEST({last}, (SELECT max({identifier(column)}::bigint) FROM {into})))"
            for column, last in old[table].serials.items()
            if column in both[table]
        ]
        yield copy(called, name, into, both[table], *after)
    if filled:
        yield psql("postgres", comment + "NULL")


def carry_all(facts: Facts, aside: Database | None, number: int) -> list[Step]:
    """Give those steps for what is set aside now, or else was by a run that was killed."""
    source = source_of(facts, aside)
    if not source:
        return []
    called = numbered(aside.name, number) if source is aside else source.name
    return list(carry_steps(facts, source, called))


def source_of(facts: Facts, aside: Database | None) -> Database | None:
    """Give where the rows are: where a run that was killed left them, or in what is set aside."""
    return half_carried(facts) or aside or next(iter(facts.ours.values()), None)


def comes_along(facts: Facts) -> bool:
    """Say whether the rows fit into the new columns of the models, as far as that can be told."""
    return not facts.contents or not facts.contents.only(facts.app.full).rows


def rows_from(wish: Wish, facts: Facts, aside: Database | None) -> Iterator[tuple[str, str]]:
    """Yield where the rows are, if that is not set aside just now, and which of them stay there."""
    source, stay = source_of(facts, aside), stays(facts, aside)
    if source and source is not aside and (wish.carry or not facts.tables):
        yield "Rows from" if wish.carry else "Kept", f"{source.name}: {source.described}"
    if stay and wish.carry:
        yield "Stays there", f"{stay}: not in the models"


def staying(facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield what a clear leaves as it is (H20)."""
    stay = facts.contents.only(facts.outside).counts if facts.contents else ""
    if stay:
        yield "Stays", f"{stay}: not in the models"


def stays(facts: Facts, aside: Database | None) -> str:
    """Say what does not come along, as the models have no place for it."""
    source, models = source_of(facts, aside), facts.app.tables
    if models is None:  # it does not load
        return ""
    old = source.contents.tables if source and source.contents else {}
    others = source.contents.only(()).described if source and source.contents else ""
    filled = {name: table for name, table in old.items() if table.rows != 0}
    tables = [table.count for name, table in filled.items() if name not in models]
    columns = [f"{name}.{column}" for name, table in filled.items() if name in models
               for column in table.columns if column not in models[name]]  # fmt: skip
    return ", ".join([*tables, *columns, *others.split(", ")[1:]])
