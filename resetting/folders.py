"""Reading folders of migrations: which revisions are in there. Their files are never run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .facts import Folder, Folders


def look_at_folder(path: Path) -> Folder:
    """Give a folder of migrations."""
    revisions, parents = set(), set()
    for file in path.glob("versions/*.py"):
        values = _assignments(file)
        revisions |= _strings(values.get("revision"))
        parents |= _strings(values.get("down_revision"))
    heads = frozenset(revisions - parents)
    return Folder(path, frozenset(revisions), heads, path.lstat().st_ctime)


def _assignments(file: Path) -> dict[str, ast.expr | None]:
    """Give what a Python file assigns to its global names."""
    try:
        body = ast.parse(file.read_bytes() if file.is_file() else b"").body  # no FIFO (H54)
    except (OSError, SyntaxError, ValueError):
        return {}
    values: dict[str, ast.expr | None] = {}
    for line in body:
        targets = line.targets if isinstance(line, ast.Assign) else []
        targets = [line.target] if isinstance(line, ast.AnnAssign) else targets
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(line, (ast.Assign, ast.AnnAssign)):
                values[target.id] = line.value
    return values


def _strings(value: ast.expr | None) -> set[str]:
    """Give the strings in a literal: one, a tuple of them, or none."""
    constants = (
        [node.value for node in ast.walk(value) if isinstance(node, ast.Constant)] if value else []
    )
    return {text for text in constants if isinstance(text, str)}


def look_at_folders(checkout: Path) -> Folders:
    """Give the folders of migrations of a checkout."""
    current = checkout / "migrations"
    numbered = {}
    for path in checkout.glob("migrations.~*~"):
        number = re.fullmatch(r"migrations\.~(0|[1-9][0-9]*)~", path.name)
        if number:
            numbered[int(number[1])] = look_at_folder(path)
    there = current.is_symlink() or current.exists()
    return Folders(
        there, look_at_folder(current) if there else None, dict(sorted(numbered.items()))
    )
