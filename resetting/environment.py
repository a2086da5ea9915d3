"""The checkout, the interpreter, and what is installed there and loads."""

import contextlib
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from .options import Options
from .problems import Hint, Problem, Problems, Refused
from .steps import tilde

TOOL = Path(__file__).resolve().parent.parent
PACKAGES = ("dotenv", "psycopg2", "sh")
CLIENT_PROGRAMS = ("psql", "createdb", "dropdb")


def find_checkout(options: Options) -> Path:
    """Return the Backscope checkout that is meant; raise Refused if it is none."""
    path = Path(options["BACKSCOPE_DIR"] or ".").expanduser().resolve()
    if not (path / "flaskr/config.py").is_file():
        message = f"{tilde(path)} is not a Backscope checkout: it has no flaskr/config.py."
        raise Refused(Problem(message, options.hint("name the checkout", BACKSCOPE_DIR="DIR")))
    return path


def check_environment(options: Options, checkout: Path) -> Problems:
    """Yield why this interpreter cannot be that of Backscope's environment."""
    named = options.environ.get("PYTHON", "")
    active = options.environ.get("VIRTUAL_ENV", "")
    prefix = Path(sys.prefix)
    in_environment = sys.prefix != sys.base_prefix or (prefix / "conda-meta").is_dir()
    has_flask = os.access(Path(sys.executable).with_name("flask"), os.X_OK)
    usable = has_flask and (in_environment or bool(named))
    broken = list(check_packages())
    if ":" in str(TOOL):
        hint = Hint(f"mv {tilde(TOOL)} NAME", "give it another name")
        message = f"{tilde(TOOL)} has a colon in its name, which FLASK_APP cannot hold."
        yield Problem(message, hint)
    elsewhere = active and Path(active).resolve() != prefix.resolve()
    if elsewhere and (broken or not usable or not named):
        yield check_active(options, Path(active))
    elif usable:
        yield from broken
    elif in_environment or named:
        message = f"{tilde(Path(sys.executable))} has no flask, so it is not Backscope's."
        backscopes = install_command(checkout / "requirements.txt")
        yield Problem(message, activation(checkout), Hint(backscopes, "make it Backscope's"))
    else:
        hints = [activation(checkout)]
        if has_flask:
            hints.append(options.hint("use this Python, which has flask", PYTHON=sys.executable))
        yield Problem("No virtual environment is active.", *hints)


def check_active(options: Options, active: Path) -> Problem:
    """Return why the interpreter of the active environment is not the one that runs this."""
    python = active / "bin/python"
    if not python.exists():
        recreate = f"{tilde(Path(sys.executable))} -m venv --clear {tilde(active)}"
        gone = tilde(Path(os.path.realpath(python)))
        message = f"The environment {tilde(active)} is active, but its Python is gone: {gone}"
        return Problem(message, Hint(recreate, "recreate it; then install what it had"))
    here = f"python3 is {tilde(Path(sys.executable))}"
    if options.environ.get("PYTHON"):
        here = f"PYTHON is {options.environ['PYTHON']}"
    message = f"{here}, not that of the active environment {tilde(active)}."
    return Problem(message, options.hint("use the active one", PYTHON=str(python)))


def activation(checkout: Path) -> Hint:
    """Return the hint that activates Backscope's own environment."""
    found = sorted([*checkout.glob("*/bin/activate"), *checkout.glob(".*/bin/activate")])
    folder = checkout / ".venv"
    if found:
        folder = found[0].parent.parent
    command = f". {tilde(folder)}/bin/activate"
    if (folder / "bin/python").exists():
        return Hint(command, "activate Backscope's own")
    return Hint(f"python3 -m venv --clear {tilde(folder)} && {command}", "make one and activate it")


def check_packages() -> Problems:
    """Yield which of the packages that the tool needs are not there or do not load."""
    for module in PACKAGES:
        try:
            importlib.import_module(module)
        except Exception as error:  # a library of another machine raises what it likes
            install = install_command(TOOL / "requirements.txt", "--force-reinstall")
            if isinstance(error, ModuleNotFoundError):
                install = install_command(TOOL / "requirements.txt")
            message = f"The environment {tilde(Path(sys.prefix))} cannot load {module}: {error}"
            yield Problem(message, Hint(install, "install it"))


def install_command(requirements: Path, *flags: str) -> str:
    """Return the command that installs into this very environment, which may have no pip.

    uv's has a line `uv = ...` in its pyvenv.cfg (uv's manual, "Using environments").
    """
    python = tilde(Path(sys.executable))
    installer = f"{python} -m pip install"
    config = Path(sys.prefix, "pyvenv.cfg")
    if config.is_file() and re.search(r"(?m)^uv\s*=", config.read_text(errors="replace")):
        installer = f"uv pip install --python {python}"
    elif not importlib.util.find_spec("pip"):
        installer = f"{python} -m ensurepip && {installer}"
    return " ".join([installer, *flags, "-r", tilde(requirements)])


def installed_programs(path: str) -> Sequence[str]:
    """Return those of PostgreSQL's client programs that are on a PATH."""
    return [name for name in CLIENT_PROGRAMS if shutil.which(name, path=path)]


def current_commit(checkout: Path) -> str:
    """Return the commit that is checked out; "" where there is no git, or no checkout of it."""
    git = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(git, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def find_backups(stem: str, names: Iterable[str]) -> Mapping[int, str]:
    """Return the names that are backups of a stem, by their numbers."""
    pattern = re.compile(re.escape(stem) + r"\.~(0|[1-9][0-9]*)~")
    found = {}
    for name in names:
        match = pattern.fullmatch(name)
        if match:
            found[int(match[1])] = name
    return found


def read_revisions(folder: Path) -> frozenset[str]:
    """Return the revisions in a folder of migrations (Alembic, "Create a Migration Script")."""
    texts = []
    for path in folder.glob("versions/*.py"):
        with contextlib.suppress(OSError):
            texts.append(path.read_text(errors="replace"))
    found = re.findall(r"(?m)^revision\b[^=\n]*=\s*['\"](\w+)", "\n".join(texts))
    return frozenset(found)
