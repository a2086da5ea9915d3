"""What the user asks for: the command line and make's variables, and how to ask it again.

Knows words, not what they do.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Mapping, Sequence

from . import Finding, Refused, refuse
from .commands import quote, tilde
from .settings import TARGET

ON, OFF = ("1", "yes", "true", "on"), ("0", "no", "false", "off", "")
SWITCHES = {
    "force": "end the sessions that are in the way",
    "keep": "set the old database aside",
    "carry": "as --keep, and its rows come along",
    "production": "go on although this is production",
    "verbose": "show what the commands print",
}
# Make's variables by what they are here; all but ANYWHERE count on its command line only (H49).
VARIABLES = {"SEQ": "sequences", "N": "number", "CONFIRM": "confirm", "BACKSCOPE_DIR": "folder",
             **{name.upper(): name for name in SWITCHES}}  # fmt: skip
ANYWHERE = ("VERBOSE", "BACKSCOPE_DIR")
BACKSCOPES = (*TARGET, "POSTGRES_DISPOSABLE_DB", "APP_ENVIRONMENT")
OTHERS = (*BACKSCOPES, "POSTGRES_PASSWORD", "PYTHON", "NO_COLOR", "PG_BIN")
MAKES_OWN = ("MAKEFLAGS", "MFLAGS", "MAKE", "SHELL", "CURDIR", "MAKEFILES")


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
    meant: tuple[str, ...] = ()  # sequences that were only in the environment
    by: str = "make"  # what it was typed with: make with its file, or bin/backscope-reset

    @property
    def keeps(self) -> bool:
        """Whether the old database is to be kept at all."""
        return self.keep or self.carry

    def again(self, **changes: Any) -> str:
        """Give the same wish as a command, with some of it changed."""
        return str(replace(self, **{"confirm": None, "verbose": False, **changes}))

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
        some = self.sequences or self.meant  # nothing that is advised clears more than was meant
        if self.by_make:
            sequences = f"SEQ={quote(' '.join(some))}" if some else ""
            words = [self.by, f"db-{self.verb}", sequences, f"N={number}" if number else ""]
            words += [f"{name.upper()}=1" for name in on]
            said = {"BACKSCOPE_DIR=": folder, **given, "CONFIRM=": self.confirm}
        else:
            words = [f"{name}{quote(text)}" for name, text in given.items()]
            words += [self.by, self.verb, *some, str(number), *(f"--{one}" for one in on)]
            said = {"--backscope-dir ": folder, "--confirm ": self.confirm}
        more = [f"{name}{quote(text)}" for name, text in said.items() if text is not None]
        return " ".join(filter(None, [*words, *more]))


def from_make(verb: str, takes: Sequence[str], environ: Mapping[str, str], dry_run: bool) -> Wish:
    """Give the wish of a make target, whose variables are in the environment.

    RESET_VARIABLES has the names that are on make's command line. Raises Refused for those
    that are unknown (H50) or that the target does not take, and for values that are neither
    on nor off (H49).
    """
    names = environ.get("RESET_VARIABLES", "").split()
    takes, by = (*takes, "folder"), typed(environ)
    found: list[Finding] = []
    for name in names:
        if name not in (*VARIABLES, *OTHERS, *MAKES_OWN):
            near = difflib.get_close_matches(name.upper(), [*VARIABLES, *OTHERS], 1, 0.5)
            what = f"There is no variable {name}" + (f"; did you mean {near[0]}?" if near else ".")
            found.append(Finding(what, f"{by} help   lists them all"))
        elif name in VARIABLES and VARIABLES[name] not in takes:
            what = f"make db-{verb} takes no {name}."
            its = " ".join(one for one in VARIABLES if VARIABLES[one] in takes)
            found.append(Finding(what, f"{by} help   tells what they mean; it takes {its}"))
    if "--eval=Q=" in environ.get("MAKEFLAGS", ""):  # make reads -SEQ=A45 as -S -E Q=A45
        found.append(Finding("-SEQ= is no variable; did you mean SEQ=?", f"{by} help"))
    said: dict[str, Any] = {}
    odd, left_out = [], []
    for name in filter(environ.__contains__, VARIABLES):
        text, attribute = environ[name], VARIABLES[name]
        if name not in names and not (name in ANYWHERE and attribute in takes):
            left_out += [name] if text and attribute in takes else []
        elif attribute in SWITCHES:
            said[attribute] = text.lower() not in OFF
            odd += [f"{name} is {quote(text)}"] if text.lower() not in (*ON, *OFF) else []
        else:
            said[attribute] = text
    meant = sequences_in(environ) if "SEQ" in left_out else ()
    sequences, number = said.pop("sequences", None), said.pop("number", None)
    wish = Wish(verb, given=given_in(environ), left_out=tuple(left_out), meant=meant, by=by,
                dry_run=dry_run, **said)  # fmt: skip
    if odd:
        again = replace(wish, sequences=tuple((sequences or "").split()), number=number or 0)
        mend = f"{by} help   lists them all" if found else f"{again}   if it means on"
        found.append(Finding(f"{' and '.join(odd)}, which is neither on nor off.", mend))
    refuse(found)
    return complete(wish, () if sequences is None else [sequences], number)


def typed(environ: Mapping[str, str]) -> str:
    """Give make with its folder and its file, where a plain `make` would find another one (H56).

    RESET_CALLER has the folder of the shell, if make might run in another one.
    """
    words, file = ["make"], environ.get("RESET_FILE", "")
    _, away, caller = environ.get("RESET_CALLER", "").partition("from:")
    with contextlib.suppress(OSError):  # the current folder was removed
        if away and not (os.path.isdir(caller) and os.path.samefile(caller, ".")):
            words += ["-C", tilde(Path.cwd())]
    return " ".join([*words, *(["-f", quote(file)] if file else [])])


def given_in(environ: Mapping[str, str]) -> dict[str, str]:
    """Give what of the environment goes to Backscope, and the interpreter, if it is no default."""
    given = {name: environ[name] for name in (*BACKSCOPES, "PYTHON") if name in environ}
    if given.get("PYTHON") == "python3":
        del given["PYTHON"]
    return given


def complete(wish: Wish, sequences: Sequence[str], number: str | None) -> Wish:
    """Give a wish with its sequences and number understood; raise Refused if they are none."""
    if number is not None and not re.fullmatch("[1-9][0-9]{0,5}", number, re.A):
        what = f"N is {quote(number)}, which is no number of a kept database."
        raise Refused(Finding(what, f"{wish.make('status')}   lists what is kept"))
    return replace(wish, sequences=sequence_ids(wish, sequences), number=int(number or 0))


def sequences_in(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Give the sequences that SEQ names in the environment, if it is about sequences at all."""
    try:
        return sequence_ids(Wish("clear"), environ.get("SEQ", "").split())
    except Refused:
        return ()


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


