"""What the user asks for: the command line and make's variables, and how to ask it again.

Knows words, not what they do.
"""

from __future__ import annotations

import argparse
import difflib
import re
from dataclasses import dataclass, field, replace
from typing import Mapping, Sequence

from . import Finding, Refused
from .commands import quote
from .settings import TARGET

SWITCHES = ("force", "keep", "carry", "production", "verbose", "dry_run")
ON, OFF = ("1", "yes", "true", "on"), ("0", "no", "false", "off", "")
# Make's variables by what they are here; those with a True count on its command line only (H49).
VARIABLES = {
    "SEQ": ("sequences", True), "N": ("number", True), "CONFIRM": ("confirm", True),
    "FORCE": ("force", True), "KEEP": ("keep", True), "CARRY": ("carry", True),
    "PRODUCTION": ("production", True), "VERBOSE": ("verbose", False),
    "BACKSCOPE_DIR": ("folder", False),
}  # fmt: skip
BACKSCOPES = (*TARGET, "POSTGRES_DISPOSABLE_DB", "APP_ENVIRONMENT")
OTHERS = (*BACKSCOPES, "POSTGRES_PASSWORD", "PYTHON", "NO_COLOR", "PG_BIN")
MAKES_OWN = ("MAKEFLAGS", "MFLAGS", "MAKE", "SHELL", "CURDIR", "MAKEFILES")


@dataclass(frozen=True)
class Wish:
    """A command with all that was said about it."""

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

    def again(self, **changes: bool) -> str:
        """Give the same wish as a make command, with some switches changed."""
        return self.make(self.verb, **changes)

    def make(self, verb: str, **changes: bool) -> str:
        """Give another command about the same database as a make command."""
        same = verb == self.verb
        wish = replace(self, **changes)  # type: ignore[arg-type]
        words = [f"make db-{verb}"]
        if same and wish.sequences:
            words.append(f"SEQ={quote(' '.join(wish.sequences))}")
        if same and wish.number:
            words.append(f"N={wish.number}")
        on = [name for name in ("keep", "carry", "force") if (same or name in changes)]
        words += [f"{name.upper()}=1" for name in [*on, "production"] if getattr(wish, name)]
        if wish.folder != ".":
            words.append(f"BACKSCOPE_DIR={quote(wish.folder)}")
        return " ".join([*words, *(f"{name}={quote(text)}" for name, text in wish.given.items())])


def from_make(verb: str, takes: Sequence[str], environ: Mapping[str, str], dry_run: bool) -> Wish:
    """Give the wish of a make target, whose variables are in the environment.

    RESET_VARIABLES has the names that are on make's command line. Raises Refused for those
    that are unknown (H50) or that the target does not take, and for values that are neither
    on nor off (H49).
    """
    names = environ.get("RESET_VARIABLES", "").split()
    found: list[Finding] = []
    for name in names:
        if name not in (*VARIABLES, *OTHERS, *MAKES_OWN):
            near = difflib.get_close_matches(name.upper(), [*VARIABLES, *OTHERS], 1, 0.5)
            mean = f"; did you mean {near[0]}?" if near else "."
            found.append(
                Finding(f"There is no variable {name}{mean}", "make help   lists them all")
            )
        elif name in VARIABLES and VARIABLES[name][0] not in (*takes, "folder"):
            what = f"make db-{verb} takes no {name}."
            found.append(Finding(what, "make help   tells what each target takes"))
    values: dict[str, object] = {}
    left_out = []
    for name, (attribute, on_line) in VARIABLES.items():
        if name not in environ or (
            name not in names and (on_line or attribute not in (*takes, "folder"))
        ):
            left_out += [name] if name in environ and environ[name] and attribute in takes else []
            continue
        text = environ[name]
        if attribute in SWITCHES and text.lower() not in (*ON, *OFF):
            what = f"{name} is {quote(text)}, which is neither on nor off."
            found.append(Finding(what, f"make db-{verb} {name}=1   or without it"))
        values[attribute] = text.lower() in ON if attribute in SWITCHES else text
    if found:
        raise Refused(*found)
    return complete(verb, {**values, "dry_run": dry_run, "left_out": tuple(left_out)}, environ)


