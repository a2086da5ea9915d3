"""Reads `.env` by Backscope's rule."""

import io
import re
from pathlib import Path
from typing import Mapping
from urllib.parse import unquote

from dotenv.main import DotEnv
from dotenv.parser import parse_stream

from .problems import Hint, Problem, Refused
from .settings import DEFAULTS, Settings
from .steps import tilde

EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"


def read_settings(checkout: Path, environ: Mapping[str, str], variable: str) -> Settings:
    """Return Backscope's settings, about the database that `variable` names.

    As by load_dotenv(), which Backscope calls, the environment wins over `.env`. SQLAlchemy
    unquotes role and password ("Database URLs"), and so do we. Raises Refused.
    """
    text = io.StringIO(read_dotenv(checkout / ".env"))
    parsed = DotEnv(None, stream=text, override=False).dict()
    dotenv = {name: value for name, value in parsed.items() if value is not None}
    known = {**DEFAULTS, **dotenv, **environ}
    values = {name: known[name] for name in DEFAULTS}
    host = values["POSTGRES_HOST"]
    if not host:  # libpq decides, for Flask too
        host = {**dotenv, **environ}.get("PGHOST", "")
    return Settings(
        checkout=checkout,
        values=values,
        dotenv=dotenv,
        environ=environ,
        database=values[variable],
        host=re.sub(r"^\[([0-9A-Fa-f:.]+)\]$", r"\1", host),
        port=values["POSTGRES_PORT"],
        user=unquote(values["POSTGRES_USER"]),
        password=unquote(values["POSTGRES_PASSWORD"]),
    )


def read_dotenv(path: Path) -> str:
    """Return the text of `.env`; raise Refused with the lines that python-dotenv would skip."""
    edit = Hint(f"${{EDITOR:-vi}} {tilde(path)}", "open it")
    try:
        text = path.read_bytes().decode()
    except IsADirectoryError:
        message = f"{tilde(path)} is a folder. It has to be a file."
        raise Refused(
            Problem(message, Hint(f"ls -la {tilde(path)}", "see what it holds"))
        ) from None
    except OSError as error:
        copy = f"cp {tilde(EXAMPLE)} {tilde(path)} && {edit.command}"
        message = f"There is no .env in {tilde(path.parent)} that can be read: {error.strerror}."
        raise Refused(Problem(message, Hint(copy, "make one and edit it"))) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Refused(Problem(f".env is not in UTF-8, at line {line}.", edit)) from None
    skipped = [str(line) for line in skipped_lines(text)]
    if skipped:
        message = f"python-dotenv cannot read line {', '.join(skipped)} of .env."
        raise Refused(Problem(message, edit))
    return text


def skipped_lines(text: str) -> list[int]:
    """Return the numbers of the lines that python-dotenv would skip or misread."""
    found = []
    for key, value, original, error in parse_stream(io.StringIO(text)):
        unset = key in DEFAULTS and value is None
        if error or unset or "\ufeff" in original.string:
            blank = original.string[: len(original.string) - len(original.string.lstrip())]
            found.append(original.line + blank.count("\n"))
    return found
