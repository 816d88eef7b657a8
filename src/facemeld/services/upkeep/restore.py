"""Restores a backup into an empty data folder, after everything in it has been verified."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from facemeld.accounts import KeyVault
from facemeld.accounts.errors import VaultError
from facemeld.catalog import MaterialFiles, compare, material_id
from facemeld.db import AuditLog, Clock, Database
from facemeld.db.durable import PRIVATE_FILE, TEMPORARY_PREFIX, make_folder, sync_folder, write_synced
from facemeld.db.inspection import inspect_file, use_wal
from facemeld.db.occupancy import NAME as LOCK
from facemeld.db.occupancy import Occupancy, occupied
from facemeld.services.upkeep.errors import BackupDamaged, RestoreRefused
from facemeld.services.upkeep.manifest import DATABASE, KEY_PURPOSE, MASTER_KEY, NAME, Entry, Manifest, check_seal, is_path, read_manifest

_CHUNK = 1 << 20
_LARGEST_MANIFEST = 1 << 30


class Source(Protocol):
    """The files of a backup, by their paths."""

    def names(self) -> frozenset[str]:
        """All of them, the manifest included."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """One of them."""
        ...


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What to restore, and where to.

    Attributes:
        source: Folder or ``.tar`` file of ``BackupMaker``.
        folder: The data folder: missing or empty.
        database: Name that the database file gets in it.
        master_key: Content of the settings' secret, when the master key is there.
        key_file: The master key's file, when it was kept apart from the backup.
        without_key: Restore without the master key: stored secrets stay unreadable, and the seal cannot be checked.
    """

    source: Path
    folder: Path
    database: str
    master_key: str | None = None
    key_file: Path | None = None
    without_key: bool = False


def restore(plan: RestorePlan, *, actor: str, clock: Clock) -> Manifest:
    """Restore a backup; the data folder is complete and on the disk when this returns, else it is as empty as before.

    Args:
        plan: What, and where to.
        actor: Who, for the audit log.
        clock: The present moment.

    Raises:
        BackupDamaged: a file is missing, added or changed, or the whole is not consistent.
        RestoreRefused: the data folder is not empty, or the master key is missing.
        SchemaMismatch: a newer Facemeld made the backup.
        FolderUnavailable: the data folder cannot be written.
    """
    with occupied(plan.folder) as occupancy, _alone(occupancy, plan.folder), opened(plan.source) as source:
        left = [path.name for path in plan.folder.iterdir() if path.name != LOCK]
        if left:
            raise RestoreRefused(f"the data folder {plan.folder} must be empty, it holds {', '.join(sorted(left)[:5])}")
        manifest, seal = _read_manifest(source)
        stage = plan.folder / f"{TEMPORARY_PREFIX}restore-{secrets.token_hex(8)}"
        try:
            make_folder(stage)
            for entry in manifest.entries:
                _fetch(source, entry, stage / entry.path)
            _settle_key(plan, manifest, seal, stage)
            _check_data(stage)
            _finish_database(stage / DATABASE, manifest, actor, clock)
            _move(stage, plan)
        except OSError as error:
            raise RestoreRefused(f"the data folder {plan.folder} must be writable, got: {error.strerror}") from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    return manifest


