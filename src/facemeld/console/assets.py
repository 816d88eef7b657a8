"""The console's own files for browsers, which may keep them for as long as their content stays the same."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from pathlib import Path


def folder() -> Path:
    """Where the files lie."""
    return Path(str(resources.files("facemeld.console") / "static"))


@functools.cache
def version() -> str:
    """Part of the files' addresses: another one when any of them changes."""
    digest = hashlib.sha256()
    for file in sorted(folder().iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