def complete(verb: str, values: Mapping[str, object], environ: Mapping[str, str]) -> Wish:
    """Give a wish with its sequences and number understood; raise Refused if they are none."""
    values = dict(values)
    words = values.pop("sequences", None)
    number = str(values.pop("number", None) or "")
    given = {name: environ[name] for name in BACKSCOPES if name in environ}
    wish = Wish(verb, given=given, **values)  # type: ignore[arg-type]
    if number and not re.fullmatch("[1-9][0-9]{0,5}", number, re.A):
        what = f"N is {quote(number)}, which is no number of a kept database."
        raise Refused(Finding(what, f"{wish.make('status')}   lists what is kept"))
    if words is not None:
        listed = [words] if isinstance(words, str) else list(words)  # type: ignore[call-overload]
        wish = replace(wish, sequences=sequence_ids(verb, listed))
    return replace(wish, number=int(number or 0))


def sequence_ids(verb: str, parts: Sequence[str]) -> tuple[str, ...]:
    """Give OEIS IDs as Backscope writes them: a45 is A000045. Raises Refused, naming the others.

    Backscope makes the first letter upper case (get_valid_oeis_id) and fills a number up to
    six digits (oeis_a_id).
    """
    ids = [word for part in parts for word in part.split()]
    bad = [word for word in ids if not re.fullmatch("[Aa][0-9]{1,6}", word)]
    example = f'make db-{verb} SEQ="A000045 A000040"'
    if parts and not ids:
        raise Refused(Finding("SEQ is empty: it names no sequence.", example))
    if bad:
        are = "are no OEIS sequence numbers" if len(bad) > 1 else "is no OEIS sequence number"
        raise Refused(Finding(f"{', '.join(map(quote, bad))} {are}.", example))
    return tuple(dict.fromkeys(f"A{int(word[1:]):06}" for word in ids))


def parse(
    arguments: Sequence[str],
    verbs: Mapping[str, tuple[str, Sequence[str]]],
    environ: Mapping[str, str],
) -> Wish:
    """Give the wish of a command line, or exit with status 2 as argparse does.

    `verbs` are the commands, each with its line of help and what it takes.
    """
    parser = argparse.ArgumentParser(
        prog="backscope-reset", description="Reset the database of a Backscope checkout.",
        epilog="Exit status: 0 done; 1 failed part-way; 2 refused, nothing was changed; 130"
        " interrupted.", allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    flags = {
        "confirm": {"metavar": "NAME", "help": "answer the confirmation in advance"},
        "force": {"action": "store_true", "help": "end the sessions that are in the way"},
        "keep": {"action": "store_true", "help": "set the old database aside"},
        "carry": {"action": "store_true", "help": "as --keep, and its rows come along"},
        "production": {"action": "store_true", "help": "go on although this is production"},
        "verbose": {"action": "store_true", "help": "show what the commands print"},
    }  # fmt: skip
    for verb, (text, takes) in verbs.items():
        command = commands.add_parser(verb, help=text, description=text, allow_abbrev=False)
        command.add_argument("--backscope-dir", metavar="DIR", default=".", dest="folder",
                             help="the checkout (default: the current folder)")  # fmt: skip
        command.add_argument("--dry-run", action="store_true", help="print the commands, run none")
        for flag, options in flags.items():
            if flag in takes:
                command.add_argument(f"--{flag}", **options)  # type: ignore[arg-type]
        if "sequences" in takes:
            command.add_argument("sequences", nargs="*", metavar="A…", help="only these sequences")
        if "number" in takes:
            command.add_argument("number", nargs="?", metavar="N", help="which kept pair")
    values = vars(parser.parse_args(arguments))
    verb = values.pop("verb")
    if values.pop("make"):
        return from_make(verb, verbs[verb][1], environ, values["dry_run"])
    if "sequences" in values and not values["sequences"]:
        del values["sequences"]
    return complete(verb, values, environ)
