"""What all modules speak in: commands and problems as data, names and quoting. Runs nothing.

A backup is called `scope.~1~`, as by `mv --backup=numbered` (GNU coreutils, "Backup options").
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Sequence


class Problem:
    """A full sentence, perhaps with lines of a list below it, and what helps.

    An advice is a command as it is typed, and what it is for.
    """

    def __init__(self, what: str, *advice: tuple[str, str]) -> None:
        self.what, self.advice = what, advice


class Refused(Exception):
    """Nothing was changed; its arguments are the problems that say why. Exit status 2."""


class Failed(Exception):
    """Something was begun and is not as it should be: the problem, and the exit status, else 1."""


def refuse(problems: Iterable[Problem]) -> None:
    """Raise Refused if there are any problems, each once."""
    found = {one.what: one for one in problems}
    if found:
        raise Refused(*found.values())


@dataclass(frozen=True)
class Step:
    """A command of a procedure; what it prints goes into the command `into`, if there is one."""

    argv: Sequence[str]
    title: str = ""  # what the screen shows in place of a long command
    into: Step | None = None
    rows: int = 0  # how many a copy is to bring
    asks: bool = False  # it asks the user itself, on the terminal

    def __str__(self) -> str:
        words = " ".join(map(quote, self.argv))
        return f"{words} | {self.into}" if self.into else words


def command(*words: str, asks: bool = False) -> Step:
    """Make a step; the last word may be a name that begins with a dash."""
    dashes = ["--"] * words[-1].startswith("-")
    return Step([*words[:-1], *dashes, words[-1]], asks=asks)


def psql(database: str, *statements: str, title: str = "") -> Step:
    """Make a step of psql without ~/.psqlrc; several statements are one transaction.

    A name like `a=b` or `postgresql://x` has to be in a connection string (libpq has a chapter).
    """
    escaped = database.replace("\\", "\\\\").replace("'", "\\'")
    name = database if re.fullmatch(r"[\w. ~-]+", database) else f"dbname='{escaped}'"
    return Step(("psql", "-X", "-d", name, "-c", "; ".join(statements)), title)


def rename(*pairs: tuple[str, str]) -> Step:
    """Make the step that renames a database, or swaps two in one transaction."""
    statements = [f"ALTER DATABASE {identifier(a)} RENAME TO {identifier(b)}" for a, b in pairs]
    old, new = pairs[0][0], pairs[-1][1]
    title = f"swap {old} and {new}" if pairs[1:] else f"rename {old} to {new}"
    return psql("postgres", *statements, title=title)


def numbered(name: str, number: int) -> str:
    """Give the name of a backup."""
    return f"{name}.~{number}~"


def identifier(*names: str) -> str:
    """Give a name, perhaps behind its schema, as SQL (PostgreSQL, "Identifiers and Key Words")."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: str) -> str:
    """Give a text as a SQL string (standard_conforming_strings is pinned)."""
    return "'" + text.replace("'", "''") + "'"


def quote(word: str) -> str:
    """Give a word as a shell takes it; unlike shlex.quote, `a.~1~` is left as people write it."""
    plain = re.fullmatch(r"[\w@%+,./:-][\w@%+,./:=~-]*", word, re.ASCII)
    return word if plain and not re.search("[=:]~", word) else shlex.quote(word)


def tilde(path: Path) -> str:
    """Give a path as a shell takes it, the home folder as ~; under sudo ~ is another's."""
    home = Path(os.environ.get("HOME") or "/")
    if "SUDO_USER" in os.environ or home not in path.parents or home == Path("/"):
        return quote(str(path))
    return f"~/{quote(str(path.relative_to(home)))}"
