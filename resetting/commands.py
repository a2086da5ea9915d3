"""Commands as data: a step, and how it is written. Knows no settings and runs nothing.

`a.~1~` is a GNU numbered backup (Info page "Backup options" of coreutils).
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable


@dataclass(frozen=True)
class Step:
    """A command of a procedure; its output goes into the command `into`, if there is one."""

    argv: tuple[str, ...]
    into: Step | None = None
    asks: bool = False  # it talks to the user itself, so the terminal is its own

    @property
    def program(self) -> str:
        """The name of the program."""
        return self.argv[0]

    def words(self, room: int = sys.maxsize) -> list[str]:
        """Give the words of the command as a shell takes them; SQL in lines of `room` columns."""
        pairs = zip(("", *self.argv), self.argv)
        words = [in_lines(word, room) if last == "-c" else quote(word) for last, word in pairs]
        return [*words, "|", *self.into.words(room)] if self.into else words

    def __str__(self) -> str:
        return " ".join(self.words())


def quote(word: str) -> str:
    """Give `word` as a shell takes it; unlike shlex.quote, `a.~1~` is left as people write it."""
    plain = re.fullmatch(r"[\w@%+,./:-][\w@%+=,./:~-]*", word, re.A)
    if plain and "=~" not in word and ":~" not in word:
        return word
    return f'"{word}"' if "'" in word and not re.search(r'["$`\\!]', word) else shlex.quote(word)


def in_lines(word: str, room: int) -> str:
    """Give `word` as a shell takes it; SQL in lines of `room` columns, where it has spaces."""
    parts = re.findall(r"""(?:"[^"]*"|'[^']*'|\$\$.*?\$\$|[^\s"'$]|\$)+""", word)
    if len(quote(word)) <= room or " ".join(parts) != word:
        return quote(word)
    lines = parts[:1]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 1 > room:
            lines.append(f"  {part}")
        else:
            lines[-1] += f" {part}"
    return quote("\n  ".join(lines))


def halves(line: str) -> tuple[str, str]:
    """Give a command, and what it is for, which stands behind three spaces."""
    words, gap, purpose = line.rpartition("   ")
    try:
        shlex.split(words)
    except ValueError:  # the spaces are in a name
        gap = ""
    return (words, purpose) if gap else (line, "")


def tilde(path: Path) -> str:
    """Give `path` with the home folder as ~, as a shell takes it; sudo's is not the reader's."""
    try:
        if "SUDO_USER" in os.environ:
            raise ValueError
        inner = path.relative_to(Path.home())
    except (ValueError, RuntimeError):
        return quote(str(path))
    return f"~/{quote(str(inner))}" if inner.parts else "~"


def numbered(name: str, number: int) -> str:
    """Give what the database or folder `name` is called when it is set aside."""
    return f"{name}.~{number}~"


def identifier(name: str) -> str:
    """Give `name` as SQL (PostgreSQL's manual, "Identifiers and Key Words")."""
    return '"' + name.replace('"', '""') + '"'


def qualified(table: str) -> str:
    """Give a table, perhaps with its schema, as SQL."""
    return ".".join(map(identifier, table.split(".", 1)))


def dollars(text: str) -> str:
    """Give `text` as a SQL string without quotes, which a shell has, too ("String Constants")."""
    return f"$${text}$$" if "$" not in text else literal(text)


def literal(text: str) -> str:
    """Give `text` as a SQL string, in dollars where that reads well."""
    if "$" not in text and " " in text:
        return f"$${text}$$"
    escape = "E" if "\\" in text else ""
    return escape + "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def conninfo(name: str) -> str:
    """Give a database for `psql -d`, which takes a=b and postgresql://x for more (H26)."""
    return name if re.fullmatch(r"\w[\w.~ -]*", name) else f"dbname={conninfo_value(name)}"


def conninfo_value(text: str) -> str:
    """Give a value of a connection string (libpq, "Keyword/Value Connection Strings")."""
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return text if re.fullmatch(r"[\w.:/~-]+", text) else quoted


def before_a_name(name: str) -> list[str]:
    """Give what has to stand before a name that begins with a dash (H26)."""
    return ["--", name] if name.startswith("-") else [name]


def dropdb(name: str, force: bool = False) -> Step:
    """Make the step that drops a database; with `force` its sessions are ended (H11)."""
    options = ["--force"] if force else []
    return Step(("dropdb", *options, *before_a_name(name)))


def createdb(name: str, *options: str) -> Step:
    """Make the step that creates a database."""
    return Step(("createdb", *options, *before_a_name(name)))


def flask(*words: str, asks: bool = False) -> Step:
    """Make a step of Backscope's own commands."""
    return Step(("flask", *words), asks=asks)


def psql(database: str, *statements: str) -> Step:
    """Make a step of psql, without ~/.psqlrc (H28).

    Several statements are one transaction (PostgreSQL's manual, "Multiple Statements in
    a Simple Query").
    """
    return Step(("psql", "-X", "-d", conninfo(database), "-c", "; ".join(statements)))


def copy(source: str, target: str, table: str, columns: list[str], *after: str) -> Step:
    """Make the step that copies columns of a table into the same table of another database."""
    names = ", ".join(map(identifier, columns))
    into = psql(target, f"COPY {table} ({names}) FROM STDIN", *after)
    return Step(psql(source, f"COPY (SELECT {names} FROM {table}) TO STDOUT").argv, into=into)


def mv(old: str, new: str) -> Step:
    """Make the step that renames a folder of migrations."""
    return Step(("mv", old, new))


def terminate(pids: Iterable[int]) -> str:
    """Give the statement that ends some sessions."""
    return f"SELECT {', '.join(f'pg_terminate_backend({pid})' for pid in pids)}"


def allow_connections(name: str, allow: bool) -> str:
    """Give the statement that opens or closes a database (ALTER DATABASE)."""
    return f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS {str(allow).lower()}"


def rename(*pairs: tuple[str, str], opening: Iterable[str] = ()) -> Step:
    """Make the step that renames databases and opens some, all in one transaction."""
    renames = [f"ALTER DATABASE {identifier(a)} RENAME TO {identifier(b)}" for a, b in pairs]
    return psql("postgres", *renames, *(allow_connections(name, True) for name in opening))
