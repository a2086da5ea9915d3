"""Signals: one while the tool looks ends it, one while it acts goes to what is running."""

from __future__ import annotations

import contextlib
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

from . import Finding, Interrupted

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
CAME: list[Interrupted] = []  # while it looks; code in C may swallow what a handler raises


def end_what_looks() -> None:
    """Have a signal raise Interrupted, unless we were told to ignore it (nohup)."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        what = f"Interrupted by {signal.Signals(number).name}. Nothing was changed."
        CAME.append(Interrupted(Finding(what, "")))
        deafen()
        raise CAME[0]

    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)


def deafen() -> None:
    """Let no signal come between what has happened and what is said of it (H43)."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)


class Signals:
    """Signals while commands run: the first is handed on (H22), after it all are deaf (H43)."""

    def __init__(self) -> None:
        self.caught = 0
        self.deaf = False
        self.running: list[Any] = []
        self.asking = False  # the running command has the terminal, and a typed Ctrl-C too

    def __enter__(self) -> Signals:
        """Listen to the signals that nobody told us to ignore; raise Interrupted if one came."""
        if CAME:
            raise CAME[0]
        for number in ENDINGS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        """Be deaf from now on: what has happened is being said."""
        self.deaf = True

    @property
    def name(self) -> str:
        """The name of the signal that came, or nothing."""
        return signal.Signals(self.caught).name if self.caught else ""

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if not self.deaf and not self.caught:
            self.caught = number
            self.hand_on()

    def hand_on(self) -> None:
        """Give the signal that came to what is running."""
        typed = self.caught == signal.SIGINT and self.asking and sys.stdin.isatty()
        for command in [] if typed else self.running:
            with contextlib.suppress(OSError):
                command.signal(self.caught if self.caught == signal.SIGINT else signal.SIGTERM)
