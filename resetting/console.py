"""Everything that is printed or asked, and the only `print`; decides nothing."""

import os
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Callable, Iterable, Sequence, TextIO

from .problems import Hint, Problem, Refused
from .settings import NON_SECRET_VARIABLES, Settings
from .steps import Step, quote, tilde

WIDTH = 80
LABEL_WIDTH = 13
STEP_WIDTH = 52
SHOWN_LINES = 12  # of the output of a command that failed
BOLD = 1
RED = 31
GREEN = 32


def is_plain(stream: TextIO) -> bool:
    """Return whether a stream is to have no colours and nothing that moves."""
    dumb = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return dumb or not stream.isatty()


def allow_any_character() -> None:
    """Have what the terminal's encoding lacks printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if stream:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def say(text: str = "", colour: int = 0, end: str = "\n", error: bool = False) -> None:
    """Print, in an ANSI colour on a terminal; a reader that has gone does not stop a reset."""
    stream = sys.stdout
    if error:
        stream = sys.stderr
    if colour and text and not is_plain(stream):
        text = f"\x1b[{colour}m{text}\x1b[0m"
    try:
        print(text, end=end, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def folded(text: str, margin: str = "") -> str:
    """Return sentences in lines of a terminal's usual width, all but the first behind a margin.

    A list below them is indented.
    """
    lines: list[str] = []
    width = WIDTH - len(margin) - 2
    for line in text.splitlines():
        indent = margin
        if lines:
            indent += "  "
        for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False):
            lines.append(f"{indent}{part}")
    return "\n".join(lines)[len(margin) :]


def show_hints(hints: Iterable[Hint], error: bool = False) -> None:
    """Print commands that help, each alone on its line below its purpose."""
    for hint in hints:
        say(f"    To {hint.purpose}:", error=error)
        say(f"      {hint.command}", error=error)


def show(problem: Problem, colour: int = 0, error: bool = True) -> None:
    """Print a problem, and what helps."""
    margin = "  "
    if colour:
        margin = ""
    say(margin + folded(problem.message, margin), colour, error=error)
    show_hints(problem.hints, error)


def row(label: str, text: str) -> None:
    """Print a row of the heading."""
    say(label.ljust(LABEL_WIDTH), BOLD, end="")
    say(folded(text, "".ljust(LABEL_WIDTH)))


def show_target(settings: Settings, commit: str) -> None:
    """Print which checkout and which database this is about, before it is inspected."""
    checkout = tilde(settings.checkout)
    if commit:
        checkout += f" ({commit})"
    prefix = Path(sys.prefix)
    environment = tilde(prefix)
    if settings.checkout in prefix.parents:
        environment = str(prefix.relative_to(settings.checkout))
    row("Backscope", f"{checkout}, venv {environment}")
    database = f"{settings.database} on {settings.server_label} as {settings.user}"
    kind = settings.values["APP_ENVIRONMENT"]
    if kind != "development":
        database += f", {kind}"
    row("Database", database)
    for name in settings.overrides:
        in_dotenv = settings.dotenv.get(name, "not set")
        row("", f"{name} is {settings.values[name]} here, {in_dotenv} in .env")


def show_output(lines: Sequence[str]) -> None:
    """Print the last lines of a command; of a traceback, the exception."""
    shown = [line for line in lines if line.strip()][-SHOWN_LINES:]
    _, traceback, exception = "\n".join(lines).rpartition("Traceback (most recent call last):")
    if traceback:
        trace = exception.splitlines()
        shown = [line for line in trace if line.strip() and not line.startswith("  ")][:8]
    for line in shown:
        say(f"      {line[:1000]}")


def confirm(sentence: str, answer: str, ways: Sequence[Hint], beforehand: Hint) -> None:
    """Have `answer` typed; raise Refused if nobody sees the question, or another is typed."""
    say()
    say(folded(sentence), BOLD)
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        message = "The question cannot be asked, as this is not a terminal."
        raise Refused(Problem(message, *ways, beforehand))
    show_hints(ways)
    wanted = "the database name"
    if "@" in answer:
        wanted = answer
    say(f"Type {wanted} to continue: ", end="")
    typed = sys.stdin.buffer.readline().decode(errors="replace").rstrip("\r\n")
    if typed != answer:
        raise Refused(Problem(f"What was typed is not {answer}."))


def show_dry_run(steps: Iterable[Step], settings: Settings) -> None:
    """Print the commands, with their server, as a shell can run them; it stops at a failure.

    Each line ends with &&, so that lines may be joined.
    """
    environ = settings.environ
    lines = []
    stronger = [name for name in ("PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR") if name in environ]
    if stronger:
        lines.append(f"unset {' '.join(stronger)}")
    given = [name for name in NON_SECRET_VARIABLES if name in environ]
    pinned = settings.child_environment()
    pairs = []
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGOPTIONS", *given):
        if name in pinned:
            pairs.append(f"{name}={quote(pinned[name])}")
    lines.append(f"export {' '.join(pairs)}")
    folder = Path(sys.executable).parent
    if shutil.which("flask", path=environ.get("PATH")) != str(folder / "flask"):
        lines.append(f"PATH={quote(str(folder))}:$PATH")
    lines.append(f"cd {quote(str(settings.checkout))}")
    if "PGPASSWORD" not in environ and "%" not in settings.values["POSTGRES_PASSWORD"]:
        lines.append('export PGPASSWORD="${POSTGRES_PASSWORD:-$(dotenv get POSTGRES_PASSWORD)}"')
    lines += [str(step) for step in steps]
    say(" &&\n".join(lines))


class StepLine:
    """The line of a step: what runs, then how long it took."""

    def __init__(self, head: str, step: Step, verbose: bool) -> None:
        """Print it before the step runs; `apart` from its output, if that is to be shown."""
        self.rows = step.rows
        self.seconds = 0
        self.apart = verbose or step.interactive
        self.text = f"{head}{step}"
        if step.title and not verbose:
            self.text = f"{head}{step.title}"
        if self.apart:
            say(self.text)
        else:
            say(self.text.ljust(STEP_WIDTH), end="")

    def tick(self, seconds: int, copied_rows: Callable[[], int]) -> None:
        """Count the seconds, and the rows of a copy, once a second."""
        if seconds <= self.seconds or self.apart or is_plain(sys.stdout):
            return
        self.seconds = seconds
        text = self.text
        if self.rows:
            title = text.rpartition(":")[0]
            text = f"{title}: {copied_rows():,} of {self.rows:,}"
        say(f"\r\x1b[K{text[: WIDTH - 9].ljust(STEP_WIDTH)} {seconds:4} s", end="")

    def end(self, seconds: float, failed: bool) -> None:
        """Print how long the step took, and whether it failed."""
        if self.apart:
            say("".ljust(STEP_WIDTH), end="")
        elif self.seconds:
            say("\r\x1b[K" + self.text.ljust(STEP_WIDTH), end="")
        say(f" {seconds:4.1f} s", end="")
        if failed:
            say("  failed", RED)
        else:
            say()
