"""What is said of a run that did not succeed: how things are now, and what helps; pure."""

from dataclasses import replace

from .command import Command
from .migrations import unfinished_moves
from .problems import Problem
from .snapshot import Snapshot


def is_unchanged(before: Snapshot, now: Snapshot) -> bool:
    """Return whether the databases, folders and rows are as they were."""
    return now.layout == before.layout and now.database.tables == before.database.tables


def unchanged(problem: Problem, cleaned: bool) -> Problem:
    """Return a problem after which nothing is changed, or not any more."""
    sentence = "Nothing was changed."
    if cleaned:
        sentence = "Everything is as it was before."
    return Problem(f"{problem.message} {sentence}", *problem.hints)


def add_terminated(problem: Problem, command: Command, now: Snapshot) -> Problem:
    """Return a problem with a sentence about sessions that are gone, if they were to be."""
    blocking = {session.pid for session in command.blocking_sessions()}
    later = replace(command, snapshot=now)
    gone = blocking - {session.pid for session in later.blocking_sessions()}
    if not gone or not command.options.on("FORCE"):
        return problem
    pids = ", ".join(str(pid) for pid in sorted(gone))
    sentence = f"These sessions were terminated: {pids}."
    return Problem(f"{problem.message} {sentence}", *problem.hints)


def describe(problem: Problem, command: Command, now: Snapshot, purpose: str) -> Problem:
    """Return what has become of the databases, and what helps.

    `purpose` is for what the same command is run again; "" if it does not help.
    """
    database = now.database
    state = f"There is no database {database.name} now."
    if database.oid:
        state = f"{database.name} is there: {database}, revision {database.revision}."
    hints = list(problem.hints)
    if unfinished_moves(now):
        hints.append(command.options.hint("finish it"))
    elif purpose:
        hints.append(command.options.hint(purpose))
    for number in set(now.backups) - set(command.snapshot.backups):
        state += f" The old one is kept as {now.backups[number].name}."
        hints.append(command.options.hint("swap it back in", "undo", N=str(number)))
    if "\n" in problem.message:  # its list comes last
        return Problem(f"{state} {problem.message}", *hints)
    return Problem(f"{problem.message} {state}", *hints)
