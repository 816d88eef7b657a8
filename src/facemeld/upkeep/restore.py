"""Restores a backup into an empty data folder after verifying every file in it.

Files are read one by one as the manifest lists them. ``tarfile``'s extraction is not used: its data filter keeps members inside the
target, but would still unpack files of any number, name and size before the manifest can be checked.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeAlias, cast

from facemeld.accounts.types import VaultError
from facemeld.accounts.vault import KeyVault
from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from facemeld.db.errors import Clock
from facemeld.db.files import LOCK_NAME, PRIVATE_FOLDER, TEMPORARY_PREFIX, create_synced, occupied, sync_folder, sync_tree, write_synced
from facemeld.db.inspection import inspect_file, use_wal
from facemeld.materials.files import MaterialFiles
from facemeld.materials.reconcile import compare
from facemeld.materials.types import material_id
from facemeld.upkeep.backup import DATABASE, KEY_PURPOSE, MASTER_KEY, NAME, BackupDamaged, Entry, Manifest, RestoreRefused, read_manifest

_CHUNK = 1 << 20
_LARGEST_MANIFEST = 1 << 30

_Files: TypeAlias = Mapping[str, Callable[[], IO[bytes]]]
"""The files of a backup: their names, and functions that open them."""


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """Source and target of a restore.

    Attributes:
        source: Folder or ``.tar`` file made by ``BackupMaker``.
        folder: The data folder, which must be missing or empty.
        database: Name of the database file in the data folder.
        master_key: The secret from the settings, if the master key comes from there.
        key_file: File of the master key, if it was kept apart from the backup.
        without_key: Restore without the master key: stored secrets stay unreadable, and the seal cannot be checked.
    """

    source: Path
    folder: Path
    database: str
    master_key: str | None = None
    key_file: Path | None = None
    without_key: bool = False


def restore(plan: RestorePlan, *, actor: str, clock: Clock) -> Manifest:
    """Restore a backup; the data folder is complete and on the disk on return, and stays empty on failure.

    Args:
        plan: Source and target.
        actor: Name for the audit log.
        clock: Returns the current time.

    Raises:
        BackupDamaged: a file is missing, added or changed, or the data do not fit together.
        RestoreRefused: the data folder is not empty or cannot be written, or the master key is missing.
        SchemaMismatch: a newer Facemeld made the backup.
        FolderUnavailable: the data folder cannot be written.
    """
    with occupied(plan.folder) as occupancy, occupancy.alone() as alone, _opened(plan.source) as files:
        if not alone:
            raise RestoreRefused(f"nothing else may use the data folder {plan.folder} during a restore; stop the server first")
        if found := sorted(path.name for path in plan.folder.iterdir() if path.name != LOCK_NAME):
            raise RestoreRefused(f"the data folder {plan.folder} must be empty, it holds {', '.join(found[:5])}")
        manifest, seal = _read_manifest(files)
        stage = plan.folder / f"{TEMPORARY_PREFIX}restore-{secrets.token_hex(8)}"
        try:
            stage.mkdir(mode=PRIVATE_FOLDER)
            for entry in manifest.entries:
                (stage / entry.path).parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
                with create_synced(stage / entry.path) as file:
                    file.writelines(_content(files, entry))
            _settle_key(plan, manifest, seal, stage)
            _finish_database(stage / DATABASE, manifest, actor, clock)
            _move(stage, plan)
        except OSError as error:
            raise RestoreRefused(f"the data folder {plan.folder} must be writable, got: {error.strerror}") from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    return manifest


def verify(source: Path) -> Manifest:
    """Read a whole backup without restoring it, and return its manifest.

    Raises:
        BackupDamaged: a file is missing, added or changed.
    """
    with _opened(source) as files:
        manifest, _ = _read_manifest(files)
        for entry in manifest.entries:
            for _chunk in _content(files, entry):
                pass
    return manifest


@contextmanager
def _opened(path: Path) -> Iterator[_Files]:
    """Open a folder or a tar file for reading.

    Raises:
        BackupDamaged: the path is neither, or the tar file holds anything but plain files, each once.
    """
    if path.is_dir():
        found = (file for file in path.rglob("*") if file.is_symlink() or not file.is_dir())
        yield {file.relative_to(path).as_posix(): partial(_open_file, file) for file in found}
        return
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(tarfile.open(path, "r:"))
            members = archive.getmembers()
        except (tarfile.TarError, OSError) as error:
            raise BackupDamaged(f"the backup {path} must be a folder or a tar file, got: {error}") from error
        # For a plain file, `extractfile` never returns None.
        files = {
            member.name: partial(cast("Callable[..., IO[bytes]]", archive.extractfile), member) for member in members if member.isfile()
        }
        if len(files) < len(members):
            raise BackupDamaged("the backup must hold plain files only, each once")
        yield files


def _open_file(path: Path) -> IO[bytes]:
    # A symbolic link could lead out of the backup. Without O_NONBLOCK, opening a FIFO would wait for a writer.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise BackupDamaged(f"the backup must hold plain files only, {path.name} is not a plain file")
    return file


def _read_manifest(files: _Files) -> tuple[Manifest, str]:
    if NAME not in files:
        raise BackupDamaged(f"the backup must hold {NAME}, it does not")
    try:
        with files[NAME]() as file:
            manifest, seal = read_manifest(file.read(_LARGEST_MANIFEST))
    except (tarfile.TarError, OSError) as error:
        raise BackupDamaged(f"{NAME} in the backup must be readable, got: {error}") from error
    listed = {entry.path for entry in manifest.entries} | {NAME}
    if missing := sorted(listed - files.keys()):
        raise BackupDamaged(f"the backup must hold every file of its manifest, {len(missing)} are missing: {', '.join(missing[:5])}")
    if added := sorted(map(ascii, files.keys() - listed)):
        raise BackupDamaged(f"the backup must hold no files except those of its manifest, {len(added)} were added: {', '.join(added[:5])}")
    return manifest, seal


def _content(files: _Files, entry: Entry) -> Iterator[bytes]:
    """Yield the content of a file in chunks.

    Raises:
        BackupDamaged: the file cannot be read, or, after the last chunk, size or digest differ from the manifest.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with files[entry.path]() as file:
            # Stop one chunk past the size at most, because a sparse member can be of any length.
            while size <= entry.size and (chunk := file.read(_CHUNK)):
                digest.update(chunk)
                size += len(chunk)
                yield chunk
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BackupDamaged(f"{entry.path} in the backup must be readable, got: {error}") from error
    if size != entry.size or digest.hexdigest() != entry.sha256:
        raise BackupDamaged(f"{entry.path} in the backup must have {entry.size} bytes with SHA-256 {entry.sha256}, it was changed")


