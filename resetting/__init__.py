"""What can go wrong, as data: a sentence, and the commands that help."""

from __future__ import annotations

from typing import Iterable


class Problem:
    """A full sentence, perhaps with lines of a list below it, and what helps.

    An advice is a command as it is typed, and what it is for.
    """

    def __init__(self, what: str, *advice: tuple[str, str]) -> None:
        self.what, self.advice = what, advice


class Refused(Exception):
    """Nothing was changed; its arguments are the problems that say why. Exit status 2."""


class Failed(Exception):
    """Something was begun and is not as it should be; its argument is the problem. Status 1."""


class Interrupted(Failed):
    """A signal ended the run; its argument is a problem, too. Exit status 130."""


def refuse(problems: Iterable[Problem]) -> None:
    """Raise Refused if there are any problems, each once."""
    found = {one.what: one for one in problems}
    if found:
        raise Refused(*found.values())
