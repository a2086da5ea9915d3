"""What was asked for, and how to ask for it again; knows words, not what they do."""

import argparse
import difflib
import re
from dataclasses import dataclass
from typing import Any, Mapping, NamedTuple, Sequence

from .problems import Hint, Problem, Problems, refuse
from .settings import DEFAULTS, NON_SECRET_VARIABLES
from .steps import literal, quote

ON = ("1", "yes", "true", "on")
OFF = ("0", "no", "false", "off", "")


class Option(NamedTuple):
    """An option: the example of a value, "1" for a switch, and its line of the help."""

    example: str
    help: str


OPTIONS = {
    "KEEP": Option("1", "rebuild, clear: keep the old database and its migrations"),
    "CARRY": Option("1", "rebuild: keep them, and copy the rows into the new one"),
    "SEQ": Option('"A45 A40"', "clear, unflag: only these sequences"),
    "N": Option("3", "undo, prune: this backup, not the newest or all"),
    "CONFIRM": Option("NAME", "answer the question beforehand"),
    "FORCE": Option("1", "terminate the sessions that are in the way"),
    "PRODUCTION": Option("1", "continue although this is production"),
    "VERBOSE": Option("1", "show all that the commands print"),
    "BACKSCOPE_DIR": Option("DIR", "use this checkout, not the current folder"),
}
COMMON = ("VERBOSE", "BACKSCOPE_DIR")  # every command takes them
FOR_MAKE = ("PYTHON", "NO_COLOR", "PG_BIN", "MAKEFLAGS", "MFLAGS", "MAKE", "SHELL")
KNOWN = (*OPTIONS, *DEFAULTS, *FOR_MAKE)  # what make's command line may have
REPEATED = (*NON_SECRET_VARIABLES, "PYTHON")  # what of the environment a hint repeats
STUCK = 'values_requested AND "values" IS NULL'  # what a download that never finished leaves


@dataclass(frozen=True)
class Options:
    """A command, and the options that were given: by make, as a flag or in the environment."""

    command: str
    given: Mapping[str, str]
    environ: Mapping[str, str]
    dry_run: bool = False

    def __getitem__(self, name: str) -> str:
        """Return the value of an option; "" if it was not given."""
        return self.given.get(name, "")

    def on(self, name: str) -> bool:
        """Return whether a switch is on."""
        return self[name].lower() in ON

    @property
    def sequences(self) -> Sequence[str]:
        """The ids that SEQ names, as Backscope writes them."""
        ids = [f"A{int(word[1:]):06}" for word in self["SEQ"].split()]
        return list(dict.fromkeys(ids))

    @property
    def condition(self) -> str:
        """Which sequences are meant, as a condition of SQL; "" is none."""
        conditions = []
        if self.command in ("unflag", "status"):
            conditions.append(STUCK)
        if self.sequences:
            ids = ", ".join(literal(one) for one in self.sequences)
            conditions.append(f"id IN ({ids})")
        return " AND ".join(conditions)

    def command_line(self, other: str = "", **changes: str) -> str:
        """Return this command, or another one, as it is typed; a change to "" leaves it out.

        It repeats what both take, and what of the environment says which database is meant.
        """
        repeated = [name for name in self.given if name not in ("CONFIRM", "VERBOSE")]
        if other == "status":
            repeated = ["BACKSCOPE_DIR"]
        elif other:
            repeated = ["BACKSCOPE_DIR", "PRODUCTION"]
        variables = {name: self[name] for name in repeated}
        variables.update({name: self.environ.get(name, "") for name in REPEATED})
        variables.update(changes)
        pairs = [f"{name}={quote(value)}" for name, value in variables.items() if value]
        command = other or self.command
        if "RESET_MAKE" in self.environ:  # make, with what finds its Makefile
            return " ".join([self.environ["RESET_MAKE"], f"db-{command}", *pairs])
        return " ".join([*pairs, self.program, command])

    @property
    def program(self) -> str:
        """How the commands begin that need no target."""
        if "RESET_MAKE" in self.environ:
            return self.environ["RESET_MAKE"]
        return quote(self.environ.get("RESET_SELF", "backscope-reset"))

    def hint(self, purpose: str, other: str = "", **changes: str) -> Hint:
        """Return a hint to run this command, or another one, with these changes."""
        return Hint(self.command_line(other, **changes), purpose)