def _settle_key(plan: RestorePlan, manifest: Manifest, seal: str, stage: Path) -> None:
    """Add the master key to the restored files if it is not there, and check the seal with it."""
    path = stage / MASTER_KEY
    if plan.without_key and not path.exists():
        if plan.master_key is None:
            KeyVault.from_file(path)  # creates a new key
        return
    if manifest.master_key == "settings":
        if plan.master_key is None:
            raise RestoreRefused("the master key of this backup comes from the settings; set FACEMELD_MASTER_KEY")
    elif plan.master_key is not None:
        raise RestoreRefused("this backup was made with a key file; unset FACEMELD_MASTER_KEY")
    elif not path.exists():
        if plan.key_file is None:
            raise RestoreRefused("this backup does not include the master key; give its file with --key-file")
        try:
            key = plan.key_file.read_bytes()
        except OSError as error:
            raise RestoreRefused(f"the key file {plan.key_file} must be readable, got: {error.strerror}") from error
        write_synced(path, key)
    try:
        vault = KeyVault.from_file(path) if path.exists() else KeyVault.from_secret(plan.master_key or "")
    except VaultError as error:
        raise RestoreRefused(str(error)) from error
    manifest.check_seal(seal, vault.derive(KEY_PURPOSE))


def _finish_database(file: Path, manifest: Manifest, actor: str, clock: Clock) -> None:
    """Check the database and the files against each other, upgrade the schema, and record the restore in the audit log."""
    if faults := inspect_file(file).faults:
        raise BackupDamaged(f"the database in the backup must be intact, got: {faults[0]}")
    with closing(Database.at(file, clock)) as database:
        database.upgrade()
        found = compare(database, MaterialFiles(file.parent / "materials"), clock=clock)
        if lacking := (*found.lost, *found.planless):
            raise BackupDamaged(f"the backup must hold the files of every material, those of {material_id(lacking[0])} are missing")
        AuditLog(database, clock).record(actor, "backup.restore", manifest.created_at, {"version": manifest.version})
    use_wal(file)


def _move(stage: Path, plan: RestorePlan) -> None:
    """Move everything into place, the database last: a folder without a database does not count as in use."""
    sync_tree(stage)
    for name in ("materials", "results", "signing", MASTER_KEY):
        if (stage / name).exists():
            (stage / name).rename(plan.folder / name)
    sync_folder(plan.folder)
    (stage / DATABASE).rename(plan.folder / plan.database)
    sync_folder(plan.folder)
