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
        """Start it; one that waits loads Backscope's app, and opens nothing before open_gate()."""
        self.step = step
        self.snapshot = snapshot
        self.oid = oid
        self.error = ""
        self.printed: list[str] = []
        self.listener: Callable[[str], None] | None = None
        self.gate = -1
        self.commands: list[Any] = []
        try:
            self._start(waits)
        except sh.CommandNotFound as error:
            self.error = f"{error} is not on the PATH."
        except sh.ForkException as error:
            last = str(error).strip().splitlines()[-1]
            self.error = f"{step.program} cannot be started: {last}"

    def _start(self, waits: bool) -> None:
        """Start its command and, in front of it, the one that pipes into it."""
        nothing = open(os.devnull, "rb")
        streams = {
            "_in": nothing,
            "_out": self.receive,
            "_err_to_out": True,
            "_tty_out": False,
            "_out_bufsize": 1,
        }
        if self.step.interactive:
            streams.update(_in=sys.stdin, _out_bufsize=0)  # a question has no end of line
        if self.step.pipe_to:
            piped = {"_in": nothing, "_piped": True, "_tty_out": False, "_err": self.receive}
            self.commands.append(self._command(self.step, piped, waits))
            streams["_in"] = self.commands[0]
            self.commands.append(self._command(self.step.pipe_to, streams, waits))
        else:
            self.commands.append(self._command(self.step, streams, waits))

    def _command(self, step: Step, streams: Mapping[str, Any], waits: bool) -> Any:
        """Start a command in a session of its own; it inherits the locks, and may outlive us."""
        settings = self.snapshot.settings
        environment = settings.child_environment()
        more = {}
        read_end = -1
        if waits:
            read_end, self.gate = os.pipe()  # only the read end is inherited
            os.set_inheritable(read_end, True)
            more["gate"] = read_end
        if step.guarded:
            database = step.database or settings.database
            allowed = target(self.snapshot, database, self.oid, **more)
            environment.update(guarded_environment(allowed), POSTGRES_DB=database)
        try:
            return sh.Command(step.program)(
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
        finally:
            if waits:
                os.close(read_end)

    def receive(self, text: str) -> None:
        """Take what was printed, without the password."""
        masked = self.snapshot.settings.mask(text)
        self.printed.append(masked)
        if self.listener:
            self.listener(masked)

    def open_gate(self, oid: int) -> None:
        """Let a process that waits open the database with this oid."""
        if self.gate >= 0:
            with suppress(BrokenPipeError):  # it could not load the app
                os.write(self.gate, f"{oid}\n".encode())
            self.close_gate()

    def end_waiting(self) -> None:
        """Have a process end that still waits, which has opened nothing."""
        if self.gate >= 0:
            self.close_gate()
            if self.is_alive():
                self.interrupt(signal.SIGTERM)
        self.wait()

    def close_gate(self) -> None:
        """Close our end of the gate; a process that still waits there ends."""
        if self.gate >= 0:
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
        for command in self.commands:
            try:
                command.wait()
            except sh.ErrorReturnCode as error:
                words = self.step.program
                if self.step.guarded:
                    words = " ".join(self.step.argv[:3])
                self.error = self.error or f"{words} failed with exit status {error.exit_code}."
        return self.error
