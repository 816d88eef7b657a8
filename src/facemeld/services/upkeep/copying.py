"""Takes files into a backup and puts the whole where it belongs: a folder or one tar file, complete or not there."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tarfile
from pathlib import Path

from facemeld.db.durable import PRIVATE_FILE, TEMPORARY_PREFIX, make_folder, sync_folder
from facemeld.services.upkeep.manifest import NAME

_CHUNK = 1 << 20
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK}


def take(source: Path, target: Path) -> bool:
    """Link a file, or copy it where links are not possible; False where there is none, or no longer.

    Raises:
        OSError: the target cannot be written.
    """
    if target.exists():
        return True
    try:
        try:
            target.hardlink_to(source)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _copy(source, target)
    except FileNotFoundError:
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reading, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as writing:
        shutil.copyfileobj(reading, writing, _CHUNK)
        writing.flush()
        os.fsync(writing.fileno())


def deliver(stage: Path, target: Path, *, tar: bool, copy: bool) -> None:
    """Bring what was gathered to the target, under a temporary name until it is complete and on the disk.

    Args:
        stage: Folder with the files of the backup.
        target: Must not exist yet.
        tar: Whether it becomes one file.
        copy: Whether the files of a folder are copied where links would do.

    Raises:
        OSError: the target cannot be written; nothing is left of it.
    """
    make_folder(target.absolute().parent)
    unfinished = target.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}")
    try:
        if tar:
            _write_tar(stage, unfinished)
        else:
            _write_folder(stage, unfinished, copy=copy)
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        if unfinished.exists():
            unfinished.unlink()
        raise
    sync_folder(target.absolute().parent)


def _write_tar(stage: Path, target: Path) -> None:
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            # The manifest comes first, so that whoever reads the file knows what to expect.
            for path in sorted((path for path in stage.rglob("*") if path.is_file()), key=lambda path: (path.name != NAME, path)):
                with path.open("rb") as content:
                    archive.addfile(_member(path.relative_to(stage).as_posix(), os.fstat(content.fileno())), content)
                os.utime(stage)
        file.flush()
        os.fsync(file.fileno())


def _member(name: str, status: os.stat_result) -> tarfile.TarInfo:
    """A plain private file of nobody: users of this machine do not concern those who read the backup."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = status.st_size, int(status.st_mtime), PRIVATE_FILE
    return info


def _write_folder(stage: Path, target: Path, *, copy: bool) -> None:
    target.mkdir(mode=0o700)
    for path in sorted(stage.rglob("*")):
        there = target / path.relative_to(stage)
        if path.is_dir():
            there.mkdir(mode=0o700)
        elif copy:
            _copy(path, there)
        else:
            take(path, there)
        os.utime(stage)
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        sync_folder(folder)