def parse(arguments: Sequence[str], verbs: Mapping[str, tuple[str, Sequence[str]]],
          environ: Mapping[str, str]) -> Wish:  # fmt: skip
    """Give the wish of a command line, or exit with status 2 as argparse does.

    `verbs` are the commands, each with its line of help and what it takes.
    """
    parser = argparse.ArgumentParser(
        prog="backscope-reset", description="Reset the database of a Backscope checkout.",
        epilog="Exit status: 0 done; 1 failed part-way; 2 refused, nothing was changed; 130"
        " interrupted.", allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    folder: dict[str, Any] = {"metavar": "DIR", "dest": "folder",
                              "help": "the checkout (default: the current folder)"}  # fmt: skip
    parser.add_argument("--backscope-dir", default=".", **folder)
    commands = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for verb, (text, takes) in verbs.items():
        command = commands.add_parser(verb, help=text, description=text, allow_abbrev=False)
        command.add_argument("--backscope-dir", default=argparse.SUPPRESS, **folder)
        command.add_argument("--dry-run", action="store_true", help="print the commands, run none")
        if "confirm" in takes:
            command.add_argument("--confirm", metavar="NAME",
                                 help="answer the confirmation in advance")  # fmt: skip
        for switch in filter(takes.__contains__, SWITCHES):
            command.add_argument(f"--{switch}", action="store_true", help=SWITCHES[switch])
        if "sequences" in takes:
            command.add_argument("sequences", nargs="*", metavar="A…", help="only these sequences")
        if "number" in takes:
            command.add_argument("number", nargs="?", metavar="N",
                                 help="which kept pair (default: the newest)")  # fmt: skip
    said = vars(parser.parse_args(arguments))
    verb, by_make = said.pop("verb"), said.pop("make")
    if by_make:
        return from_make(verb, verbs[verb][1], environ, said["dry_run"])
    by = quote(environ["RESET_SELF"]) if "RESET_SELF" in environ else "make"
    sequences, number = said.pop("sequences", None), said.pop("number", None)
    meant = sequences_in(environ) if sequences == [] else ()
    wish = Wish(verb, given=given_in(environ), left_out=("SEQ",) if meant else (), meant=meant,
                by=by, **said)  # fmt: skip
    return complete(wish, sequences or (), number)
