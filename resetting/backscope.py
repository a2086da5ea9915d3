"""The checkout and its environment; asking Backscope, and what it answers.

Knows the two ways of asking; does not know what follows from an answer.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Collection, Iterator, Mapping

from . import Finding, Refused
from .commands import quote, tilde
from .facts import App, Facts
from .settings import LOCK_TIMEOUT, Settings
from .wishes import Wish

LOAD_TIMEOUT = 60  # seconds until an app that does not load is given up
LOOKING = "backscope-reset looks"  # application_name of what only looks, and soon ends
INSIDE = Path(__file__).resolve().parent / "inside"


class Asked:
    """A running probe, or none."""

    def __init__(
        self, process: subprocess.Popen[str] | None, settings: Settings, compare: bool = False
    ) -> None:
        self._process, self._settings, self._compare = process, settings, compare

    def answer(self, facts: Facts) -> App:
        """Give what Backscope says, once the target is known; an App with `error` if nothing."""
        if not self._process:
            return App()
        how = {"connect": facts.contents is not None, "compare": self._compare}
        target = {**target_of(facts, facts.oid, looks=True), **how}
        try:
            out = self._process.communicate(json.dumps(target) + "\n", timeout=LOAD_TIMEOUT)[0]
            path = facts.contents.path if facts.contents else ("public",)
            return understand(json.loads(out), self._settings, path)
        except subprocess.TimeoutExpired:
            return App(error=f"it did not load within {LOAD_TIMEOUT} seconds")
        except ValueError:
            return App(error=f"it ended with exit status {self._process.returncode}")


@contextlib.contextmanager
def asking(settings: Settings, what: str, compare: bool = True) -> Iterator[Asked]:
    """Have flaskr/config.py asked ("config"), or the whole "app"; it ends with the block.

    With `compare` the app tells how its models differ from the database, too.
    """
    if not what:
        yield Asked(None, settings)
        return
    options = " ".join(["-c default_transaction_read_only=on", os.environ["PGOPTIONS"]])
    belt = {"PGAPPNAME": LOOKING, "PGOPTIONS": options, "PYTHONDONTWRITEBYTECODE": "1",
            "BACKSCOPE_RESET_APP": settings.environ.get("FLASK_APP", ""),
            "BACKSCOPE_RESET_SKIP": skips(settings), "FLASK_RUN_FROM_CLI": "true"}  # fmt: skip
    with subprocess.Popen(
        [sys.executable, str(INSIDE / "backscope_probe.py"), what],
        cwd=settings.checkout, env={**os.environ, **belt}, encoding="utf-8",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield Asked(process, settings, compare)
        finally:
            process.kill()


def understand(told: Mapping[str, Any], settings: Settings, path: Collection[str] = ()) -> App:
    """Give a probe's answer as an App, with nothing secret in it (H52).

    Its tables are called as the server calls them: without a schema that is on the `path`.
    """

    def plain(name: str) -> str:
        schema, _, table = name.partition(".")
        return table if table and schema in path else name

    told = {**told, "bound": list(map(plain, told.get("bound", ())))}
    for of in told.keys() & {"tables", "keys"}:
        told[of] = {plain(name): columns for name, columns in told[of].items()}
    error = settings.mask(told.get("error", "")) or told.get("kind", "")
    elsewhere = settings.mask(told.get("elsewhere", ""))
    return App(**{**told, "error": error, "elsewhere": elsewhere})


def skips(settings: Settings) -> str:
    """Say whether the user wants flask to read no .flaskenv; Flask's own rule and words."""
    value = settings.environ.get("FLASK_SKIP_DOTENV", "")
    return "" if value.lower() in ("", "0", "false", "no") else value


def target_of(facts: Facts, oid: int, looks: bool = False) -> dict[str, Any]:
    """Give what each connection of Backscope's has to be, and how it begins.

    oid 0 is a database that is made anew; one that only `looks` is read-only.
    """
    database, user = facts.settings.database, facts.settings.user
    session = [f"SET lock_timeout = '{LOCK_TIMEOUT}'"]
    if looks:
        session.append("SET default_transaction_read_only = on")
    return {"started": facts.started, "database": database, "user": user, "oid": oid,
            "session": session}  # fmt: skip


