"""Who works in a data folder at this moment: everybody holds a shared lock on it, so that a repair knows when it is alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facemeld.db.durable import PRIVATE_FILE, make_folder
from facemeld.db.errors import FolderUnavailable

NAME = "in-use.lock"
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
            self._descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
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
