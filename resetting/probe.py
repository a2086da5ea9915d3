"""What Backscope's processes are told, and asking its app about itself."""

import atexit
import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from .settings import READ_OPTIONS
from .snapshot import App, Column, Model

GUARDED_APP = Path(__file__).with_name("guarded_app.py")
LOAD_TIMEOUT = 60  # seconds until an app that does not load is given up


def guarded_environment(settings, gate):
    """Return the environment in which a process loads Backscope's app, and waits at a gate."""
    names = {"FLASK_APP", "FLASK_SKIP_DOTENV"} & settings.environ.keys()
    start = {"gate": gate, "flask": {name: settings.environ[name] for name in names}}
    environment = settings.child_environment()
    environment.update(
        BACKSCOPE_RESET=json.dumps(start), FLASK_APP=str(GUARDED_APP), FLASK_SKIP_DOTENV="1"
    )
    return environment


def target(snapshot, database, oid, **more):
    """Return as a line what a process of Backscope's may open; an oid of 0 is any."""
    fields = {
        "started": snapshot.server.started,
        "database": database,
        "identity": f"{database} as {snapshot.settings.user}",
        "oid": oid,
        **more,
    }
    return json.dumps(fields) + "\n"


def start_probe(settings):
    """Start a process that loads Backscope's app while the server is inspected."""
    waits_at, gate = os.pipe()
    environment = guarded_environment(settings, waits_at)
    environment.update(PYTHONDONTWRITEBYTECODE="1", PGOPTIONS=READ_OPTIONS, FLASK_RUN_FROM_CLI="1")
    process = subprocess.Popen(
        [sys.executable, str(GUARDED_APP)],
        cwd=settings.checkout,
        env=environment,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        pass_fds=[waits_at],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(waits_at)
    atexit.register(process.kill)
    return process, gate


def read_probe(probe, snapshot, compares):
    """Return a snapshot with what the app tells, now that it is known what it may open."""
    process, gate = probe
    current = snapshot.database
    exists = current.usable and not current.error
    more = {"exists": exists, "compares": exists and compares}
    question = target(snapshot, current.name, current.oid, **more)
    with contextlib.suppress(BrokenPipeError):  # it has ended, and tells why
        os.write(gate, question.encode())
    try:
        answer, printed = process.communicate(timeout=LOAD_TIMEOUT)
        report = json.loads(answer)
    except (subprocess.TimeoutExpired, ValueError) as error:
        return replace(snapshot, app=App(error=f"It does not answer: {type(error).__name__}."))
    if report["error"]:  # with what was printed last, by git perhaps
        text = "\n".join([report["error"], *printed.strip().splitlines()[-2:]])
        report["error"] = snapshot.settings.mask(text)
    for model in report["models"]:
        model["columns"] = [Column(**column) for column in model["columns"]]
    report["models"] = [Model(**model) for model in report["models"]]
    return replace(snapshot, app=App(**report))
