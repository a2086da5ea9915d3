"""A whole run, in its order: look, refuse or ask, look again, run the steps, verify."""

import os
import signal
import time
from dataclasses import replace

from . import backups, checks, comparison, console, environment
from .command import Look
from .commands.undo import FinishSwap
from .hints import find_hints
from .inspector import Inspector
from .probe import read_probe, start_probe, target
from .problems import Failed, Interrupted, Problem, Refused, describe_fault, refuse
from .processes import Process
from .settings import read_settings

POLL_SECONDS = 0.005  # sh itself would look once a second, and be deaf to signals


class Run:
    """A run of a command, and the first signal that came."""

    def __init__(self, options):
        """Listen to the signals that nobody told us to ignore (nohup)."""
        self.options = options
        self.signal = ""
        self.acting = False
        self.committed = False  # whether the swap has begun: from there on all steps are run
        self.created = {}  # the oids of the databases that our steps created
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.receive_signal)

    def receive_signal(self, number, frame):
        """Note the first signal, for what runs; raise Interrupted if nothing was touched."""
        if self.signal:
            return
        self.signal = signal.Signals(number).name
        if not self.acting:
            raise Interrupted(f"Interrupted by {self.signal}. Nothing was changed.")

    def look(self, kind, checkout):
        """Look at the settings, the server and the app, for a kind of command; raise Refused."""
        options = self.options
        settings = read_settings(checkout, options.environ, kind.variable)
        refuse(checks.check_settings(settings, kind.variable))
        os.environ.clear()
        os.environ.update(settings.child_environment())  # libpq reads it here, too
        if kind.uses_app:  # it is loaded meanwhile
            probe = start_probe(settings)
        if not options.dry_run:
            console.show_target(settings, environment.current_commit(checkout))
        self.inspector = Inspector(settings, options, kind)
        locks = not kind.read_only and not options.dry_run
        if locks and not self.inspector.lock():
            message = f"Another reset of {settings.database} is running."
            raise Refused(Problem(message, options.hint("try again when it has ended")))
        snapshot = self.inspector.inspect()
        if kind.uses_app:
            compares = kind.read_only or options.on("CARRY")
            snapshot = read_probe(probe, snapshot, compares)
        self.command = kind(options, snapshot)
        if self.command.swaps and backups.unfinished_moves(snapshot):
            self.command = FinishSwap(options, snapshot)

    def run(self, kind, commands, checkout):
        """Run a command; raise Refused or Failed."""
        self.look(kind, checkout)
        command = self.command
        settings = command.snapshot.settings
        if self.options.dry_run:
            refuse(command.problems())
            console.show_dry_run(command.steps(), settings)
            return
        console.row("", str(command.database))
        for label, text in command.heading():
            if text:
                console.row(label, text)
        if isinstance(command, Look):
            command.show(commands)
            return
        refuse(command.problems())
        if not list(command.steps()):
            console.say("\nThere is nothing to do.")
            return
        sentence = command.confirmation()
        answer = settings.confirmation_text
        given = self.options["CONFIRM"]
        beforehand = self.options.hint("answer beforehand", CONFIRM=answer)
        if given not in ("", answer):
            raise Refused(Problem(f"CONFIRM is {given}, but the name is {answer}.", beforehand))
        if sentence and not given:
            ways = find_hints(sentence, settings, self.options)  # that lose nothing
            console.confirm(sentence, answer, ways, beforehand)
        if sentence or command.uses_app:
            self.look_again()
        console.say(console.folded(self.act()), console.GREEN)

    def look_again(self):
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

    def act(self):
        """Run the steps and return the result; clean up and raise if it is not as it should be."""
        began = time.monotonic()
        console.say()
        self.acting = True
        try:
            self.run_steps(list(self.command.steps()))
            done = self.command.verify(self.inspector.inspect())
        except (Failed, Refused) as error:
            self.give_up(error.args[0])
        except Exception as error:  # whatever it was, what can be put back is put back
            self.give_up(Problem(describe_fault(error)))
        if self.signal:
            raise Interrupted(f"Interrupted by {self.signal}, but {done}.")
        return f"{done}, in {time.monotonic() - began:.1f} s"

    def run_steps(self, steps):
        """Run steps in their order; raise Failed if one fails or a signal comes in between.

        Those that have to load Backscope's app are started at once, and wait for their turn.
        """
        processes = {}
        for number, step in enumerate(steps, 1):
            if step.guarded and not step.interactive:
                processes[number] = Process(step, self.command.snapshot.settings)
        try:
            for number, step in enumerate(steps, 1):
                if step.commits:
                    self.command.check_built(self.inspector.inspect().beside)
                if self.signal and not self.committed:
                    raise Interrupted(f"Interrupted by {self.signal}.")
                self.committed |= step.commits
                self.run_step(f"[{number}/{len(steps)}] ", step, processes.get(number))
        finally:
            for process in processes.values():
                process.release("")
                if process.is_alive():  # it loads the app for nothing
                    process.interrupt(signal.SIGTERM)
                process.wait()

    def run_step(self, head, step, waiting):
        """Run a step, which may have been started before; raise Failed if it fails."""
        snapshot = self.command.snapshot
        database = step.database or snapshot.database.name
        oid = self.created.get(database, snapshot.database.oid)
        line = console.StepLine(head, step, self.options.on("VERBOSE"))
        process = waiting or Process(step, snapshot.settings)
        process.release(target(snapshot, database, oid))
        while process.is_alive():
            time.sleep(POLL_SECONDS)
            line.tick(process.printed, self.inspector.copied_rows)
            if self.signal and step.interruptible:
                number = signal.SIGTERM  # sh has its children ignore SIGHUP
                if self.signal == "SIGINT":
                    number = signal.SIGINT
                process.interrupt(number)
        error = process.wait()
        line.tick(process.printed, self.inspector.copied_rows)  # what came last
        line.end(error)
        if error:
            printed = "".join(process.printed)
            hints = []
            if not self.signal:
                line.explain(printed)
                template = self.command.template
                hints = find_hints(printed, snapshot.settings, self.options, template)
            raise Failed(error, *hints)
        if step.creates:
            self.created[database] = self.inspector.find_oid(database)

    def give_up(self, problem):
        """Clean up what can be cleaned up, and raise what says how things are now."""
        before = self.command.snapshot
        message = problem.message
        purpose = "do it again, once the cause is mended"
        kind = Failed
        if self.signal:
            message = f"Interrupted by {self.signal}."
            purpose = "do it again"
            kind = Interrupted
        if self.command.force and self.command.blocking_sessions():
            message += " Sessions may have been terminated."
        try:
            now = self.inspector.inspect()
            built = self.created.get(now.beside.name, 0)
            cleanup = list(backups.remove_beside(now, built))
            if cleanup:
                console.say("\nRemoving what was built:")
                self.committed = True
                self.run_steps([replace(step, interruptible=False) for step in cleanup])
                now = self.inspector.inspect()
        except (Refused, Failed):
            status = self.options.hint("see the state, once the server answers", "status")
            raise kind(message, status) from None
        hints = [*problem.hints, *find_hints(message, before.settings, self.options)]
        unchanged = comparison.is_unchanged(before, now)
        if unchanged and not self.signal and not cleanup:
            raise Refused(Problem(message, *hints))
        if backups.unfinished_moves(now):
            purpose = "finish it"
        if not unchanged:
            hints.append(self.options.hint(purpose))
        raise kind(f"{message}\n{comparison.describe_state(before, now)}", *hints)
