"""The parts of a run: look, look again, run the steps through `sh`, and give up."""

import contextlib
import os
import signal
import sys
import time
from dataclasses import replace
from typing import Any, NoReturn, Sequence

import sh

from . import Failed, Problem, Refused, Step, console, refuse
from .backscope import ask, find_checkout, guarded, hints, probe
from .options import Options
from .procedure import Procedure, settings_problems
from .server import Server
from .settings import SQL, read_settings


class Run:
    """A run of a procedure, the first signal that came, and what the last step has printed."""

    def __init__(self, options: Options) -> None:
        """Listen to the signals that nobody told us to ignore (nohup)."""
        self.options, self.signal, self.acting, self.printed = options, "", False, list[str]()
        self.running: Sequence[Any] = ()  # commands that may be interrupted
        self.made = 0  # the oid of the database that our createdb made
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._receive)

    def _receive(self, number: int = 0, *frame: object) -> None:
        """Hand the signal that came on to what runs; raise Failed if nothing was touched."""
        if number and self.signal:
            return
        self.signal = self.signal or (signal.Signals(number).name if number else "")
        if self.signal and not self.acting:
            raise Failed(Problem(f"Interrupted by {self.signal}. Nothing was changed."), 130)
        for one in self.running if self.signal else ():
            with contextlib.suppress(OSError):
                one.signal(signal.SIGINT if self.signal == "SIGINT" else signal.SIGTERM)

    def look(self, kind: type[Procedure]) -> Procedure:
        """Look, and give the procedure in the face of what was seen; raise Refused."""
        options = self.options
        settings = read_settings(find_checkout(options), options.environ, kind.variable)
        refuse(settings_problems(options, settings, kind.variable))
        os.environ.clear()
        os.environ.update(settings.children())  # libpq reads it here, too
        loading = probe(settings) if kind.probes else None
        if not options.dry_run:
            console.target(settings)
        exact = options.on("CARRY") or options.command == "unflag"
        self.server = Server(settings, options.condition, exact)
        if kind.takes and not options.dry_run and not self.server.lock():
            what = f"Another reset is running, of {settings.database} or in this checkout."
            raise Refused(Problem(what, (options.again(), "goes on when that has ended")))
        state = self.server.look()
        if loading:
            state = replace(state, app=ask(loading, state, options.command))
        self.procedure = kind(options, state)
        return self.procedure

    def look_again(self) -> None:
        """Look once more before the first touch; raise Refused if anything is not the same."""
        before = self.procedure.state
        now = replace(self.server.look(), app=before.app)
        refuse(replace(self.procedure, state=now).all_problems())
        if now != before:
            again = (self.options.again(), "shows it again")
            raise Refused(Problem(f"{now.database.name} has changed since it was shown.", again))

    def act(self) -> str:
        """Run the steps and say the result; put back and raise if it is not as it should be."""
        began = time.monotonic()
        console.say()
        self._receive()
        self.acting = True
        try:
            failed = self._run([*self.procedure.steps()])
            if failed or self.signal:
                said = "".join(self.printed)
                raise Failed(Problem(failed, *hints(said, self.procedure.state.settings)))
            done = self.procedure.check(self.server.look())
            return f"{done}, in {time.monotonic() - began:.1f} s"
        except (Failed, Refused) as error:
            self._give_up(error.args[0])

    def _run(self, steps: Sequence[Step], back: bool = False) -> str:
        """Run steps until one fails or a signal comes; say in a sentence how one failed."""
        for number, step in enumerate(steps):
            head = f"[{number + 1}/{len(steps)}] "
            line = console.StepLine(head, step, self.options.on("VERBOSE"))
            began, self.printed = time.monotonic(), []
            long = step.argv[0] == "flask" or step.into is not None  # the others take a moment
            failed = self._execute(step, line, interruptible=long and not back)
            ended = bool(self.signal) and not back
            line.end(time.monotonic() - began, "interrupted" * ended or "failed" * bool(failed))
            if step.argv[0] == "createdb" and not failed:
                self.made = self.server.fetch(SQL["oid"], step.argv[-1])[0]["oid"]
            if failed or ended:
                whole = [f"{step}\n"] * bool(step.title)  # the screen had the title only
                if not ended and not line.apart:
                    console.output("".join([*whole, *self.printed]).splitlines())
                if not step.into:  # a COPY has columns, which no hint is about
                    self.printed = [*whole, *self.printed]
                return failed
        return ""

    def _execute(self, step: Step, line: console.StepLine, interruptible: bool) -> str:
        """Run a step, with what it is piped into; give how it failed, in a sentence."""

        def take(text: str) -> None:
            self.printed.append(self.procedure.state.settings.mask(text))
            if line.apart:
                console.say(self.printed[-1], end="")

        with open(os.devnull, "rb") as nothing:
            streams = {"_in": sys.stdin if step.asks else nothing, "_out": take}
            # A question has no end of line.
            streams.update(_err_to_out=True, _tty_out=False, _out_bufsize=0 if step.asks else 1)
            piped = {"_in": nothing, "_piped": True, "_tty_out": False, "_err": take}
            try:
                commands = [self._start(step, piped if step.into else streams)]
                if step.into:
                    commands.append(self._start(step.into, {**streams, "_in": commands[0]}))
            except sh.CommandNotFound as error:
                take(f"{error}: not found\n")
                return f"{error} is not on the PATH."
        self.running = commands if interruptible else ()
        self._receive()
        began, failed = time.monotonic(), ""
        while any(command.is_alive() for command in commands):
            time.sleep(0.005)  # sh itself would look once a second, and be deaf to signals
            line.tick(int(time.monotonic() - began), self.server.progress)
        self.running = ()
        for command in commands:
            try:
                command.wait()
            except sh.ErrorReturnCode as error:
                words = " ".join(step.argv[: 3 if step.argv[0] == "flask" else 1])
                failed = failed or f"{words} failed with exit status {error.exit_code}."
        return failed

    def _start(self, step: Step, streams: dict[str, Any]) -> Any:
        """Start a command in a session of its own; it inherits the locks, and may outlive us."""
        state, program = self.procedure.state, step.argv[0]
        environment = state.settings.children()
        if program == "flask":
            program = os.path.join(os.path.dirname(sys.executable), program)
            environment.update(guarded(state, self.made or state.database.oid))
        return sh.Command(program)(
            *step.argv[1:], _cwd=str(state.settings.checkout), _env=environment,
            _encoding="utf-8", _decode_errors="replace", _bg=True, _bg_exc=False, _no_out=True,
            _close_fds=False, _new_session=True, **streams,
        )  # fmt: skip

    def _give_up(self, why: Problem) -> NoReturn:
        """Put back what can be put back, and raise what says how things are now."""
        before, again = self.procedure.state, self.options.again
        what, status = (f"Interrupted by {self.signal}.", 130) if self.signal else (why.what, 1)
        try:
            now = self.server.look()
            back = [*self.procedure.put_back(now, self.made)]
            if back:
                console.say("\nPutting everything back:")
                self._run(back, back=True)
                now = self.server.look()
        except Refused:
            look = (again("status"), "shows the state, once the server answers")
            raise Failed(Problem(what, look), status) from None
        if now == before and not back and not self.signal:
            verbose = (again(VERBOSE="1"), "shows all that is printed")
            raise Refused(Problem(what, *(why.advice or [verbose])))
        if now == before:
            what += " Everything is as it was before." if back else " Nothing was changed."
            raise Failed(Problem(what, *why.advice), status)
        new, cause = now.database, "" if self.signal else ", once the cause above is mended"
        there = f"{new.name} is there: {new}, revision {new.revision}."
        what += f" {there}" if new.oid else f" There is no database {new.name} now."
        advice = [*why.advice, (again(), f"does it again{cause}")]
        for number in {*now.kept} - {*before.kept}:
            what += f" The old one is kept as {now.kept[number].name}."
            advice.append((again("undo", N=str(number)), "brings it back"))
        raise Failed(Problem(what, *advice), status)
