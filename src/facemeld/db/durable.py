"""Files that are either complete and on the disk or not there at all, also after a crash or a power cut."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

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
