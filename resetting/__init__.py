"""What can go wrong, as data. Knows nothing of how it is found, shown or mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, NoReturn


@dataclass(frozen=True)
class Finding:
    """A sentence, with lines of a list below it, and the commands that mend it, a line each."""

    what: str
    mend: str


class Refused(Exception):
    """Nothing was changed, and `findings` say why."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__(*findings)
        self.findings = findings


def refuse(findings: Iterable[Finding]) -> None:
    """Raise Refused if there are any findings."""
    found = list(findings)
    if found:
        raise Refused(*found)


class Failed(Exception):
    """Something was begun and is not as it should be: what, the steps done, what helps."""

    def __init__(self, finding: Finding, done: tuple[str, ...] = ()) -> None:
        super().__init__(finding)
        self.finding, self.done = finding, done


def fail(what: str, mend: str) -> NoReturn:
    """Raise Failed with a finding."""
    raise Failed(Finding(what, mend))


class Interrupted(Failed):
    """A signal asked the tool to end."""
