"""What the user asks for, and how to ask it again.

Knows words, not what they do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Sequence

from . import Finding, Refused
from .commands import quote
from .settings import TARGET

SWITCHES = {
    "force": "end the sessions that are in the way",
    "keep": "set the old database aside",
    "carry": "as --keep, and its rows come along",
    "production": "go on although this is production",
    "verbose": "show what the commands print",
}
# Make's variables by what they are here.
VARIABLES = {"SEQ": "sequences", "N": "number", "CONFIRM": "confirm", "BACKSCOPE_DIR": "folder",
             **{name.upper(): name for name in SWITCHES}}  # fmt: skip
BACKSCOPES = (*TARGET, "POSTGRES_DISPOSABLE_DB", "APP_ENVIRONMENT")


@dataclass(frozen=True)
class Wish:
    """A command with all that was said about it; as a string, how it is typed."""

    verb: str
    folder: str = "."
    sequences: tuple[str, ...] = ()
    number: int = 0  # of the kept pair that an undo takes; 0: the newest
    force: bool = False
    keep: bool = False
    carry: bool = False
    production: bool = False
    confirm: str | None = None
    dry_run: bool = False
    verbose: bool = False
    given: Mapping[str, str] = field(default_factory=dict)  # Backscope's variables, not .env's
    left_out: tuple[str, ...] = ()  # make's variables that were only in the environment
    meant: Mapping[str, Any] = field(default_factory=dict)  # of those, what would lose less
    by: str = "make"  # what it was typed with: make with its file, or bin/backscope-reset

    @property
    def keeps(self) -> bool:
        """Whether the old database is to be kept at all."""
        return self.keep or self.carry

    def again(self, **changes: Any) -> str:
        """Give the same wish as a command that loses no more than was meant, with changes."""
        return str(replace(self, **{"confirm": None, "verbose": False, **self.meant, **changes}))

    def make(self, verb: str, **changes: Any) -> str:
        """Give another command about the same database; it takes other words."""
        if verb == self.verb:
            return self.again(**changes)
        same = {name: getattr(self, name) for name in ("folder", "production", "given", "by")}
        return str(Wish(verb, **{**same, **changes}))

    @property
    def help(self) -> str:
        """The command that tells what can be said."""
        return f"{self.by} help" if self.by_make else f"{self.by} {self.verb} --help"

    @property
    def by_make(self) -> bool:
        """Whether it was typed with make."""
        return self.by.partition(" ")[0] == "make"

    def __str__(self) -> str:
        on = [name for name in ("keep", "carry", "force", "production", "verbose")
              if getattr(self, name) and (self.verb, name) != ("status", "production")]  # fmt: skip
        folder = None if self.folder == "." else self.folder
        given, number = {f"{name}=": text for name, text in self.given.items()}, self.number or ""
        if self.by_make:
            sequences = f"SEQ={quote(' '.join(self.sequences))}" if self.sequences else ""
            words = [self.by, f"db-{self.verb}", sequences, f"N={number}" if number else ""]
            words += [f"{name.upper()}=1" for name in on]
            said = {"BACKSCOPE_DIR=": folder, **given, "CONFIRM=": self.confirm}
        else:
            words = [f"{name}{quote(text)}" for name, text in given.items()]
            words += [self.by, self.verb, *self.sequences, str(number)]
            words += [f"--{one}" for one in on]
            said = {"--backscope-dir ": folder, "--confirm ": self.confirm}
        more = [f"{name}{quote(text)}" for name, text in said.items() if text is not None]
        return " ".join(filter(None, [*words, *more]))


def complete(wish: Wish, sequences: Sequence[str], number: str | None) -> Wish:
    """Give a wish with its sequences and number understood; raise Refused if they are none."""
    if number is not None and not re.fullmatch("[1-9][0-9]{0,5}", number, re.A):
        what = f"N is {quote(number)}, which is no number of a kept database."
        raise Refused(Finding(what, f"{wish.make('status')}   lists what is kept"))
    return replace(wish, sequences=sequence_ids(wish, sequences), number=int(number or 0))


def sequence_ids(wish: Wish, parts: Sequence[str]) -> tuple[str, ...]:
    """Give OEIS IDs as Backscope writes them: a45 is A000045. Raises Refused, naming the others.

    Backscope makes the first letter upper case (get_valid_oeis_id) and fills a number up to
    six digits (oeis_a_id).
    """
    words = [word for part in parts for word in part.split()]
    bad = [word for word in words if not re.fullmatch("[Aa][0-9]{1,6}", word)]
    meant = re.findall("[^,; ]+", " ".join(words))
    clear = meant and all(re.fullmatch("[Aa]?[0-9]{1,6}", word) for word in meant)
    known = meant if clear else [word for word in words if word not in bad]
    ids = tuple(dict.fromkeys(f"A{int(word.lstrip('Aa')):06}" for word in known))
    help_ = f"{wish.help}   tells how sequences are named"
    if parts and not words:
        raise Refused(Finding("SEQ is empty: it names no sequence.", help_))
    if bad:
        are = "are no OEIS sequence numbers" if len(bad) > 1 else "is no OEIS sequence number"
        rest = "is what may be meant" if clear else "leaves that out"
        mend = f"{replace(wish, sequences=ids).again()}   {rest}" if ids else help_
        raise Refused(Finding(f"{', '.join(map(quote, bad))} {are}.", mend))
    return ids
