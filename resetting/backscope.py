"""The checkout and its environment, asking Backscope about itself, and what helps."""

import atexit
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

from . import Problem, Refused, identifier, literal, tilde
from .options import Options
from .settings import SQL, Settings
from .state import App, Model, State

GUARDED_APP = Path(__file__).with_name("guarded_app.py")
TOOL = GUARDED_APP.parent.parent
PACKAGES = {"dotenv": "python-dotenv", "psycopg2": "psycopg2-binary", "sh": "sh"}
LOAD_TIMEOUT = 60  # seconds until an app that does not load is given up
# What is said by libpq, PostgreSQL, Python or Flask; the command that helps; what it is for; or
# the database on which a superuser has to run it as a statement. {1} is the pattern's group.
HINTS = json.loads(Path(__file__).with_name("hints.json").read_text())


def hints(said: str, settings: Settings) -> list[tuple[str, str]]:
    """Give what helps against a text that a library or a command has printed."""
    words = {"edit": settings.edit, "ready": settings.client("pg_isready", role=False)}
    words |= {"role": identifier(settings.user), "checkout": tilde(settings.checkout)}
    words["install"] = install(settings.checkout / "requirements.txt")
    words["name"] = literal(settings.database)
    found = []
    for pattern, *texts in HINTS:
        for match in re.finditer(pattern, said):
            helps, purpose, on = (text.format("", *match.groups(), **words) for text in texts)
            found.append(settings.superuser(helps, purpose, on) if on else (helps, purpose))
    return list(dict.fromkeys(found))


def install(requirements: Path) -> str:
    """Give the command that installs into this very environment, which may have no pip.

    uv's has a line `uv = ...` in its pyvenv.cfg (uv's manual, "Using environments").
    """
    python, made = tilde(Path(sys.executable)), Path(sys.prefix, "pyvenv.cfg")
    if made.is_file() and re.search(r"^uv\s*=", made.read_text(errors="replace"), re.MULTILINE):
        return f"uv pip install --python {python} -r {tilde(requirements)}"
    pip = "" if importlib.util.find_spec("pip") else f"{python} -m ensurepip && "
    return f"{pip}{python} -m pip install -r {tilde(requirements)}"


def find_checkout(options: Options) -> Path:
    """Give the Backscope checkout that is meant; raise Refused if it is none."""
    path = Path(options["BACKSCOPE_DIR"] or ".").expanduser().resolve()
    if not (path / "flaskr/config.py").is_file():
        what = f"{tilde(path)} is not a Backscope checkout: it has no flaskr/config.py."
        raise Refused(Problem(what, (options.again(BACKSCOPE_DIR="DIR"), "names the checkout")))
    return path


def environment_problems(checkout: Path) -> Iterator[Problem]:
    """Yield why this interpreter is not that of Backscope's virtual environment."""
    prefix, flask = Path(sys.prefix), Path(sys.executable).with_name("flask")
    found = sorted([*checkout.glob("*/bin/activate"), *checkout.glob(".*/bin/activate")])
    venv = tilde(found[0].parent.parent if found else checkout / ".venv")
    activate = (f"source {venv}/bin/activate", "activates Backscope's own")
    if not found:
        activate = (f"python3 -m venv {venv} && {activate[0]}", "makes one, and activates it")
    missing = [n for n in PACKAGES if n not in sys.modules and not importlib.util.find_spec(n)]
    if sys.prefix == sys.base_prefix and not (prefix / "conda-meta").is_dir():
        yield Problem("No virtual environment is active.", activate)
    elif not os.access(flask, os.X_OK):
        wanted = (install(checkout / "requirements.txt"), "makes it Backscope's")
        what = f"The environment {tilde(prefix)} has no flask, so it is not Backscope's."
        yield Problem(what, activate, wanted)
    elif missing:
        ours = (install(TOOL / "requirements.txt"), "installs what this tool needs")
        lacks = ", ".join(PACKAGES[name] for name in missing)
        yield Problem(f"The environment {tilde(prefix)} has no {lacks}.", ours)
    if ":" in str(TOOL):
        move = (f"mv {tilde(TOOL)} NAME", "gives it another name")
        yield Problem(f"{tilde(TOOL)} has a colon in its name, which FLASK_APP cannot hold.", move)


def guarded(state: State, oid: int, probe: str = "") -> dict[str, str]:
    """Give the variables with which a process of Backscope's has guarded connections.

    An oid of 0 is any. The probe of a command is read-only; without an oid it opens nothing.
    """
    environ = state.settings.environ
    pinned = ("SET lock_timeout = '5s'", f"SET default_transaction_read_only = {bool(probe)}")
    target = {
        "started": state.started,
        "database": state.database.name,
        "user": state.settings.user,
        "oid": oid,
        "compares": probe == "status",  # it takes a while
        "session": [SQL["settings"], SQL["search_path"], *pinned],
        "flask": {n: environ[n] for n in ("FLASK_APP", "FLASK_SKIP_DOTENV") if n in environ},
    }
    told = {"BACKSCOPE_RESET_TARGET": json.dumps(target), "FLASK_SKIP_DOTENV": "1"}
    return {**told, "FLASK_APP": str(GUARDED_APP)}


def probe(settings: Settings) -> subprocess.Popen[str]:
    """Start a process that loads Backscope's app while the server is looked at."""
    more = {"PYTHONDONTWRITEBYTECODE": "1", "PGAPPNAME": "backscope-reset probe"}
    pipe, environment = subprocess.PIPE, {**settings.children(), **more, "FLASK_RUN_FROM_CLI": "1"}
    process = subprocess.Popen(
        [sys.executable, str(GUARDED_APP)], cwd=settings.checkout, env=environment, text=True,
        errors="replace", stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True,
    )  # fmt: skip
    atexit.register(process.kill)
    return process


def ask(process: subprocess.Popen[str], state: State, command: str) -> App:
    """Give what the app tells, now that it is known what it has to open."""
    oid = state.database.oid if state.database.tables is not None else 0
    asked = guarded(state, oid, probe=command)["BACKSCOPE_RESET_TARGET"] + "\n"
    try:
        said, printed = process.communicate(asked, timeout=LOAD_TIMEOUT)
        told = json.loads(said)
    except (subprocess.TimeoutExpired, ValueError, OSError) as error:
        return App(error=f"It does not answer: {type(error).__name__}.")
    if told["error"]:  # with what was printed last, by git perhaps
        last = [line for line in printed.splitlines() if line.strip()][-2:]
        told["error"] = state.settings.mask("\n".join([told["error"], *last]))
    return App(**{**told, "models": [Model(**model) for model in told.get("models", [])]})
