"""The only door through which commands are run: `sh`, in the pinned environment."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Any, Callable, Mapping

import sh

from .probe import guarded_environment, target
from .snapshot import Snapshot
from .steps import Step


class Process:
    """A step that runs, or waits for its turn, and what it has printed."""

    def __init__(self, step: Step, snapshot: Snapshot, oid: int = 0, waits: bool = False) -> None:
        """Start it; one that waits loads Backscope's app, and opens nothing before release()."""
        self.step = step
        self.snapshot = snapshot
        self.printed: list[str] = []
        self.listener: Callable[[str], None] | None = None
        self.more = {"oid": oid}  # what a process of Backscope's is told
        self.gate = -1
        if waits:
            self.more["gate"], self.gate = os.pipe()  # only the read end is inherited
            os.set_inheritable(self.more["gate"], True)
        nothing = open(os.devnull, "rb")
        streams = {
            "_in": nothing,
            "_out": self.receive,
            "_err_to_out": True,
            "_tty_out": False,
            "_out_bufsize": 1,
        }
        if step.interactive:
            streams.update(_in=sys.stdin, _out_bufsize=0)  # a question has no end of line
        self.commands: list[Any] = []
        self.meanwhile: Any = None
        if step.meanwhile:
            self.meanwhile = self._start(step.meanwhile, streams)
        if step.pipe_to:
            piped = {"_in": nothing, "_piped": True, "_tty_out": False, "_err": self.receive}
            streams["_in"] = self._start(step, piped)
            step = step.pipe_to
        self._start(step, streams)
        if waits:
            os.close(self.more["gate"])

    def _start(self, step: Step, streams: Mapping[str, Any]) -> Any:
        """Start a command in a session of its own; it inherits the lock, and may outlive us."""
        settings = self.snapshot.settings
        environment = settings.child_environment()
        if step.guarded:
            database = step.database or settings.database
            allowed = target(self.snapshot, database, **self.more)
            environment.update(guarded_environment(allowed), POSTGRES_DB=database)
        command = sh.Command(step.program)(
            *step.argv[1:],
            _cwd=str(settings.checkout),
            _env=environment,
            _encoding="utf-8",
            _decode_errors="replace",
            _bg=True,
            _bg_exc=False,
            _no_out=True,
            _close_fds=False,
            _new_session=True,
            **streams,
        )
        self.commands.append(command)
        return command

    def receive(self, text: str) -> None:
        """Take what was printed, without the password."""
        masked = self.snapshot.settings.mask(text)
        self.printed.append(masked)
        if self.listener:
            self.listener(masked)

    def release(self, oid: str) -> None:
        """Let a process that waits open the database with this oid; without one it ends."""
        if self.gate >= 0:
            with suppress(BrokenPipeError):  # it could not load the app
                os.write(self.gate, oid.encode())
            os.close(self.gate)
            self.gate = -1

    def is_alive(self) -> bool:
        """Return whether one of its commands runs."""
        return any(command.is_alive() for command in self.commands)

    def interrupt(self, number: signal.Signals) -> None:
        """Hand a signal on."""
        for command in self.commands:
            with suppress(OSError):
                command.signal(number)

    def wait(self) -> str:
        """Wait for its end, and return in a sentence how it failed; "" if it did not."""
        sentence = ""
        for command in self.commands:
            try:
                command.wait()
            except sh.ErrorReturnCode as error:
                if command is self.meanwhile:
                    continue
                words = self.step.program
                if self.step.guarded:
                    words = " ".join(self.step.argv[:3])
                sentence = f"{words} failed with exit status {error.exit_code}."
        return sentence
