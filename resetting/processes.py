"""The only door through which commands are run: `sh`, in the pinned environment."""

import os
import sys
from contextlib import suppress

import sh

from .probe import guarded_environment


class Process:
    """A step that runs, or waits for its turn, and what it has printed."""

    def __init__(self, step, settings):
        """Start it; one of Backscope's loads the app, and opens nothing before release()."""
        self.step = step
        self.settings = settings
        self.printed = []
        self.commands = []
        self.interruptible = []  # those that have got no signal yet
        self.waits_at, self.gate = os.pipe()  # only the read end is inherited
        os.set_inheritable(self.waits_at, True)
        nothing = open(os.devnull, "rb")
        streams = {"_in": nothing, "_out": self.receive, "_err_to_out": True, "_out_bufsize": 1}
        if step.interactive:
            streams.update(_in=sys.stdin, _out_bufsize=0)  # a question has no end of line
        if step.pipe_to:
            source = self._start(step, _in=nothing, _piped=True, _err=self.receive)
            if not step.may_fail:
                streams["_in"] = source
            step = step.pipe_to
        self._start(step, **streams)
        os.close(self.waits_at)

    def _start(self, step, **streams):
        """Start a command in a session of its own; it inherits the lock, and may outlive us."""
        environment = guarded_environment(self.settings, self.waits_at)
        environment["POSTGRES_DB"] = step.database or self.settings.database
        command = sh.Command(step.program)(
            *step.argv[1:],
            _cwd=str(self.settings.checkout),
            _env=environment,
            _encoding="utf-8",
            _decode_errors="replace",
            _bg=True,
            _bg_exc=False,
            _no_out=True,
            _tty_out=False,
            _close_fds=False,
            _new_session=True,
            **streams,
        )
        self.commands.append(command)
        self.interruptible.append(command)
        return command

    def receive(self, text):
        """Take what was printed, without the password."""
        self.printed.append(self.settings.mask(text))

    def release(self, target):
        """Let a process that waits open its target; without one it ends."""
        if self.gate:
            with suppress(BrokenPipeError):  # it does not read it, or could not load the app
                os.write(self.gate, target.encode())
            os.close(self.gate)
            self.gate = None

    def is_alive(self):
        """Return whether one of its commands runs."""
        return any(command.is_alive() for command in self.commands)

    def interrupt(self, number):
        """Hand a signal on, once."""
        while self.interruptible:
            with suppress(OSError):
                self.interruptible.pop().signal(number)

    def wait(self):
        """Wait for its end, and return in a sentence how it failed; "" if it did not."""
        commands = self.commands
        if self.step.may_fail:
            commands = commands[-1:]
        for command in commands:
            try:
                command.wait()
            except sh.ErrorReturnCode as error:
                return f"{self.step.title or self.step} failed with exit status {error.exit_code}."
        return ""