def parse(
    arguments: Sequence[str], commands: Mapping[str, Any], environ: Mapping[str, str]
) -> Options:
    """Return the options of a command line; what is not said there is in the environment.

    `commands` are the classes, each with what it `takes`; RESET_VARIABLES has the names
    on make's command line. Raises Refused; argparse itself exits with status 2.
    """
    usage = "backscope-reset COMMAND [OPTION ...]; --help lists them"
    parser = argparse.ArgumentParser(usage=usage, add_help=False, allow_abbrev=False)
    parser.add_argument("command", choices=commands)
    parser.add_argument("--dry-run", action="store_true")
    for name, option in OPTIONS.items():
        flag = "--" + name.lower().replace("_", "-")
        if option.example == "1":
            parser.add_argument(flag, dest=name, action="store_const", const="1")
        else:
            parser.add_argument(flag, dest=name)
    parsed = vars(parser.parse_args(arguments))
    command = parsed.pop("command")
    dry_run = parsed.pop("dry_run")
    flags = {name: value for name, value in parsed.items() if value is not None}
    takes = (*commands[command].takes, *COMMON)
    known = {**environ, **flags}
    given = {name: known[name] for name in takes if name in known}
    options = Options(command, given, environ, dry_run)
    typed = [*environ.get("RESET_VARIABLES", "").split(), *flags]
    refuse([*check_names(options, typed, takes), *check_values(options)])
    return options


def check_names(options: Options, typed: Sequence[str], takes: Sequence[str]) -> Problems:
    """Yield a problem for each name that is unknown or that the command does not take."""
    lists = Hint(f"{options.program} help", "list them all")
    for name in typed:
        if name in OPTIONS and name not in takes:
            yield Problem(f"db-{options.command} does not take {name}.", lists)
        elif name not in KNOWN:
            message = f"There is no option {name}."
            for near in difflib.get_close_matches(name.upper(), KNOWN, 1, 0.5):
                message += f" Did you mean {near}?"
            yield Problem(message, lists)


def check_values(options: Options) -> Problems:
    """Yield a problem for each value that means nothing."""
    for name, value in options.given.items():
        words = value.split()
        required = f"{name} is {quote(value)}. It has to be"
        if OPTIONS[name].example == "1" and value.lower() not in (*ON, *OFF):
            yield Problem(f"{required} 1 or 0.", options.hint("switch it on", **{name: "1"}))
        if name == "N" and not re.fullmatch("[0-9]{0,6}", value, re.ASCII):
            hint = options.hint("list the backups", "status")
            yield Problem(f"{required} the number of a backup, such as 3.", hint)
        if name == "SEQ":
            invalid = [one for one in words if not re.fullmatch("[Aa][0-9]{1,6}", one, re.ASCII)]
            if invalid or not words:
                hint = options.hint("see an example, run", SEQ="A000045 A40")
                yield Problem(f"{required} a list of sequences.", hint)


def usage(commands: Mapping[str, Any]) -> str:
    """Return the help: the commands and the options, a line each."""
    lines = ["Reset the database of a Backscope checkout.", ""]
    for name, command in commands.items():
        lines.append(f"  make db-{name:<11} {command.help}")
    lines += ["", "  make -n db-rebuild  print the commands, and run none"]
    for name, option in OPTIONS.items():
        assignment = f"{name}={option.example}"
        lines.append(f"  {assignment:<19} {option.help}")
    lines.append("  POSTGRES_DB=NAME    use this database, as all variables of .env")
    lines.append("  PYTHON=FILE         use this interpreter, not the active environment's")
    lines += ["", "Without make: bin/backscope-reset rebuild --keep, undo --n 3."]
    return "\n".join(lines)
