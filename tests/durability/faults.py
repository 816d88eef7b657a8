"""Ends a process, or cuts the power, or fills the disk at the n-th thing that it does to its files or its database."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

DATABASE = "facemeld.sqlite3"


class Fault(StrEnum):
    """What happens."""

    KILL = "kill"
    """``kill -9``: everything that was written stays, synced or not."""
    POWER = "power"
    """A power cut on a disk that keeps what was synced and nothing else; SQLite is trusted with its own files."""
    FULL = "full"
    """No room on the disk for this one write."""


CREATING = frozenset({"open", "fsync", "mkdir", "rename", "replace", "link", "statement", "commit"})
"""Operations that need room; deleting does not."""


@dataclass
class Disk:
    """What of a folder would be there after a power cut: what ``fsync`` was told to keep, names and contents apart.

    The strict reading of POSIX: a file's name lasts once its folder was synced, its content once it was synced itself.
    """

    root: Path
    names: dict[int, dict[str, tuple[int, bool]]] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    pinned: list[int] = field(default_factory=list)

    def start(self) -> None:
        """Take everything that is there now as lasting."""
        for folder, _, files in os.walk(self.root, topdown=False):
            for name in files:
                if Path(folder) != self.root or not name.startswith(DATABASE):
                    self._keep_path(Path(folder) / name)
            self._keep_path(Path(folder))

    def keep(self, descriptor: int) -> None:
        """What ``fsync`` does to a file or a folder."""
        # An open descriptor keeps the number of a deleted file from being given to another.
        pin = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        self.pinned.append(pin)
        status = os.fstat(pin)
        if not stat.S_ISDIR(status.st_mode):
            self.contents[status.st_ino] = os.pread(pin, status.st_size, 0)
            return
        entries = {}
        top = status.st_ino == self.root.stat().st_ino
        with os.scandir(descriptor) as scan:
            for entry in scan:
                if not top or not entry.name.startswith(DATABASE):
                    entries[entry.name] = (entry.inode(), entry.is_dir())
                    self.pinned.append(os.open(entry.name, os.O_RDONLY, dir_fd=descriptor))
        self.names[status.st_ino] = entries

    def cut(self, target: Path) -> None:
        """Build what is left after the cut."""
        self._build(self.root.stat().st_ino, target)
        for file in self.root.glob(f"{DATABASE}*"):
            shutil.copy(file, target)

    def _keep_path(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        self.keep(descriptor)
        os.close(descriptor)

    def _build(self, number: int, target: Path) -> None:
        target.mkdir(mode=0o700)
        for name, (inode, folder) in self.names.get(number, {}).items():
            if folder:
                self._build(inode, target / name)
            else:
                (target / name).write_bytes(self.contents.get(inode, b""))
                (target / name).chmod(0o600)


@dataclass
class Injector:
    """Counts points and lets the fault happen at one of them; ``happened`` names it, empty as long as it has not."""

    fault: Fault
    at: int
    root: Path
    after_cut: Path
    count: int = 0
    happened: str = ""
    disk: Disk | None = None

    def point(self, name: str, descriptor: int | None = None) -> None:
        """One thing that is about to be done."""
        if self.fault is Fault.FULL and name not in CREATING:
            return
        self.count += 1
        if self.count != self.at:
            return
        self.happened = name
        if self.fault is Fault.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault is Fault.POWER:
            assert self.disk is not None
            self.disk.cut(self.after_cut)
            os._exit(99)
        if name in {"statement", "commit"}:
            raise OperationalError(name, None, sqlite3.OperationalError("database or disk is full"))
        if descriptor is not None and name == "fsync" and stat.S_ISREG(os.fstat(descriptor).st_mode):
            # The part that did not fit is missing.
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def injected(injector: Injector) -> Iterator[None]:
    """Let everything that changes files or the database pass through the injector."""
    if injector.fault is Fault.POWER:
        injector.disk = Disk(injector.root)
        injector.disk.start()
    real = {name: getattr(os, name) for name in ("open", "fsync", "mkdir", "rename", "replace", "link", "unlink", "rmdir")}

    def wrap(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if name == "fsync":
                injector.point(name, arguments[0])
                result = act(*arguments, **options)
                if injector.disk is not None:
                    injector.disk.keep(arguments[0])
                return result
            if name != "open" or (len(arguments) > 1 and arguments[1] & os.O_CREAT):
                injector.point(name)
            return act(*arguments, **options)

        return wrapped

    def on_statement(*_: Any) -> None:
        injector.point("statement")

    def on_commit(*_: Any) -> None:
        injector.point("commit")

    for name, act in real.items():
        setattr(os, name, wrap(name, act))
    event.listen(Engine, "before_cursor_execute", on_statement)
    event.listen(Engine, "commit", on_commit)
    try:
        yield
    finally:
        for name, act in real.items():
            setattr(os, name, act)
        event.remove(Engine, "before_cursor_execute", on_statement)
        event.remove(Engine, "commit", on_commit)
