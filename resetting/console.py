"""Everything that is shown or asked, and the only `print`; decides nothing."""

import contextlib
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, Sequence

from . import Problem, Refused, Step, quote, tilde
from .settings import SHOWN, Settings
from .state import State

LABEL, STEP, WIDTH = 13, 52, 80  # columns of the labels, of a step, of a line
BOLD, RED, GREEN = 1, 31, 32


def plain(error: bool = False) -> bool:
    """Say whether a stream is to have no colours and nothing that moves."""
    stream = sys.stderr if error else sys.stdout
    return not stream.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"


def say(text: str = "", colour: int = 0, end: str = "\n", error: bool = False) -> None:
    """Print, in an ANSI colour on a terminal; a reader that has gone does not stop a reset."""
    stream = sys.stderr if error else sys.stdout
    painted = f"\x1b[{colour}m{text}\x1b[0m" if colour and text and not plain(error) else text
    try:
        print(painted, end=end, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def folded(text: str, margin: str = "") -> str:
    """Give sentences in lines of a terminal's usual width; a list below them is indented."""
    first, *listed = [textwrap.wrap(line, WIDTH - len(margin) - 2) for line in text.splitlines()]
    return f"\n{margin}".join([*first, *(f"  {line}" for lines in listed for line in lines)])


def advise(advice: Iterable[tuple[str, str]], error: bool = False) -> None:
    """Print commands that help, unbroken, each with what it is for behind it, or below."""
    for command, purpose in advice:
        gap = "  " if len(command) + len(purpose) + 10 <= WIDTH else "\n      "
        say(f"      {command}{gap}# {purpose}" if purpose else f"      {command}", error=error)


def show(one: Problem, colour: int = 0, error: bool = True) -> None:
    """Print a problem, and what helps."""
    margin = "" if colour else "  "
    say(margin + folded(one.what, margin), colour, error=error)
    advise(one.advice, error)


def row(label: str, text: str) -> None:
    """Print a row of the heading."""
    say(label.ljust(LABEL), BOLD, end="")
    say(folded(text, " " * LABEL))


def target(settings: Settings) -> None:
    """Print which checkout and which database this is about, before it is looked at."""
    checkout, prefix = settings.checkout, Path(sys.prefix)
    venv = prefix.relative_to(checkout) if checkout in prefix.parents else tilde(prefix)
    with contextlib.suppress(OSError):
        git = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    row("Backscope", f"{tilde(checkout)}{f' ({commit})' if commit else ''}, venv {venv}")
    kind = settings.values["APP_ENVIRONMENT"]
    where = f"{settings.database} on {settings.where} as {settings.user}"
    row("Database", where if kind == "development" else f"{where}, {kind}")
    for name in settings.overrides:
        dotenv = settings.dotenv.get(name, "not set")
        row("", f"{name} is {settings.values[name]} in the environment, {dotenv} in .env")


def output(lines: Sequence[str]) -> None:
    """Print the last lines of a command; of a traceback, the exception."""
    starts = [n for n, line in enumerate(lines) if line.startswith("Traceback (most recent")]
    trace = lines[starts[-1] + 1 :] if starts else []
    shown = [line for line in trace if not line.startswith("  ")][:8] or lines[-12:]
    say("".join(f"      {line[:1000]}\n" for line in shown if line.strip()), end="")


def ask(sentence: str, answer: str, ways: Sequence[tuple[str, str]], confirm: str) -> None:
    """Have `answer` typed; raise Refused if nobody sees the question, or another is typed."""
    say()
    say(folded(sentence), BOLD)
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        what = "The question cannot be asked, as this is not a terminal."
        raise Refused(Problem(what, *ways, (confirm, "answers beforehand")))
    advise(ways)
    say(f"Type {answer if '@' in answer else 'its name'} to go on: ", end="")
    if sys.stdin.buffer.readline().decode(errors="replace").rstrip("\r\n") != answer:
        raise Refused(Problem(f"What was typed is not {answer}."))


def dry_run(steps: Iterable[Step], state: State) -> None:
    """Print the commands, with their server, as a shell can run them; it stops at a failure.

    Each line ends with &&, so that lines may be joined.
    """
    settings, environ, own = state.settings, state.settings.environ, Path(sys.executable).parent
    stronger = [n for n in ("PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR") if n in environ]
    names = ("PGHOST", "PGPORT", "PGUSER", "PGOPTIONS", *(one for one in SHOWN if one in environ))
    pairs = {n: text for n, text in settings.children().items() if n in names}
    lines = [f"unset {' '.join(stronger)}"] if stronger else []
    lines.append("export " + " ".join(f"{name}={quote(text)}" for name, text in pairs.items()))
    if shutil.which("flask", path=environ.get("PATH")) != str(own / "flask"):
        lines.append(f"PATH={quote(str(own))}:$PATH")
    lines.append(f"cd {quote(str(settings.checkout))}")
    if "PGPASSWORD" not in environ and "%" not in settings.values["POSTGRES_PASSWORD"]:
        lines.append('export PGPASSWORD="${POSTGRES_PASSWORD:-$(dotenv get POSTGRES_PASSWORD)}"')
    say(" &&\n".join([*lines, *map(str, steps)]))


class StepLine:
    """The line of a step: what runs, then how long it took."""

    def __init__(self, head: str, step: Step, verbose: bool) -> None:
        """Print it before the step runs; `apart` from its output, if that is to be shown."""
        self.apart, self.rows, self.seconds = verbose or step.asks, step.rows, 0
        self.text = head + (str(step) if verbose or not step.title else step.title)
        say(self.text.ljust(0 if self.apart else STEP), end="\n" if self.apart else "")

    def tick(self, seconds: int, progress: Callable[[], Mapping[str, Any]]) -> None:
        """Count the seconds, or the rows of a copy, once a second; say for whom it waits."""
        if seconds > self.seconds and not self.apart and not plain():
            self.seconds, seen, text = seconds, progress(), self.text
            if seen.get("pid"):
                text += f" waits for {seen['role']}, pid {seen['pid']}"
            elif self.rows and seen.get("rows") is not None:
                text = f"{text.rpartition(':')[0]}: {seen['rows']:,} of {self.rows:,}"
            say(f"\r\x1b[K{text[: WIDTH - 9].ljust(STEP)} {seconds:4} s", end="")

    def end(self, seconds: float, mark: str) -> None:
        """Print how long the step took, and what was wrong with it."""
        again = "\r\x1b[K" + self.text.ljust(STEP) if self.seconds else " " * STEP * self.apart
        say(f"{again} {seconds:4.1f} s{'  ' * bool(mark)}", end="")
        say(mark, RED)
