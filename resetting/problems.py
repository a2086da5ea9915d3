"""What can go wrong, as data. Only `console` turns it into text."""

import os
import traceback
from typing import Iterable, Iterator, NamedTuple


class Hint(NamedTuple):
    """A command as it is typed, and its purpose: the words behind "To"."""

    command: str
    purpose: str


class Problem:
    """A full sentence, perhaps with lines of a list below it, and the commands that help."""

    def __init__(self, message: str, *hints: Hint) -> None:
        self.message = message
        self.hints = hints


Problems = Iterator[Problem]


class Refused(Exception):
    """Nothing was changed, for the problems in its arguments. Exit status 2."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems


class Failed(Exception):
    """A run that has changed something did not succeed. Exit status 1, or 130 after a signal."""

    def __init__(self, problem: Problem, status: int = 1) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.status = status


def refuse(problems: Iterable[Problem]) -> None:
    """Raise Refused if there are any problems; each message is said once."""
    by_message = {problem.message: problem for problem in problems}
    if by_message:
        raise Refused(*by_message.values())


def describe_fault(error: Exception) -> str:
    """Return where the tool itself failed; what the error says may be secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(frame.filename)}, line {frame.lineno}"
    return f"The tool itself failed: {type(error).__name__} in {where}."
