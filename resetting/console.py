"""Everything that is printed or asked, and the only `print`; decides nothing."""

import os
import shutil
import sys
import textwrap
import time
from pathlib import Path

from .problems import Problem, Refused
from .settings import NON_SECRET_VARIABLES
from .steps import quote, tilde

WIDTH = 78
LABEL_WIDTH = 13
STEP_WIDTH = 52
SHOWN_LINES = 12  # of the output of a command that failed
BOLD = 1
RED = 31
GREEN = 32


def is_plain(stream):
    """Return whether a stream is to have no colours and nothing that moves."""
    dumb = os.environ.get("TERM") == "dumb"
    return dumb or "NO_COLOR" in os.environ or not stream.isatty()


def allow_any_character():
    """Have what the terminal's encoding lacks printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if stream:
            stream.reconfigure(errors="backslashreplace")


def say(text="", colour=0, end="\n", error=False):
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


def folded(text, margin=""):
    """Return sentences in lines of a usual width behind a margin; a list below is indented."""
    parts = []
    indent = margin
    for line in text.splitlines():
        wrapper = textwrap.TextWrapper(
            WIDTH, indent, indent, break_long_words=False, break_on_hyphens=False
        )
        parts.append(wrapper.fill(line))
        indent = margin + "  "
    return "\n".join(parts)


def show_hints(hints, error=False):
    """Print commands that help, each alone on its line below its purpose."""
    for hint in hints:
        say(f"    To {hint.purpose}:\n      {hint.command}", error=error)


def show(problem, error=True):
    """Print a problem, and what helps."""
    say(folded(problem.message, "  "), error=error)
    show_hints(problem.hints, error)


def row(label, text):
    """Print a row of the heading."""
    say(label.ljust(LABEL_WIDTH), BOLD, end="")
    say(folded(text, "".ljust(LABEL_WIDTH)).lstrip())


def show_target(settings, commit):
    """Print which checkout and which database this is about, before it is inspected."""
    checkout = tilde(settings.checkout)
    environment = tilde(Path(sys.prefix)).removeprefix(f"{checkout}/")
    if commit:
        checkout += f" ({commit})"
    row("Backscope", f"{checkout}, venv {environment}")
    database = f"{settings.database} on {settings.server_label} as {settings.user}"
    kind = settings.values["APP_ENVIRONMENT"]
    if kind != "development":
        database += f", {kind}"
    row("Database", database)
    for name in settings.overrides:
        in_dotenv = settings.dotenv.get(name, "not set")
        row("", f"{name} is {settings.values[name]} here, {in_dotenv} in .env")


def confirm(sentence, answer, ways, beforehand):
    """Have `answer` typed; raise Refused if nobody sees the question, or another is typed."""
    say(f"\n{folded(sentence)}", BOLD)
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        message = "The question cannot be asked, as this is not a terminal."
        raise Refused(Problem(message, *ways, beforehand))
    show_hints(ways)
    wanted = answer
    if "@" not in answer:
        wanted = "the database name"
    say(f"Type {wanted} to continue: ", end="")
    typed = sys.stdin.buffer.readline().decode(errors="replace").rstrip("\r\n")
    if typed != answer:
        raise Refused(Problem(f"What was typed is not {answer}."))


def show_dry_run(steps, settings):
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
    names = ["PGHOST", "PGPORT", "PGUSER", "PGOPTIONS", *given]
    pairs = [f"{name}={quote(pinned[name])}" for name in names if name in pinned]
    lines.append(f"export {' '.join(pairs)}")
    folder = Path(sys.executable).parent
    if shutil.which("flask", path=environ.get("PATH")) != str(folder / "flask"):
        lines.append(f"PATH={quote(str(folder))}:$PATH")
    lines.append(f"cd {quote(str(settings.checkout))}")
    if settings.password and "%" not in settings.values["POSTGRES_PASSWORD"]:
        lines.append('export PGPASSWORD="${POSTGRES_PASSWORD:-$(dotenv get POSTGRES_PASSWORD)}"')
    lines += [str(step) for step in steps]
    say(" &&\n".join(lines))


class StepLine:
    """The line of a step: what runs, then how long it took."""

    def __init__(self, head, step, verbose):
        """Print it before the step runs; `apart` from its output, if that is to be shown."""
        self.step = step
        self.began = time.monotonic()
        self.seconds = 0
        self.shown = 0
        self.apart = verbose or step.interactive
        self.text = f"{head}{step}"
        if step.title and not verbose:
            self.text = f"{head}{step.title}"
        if self.apart:
            say(self.text)
        else:
            say(self.text.ljust(STEP_WIDTH), end="")

    def tick(self, printed, copied_rows):
        """Show what was printed; else count the seconds, and the rows of a copy, once a second."""
        seconds = int(time.monotonic() - self.began)
        if self.apart:
            new = printed[self.shown :]
            self.shown += len(new)
            say("".join(new), end="")
        elif seconds > self.seconds and not is_plain(sys.stdout):
            self.seconds = seconds
            text = self.text
            if self.step.rows:
                title = text.rpartition(":")[0]
                text = f"{title}: {copied_rows():,} of {self.step.rows:,}"
            say(f"\r\x1b[K{text[: WIDTH - 7].ljust(STEP_WIDTH)} {seconds:4} s", end="")

    def end(self, failed):
        """Print how long the step took, and whether it failed."""
        text = ""
        if self.apart:
            text = "".ljust(STEP_WIDTH)
        elif self.seconds:
            text = "\r\x1b[K" + self.text.ljust(STEP_WIDTH)
        say(f"{text} {time.monotonic() - self.began:4.1f} s", end="")
        if failed:
            say("  failed", RED)
        else:
            say()

    def explain(self, printed):
        """Print the whole command, and its last lines or, of a traceback, the exception."""
        lines = [str(self.step), *printed.splitlines()]
        _, traceback, exception = printed.rpartition("Traceback (most recent call last):")
        if traceback:
            lines = [line for line in exception.splitlines() if not line.startswith("  ")][:9]
        for line in lines[-SHOWN_LINES:]:
            if line.strip() and not self.apart:
                say(f"      {line[:1000]}")
