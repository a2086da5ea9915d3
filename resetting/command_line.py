"""What was typed: the command line, make's variables, and what the environment adds.

Knows words, not what they do.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Mapping, Sequence

from . import Finding, Refused, refuse
from .commands import quote, tilde
from .wishes import BACKSCOPES, SWITCHES, VARIABLES, Wish, complete, sequence_ids

ON, OFF = ("1", "yes", "true", "on"), ("0", "no", "false", "off", "")
ANYWHERE = ("VERBOSE", "BACKSCOPE_DIR")  # all others count on make's command line only (H49)
OTHERS = (*BACKSCOPES, "POSTGRES_PASSWORD", "PYTHON", "NO_COLOR", "PG_BIN")
MAKES_OWN = ("MAKEFLAGS", "MFLAGS", "MAKE", "SHELL", "CURDIR", "MAKEFILES")


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
    flags = environ.get("MAKEFLAGS", "")
    if "--eval=Q=" in flags:  # make reads -SEQ=A45 as -S -E Q=A45
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
    meant = {} if said.keys() & {"sequences", "keep", "carry"} else meant_in(environ, left_out)
    sequences, number = said.pop("sequences", None), said.pop("number", None)
    wish = Wish(verb, given=given_in(environ), left_out=tuple(left_out), meant=meant, by=by,
                dry_run=dry_run, **said)  # fmt: skip
    if "keep" in takes and "k" in flags.partition(" ")[0] and not said.keys() & {"keep", "carry"}:
        what = "--keep is make's own -k, --keep-going, and keeps nothing: say KEEP=1, or KEEP=0."
        found.append(Finding(what, f"{wish.again(keep=True)}   if it means that"))
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


def meant_in(environ: Mapping[str, str], left_out: Sequence[str]) -> dict[str, Any]:
    """Give what variables that do not count would have kept, if they are about that at all."""
    switches = [name for name in ("KEEP", "CARRY") if name in left_out]
    meant: dict[str, Any] = {
        VARIABLES[name]: True for name in switches if environ.get(name, "").lower() in ON
    }
    with contextlib.suppress(Refused):  # it is of another purpose
        sequences = sequence_ids(Wish("clear"), environ.get("SEQ", "").split())
        meant.update({"sequences": sequences} if sequences and "SEQ" in left_out else {})
    return meant


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
    silent = [] if sequences or said.get("keep") or said.get("carry") else verbs[verb][1]
    meant = meant_in(environ, [name for name in VARIABLES if VARIABLES[name] in silent])
    left_out = tuple(name for name in VARIABLES if VARIABLES[name] in meant)
    wish = Wish(verb, given=given_in(environ), left_out=left_out, meant=meant, by=by, **said)
    return complete(wish, sequences or (), number)
