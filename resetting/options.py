"""What was asked for, and how to ask for it again; knows words, not what they do."""

import argparse
import difflib
import re
from dataclasses import dataclass
from typing import NamedTuple

from .problems import Hint, Problem, refuse
from .settings import DEFAULTS, NON_SECRET_VARIABLES
from .steps import quote

ON = ("1", "yes", "true", "on")
SWITCH = "(?i)1|yes|true|on|0|no|false|off|"
SEQUENCES = r"(\s*[Aa][0-9]{1,6}(?!\S))+\s*"
TEXT = "(?s).*"


class Option(NamedTuple):
    """An option: the pattern of its values, an example, and its line of the help."""

    pattern: str
    example: str
    help: str


OPTIONS = {
    "KEEP": Option(SWITCH, "1", "rebuild, clear: keep the old database and its migrations"),
    "CARRY": Option(SWITCH, "1", "rebuild: keep them, and copy the rows into the new one"),
    "SEQ": Option(SEQUENCES, "A45 A40", "clear, unflag: only these sequences"),
    "N": Option("[1-9][0-9]{0,5}", "3", "undo, prune: this backup, not the newest or all"),
    "CONFIRM": Option(TEXT, "NAME", "answer the question beforehand"),
    "FORCE": Option(SWITCH, "1", "terminate the sessions that are in the way"),
    "PRODUCTION": Option(SWITCH, "1", "continue although this is production"),
    "VERBOSE": Option(SWITCH, "1", "show all that the commands print"),
    "BACKSCOPE_DIR": Option(TEXT, "DIR", "use this checkout, not the current folder"),
}
COMMON = ("VERBOSE", "BACKSCOPE_DIR")  # every command takes them
FOR_MAKE = ("PYTHON", "NO_COLOR", "PG_BIN", "MAKEFLAGS", "MFLAGS", "MAKE", "SHELL")
KNOWN = (*OPTIONS, *DEFAULTS, *FOR_MAKE)  # what make's command line may have
REPEATED = (*NON_SECRET_VARIABLES, "PYTHON")  # what of the environment a hint repeats


@dataclass(frozen=True)
class Options:
    """A command, and the options that were given: by make, as a flag or in the environment."""

    command: str
    given: dict
    environ: dict
    dry_run: bool = False

    def __getitem__(self, name):
        """Return the value of an option; "" if it was not given."""
        return self.given.get(name, "")

    def on(self, name):
        """Return whether a switch is on."""
        return self[name].lower() in ON

    @property
    def sequences(self):
        """The ids that SEQ names, as Backscope writes them."""
        return [f"A{int(word[1:]):06}" for word in self["SEQ"].split()]

    def command_line(self, other="", **changes):
        """Return this command, or another one, as it is typed; a change to "" switches it off.

        It repeats what both take, and what of the environment says which database is meant.
        """
        repeated = [name for name in self.given if name not in ("CONFIRM", "VERBOSE")]
        if other:
            repeated = ["BACKSCOPE_DIR", "PRODUCTION"]
        known = {**self.environ, **self.given, **changes}
        names = dict.fromkeys([*repeated, *REPEATED, *changes])
        meant = [name for name in names if name in changes or known.get(name)]
        pairs = [f"{name}={quote(known[name])}" for name in meant]
        command = other or self.command
        if "RESET_MAKE" in self.environ:  # make, with what finds its Makefile
            return " ".join([self.environ["RESET_MAKE"], f"db-{command}", *pairs])
        return " ".join([*pairs, self.program, command])

    @property
    def program(self):
        """How the commands begin that need no target."""
        if "RESET_MAKE" in self.environ:
            return self.environ["RESET_MAKE"]
        return quote(self.environ.get("RESET_SELF", "backscope-reset"))

    def hint(self, purpose, other="", **changes):
        """Return a hint to run this command, or another one, with these changes."""
        return Hint(self.command_line(other, **changes), purpose)


def parse(arguments, commands, environ):
    """Return the options of a command line; what is not said there is in the environment.

    `commands` are the classes, each with what it `takes`; RESET_VARIABLES has the names
    on make's command line. Raises Refused; argparse itself exits with status 2.
    """
    usage = "backscope-reset COMMAND [OPTION ...]; --help lists them"
    parser = argparse.ArgumentParser(
        usage=usage, add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS
    )
    parser.add_argument("command", choices=commands)
    parser.add_argument("--dry-run", action="store_true")
    for name, option in OPTIONS.items():
        flag = "--" + name.lower().replace("_", "-")
        if option.pattern == SWITCH:
            parser.add_argument(flag, dest=name, action="store_const", const="1")
        else:
            parser.add_argument(flag, dest=name)
    flags = vars(parser.parse_args(arguments))
    command = flags.pop("command")
    dry_run = flags.pop("dry_run", False)
    takes = (*commands[command].takes, *COMMON)
    known = {**environ, **flags}
    given = {name: known[name] for name in takes if name in known}
    options = Options(command, given, environ, dry_run)
    typed = [*environ.get("RESET_VARIABLES", "").split(), *flags]
    refuse(check_given(options, typed, takes))
    return options


def check_given(options, typed, takes):
    """Yield which names are unknown, or nothing that the command takes, and which values."""
    lists = Hint(f"{options.program} help", "list all commands and options")
    for name in typed:
        if name in OPTIONS and name not in takes:
            yield Problem(f"db-{options.command} does not take {name}.", lists)
        elif name not in KNOWN:
            message = f"There is no option {name}."
            for near in difflib.get_close_matches(name.upper(), KNOWN, 1, 0.5):
                message += f" Did you mean {near}?"
            yield Problem(message, lists)
    for name, value in options.given.items():
        option = OPTIONS[name]
        if not re.fullmatch(option.pattern, value):
            message = f"{name} cannot be {quote(value)}. An example is {quote(option.example)}."
            yield Problem(message, lists)


def usage(commands):
    """Return the help: the commands and the options, a line each."""
    lines = ["Reset the database of a Backscope checkout.", ""]
    for name, command in commands.items():
        lines.append(f"  make db-{name:<11} {command.help}")
    lines += ["", "  make -n db-rebuild  print the commands, and run none"]
    for name, option in OPTIONS.items():
        assignment = f"{name}={quote(option.example)}"
        lines.append(f"  {assignment:<19} {option.help}")
    lines += [
        "  POSTGRES_DB=NAME    use this database, as all variables of .env",
        "  PYTHON=FILE         use this interpreter, not the active environment's",
        "",
        "Without make: bin/backscope-reset rebuild --keep, undo --n 3.",
    ]
    return "\n".join(lines)
