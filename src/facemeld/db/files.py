"""Files that are complete on disk or absent, even after a crash or a power cut, and the lock on a data folder."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from facemeld.db.errors import FolderUnavailable

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
TEMPORARY_PREFIX = ".tmp-"
"""Prefix of unfinished files and folders; code that lists a folder skips them."""


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a rename is lost by a power cut until its folder is synced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make the names in a folder and in all folders below it durable."""
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sync_folder(path)


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, private to the user, and make them durable."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        sync_folder(path.parent)


def temporary_beside(path: Path) -> Path:
    """Return a fresh name for an unfinished file in the folder of ``path``."""
    return path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}")


@contextmanager
def create_synced(path: Path) -> Iterator[IO[bytes]]:
    """Open a new private file for writing; its content is on disk at the end of the block."""
    with open(path, "xb", opener=partial(os.open, mode=PRIVATE_FILE)) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_synced(path: Path, data: bytes) -> None:
    """Create a private file that must not exist yet; its content is on disk on return."""
    with create_synced(path) as file:
        file.write(data)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that readers see either the old or the complete new content; durable on return. Its folder must exist.

    Raises:
        OSError: the disk is full or cannot be written; ``path`` is unchanged.
    """
    temporary = temporary_beside(path)
    try:
        write_synced(temporary, data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def create_file(path: Path, data: bytes) -> bool:
    """Write a file unless it exists; return whether this call created it. No process sees a partial file.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    temporary = temporary_beside(path)
    try:
        write_synced(temporary, data)
        # A hard link fails if the name exists, whereas a rename would silently replace the file.
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


LOCK_NAME = "in-use.lock"
"""Empty lock file in the data folder; the system releases the locks of a process that ends."""


class Occupancy:
    """A shared lock on a data folder, held until ``close``. The folder is created if it is missing.

    Raises:
        FolderUnavailable: the folder cannot be created or written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            make_folder(folder)
            self._descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise FolderUnavailable(f"the data folder {folder} must be writable, got: {error.strerror}") from error
        # Waits for a repair in progress. Without locks in the file system, no process ever counts as alone.
        self._locks = self._lock(fcntl.LOCK_SH)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Yield whether no other process has the folder open; if so, none can open it before the end of the block."""
        exclusive = self._locks and self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield exclusive
        finally:
            # A failed attempt releases the shared lock too, so it is always taken again.
            if self._locks:
                self._lock(fcntl.LOCK_SH)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)

    def _lock(self, kind: int) -> bool:
        try:
            fcntl.flock(self._descriptor, kind)
        except OSError:
            return False
        return True


@contextmanager
def occupied(folder: Path) -> Iterator[Occupancy]:
    """Hold a shared lock on a data folder during a block; see ``Occupancy``."""
    occupancy = Occupancy(folder)
    try:
        yield occupancy
    finally:
        occupancy.close()
