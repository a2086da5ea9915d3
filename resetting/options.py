"""What was asked for, and how to ask it again; knows words, not what they do."""

import argparse
import difflib
import re
from dataclasses import dataclass, replace
from typing import Any, Iterator, Mapping, Sequence

from . import Problem, literal, quote, refuse
from .settings import DEFAULTS, SHOWN

ON, OFF = ("1", "yes", "true", "on"), ("0", "no", "false", "off", "")
# Each option with what stands for its value, "1" for a switch, in the order of the help.
OPTIONS = {
    "KEEP": ("1", "keep the old database and its migrations"),
    "CARRY": ("1", "keep them, and copy the rows into the new database"),
    "SEQ": ('"A45 A40"', "clear, unflag: only these sequences"),
    "N": ("3", "undo: swap in this one, not the newest"),
    "CONFIRM": ("NAME", "answer the question beforehand"),
    "FORCE": ("1", "end the sessions that are in the way"),
    "PRODUCTION": ("1", "go on although this is production"),
    "VERBOSE": ("1", "show all that the commands print"),
    "BACKSCOPE_DIR": ("DIR", "use this checkout, not the current folder"),
}
EVERYWHERE = ("VERBOSE", "BACKSCOPE_DIR")
OF_MAKE = ("PYTHON", "NO_COLOR", "PG_BIN", "MAKEFLAGS", "MFLAGS", "MAKE", "SHELL")
KNOWN = (*OPTIONS, *DEFAULTS, *OF_MAKE)  # what make's command line may have
STUCK = 'values_requested AND "values" IS NULL'  # what a download that never finished leaves
AGAIN = (*SHOWN, "PYTHON")  # what of the environment an advice repeats


@dataclass(frozen=True)
class Options:
    """A command, and the options that were given: by make, as a flag or in the environment."""

    command: str
    given: Mapping[str, str]
    environ: Mapping[str, str]
    dry_run: bool = False

    def __getitem__(self, name: str) -> str:
        """Give the value of an option; "" if it was not given."""
        return self.given.get(name, "")

    def on(self, name: str) -> bool:
        """Say whether a switch is on."""
        return self[name].lower() in ON

    @property
    def condition(self) -> str:
        """Which sequences are meant, as a condition of SQL; "" is none."""
        ids = ", ".join(map(literal, self["SEQ"].split()))
        stuck = self.command in ("unflag", "status")
        return " AND ".join([STUCK] * stuck + [f"id IN ({ids})"] * bool(ids))

    def again(self, other: str = "", **changes: str) -> str:
        """Give this command, or another one, as it is typed; changed to "" something is left out.

        What both take is repeated, and what of the environment says which database is meant.
        """
        command, once = other or self.command, ("CONFIRM", "VERBOSE")
        both = ["BACKSCOPE_DIR"] + ["PRODUCTION"] * (other != "status") if other else self.given
        said = {name: self[name] for name in both if name not in once}
        said |= {**{name: self.environ.get(name, "") for name in AGAIN}, **changes}
        words = " ".join(f"{n}={quote(text)}" for n, text in said.items() if text)
        if "RESET_MAKE" in self.environ:  # make, with what finds its Makefile
            return f"{self.environ['RESET_MAKE']} db-{command} {words}".strip()
        name = self.environ.get("RESET_SELF", "backscope-reset")
        return f"{words} {quote(name)} {command}".strip()


def parse(
    arguments: Sequence[str], commands: Mapping[str, Any], environ: Mapping[str, str]
) -> Options:
    """Give the options of a command line; what is not said there is in the environment.

    `commands` are the procedures, each with what it `takes`; RESET_VARIABLES has the names
    on make's command line. Raises Refused; argparse itself exits with status 2.
    """
    usage = "backscope-reset COMMAND [OPTION ...]; --help lists them"
    parser = argparse.ArgumentParser(usage=usage, add_help=False, allow_abbrev=False)
    parser.add_argument("command", choices=commands)
    parser.add_argument("words", nargs="*")  # clear A45 A40; undo 3
    parser.add_argument("--dry-run", action="store_true")
    for name, (value, _) in OPTIONS.items():
        how: dict[str, Any] = {"action": "store_const", "const": "1"} if value == "1" else {}
        parser.add_argument(f"--{name.lower().replace('_', '-')}", dest=name, **how)
    said = vars(parser.parse_intermixed_args(arguments))
    command, words, dry_run = (said.pop(one) for one in ("command", "words", "dry_run"))
    takes = (*commands[command].takes, *EVERYWHERE)
    if words:
        said["N" if "N" in takes else "SEQ"] = " ".join(words)
    flags = {name: text for name, text in said.items() if text is not None}
    both = {**environ, **flags}
    options = Options(command, {n: both[n] for n in takes if n in both}, environ, dry_run)
    names = [*environ.get("RESET_VARIABLES", "").split(), *flags]
    refuse(_problems(options, takes, names))
    ids = dict.fromkeys(f"A{int(word[1:]):06}" for word in options["SEQ"].split())
    return replace(options, given={**options.given, "SEQ": " ".join(ids)})


def _problems(options: Options, takes: Sequence[str], names: Sequence[str]) -> Iterator[Problem]:
    """Yield the names that are unknown or that the command does not take, and odd values."""
    environ = options.environ
    program = environ.get("RESET_MAKE", quote(environ.get("RESET_SELF", "backscope-reset")))
    for name in names:
        near = difflib.get_close_matches(name.upper(), KNOWN, 1, 0.5)
        what = f"There is no option {name}.{f' Did you mean {near[0]}?' if near else ''}"
        if name in OPTIONS:
            what = f"db-{options.command} does not take {name}."
        if name not in KNOWN or (name in OPTIONS and name not in takes):
            yield Problem(what, (f"{program} help", "lists them all"))
    for name, text in options.given.items():
        words, what = text.split(), f"{name} is {quote(text)}. It has to be"
        bad = [one for one in words if not re.fullmatch("[Aa][0-9]{1,6}", one, re.ASCII)]
        if OPTIONS[name][0] == "1" and text.lower() not in (*ON, *OFF):
            yield Problem(f"{what} 1 or 0.", (options.again(**{name: "1"}), "switches it on"))
        if name == "N" and not re.fullmatch("[0-9]{0,6}", text, re.ASCII):
            status = (options.again("status"), "lists what is kept")
            yield Problem(f"{what} the number of a kept database, such as 3.", status)
        if name == "SEQ" and (bad or not words):
            example = (options.again(SEQ="A000045 A40"), "is an example")
            yield Problem(f"{what} a list of sequences.", example)


def usage(commands: Mapping[str, Any]) -> str:
    """Give the help: the commands and the options, a line each."""
    lines = ["Reset the database of a Backscope checkout.", ""]
    lines += [f"  make db-{name:<11} {one.help}" for name, one in commands.items()]
    lines += ["", "  make -n db-rebuild  print the commands, and run none"]
    for name, (value, text) in OPTIONS.items():
        lines.append(f"  {f'{name}={value}':<19} {text}")
    lines.append("  POSTGRES_DB=NAME    use this database, as all variables of .env")
    lines += ["  PYTHON=FILE         use this interpreter, not the active environment's", ""]
    lines.append("Without make: bin/backscope-reset rebuild --keep, clear A45 A40, undo 3.")
    return "\n".join(lines)
