"""Loaded by a server's interpreter in tests: logs every path with the marker that reaches the file system."""

import os
import sys
from typing import Any

MARKER = os.environ["FACEMELD_TEST_MARKER"]
REPORT = os.open(os.environ["FACEMELD_TEST_REPORT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def note(event: str, arguments: tuple[Any, ...]) -> None:
    """Log an event if its arguments name the marker or a stored picture."""
    for argument in arguments:
        text = os.fsdecode(argument) if isinstance(argument, bytes | os.PathLike) else argument if isinstance(argument, str) else ""
        if MARKER in text or "/data/results/" in text:
            os.write(REPORT, f"{event} {text!a}\n".encode())


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: sees every open, listing, rename, removal and start of a program."""
    if event == "open" or event.startswith(("os.", "shutil.", "glob.", "subprocess.", "sqlite3.connect")):
        note(event, arguments)


# ``os.stat`` and the like raise no audit event.
for name in ("stat", "lstat", "access", "readlink"):
    real = getattr(os, name)

    def watched(path: Any, *arguments: Any, _real: Any = real, _name: str = name, **options: Any) -> Any:
        """The function of the same name in ``os``, with its calls logged."""
        note(_name, (path,))
        return _real(path, *arguments, **options)

    setattr(os, name, watched)

sys.addaudithook(hook)
