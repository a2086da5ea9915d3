"""Running steps: the one door through which commands go out, by way of `sh`.

Knows signals and output; knows no procedure and decides nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, Any, Callable, Iterator, Mapping, Sequence

import sh

from . import screen
from .commands import Step
from .settings import Settings
from .signals import Signals

TICK = 0.005  # seconds between two looks at whether a command has ended
Belt = Callable[[], Mapping[str, str]]  # what a flask step wears, known when it starts


@dataclass(frozen=True)
class Outcome:
    """How far some steps came."""

    done: tuple[Step, ...]
    failed: str = ""  # how the next one ended, in a sentence
    step: Step | None = None  # that one
    cut: bool = False  # whether a signal ended it


def run(steps: Sequence[Step], settings: Settings, belt: Belt, signals: Signals,
        verbose: bool = False) -> Outcome:  # fmt: skip
    """Run the steps in the checkout, one after the other, until one fails or a signal comes."""
    output: deque[str] = deque(maxlen=200)

    def take(text: str) -> None:
        output.append(settings.mask(text)[:2000].rstrip("\n"))
        if verbose:
            screen.say(f"      {output[-1]}")

    for number, step in enumerate(steps):
        apart = verbose or step.asks
        output.clear()
        screen.step(number + 1, len(steps), step, apart)
        began = time.monotonic()
        failed, cut = execute(step, settings, belt, signals, take)
        ended = signals.caught and not signals.deaf
        mark = "interrupted" if ended else "failed" if failed else ""
        screen.took(time.monotonic() - began, mark, apart)
        if failed and not verbose and not ended:
            screen.output(list(output))
        if failed or ended:
            done = steps[:number] if failed else steps[: number + 1]
            return Outcome(tuple(done), failed, step if failed else None, cut)
    return Outcome(tuple(steps))


def execute(step: Step, settings: Settings, belt: Belt, signals: Signals,
            take: Any) -> tuple[str, bool]:  # fmt: skip
    """Run a step, with what it is piped into; the result is how it failed, and if by a signal."""
    parts = [step, step.into] if step.into else [step]
    unable, failed, cut = "", "", False
    with contextlib.ExitStack() as stack:
        signals.asking = step.asks
        try:
            for part, streams in zip(parts, pipes(step, stack)):
                signals.running.append(start(part, settings, belt, streams, take))
            if signals.caught and not signals.deaf:  # before there was a command
                signals.hand_on()
        except (sh.CommandNotFound, sh.ForkException, OSError) as error:
            unable = f"{part.program} could not be run: {type(error).__name__}."
    for part, command in zip(parts, signals.running):  # our ends of a pipe are closed
        while command.is_alive():  # sh itself would look once a second, and be deaf to signals
            time.sleep(TICK)
        try:
            command.wait()
        except sh.ErrorReturnCode as error:
            how = f"with exit status {error.exit_code}"
            if error.exit_code < 0:
                how, cut = f"by signal {-error.exit_code}", True
            words = part.words()[:3] if part.program == "flask" else [part.program]
            failed = f"{' '.join(words)} ended {how}."
    signals.running.clear()
    return unable or failed, cut and not unable


def pipes(step: Step, stack: contextlib.ExitStack) -> Iterator[dict[str, IO[Any]]]:
    """Yield the input and output of a step and of what it is piped into."""
    nothing = stack.enter_context(open(os.devnull, "rb"))
    if step.asks:
        yield {"_in": sys.stdin, "_out": sys.stdout, "_err": sys.stderr}
    elif not step.into:
        yield {"_in": nothing}
    else:
        read, write = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb")))
        stack.enter_context(read)
        stack.enter_context(write)
        yield {"_in": nothing, "_out": write}
        yield {"_in": read}


def start(step: Step, settings: Settings, belt: Belt, streams: Mapping[str, IO[Any]],
          take: Any) -> Any:  # fmt: skip
    """Start a command; `flask` is the one beside this interpreter (H1), and wears the belt."""
    program, environment = step.program, dict(os.environ)
    if program == "flask":
        program = os.path.join(os.path.dirname(sys.executable), "flask")
        environment.update(belt())
    quiet: dict[str, Any] = {}
    if not step.asks:
        quiet = {"_err": take} if "_out" in streams else {
            "_out": take, "_err_to_out": True, "_out_bufsize": 1, "_tty_out": False}  # fmt: skip
    command: Any = sh.Command(program)
    return command(
        *step.argv[1:], **quiet, **streams, _cwd=str(settings.checkout), _encoding="utf-8",
        _decode_errors="replace", _bg=True, _bg_exc=False, _no_out=True, _close_fds=False,
        _new_session=not step.asks, _env=environment,
    )  # fmt: skip
