"""Everything that is shown or asked, and the only `print`. Knows no server and decides nothing."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from pathlib import Path
from typing import IO, Iterable, Sequence

from . import Failed, Finding, Refused
from .commands import Step, halves, quote, tilde
from .facts import Session
from .settings import EXACT, STRONGER, Settings
from .wishes import BACKSCOPES, Wish

LABEL = 13  # columns of the labels
BOLD, RED, GREEN = 1, 31, 32


def prepare() -> None:
    """Have all three standard streams, whatever was closed (H54), and no character that fails."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")


def say(text: str = "", end: str = "\n", error: bool = False) -> None:
    """Print. A reader that has gone does not stop a reset."""
    stream = sys.stderr if error else sys.stdout
    try:
        print(text, end=end, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def paint(text: str, code: int, stream: IO[str] | None = None) -> str:
    """Give `text` in an ANSI colour on a terminal, plain elsewhere and with NO_COLOR."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    on_terminal = (stream or sys.stdout).isatty() and not plain
    return f"\x1b[{code}m{text}\x1b[0m" if on_terminal else text


def columns(stream: IO[str] | None = None) -> int:
    """Give the width of a terminal; what is none has no end."""
    on_terminal = (stream or sys.stdout).isatty()
    return shutil.get_terminal_size().columns if on_terminal else sys.maxsize


def folded(text: str, indent: int = 0, stream: IO[str] | None = None, mark: str = "") -> str:
    """Give sentences behind an indent, folded at the width of a terminal, never elsewhere.

    Each line begins with the `mark`, that of a comment perhaps.
    """
    lines = []
    whole = r" (?=(about )?[\d?])|(?<=revision) (?=\w)"  # a table, its rows
    text = re.sub(whole, "\N{NO-BREAK SPACE}", text)
    for line in text.splitlines():
        margin = " " * (indent + len(line) - len(line.lstrip())) + mark
        room = max(columns(stream), len(margin) + 20)
        lines.append(textwrap.fill(
            line.strip(), room, initial_indent=margin, subsequent_indent=margin,
            break_long_words=False, break_on_hyphens=False,
        ))  # fmt: skip
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def command(one: Step, indent: int) -> list[str]:
    """Give a command in lines that can be pasted, broken between words on a narrow terminal."""
    room = max(columns() - 11, 40)  # the time stands behind it
    lines = [one.program]
    for word in one.words(room - 6)[1:]:
        first, *more = word.split("\n")
        if len(lines[-1]) + len(first) + indent + 1 > room:
            lines[-1] += " \\"
            lines.append(f"  {first}")
        else:
            lines[-1] += f" {first}"
        lines += more
    return lines


def advice(mend: str, indent: int, stream: IO[str] | None = None) -> list[str]:
    """Give the commands that help, each unbroken; what it is for stands behind a #.

    It has a line of its own where it does not fit, and for zsh, where a # that is typed is
    none; it comes first, since what follows a command is read by it, if it asks for a password.
    """
    lines, apart = [], os.environ.get("SHELL", "").endswith("zsh")
    for words, purpose in map(halves, mend.splitlines()):
        line = f"{words} # {purpose}" if words and purpose else words
        if words and (not purpose or (not apart and indent + len(line) <= columns(stream))):
            lines.append(" " * indent + line)
            continue
        lines += folded(purpose, indent, stream, "# ").splitlines()
        lines += [" " * indent + words] if words else []
    return lines


def mends(finding: Finding, stream: IO[str] | None = None) -> str:
    """Give a finding: the sentence, then the commands that help."""
    lines = [folded(finding.what, 2, stream)] if finding.what else []
    return "\n".join([*lines, *advice(finding.mend, 6, stream)])


def row(label: str, text: str, dry_run: bool = False, mend: str = "", red: str = "") -> None:
    """Print a row of the table that a run begins with; in a dry run it is a comment."""
    margin = "# " if dry_run else ""
    text = text.replace("->", "to") if dry_run else text  # in a shell without comments
    indent = LABEL + len(margin)
    commands = advice(mend, indent)
    if len(commands) == 1 and "\n" not in text and len(text) + len(commands[0]) + 2 <= columns():
        text, commands = f"{text}: {commands[0].strip()}", []
    lines = [line[len(margin) :] for line in (*folded(text, indent).splitlines(), *commands)]
    if lines:
        if red and lines[-1].endswith(red):
            lines[-1] = lines[-1][: -len(red)] + paint(red, RED)
        lines[0] = paint(label.ljust(LABEL), BOLD) + lines[0][LABEL:]
        say("\n".join(margin + line for line in lines))


def refused(error: Refused) -> None:
    """Print why nothing was changed, each reason once."""
    say(paint("\nNothing was changed.", BOLD, sys.stderr), error=True)
    for finding in dict.fromkeys(error.findings):
        say(mends(finding, sys.stderr), error=True)


def failed(error: Failed) -> None:
    """Print what went wrong, what was done until then, and what helps."""
    say("\n" + paint(folded(error.finding.what, 0, sys.stderr), RED, sys.stderr), error=True)
    if error.done:
        say(folded(f"Done before: {', '.join(error.done)}.", 2, sys.stderr), error=True)
    say(mends(Finding("", error.finding.mend), sys.stderr), error=True)


def broken(error: BaseException) -> None:
    """Print that the tool itself failed; what the error says might be secret."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    file, line = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else ("?", 0)
    place = f"{Path(file).name}, line {line}"
    what = f"The tool itself failed: {type(error).__name__} in {place}."
    say(f"\n{what} db-status tells the state of things.", error=True)


def dry_run(steps: Iterable[Step], settings: Settings, wish: Wish, refused: bool = False) -> None:
    """Print the commands, with where they go, so that a shell can run them (H25, H56).

    It stops at the first that fails. Those that are `refused` are comments.
    """
    lines, steps = ["# the password goes into PGPASSWORD; it is not shown"], list(steps)
    names = {"PGHOST": settings.host, "PGPORT": settings.port, "PGUSER": settings.user,
             **{name: wish.given[name] for name in BACKSCOPES if name in wish.given}}  # fmt: skip
    said = " ".join(f"{name}={quote(text)}" for name, text in names.items() if text)
    stronger = [name for name in STRONGER if name in settings.environ]
    if stronger:
        lines.append(f"unset {' '.join(stronger)}")
    piped = any(step.into for step in steps)
    if piped:
        said += f" PGOPTIONS={quote(EXACT)}"
    lines.append(f"export {said}")
    own = Path(sys.executable).parent
    if any(step.program == "flask" for step in steps) and shutil.which("flask") != f"{own}/flask":
        lines.append(f"PATH={tilde(own)}:$PATH")
    lines.append("(set -eo pipefail" if piped else "(set -e")
    if Path.cwd() != settings.checkout or wish.by.startswith("make -C "):
        lines.append(f"cd {tilde(settings.checkout)}")
    for line in [*lines, *map(str, steps), ")"]:
        say(line if not refused else f"# {line.lstrip('# ')}".replace("\n", "\n# "))


def ask(sentence: str, answer: str, instead: str, again: str) -> None:
    """Have `answer` typed; raise Refused if nobody sees the question, or another is typed (H53).

    Below the first line of the sentence are commands.
    """
    what, _, commands = sentence.partition("\n")
    say("\n".join(["", paint(folded(what), BOLD), *advice(commands, 6)]))
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        what = "Nobody can answer: the question is not on a terminal."
        raise Refused(Finding(what, instead))
    say(f"Type {answer if '@' in answer else 'its name'} to go on: ", end="")
    typed = sys.stdin.buffer.readline().decode(errors="replace")
    if typed.rstrip("\r\n") != answer:
        what = f"What was typed is not {answer}." if typed.strip() else "Nothing was typed."
        raise Refused(Finding(what, f"{again}   tries it again"))


def done(result: str, seconds: float) -> None:
    """Print what was reached."""
    say(paint(folded(f"{result}, in {seconds:.1f}\N{NO-BREAK SPACE}s"), GREEN))


def ended(sessions: Sequence[Session]) -> None:
    """Print whom FORCE=1 has ended: a running Backscope answers its next request with an error."""
    if sessions:
        say("Ended, so restart Backscope if it is one of them:")
    for session in sessions:
        say(folded(str(session), 2))


def step(number: int, total: int, one: Step, apart: bool) -> None:
    """Print a step before it runs; `apart` is with its output below."""
    head = f"[{number}/{total}] "
    lines = command(one, len(head))
    lines[0] = head + lines[0]
    say("\n".join([*lines[:-1], lines[-1].ljust(0 if apart else 50)]), end="\n" if apart else " ")


def took(seconds: float, mark: str, apart: bool) -> None:
    """Print how long a step took, and what was wrong with it."""
    say(" " * 51 * apart + f"{seconds:6.1f} s" + (paint(f"  {mark}", RED) if mark else ""))


def output(lines: Sequence[str]) -> None:
    """Print what a command that failed has printed: of a traceback only the exception."""
    text = [line for line in lines if line.strip()]
    starts = [n for n, line in enumerate(text) if line.startswith("Traceback (most recent call")]
    if starts:
        trace = text[starts[-1] + 1 :]
        rest = [line for line in trace if not line.startswith(" ")]
        if rest and rest[0].startswith(("SyntaxError", "IndentationError", "TabError")):
            rest[:0] = [line.strip() for line in trace if line.startswith("  File")][-1:]
        text = rest[:3] or text
    say("".join(f"      {line}\n" for line in text[-12:]), end="")
