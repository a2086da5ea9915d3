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

from .problems import Hint, Problem, Refused
from .steps import tilde

TOOL = Path(__file__).resolve().parent.parent
PACKAGES = ("dotenv", "psycopg2", "sh")
CLIENT_PROGRAMS = ("psql", "createdb", "dropdb")


def find_checkout(options):
    """Return the Backscope checkout that is meant; raise Refused if it is none."""
    path = Path(options["BACKSCOPE_DIR"] or ".").expanduser().resolve()
    if not (path / "flaskr/config.py").is_file():
        message = f"{tilde(path)} is not a Backscope checkout: it has no flaskr/config.py."
        raise Refused(Problem(message, options.hint("name the checkout", BACKSCOPE_DIR="DIR")))
    return path


def check_environment(options, checkout):
    """Yield why this interpreter cannot be that of Backscope's environment."""
    named = options.environ.get("PYTHON")
    active = Path(options.environ.get("VIRTUAL_ENV") or sys.prefix)
    prefix = Path(sys.prefix)
    meant = named or sys.prefix != sys.base_prefix or (prefix / "conda-meta").is_dir()
    has_flask = os.access(Path(sys.executable).with_name("flask"), os.X_OK)
    broken = list(check_packages())
    if ":" in str(TOOL):
        hint = Hint(f"mv {tilde(TOOL)} NAME", "give it another name")
        yield Problem(f"{tilde(TOOL)} has a colon, which FLASK_APP cannot hold.", hint)
    usable_by_name = named and has_flask and not broken
    if active.resolve() != prefix.resolve() and not usable_by_name:
        yield check_active(options, active)
    elif has_flask and meant:
        yield from broken
    elif has_flask:
        use = options.hint("use this Python, which has flask", PYTHON=sys.executable)
        yield Problem("No virtual environment is active.", activation(checkout), use)
    elif meant:
        message = f"{tilde(Path(sys.executable))} has no flask, so it is not Backscope's."
        install = install_command(checkout / "requirements.txt")
        yield Problem(message, activation(checkout), Hint(install, "make it Backscope's"))
    else:
        yield Problem("No virtual environment is active.", activation(checkout))


def check_active(options, active):
    """Return why the interpreter of the active environment is not the one that runs this."""
    python = active / "bin/python"
    if not python.exists():
        recreate = f"{tilde(Path(sys.executable))} -m venv --clear {tilde(active)}"
        gone = tilde(Path(os.path.realpath(python)))
        message = f"{tilde(active)} is active, but its Python is gone: {gone}"
        return Problem(message, Hint(recreate, "recreate it; then install what it had"))
    here = tilde(Path(sys.executable))
    message = f"This is {here}, not the Python of the active environment {tilde(active)}."
    return Problem(message, options.hint("use the active one", PYTHON=str(python)))


def activation(checkout):
    """Return the hint that activates Backscope's own environment."""
    folder = checkout / ".venv"
    for script in sorted(checkout.glob("*/bin/activate"), reverse=True):
        folder = script.parent.parent
    command = f". {tilde(folder)}/bin/activate"
    if (folder / "bin/python").exists():
        return Hint(command, "activate Backscope's own")
    return Hint(f"python3 -m venv --clear {tilde(folder)} && {command}", "make one and activate it")


def check_packages():
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


def install_command(requirements, *flags):
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


def installed_programs(path):
    """Return those of PostgreSQL's client programs that are on a PATH."""
    return [name for name in CLIENT_PROGRAMS if shutil.which(name, path=path)]


def current_commit(checkout):
    """Return the commit that is checked out; "" where there is no git, or no checkout of it."""
    git = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(git, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def find_backups(stem, names):
    """Return the names that are backups of a stem, by their numbers."""
    pattern = re.compile(re.escape(stem) + r"\.~(0|[1-9][0-9]*)~")
    matches = [pattern.fullmatch(name) for name in names]
    return {int(match[1]): match[0] for match in matches if match}


def read_revisions(folder):
    """Return the revisions in a folder of migrations, None if there is none.

    They are in its scripts (Alembic, "Create a Migration Script").
    """
    if not os.path.lexists(folder):
        return None
    texts = []
    for path in folder.glob("versions/*.py"):
        with contextlib.suppress(OSError):
            texts.append(path.read_text(errors="replace"))
    found = re.findall(r"(?m)^revision\b[^=\n]*=\s*['\"](\w+)", "\n".join(texts))
    return frozenset(found)
