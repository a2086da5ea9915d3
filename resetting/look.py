"""The first look: the settings, the server and the app, for the command that is asked for."""

from __future__ import annotations

import os

from . import checks, console, environment
from .command import Command
from .commands.undo import FinishSwap
from .env_file import read_settings
from .inspector import Inspector
from .migrations import unfinished_moves
from .options import Options
from .probe import read_probe, start_probe
from .problems import Problem, Refused, refuse


def look(kind: type[Command], options: Options) -> tuple[Command, Inspector]:
    """Return the command in view of what was seen, and what it was seen through; raise Refused."""
    checkout = environment.find_checkout(options)
    settings = read_settings(checkout, options.environ, kind.variable)
    refuse(checks.check_settings(options, settings, kind.variable))
    os.environ.clear()
    os.environ.update(settings.child_environment())  # libpq reads it here, too
    if kind.uses_app:  # it is loaded meanwhile
        probe = start_probe(settings)
    if not options.dry_run:
        console.show_target(settings, environment.current_commit(checkout))
    inspector = Inspector(settings, options, kind)
    if not kind.read_only and not options.dry_run and not inspector.lock():
        message = f"Another reset of {settings.database} is running."
        raise Refused(Problem(message, options.hint("try again when it has ended")))
    snapshot = inspector.inspect()
    if kind.uses_app:
        compares = kind.read_only or options.on("CARRY")
        snapshot = read_probe(probe, snapshot, compares)
    command = kind(options, snapshot)
    if command.swaps and unfinished_moves(snapshot):
        command = FinishSwap(options, snapshot)
    return command, inspector
