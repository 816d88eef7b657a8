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
"""Names of unfinished files and folders begin with this; whoever lists a folder skips them."""


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
    """A fresh name in the folder of ``path`` that marks unfinished work."""
    return path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}")


@contextmanager
def create_synced(path: Path) -> Iterator[IO[bytes]]:
    """Open a new private file for writing; its content is on the disk at the end of the block."""
    with open(path, "xb", opener=partial(os.open, mode=PRIVATE_FILE)) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_synced(path: Path, data: bytes) -> None:
    """Create a private file that must not exist yet, and wait until its content is on the disk."""
    with create_synced(path) as file:
        file.write(data)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old content or the whole new content; durable on return.

    Args:
        path: Its folder must exist.
        data: The whole content.

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
    """Write a file unless it exists already; of several processes exactly one wins, and none sees a partial file.

    Returns:
        True when this call created the file; False when it was there before.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    temporary = temporary_beside(path)
    try:
        write_synced(temporary, data)
        # A hard link fails when the name is taken, whereas a rename would silently replace the winner's file.
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


LOCK_NAME = "in-use.lock"
"""File in the data folder that the locks are on; its content means nothing, and the system frees the lock of a process that ends."""


class Occupancy:
    """A process's share in a data folder, held until ``close``.

    Args:
        folder: The data folder; created when it is missing.

    Raises:
        FolderUnavailable: the folder cannot be created or written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            make_folder(folder)
            self._descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise FolderUnavailable(f"the data folder {folder} must be writable, got: {error.strerror}") from error
        # Waits for a repair that is under way; on a file system without locks, nobody ever counts as alone.
        self._locks = self._lock(fcntl.LOCK_SH)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """A block of work; True when nobody else has the folder open, and then nobody can open it before the end of the block."""
        exclusive = self._locks and self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield exclusive
        finally:
            # A failed try gives up the shared lock too, so it is taken again in any case.
            if self._locks:
                self._lock(fcntl.LOCK_SH)

    def close(self) -> None:
        """Give the share back."""
        os.close(self._descriptor)

    def _lock(self, kind: int) -> bool:
        try:
            fcntl.flock(self._descriptor, kind)
        except OSError:
            return False
        return True


@contextmanager
def occupied(folder: Path) -> Iterator[Occupancy]:
    """Hold a share in a data folder during a block; see ``Occupancy``."""
    occupancy = Occupancy(folder)
    try:
        yield occupancy
    finally:
        occupancy.close()
