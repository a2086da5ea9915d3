"""The rows that every run begins with: which checkout, which database. Decides nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .commands import quote, tilde
from .facts import Facts
from .screen import row
from .wishes import Wish


def target(wish: Wish, facts: Facts) -> None:
    """Print the checkout and the database."""
    settings, database, prefix = facts.settings, facts.database, Path(sys.prefix)
    inner = prefix.relative_to(settings.checkout) if settings.checkout in prefix.parents else None
    git = ["git", "-C", str(settings.checkout), "rev-parse", "--short", "HEAD"]
    try:
        revision = subprocess.run(git, capture_output=True, check=False).stdout.decode().strip()
    except OSError:
        revision = ""
    at = f" ({revision})" if revision else ""
    text = f"{tilde(settings.checkout)}{at}, venv {inner or tilde(prefix)}"
    kind = settings.environment if settings.environment != "development" else ""
    text = f"{text}, {kind}" if kind else text
    row("Backscope", text, wish.dry_run, red=kind if facts.production else "")
    text = f"{settings.database} on {settings.where} as {settings.user}"
    if facts.reached and not database:
        text += ": not there yet"
    elif database:
        counts = facts.contents.described if facts.contents else "cannot be looked into"
        text += f": {database.size}, {counts}"
    row("Database", text, wish.dry_run)
    for name in settings.overrides:
        value = quote(settings.values.get(name, settings.host))  # PGHOST is the host
        text = f"{name}={value} is from {settings.origin(name)}"
        also = f", .env says {settings.dotenv[name]}" if name in settings.dotenv else ""
        row("", text + also, wish.dry_run)
    if wish.left_out:
        text = f"{', '.join(wish.left_out)} {'is' if len(wish.left_out) == 1 else 'are'} in"
        text = f"{text} the environment or a makefile; here only the command line counts"
        row("Left out", text, wish.dry_run)