def verify(source: Path) -> Manifest:
    """Look through a backup without restoring it: every file must be there and as it was.

    Raises:
        BackupDamaged: a file is missing, added or changed.
    """
    with opened(source) as found:
        manifest, _ = _read_manifest(found)
        for entry in manifest.entries:
            _fetch(found, entry, None)
    return manifest


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The files of a backup, be it a folder or a tar file.

    Raises:
        BackupDamaged: it is neither.
    """
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        with tarfile.open(path, "r:") as archive:
            yield _Tar(archive)
    except (tarfile.TarError, OSError) as error:
        if isinstance(error, OSError) and error.filename != str(path):
            raise
        raise BackupDamaged(f"the backup {path} must be a folder or a tar file, got: {error}") from error


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path

    def names(self) -> frozenset[str]:
        return frozenset(file.relative_to(self.path).as_posix() for file in self.path.rglob("*") if file.is_symlink() or not file.is_dir())

    def open(self, name: str) -> IO[bytes]:
        # A link could lead out of the backup.
        return os.fdopen(os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


class _Tar:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._members: dict[str, tarfile.TarInfo] = {}
        for member in archive.getmembers():
            if not member.isfile() or member.name in self._members:
                raise BackupDamaged("the backup must hold plain files only, each once")
            self._members[member.name] = member

    def names(self) -> frozenset[str]:
        return frozenset(self._members)

    def open(self, name: str) -> IO[bytes]:
        found = self._archive.extractfile(self._members[name])
        if found is None:
            raise BackupDamaged(f"{name} in the backup must be a plain file")
        return found


@contextmanager
def _alone(occupancy: Occupancy, folder: Path) -> Iterator[None]:
    with occupancy.alone() as alone:
        if not alone:
            raise RestoreRefused(f"nobody else may work in the data folder {folder} during a restore; stop the server first")
        yield


def _read_manifest(source: Source) -> tuple[Manifest, str]:
    names = source.names()
    if NAME not in names:
        raise BackupDamaged(f"the backup must hold {NAME}, it does not")
    with source.open(NAME) as file:
        manifest, seal = read_manifest(file.read(_LARGEST_MANIFEST))
    listed = {entry.path for entry in manifest.entries} | {NAME}
    if missing := sorted(listed - names):
        raise BackupDamaged(f"the backup must hold all files of its manifest, {len(missing)} are missing: {', '.join(missing[:5])}")
    if added := sorted(name if is_path(name) else ascii(name) for name in names - listed):
        raise BackupDamaged(f"the backup must hold the files of its manifest only, {len(added)} were added: {', '.join(added[:5])}")
    return manifest, seal


def _fetch(source: Source, entry: Entry, target: Path | None) -> None:
    """Copy a file out of the backup, or only read it, and compare it with the manifest."""
    digest, size = hashlib.sha256(), 0
    writing: IO[bytes] | None = None
    if target is not None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        writing = os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE), "wb")
    try:
        with source.open(entry.path) as reading:
            while size <= entry.size and (chunk := reading.read(_CHUNK)):
                digest.update(chunk)
                size += len(chunk)
                if writing is not None:
                    writing.write(chunk)
        if writing is not None:
            writing.flush()
            os.fsync(writing.fileno())
    except (tarfile.TarError, EOFError) as error:
        raise BackupDamaged(f"{entry.path} in the backup must be readable, got: {error}") from error
    finally:
        if writing is not None:
            writing.close()
    if size != entry.size or digest.hexdigest() != entry.sha256:
        raise BackupDamaged(f"{entry.path} in the backup must have {entry.size} bytes with SHA-256 {entry.sha256}, it was changed")


def _settle_key(plan: RestorePlan, manifest: Manifest, seal: str, stage: Path) -> None:
    """Put the master key where it belongs, and check the seal with it."""
    path = stage / MASTER_KEY
    if plan.without_key and not path.exists():
        if plan.master_key is None:
            KeyVault.from_file(path)  # makes a new one
        return
    if manifest.master_key == "settings":
        if plan.master_key is None:
            raise RestoreRefused("the master key of this backup is in the settings of its installation; set FACEMELD_MASTER_KEY")
    elif plan.master_key is not None:
        raise RestoreRefused("this backup was made with a key file; unset FACEMELD_MASTER_KEY")
    elif not path.exists():
        if plan.key_file is None:
            raise RestoreRefused("this backup does not hold the master key; name its file with --key-file")
        write_synced(path, plan.key_file.read_bytes())
    try:
        vault = KeyVault.from_file(path) if path.exists() else KeyVault.from_secret(plan.master_key or "")
    except VaultError as error:
        raise RestoreRefused(str(error)) from error
    check_seal(manifest, seal, vault.derive(KEY_PURPOSE))


def _check_data(stage: Path) -> None:
    """Database and materials must agree, whatever the digests say."""
    state = inspect_file(stage / DATABASE)
    if state.faults:
        raise BackupDamaged(f"the database in the backup must be sound, got: {state.faults[0]}")


def _finish_database(file: Path, manifest: Manifest, actor: str, clock: Clock) -> None:
    """Bring the database to this version and leave a note in its audit log."""
    database, files = Database.at(file, clock), MaterialFiles(file.parent / "materials")
    try:
        database.upgrade()
        found = compare(database, files, clock=clock)
        if lacking := (*found.lost, *found.planless):
            raise BackupDamaged(f"the backup must hold the files of every material, it lacks {material_id(lacking[0])}")
        AuditLog(database, clock).record(actor, "backup.restore", manifest.created_at, {"version": manifest.version})
    finally:
        database.close()
    use_wal(file)


def _move(stage: Path, plan: RestorePlan) -> None:
    """Put everything in its place, the database last: without it, the folder does not count as in use."""
    for folder in (stage, *(path for path in stage.rglob("*") if path.is_dir())):
        sync_folder(folder)
    for name in ("materials", "results", "signing", MASTER_KEY):
        if (stage / name).exists():
            (stage / name).rename(plan.folder / name)
    sync_folder(plan.folder)
    (stage / DATABASE).rename(plan.folder / plan.database)
    sync_folder(plan.folder)