def seat_belt(facts: Facts, oid: int) -> dict[str, str]:
    """Give the variables with which a `flask` process wears the seat belt."""
    settings = facts.settings
    belt = {"flask_app": settings.environ.get("FLASK_APP", ""), "skip_dotenv": skips(settings)}
    return {
        "FLASK_APP": str(INSIDE / "seat_belt.py"),
        "FLASK_SKIP_DOTENV": "1",
        "BACKSCOPE_RESET_BELT": json.dumps({**target_of(facts, oid), **belt}),
    }


def activate(checkout: Path) -> str:
    """Give the command that activates Backscope's virtual environment, or makes one."""
    found = sorted(checkout.glob("*/bin/activate"))  # .venv comes first
    made = f"python3 -m venv {tilde(checkout / '.venv')}   if Backscope has none elsewhere"
    return f"source {tilde(found[0])}" if found else made


def install(requirements: Path) -> str:
    """Give the command that installs something into this very environment, active or not."""
    return f"{beside('pip')} install -r {tilde(requirements)}"


def beside(program: str) -> str:
    """Give how a program of this very environment is typed."""
    path = Path(sys.executable).with_name(program)
    return program if shutil.which(program) == str(path) else tilde(path)


def find_checkout(wish: Wish) -> Path:
    """Give the Backscope checkout that is meant; raise Refused if it is none."""
    try:
        path = Path(wish.folder).expanduser().resolve()
    except (OSError, RuntimeError):  # the current folder was removed, a loop of links, ~nobody
        there = wish.make("status", folder="DIR")
        what = f"{quote(wish.folder)} is no folder that could be opened."
        raise Refused(Finding(what, f"{there}   names the checkout")) from None
    if wish.folder and os.path.isfile(path / "flaskr/config.py"):
        return path
    near = [path / "backscope", path.parent / "backscope", *path.parents]
    found = [str(one) for one in near if os.path.isfile(one / "flaskr/config.py")]
    there = wish.make("status", folder=next(iter(found), "DIR"))
    said = tilde(path) if wish.folder else "''"
    what = f"{said} is no Backscope checkout: it has no"
    raise Refused(Finding(f"{what} flaskr/config.py.", f"{there}   names the checkout"))


def environment_unfit(checkout: Path) -> Iterator[Finding]:
    """Yield why this interpreter is not that of Backscope's virtual environment (H1)."""
    venv, flask = tilde(Path(sys.prefix)), Path(sys.executable).with_name("flask")
    if ":" in str(INSIDE):
        what = f"{tilde(INSIDE.parent.parent)}, the tool's own folder, has a colon in its name,"
        yield Finding(f"{what} which FLASK_APP cannot hold.", "   move it to another folder")
    if sys.prefix == sys.base_prefix and not Path(sys.prefix, "conda-meta").is_dir():
        yield Finding("No virtual environment is active.", activate(checkout))
    elif not os.access(flask, os.X_OK) and checkout in Path(sys.prefix).parents:
        what = f"Backscope's own environment {venv} has no flask."
        yield Finding(what, install(checkout / "requirements.txt"))
    elif not os.access(flask, os.X_OK):
        what = f"The active environment {venv} has no flask, so it is not Backscope's."
        yield Finding(what, activate(checkout))
    else:
        runs = Path(os.fsdecode(flask.read_bytes().partition(b"\n")[0])[2:].strip())
        own = runs.exists() and runs.parent.samefile(flask.parent)
        if runs.name.startswith("python") and not own:
            what = f"The flask in {venv} runs {runs}: the environment was moved or copied."
            yield Finding(what, f"python3 -m venv --clear {venv}   makes it anew")
        mend = install(INSIDE.parent.parent / "requirements.txt")
        for name in ("dotenv", "psycopg2", "sh"):
            if not importlib.util.find_spec(name):
                yield Finding(f"The active environment {venv} lacks {name}.", mend)
