"""Commands as data: the steps of a run, and how their words are quoted. Runs nothing."""

import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """A command that a user could have typed, and what the runner has to know of it."""

    argv: list
    title: str = ""  # what the screen shows in place of a long command
    database: str = ""  # the one that it creates or works on, if that is not the current one
    pipe_to: object = None  # the command that runs at the same time, behind a pipe
    may_fail: bool = False  # only what is behind the pipe counts, as in a shell
    rows: int = 0  # how many a copy is to bring
    creates: bool = False  # its database
    guarded: bool = False  # a process of Backscope's, with guarded connections
    interactive: bool = False  # it asks the user itself, on the terminal
    interruptible: bool = False  # it may take long, and ends cleanly when it gets a signal
    commits: bool = False  # what was built is verified before; from here on nothing interrupts

    @property
    def program(self):
        """The name of the program."""
        return self.argv[0]

    def __str__(self):
        words = [quote(word) for word in self.argv]
        if self.guarded and self.database:
            words = ["env", f"POSTGRES_DB={quote(self.database)}", *words]
        text = " ".join(words)
        if self.pipe_to:
            return f"{text} | {self.pipe_to}"
        return text


def flask(*words, **fields):
    """Return a step of a process of Backscope's."""
    return Step(["flask", *words], guarded=True, interruptible=True, **fields)


def psql(database, *statements, **fields):
    """Return a step of psql without ~/.psqlrc; several statements are one transaction."""
    return Step(["psql", "-X", "-d", database, "-c", "; ".join(statements)], **fields)


def move(old, new):
    """Return the step that renames a folder; GNU's -T never moves it into another folder."""
    if sys.platform == "linux":
        return Step(["mv", "-T", old, new], title=f"mv {old} {new}")
    return Step(["mv", old, new])


def numbered(name, number):
    """Return the name of a backup, as by `mv --backup=numbered` (GNU, "Backup options")."""
    return f"{name}.~{number}~"


def identifier(*names):
    """Return a name, perhaps behind its schema, as SQL ("Identifiers and Key Words")."""
    quoted = [name.replace('"', '""') for name in names]
    return ".".join(f'"{name}"' for name in quoted)


def literal(text):
    """Return a text as a SQL string; standard_conforming_strings is pinned."""
    return "'" + text.replace("'", "''") + "'"


def quote(word):
    """Return a word as a shell takes it; unlike shlex.quote, leave `a.~1~` as people write it."""
    if re.fullmatch(r"[\w@%+,./-][\w@%+,./~-]*", word, re.ASCII):
        return word
    return shlex.quote(word)


def tilde(path):
    """Return a path as a shell takes it, the home folder as ~; under sudo ~ is another's."""
    home = Path.home()
    if home in path.parents and "SUDO_USER" not in os.environ:
        return f"~/{quote(str(path.relative_to(home)))}"
    return quote(str(path))
