"""A whole run, in its order: look, refuse or ask, look again, run the steps, verify."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from typing import Mapping, NoReturn, Sequence

from . import comparison, console
from .command import Command, Look
from .hints import find_hints
from .inspector import Inspector
from .look import look
from .migrations import unfinished_moves
from .options import Options
from .problems import Failed, Hint, Problem, Refused, describe_fault, refuse
from .processes import Process
from .snapshot import Snapshot
from .steps import Step

POLL_SECONDS = 0.005  # sh itself would look once a second, and be deaf to signals


class Run:
    """A run of a command, and the first signal that came."""

    command: Command
    after: Snapshot  # what was seen when all steps had run
    inspector: Inspector

    def __init__(self, options: Options) -> None:
        """Listen to the signals that nobody told us to ignore (nohup)."""
        self.options = options
        self.signal = ""
        self.acting = False
        self.committed = False  # whether the swap has begun: from there on all steps are run
        self.step_failed = False
        self.running: Process | None = None
        self.created: dict[str, int] = {}  # the oids of the databases that our steps created
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.receive_signal)

    def receive_signal(self, number: int, frame: object) -> None:
        """Note the first signal and hand it on; raise Failed if nothing was touched."""
        if self.signal:
            return
        self.signal = signal.Signals(number).name
        if not self.acting:
            raise Failed(Problem(f"Interrupted by {self.signal}. Nothing was changed."), 130)
        self.hand_on_signal()

    def hand_on_signal(self) -> None:
        """Have what runs end if a signal has come and it may be interrupted."""
        if self.signal and self.running and self.running.step.interruptible:
            number = signal.SIGTERM
            if self.signal == "SIGINT":
                number = signal.SIGINT
            self.running.interrupt(number)

    def run(self, kind: type[Command], commands: Mapping[str, type[Command]]) -> None:
        """Run a command; raise Refused or Failed."""
        self.command, self.inspector = look(kind, self.options)
        snapshot = self.command.snapshot
        if self.options.dry_run:
            refuse(self.command.problems())
            console.show_dry_run(self.command.steps(), snapshot.settings)
            return
        console.row("", str(snapshot.database))
        for label, text in self.command.heading():
            console.row(label, text)
        if isinstance(self.command, Look):
            self.command.show(commands)
            return
        refuse(self.command.problems())
        if not list(self.command.steps()):
            console.say("\nThere is nothing to do.")
            return
        sentence = self.command.confirmation()
        if sentence and not self.options["CONFIRM"]:
            self.confirm(sentence)
        if sentence or self.command.uses_app:
            self.look_again()
        done = self.act()
        console.say(console.folded(done), console.GREEN)
        console.show_hints(self.command.hints_afterwards(self.after))

    def confirm(self, sentence: str) -> None:
        """Have the user confirm what would be lost."""
        answer = self.command.snapshot.settings.confirmation_text
        beforehand = self.options.hint("answer beforehand", CONFIRM=answer)
        console.confirm(sentence, answer, self.command.alternatives(), beforehand)

    def look_again(self) -> None:
        """Look once more before the first touch; raise Refused if what matters has changed.

        What matters are the databases, the folders and, where rows would be lost, these rows.
        """
        before = self.command.snapshot
        now = replace(self.inspector.inspect(), app=before.app)
        asked = self.command.confirmation()
        self.command = replace(self.command, snapshot=now)
        refuse(self.command.problems())
        loses_rows = asked or self.command.confirmation()
        if now.layout != before.layout or (loses_rows and now != before):
            lines = [f"{now.database.name} has changed since it was shown."]
            lines += comparison.describe_changes(before.database, now.database)
            raise Refused(Problem("\n".join(lines), self.options.hint("see it again")))

    def act(self) -> str:
        """Run the steps and return the result; clean up and raise if it is not as it should be."""
        began = time.monotonic()
        console.say()
        self.acting = True
        try:
            self.run_steps(list(self.command.steps()))
            self.after = self.inspector.inspect()
            done = self.command.verify(self.after)
        except Failed as error:
            self.give_up(error.problem)
        except Refused as error:
            self.give_up(error.problems[0])
        except Exception as error:  # whatever it was, what can be put back is put back
            self.give_up(Problem(describe_fault(error)))
        if self.signal:
            raise Failed(Problem(f"Interrupted by {self.signal}, but {done}."), 130)
        return f"{done}, in {time.monotonic() - began:.1f} s"

    def run_steps(self, steps: Sequence[Step]) -> None:
        """Run steps in their order; raise Failed if one fails or a signal comes in between.

        Those that have to load Backscope's app are started at once, and wait for their turn.
        """
        processes = {}
        for number, step in enumerate(steps, 1):
            if number > 1 and step.guarded and not step.interactive:
                processes[number] = Process(step, self.command.snapshot, waits=True)
        try:
            for number, step in enumerate(steps, 1):
                if step.commits:
                    self.command.verify_built(self.inspector.inspect())
                if self.signal and not self.committed:
                    raise Failed(Problem(f"Interrupted by {self.signal}."), 130)
                self.committed = self.committed or step.commits
                self.run_step(f"[{number}/{len(steps)}] ", step, processes.get(number))
        finally:
            for process in processes.values():
                process.release("")
                process.wait()

    def run_step(self, head: str, step: Step, waiting: Process | None) -> None:
        """Run a step, which may have been started before; raise Failed if it fails."""
        snapshot = self.command.snapshot
        database = step.database or snapshot.database.name
        oid = self.created.get(database, snapshot.database.oid)
        line = console.StepLine(head, step, self.options.on("VERBOSE"))
        began = time.monotonic()
        process = waiting or Process(step, snapshot, oid)
        if line.apart:
            for text in process.printed:
                console.say(text, end="")
            process.listener = lambda text: console.say(text, end="")
        process.release(f"{oid}\n")
        self.running = process
        self.hand_on_signal()
        while process.is_alive():
            time.sleep(POLL_SECONDS)
            line.tick(int(time.monotonic() - began), self.inspector.copied_rows)
        self.running = None
        error = process.wait()
        if error and self.signal and step.interruptible:
            error = f"Interrupted by {self.signal}."
        line.end(time.monotonic() - began, bool(error))
        if error:
            self.fail(step, error, process.printed, line.apart)
        if step.creates:
            self.created[database] = self.inspector.find_oid(database)

    def fail(self, step: Step, error: str, printed: Sequence[str], shown: bool) -> NoReturn:
        """Show what a step that failed has printed; raise Failed with what helps against it."""
        self.step_failed = True
        said = "".join(printed)  # without the columns of a COPY, which no hint is about
        text = said
        if step.title:  # the screen had the title only
            text = f"{step}\n{said}"
        if not shown and not self.signal:
            console.show_output(text.splitlines())
        settings = self.command.snapshot.settings
        hints = find_hints(said, settings, self.options, self.command.extended_database)
        raise Failed(Problem(error, *hints))

    def give_up(self, problem: Problem) -> NoReturn:
        """Clean up what can be cleaned up, and raise what says how things are now."""
        before = self.command.snapshot
        message = problem.message
        hints = list(problem.hints)
        if self.signal:
            message = f"Interrupted by {self.signal}."
        if self.command.force and self.command.blocking_sessions():
            message += " Sessions may have been terminated."
        try:
            now = self.inspector.inspect()
            cleanup = list(self.command.cleanup(now, self.created))
            if cleanup:
                console.say("\nRemoving what was built:")
                self.committed = True
                self.run_steps([replace(step, interruptible=False) for step in cleanup])
                now = self.inspector.inspect()
        except (Refused, Failed):
            hint = self.options.hint("see the state, once the server answers", "status")
            raise Failed(Problem(message, hint), self.status) from None
        if not comparison.is_unchanged(before, now):
            lines = [message, *comparison.describe_state(before, now)]
            hints += self.hints_to_recover(now)
        elif self.signal or cleanup:
            lines = [message, "Everything is as it was before."]
        else:
            verbose = self.options.hint("see all that is printed", VERBOSE="1")
            raise Refused(Problem(message, *(hints or [verbose])))
        raise Failed(Problem("\n".join(lines), *hints), self.status)

    def hints_to_recover(self, now: Snapshot) -> Sequence[Hint]:
        """Return what helps where a run has changed something and did not succeed."""
        if unfinished_moves(now):
            return [self.options.hint("finish it")]
        hints = []
        if self.signal:
            hints.append(self.options.hint("do it again"))
        elif self.step_failed:
            hints.append(self.options.hint("do it again, once the cause above is mended"))
        for number in comparison.new_backups(self.command.snapshot, now):
            hints.append(self.options.hint("swap it back in", "undo", N=str(number)))
        return hints

    @property
    def status(self) -> int:
        """The exit status of a run that did not succeed."""
        if self.signal:
            return 130
        return 1
