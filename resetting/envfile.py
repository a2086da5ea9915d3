"""Reading `.env`, as python-dotenv does. Knows none of its variables."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Collection

from . import Finding, Refused
from .commands import tilde


def read_dotenv(path: Path, names: Collection[str]) -> str:
    """Give the text of `.env`, in which `names` have to have values.

    Raises Refused, with the number of each line that python-dotenv would skip (H31), or
    if there is no such file: Backscope would use its defaults, or a parent's (H3).
    """
    from dotenv.parser import parse_stream

    shown = tilde(path)
    mend, look = f"${{EDITOR:-vi}} {shown}", f"ls -l {shown}"
    if not os.path.lexists(path):
        what = (
            f"There is no .env in {tilde(path.parent)}, so what is not exported would be a default."
        )
        example = tilde(Path(__file__).resolve().parent.parent / ".env.example")
        raise Refused(Finding(what, f"cp {example} {shown} && {mend}"))
    if not path.is_file():  # a FIFO would be waited for (H54)
        raise Refused(Finding(".env is no file, so it cannot be read.", look))
    try:
        raw = path.read_bytes()
        text, bad = raw.decode(), [1] if raw.startswith(b"\xef\xbb\xbf") else []
    except OSError as error:
        raise Refused(Finding(f".env cannot be read: {error.strerror}.", look)) from None
    except UnicodeDecodeError as error:
        text, bad = "", [raw[: error.start].count(b"\n") + 1]
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key in names and binding.value is None):
            part = binding.original.string
            blank = part[: len(part) - len(part.lstrip())]
            bad.append(binding.original.line + blank.count("\n"))
    if bad:
        lines = ", ".join(map(str, bad))
        what = f".env does not parse at line {lines}, so Backscope would use a default instead."
        raise Refused(Finding(what, mend))
    return text


def expand(text: str, override: bool = False, alone: bool = False) -> dict[str, str]:
    """Give the variables of `.env`; with `override` it wins over the environment inside ${}.

    What it says `alone` is seen without an environment.
    """
    from dotenv.main import DotEnv

    environment = dict(os.environ)
    try:
        for name in environment if alone else ():
            del os.environ[name]
        values = DotEnv(None, stream=io.StringIO(text), override=override).dict()
    finally:
        os.environ.update(environment)
    return {name: value for name, value in values.items() if value is not None}
