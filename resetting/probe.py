"""What Backscope's processes are told, and asking its app about itself."""

import atexit
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Mapping

from .connection import SQL
from .settings import Settings
from .snapshot import App, Column, Database, Model, Snapshot

GUARDED_APP = Path(__file__).with_name("guarded_app.py")
LOAD_TIMEOUT = 60  # seconds until an app that does not load is given up


def target(snapshot: Snapshot, database: str, oid: int, **more: Any) -> str:
    """Return as JSON what a process of Backscope's may open; an oid of 0 is any."""
    environ = snapshot.settings.environ
    read_only = "exists" in more
    session = [
        SQL["settings"],
        SQL["search_path"],
        "SET lock_timeout = '5s'",
        f"SET default_transaction_read_only = {read_only}",
    ]
    names = ("FLASK_APP", "FLASK_SKIP_DOTENV")
    fields = {
        "started": snapshot.server.started,
        "database": database,
        "user": snapshot.settings.user,
        "oid": oid,
        "session": session,
        "flask": {name: environ[name] for name in names if name in environ},
        **more,
    }
    return json.dumps(fields)


def guarded_environment(target: str) -> Mapping[str, str]:
    """Return the variables with which a flask process has guarded connections."""
    return {
        "BACKSCOPE_RESET_TARGET": target,
        "FLASK_APP": str(GUARDED_APP),
        "FLASK_SKIP_DOTENV": "1",
    }


def start_probe(settings: Settings) -> subprocess.Popen[str]:
    """Start a process that loads Backscope's app while the server is inspected."""
    environment = settings.child_environment()
    environment.update(
        PYTHONDONTWRITEBYTECODE="1",
        PGAPPNAME="backscope-reset probe",
        FLASK_RUN_FROM_CLI="1",
    )
    process = subprocess.Popen(
        [sys.executable, str(GUARDED_APP)],
        cwd=settings.checkout,
        env=environment,
        text=True,
        errors="replace",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    atexit.register(process.kill)
    return process


def read_probe(process: subprocess.Popen[str], snapshot: Snapshot, compares: bool) -> Snapshot:
    """Return a snapshot with what the app tells, now that it is known what it may open."""
    current = snapshot.database
    if current.tables is None:  # it cannot be opened, as if it was not there
        current = Database(current.name)
    exists = current.oid != 0
    more = {"exists": exists, "compares": exists and compares}
    question = target(snapshot, current.name, current.oid, **more)
    try:
        answer, printed = process.communicate(question + "\n", timeout=LOAD_TIMEOUT)
        report = json.loads(answer)
    except (subprocess.TimeoutExpired, ValueError, OSError) as error:
        return replace(snapshot, app=App(error=f"It does not answer: {type(error).__name__}."))
    if report["error"]:  # with what was printed last, by git perhaps
        last = [line for line in printed.splitlines() if line.strip()][-2:]
        text = "\n".join([report["error"], *last])
        report["error"] = snapshot.settings.mask(text)
    for model in report["models"]:
        model["columns"] = [Column(**column) for column in model["columns"]]
    report["models"] = [Model(**model) for model in report["models"]]
    return replace(snapshot, app=App(**report))
