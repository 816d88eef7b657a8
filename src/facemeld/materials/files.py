"""The files of materials: one folder for each, with the picture and the engine's plan."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from facemeld.db.database import SERIAL_BITS
from facemeld.db.files import PRIVATE_FOLDER, TEMPORARY_PREFIX, make_folder, replace_file, sync_folder, temporary_beside, write_synced
from facemeld.materials.types import MaterialDeleted, MaterialNotSaved

EXTENSIONS = {"jpeg": "jpg", "png": "png"}
"""File extensions by format of pictures."""

PLAN = "plan.bin"
THUMBNAIL = "thumbnail.jpg"
PREVIOUS = "previous"
"""Subfolder with the old files during a replacement, or after a crash."""

_SHARDS = 256


class MaterialFiles:
    """Stores each material's picture and plan under ``<directory>/<shard>/<number>/``, together or not at all.

    The directory is created when the first material is saved.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def folder(self, number: int) -> Path:
        """Return the folder of a material. The shard is taken from the time in the id, because its low bits hardly vary."""
        return self._directory / f"{(number >> SERIAL_BITS) % _SHARDS:02x}" / str(number)

    def picture_path(self, number: int, picture_format: str) -> Path:
        """Return the path of the picture; ``picture_format`` is a key of ``EXTENSIONS``."""
        return self.folder(number) / f"picture.{EXTENSIONS[picture_format]}"

    def plan_path(self, number: int) -> Path:
        """Return the path of the plan."""
        return self.folder(number) / PLAN

    def save(self, number: int, picture: bytes, picture_format: str, plan: bytes) -> None:
        """Store both files of a new material durably.

        Raises:
            MaterialNotSaved: the folder cannot be written; nothing is left behind.
        """
        folder = self.folder(number)
        temporary = temporary_beside(folder)
        try:
            make_folder(folder.parent)
            temporary.mkdir(mode=PRIVATE_FOLDER)
            write_synced(temporary / f"picture.{EXTENSIONS[picture_format]}", picture)
            write_synced(temporary / PLAN, plan)
            sync_folder(temporary)
            temporary.rename(folder)
            sync_folder(folder.parent)
        except OSError as error:
            # The folder may be renamed already, but not durably.
            for unfinished in (temporary, folder):
                shutil.rmtree(unfinished, ignore_errors=True)
            raise MaterialNotSaved(f"the material must be written to {folder.parent}, got: {error.strerror}") from error

    def stage(self, number: int, picture: bytes, picture_format: str, plan: bytes) -> Path:
        """Store new files of a material durably in a folder for ``swap`` or ``discard``.

        Raises:
            MaterialNotSaved: the folder cannot be written; nothing is left behind.
        """
        staged = temporary_beside(self.folder(number))
        try:
            staged.mkdir(mode=PRIVATE_FOLDER)
            write_synced(staged / f"picture.{EXTENSIONS[picture_format]}", picture)
            write_synced(staged / PLAN, plan)
            sync_folder(staged)
        except OSError as error:
            shutil.rmtree(staged, ignore_errors=True)
            raise MaterialNotSaved(f"the material must be written to {staged.parent}, got: {error.strerror}") from error
        return staged

    def swap(self, number: int, staged: Path) -> None:
        """Replace a material's files by staged ones, keeping the old files until ``finish``; the caller holds the row's lock.

        Raises:
            MaterialNotSaved: the folder cannot be changed; ``settle`` restores the old files.
        """
        folder = self.folder(number)
        try:
            kept = folder / PREVIOUS
            kept.mkdir(mode=PRIVATE_FOLDER)
            old = [folder / PLAN, *folder.glob("picture.*")]
            for file in old:
                (kept / file.name).hardlink_to(file)
            sync_folder(kept)
            sync_folder(folder)
            for file in staged.iterdir():
                file.replace(folder / file.name)
            (folder / THUMBNAIL).unlink(missing_ok=True)
            sync_folder(folder)
        except OSError as error:
            raise MaterialNotSaved(f"the files in {folder} must be replaceable, got: {error.strerror}") from error

    def finish(self, number: int, picture_format: str) -> None:
        """Delete the old files after a replacement whose row is stored.

        Raises:
            MaterialNotSaved: the folder cannot be changed; ``settle`` does it later.
        """
        self._drop_others(self.folder(number), f"picture.{EXTENSIONS[picture_format]}")

    def settle(self, number: int, digest: str, picture_format: str) -> None:
        """End an interrupted replacement: restore the old files if the row, which the caller has locked, has their digest.

        Raises:
            MaterialNotSaved: the folder cannot be changed.
        """
        folder = self.folder(number)
        name = f"picture.{EXTENSIONS[picture_format]}"
        try:
            if _digest(folder / PREVIOUS / name) == digest:
                for file in (folder / PREVIOUS).iterdir():
                    file.replace(folder / file.name)
                (folder / THUMBNAIL).unlink(missing_ok=True)
                sync_folder(folder)
        except OSError as error:
            raise MaterialNotSaved(f"the files in {folder} must be replaceable, got: {error.strerror}") from error
        self._drop_others(folder, name)

    def _drop_others(self, folder: Path, name: str) -> None:
        try:
            if (folder / PREVIOUS).is_dir():
                for file in folder.glob("picture.*"):
                    if file.name != name:
                        file.unlink()
                shutil.rmtree(folder / PREVIOUS)
                sync_folder(folder)
        except OSError as error:
            raise MaterialNotSaved(f"the files in {folder} must be replaceable, got: {error.strerror}") from error

    def interrupted(self) -> Iterator[int]:
        """Yield the numbers of materials whose replacement is running or was interrupted."""
        for kept in sorted(self._directory.glob(f"[0-9a-f][0-9a-f]/*/{PREVIOUS}")):
            if kept.parent.name.isascii() and kept.parent.name.isdecimal():
                yield int(kept.parent.name)

    def replace_plan(self, number: int, plan: bytes) -> None:
        """Replace a plan atomically.

        Raises:
            MaterialNotSaved: the folder cannot be written; the old plan stays.
        """
        try:
            replace_file(self.plan_path(number), plan)
        except OSError as error:
            raise MaterialNotSaved(f"the plan must be written to {self.folder(number)}, got: {error.strerror}") from error

    def find_thumbnail(self, number: int) -> bytes | None:
        """Return the stored thumbnail, or None."""
        try:
            return (self.folder(number) / THUMBNAIL).read_bytes()
        except OSError:
            return None

    def save_thumbnail(self, number: int, thumbnail: bytes) -> None:
        """Store a thumbnail, or raise ``MaterialNotSaved``."""
        try:
            replace_file(self.folder(number) / THUMBNAIL, thumbnail)
        except OSError as error:
            raise MaterialNotSaved(f"the thumbnail must be written to {self.folder(number)}, got: {error.strerror}") from error

    def read_picture(self, number: int, picture_format: str) -> bytes:
        """Return the bytes of the picture, or raise ``MaterialDeleted``."""
        return _read(self.picture_path(number, picture_format))

    def read_plan(self, number: int) -> bytes:
        """Return the bytes of the plan, or raise ``MaterialDeleted``."""
        return _read(self.plan_path(number))

    def has_picture(self, number: int, picture_format: str, size: int) -> bool:
        """Whether the picture exists and has this size in bytes."""
        try:
            return self.picture_path(number, picture_format).stat().st_size == size
        except OSError:
            return False

    def complete(self, number: int, picture_format: str, size: int) -> bool:
        """Whether both files exist and the picture has this size in bytes."""
        return self.has_picture(number, picture_format, size) and self.plan_path(number).is_file()

    def digest(self, number: int, picture_format: str) -> str:
        """Return the hexadecimal SHA-256 of the picture's file, or raise ``MaterialDeleted``."""
        try:
            with self.picture_path(number, picture_format).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise MaterialDeleted(f"the picture of material {number} must be readable, got: {error.strerror}") from error

    def remove(self, number: int) -> None:
        """Delete the files of a material, if there are any, or raise ``MaterialNotSaved``."""
        folder = self.folder(number)
        doomed = temporary_beside(folder)
        try:
            # Renamed first, so that a crash does not leave an incomplete material.
            folder.rename(doomed)
            shutil.rmtree(doomed)
            sync_folder(folder.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise MaterialNotSaved(f"the files of material {number} must be removable, got: {error.strerror}") from error

    def discard(self, unfinished: Path) -> None:
        """Delete a path from ``unfinished`` or ``stage``, or raise ``MaterialNotSaved``."""
        try:
            if unfinished.is_dir():
                shutil.rmtree(unfinished)
            else:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise MaterialNotSaved(f"unfinished files in {unfinished.parent} must be removable, got: {error.strerror}") from error

    def stored(self, before: datetime) -> Iterator[int]:
        """Yield the numbers of all folders last changed before a moment."""
        for folder in self._folders(before):
            # A folder outside its shard was not made by this store.
            if folder.name.isascii() and folder.name.isdecimal() and folder == self.folder(int(folder.name)):
                yield int(folder.name)

    def unfinished(self, before: datetime) -> Iterator[Path]:
        """Yield the leftovers of interrupted imports and removals, last changed before a moment."""
        for folder in self._folders(before):
            if folder.name.startswith(TEMPORARY_PREFIX):
                yield folder
            else:
                yield from (file for file in folder.glob(f"{TEMPORARY_PREFIX}*") if _changed(file) < before)

    def _folders(self, before: datetime) -> Iterator[Path]:
        for shard in sorted(self._directory.glob("[0-9a-f][0-9a-f]")):
            for folder in sorted(shard.iterdir()):
                with suppress(FileNotFoundError):
                    if _changed(folder) < before:
                        yield folder


def _digest(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file; empty if it does not exist."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MaterialDeleted(f"the material's file {path.name} must be readable, got: {error.strerror}") from error
