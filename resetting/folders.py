"""Reading folders of migrations: which revisions are in there. Their files are never run."""

from __future__ import annotations

import ast
import contextlib
import re
from pathlib import Path
from typing import Iterator

from .facts import Folder, Folders


def look_at_folder(path: Path) -> Folder:
    """Give a folder of migrations."""
    revisions, parents, read = set(), set(), True
    for file in path.glob("versions/*.py"):
        found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
        for name, value in _assignments(file):
            words = {one.value for one in ast.walk(value) if isinstance(one, ast.Constant)}
            found[name] = {word for word in words if isinstance(word, str)}
        revisions |= found["revision"]
        parents |= found["down_revision"]
        read = read and bool(found["revision"])
    heads = frozenset(revisions - parents)
    return Folder(path, frozenset(revisions), heads, path.lstat().st_ctime, read)


def _assignments(file: Path) -> Iterator[tuple[str, ast.expr]]:
    """Yield what a Python file assigns to its global names, if it is one."""
    with contextlib.suppress(OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        for line in ast.parse(file.read_bytes() if file.is_file() else b"").body:  # no FIFO (H54)
            if isinstance(line, (ast.Assign, ast.AnnAssign)) and line.value:
                targets = line.targets if isinstance(line, ast.Assign) else [line.target]
                yield from ((one.id, line.value) for one in targets if isinstance(one, ast.Name))


def look_at_folders(checkout: Path) -> Folders:
    """Give the folders of migrations of a checkout."""
    current, numbered = checkout / "migrations", {}
    for path in checkout.glob("migrations.~*~"):
        number = re.fullmatch(r"migrations\.~(0|[1-9][0-9]*)~", path.name)
        if number:
            numbered[int(number[1])] = look_at_folder(path)
    there = current.is_symlink() or current.exists()
    folder = look_at_folder(current) if there else None
    return Folders(there, folder, dict(sorted(numbered.items())))
