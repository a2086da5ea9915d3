"""What can go wrong, as data. Only `console` turns it into text."""

import os
import traceback
from typing import NamedTuple


class Hint(NamedTuple):
    """A command as it is typed, and its purpose: the words behind "To"."""

    command: str
    purpose: str


class Problem:
    """A full sentence, perhaps with lines of a list below it, and the commands that help."""

    def __init__(self, message, *hints):
        self.message = message
        self.hints = hints


class Refused(Exception):
    """Nothing was changed, for the problems in its `args`."""

    heading = "\nNothing was changed."
    status = 2


class Failed(Exception):
    """A run that has changed something did not succeed, for the problem in its `args`."""

    heading = ""
    status = 1

    def __init__(self, message, *hints):
        super().__init__(Problem(message, *hints))


class Interrupted(Failed):
    """A run ends because a signal came."""

    status = 130


def refuse(problems):
    """Raise Refused if there are any problems; each message is said once."""
    by_message = {problem.message: problem for problem in problems}
    if by_message:
        raise Refused(*by_message.values())


def describe_fault(error):
    """Return where the tool itself failed; what the error says may be secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(frame.filename)}, line {frame.lineno}"
    return f"The tool itself failed: {type(error).__name__} in {where}."
