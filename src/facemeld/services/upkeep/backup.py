"""Makes a backup of a data folder while it serves: one consistent state of database and materials."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from facemeld.catalog import Material, MaterialFiles, MaterialStore
from facemeld.catalog.files import EXTENSIONS, PLAN
from facemeld.db import AuditLog, Clock, Database
from facemeld.db.durable import PRIVATE_FILE, TEMPORARY_PREFIX, make_folder, sync_folder, write_synced
from facemeld.db.inspection import snapshot
from facemeld.results import LocalResultStore
from facemeld.services.upkeep.errors import BackupImpossible
from facemeld.services.upkeep.manifest import DATABASE, MASTER_KEY, NAME, Entry, KeyPlace, Manifest

_TRIES = 10
_CHUNK = 1 << 20
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK}
_KEY_FILES = ("signing/authority.pem", "signing/signer.pem", "signing/signer.key")


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """What to back up, and where to.

    Attributes:
        target: Folder that must not exist yet, or a file whose name ends in ``.tar``.
        keys: Whether to include the master key and the signing key.
        results: Whether to include results, which are pictures of users.
        copy: Whether to copy files where hard links would do.
    """

    target: Path
    keys: bool = False
    results: bool = False
    copy: bool = False

    @property
    def tar(self) -> bool:
        """Whether the target is one file."""
        return self.target.suffix == ".tar"


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup.

    Attributes:
        manifest: What is in it.
        bytes: Size of its files together.
        damaged: Ids of materials whose pictures are not what was imported; they are in the backup as they are.
    """

    manifest: Manifest
    bytes: int
    damaged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackupMaker:
    """Makes backups of an open data folder.

    Attributes:
        folder: The data folder.
        version: Of this Facemeld.
        key: Seals manifests.
        key_in_settings: Whether the master key is in the settings and not in a file.
    """

    folder: Path
    database: Database
    materials: MaterialStore
    results: LocalResultStore
    audit: AuditLog
    clock: Clock
    version: str
    key: bytes = field(repr=False)
    key_in_settings: bool

    def make(self, plan: BackupPlan, *, actor: str) -> Backup:
        """Make a backup; complete and on the disk when this returns, else nothing is left of it.

        Files are first linked, or copied where the system has no links, into a folder beside the data: a material that is deleted
        meanwhile stays in the backup if the copy of the database still has it.

        Raises:
            BackupImpossible: the database is not SQLite, the target exists or cannot be written, materials are missing.
            DatabaseUnavailable: the database cannot be read.
        """
        if self.database.file is None:
            raise BackupImpossible(
                "only an installation with SQLite is backed up so; use the tools of the database server and of the store"
            )
        if plan.target.exists():
            raise BackupImpossible(f"the target of a backup must not exist yet, got {plan.target}")
        self.audit.record(actor, "backup.create", plan.target.name, {"keys": plan.keys, "results": plan.results})
        stage = self.folder / f"{TEMPORARY_PREFIX}backup-{secrets.token_hex(8)}"
        try:
            make_folder(stage)
            damaged = self._stage(stage, self.database.file, plan)
            manifest = self._manifest(stage, plan)
            write_synced(stage / NAME, manifest.to_bytes(self.key))
            _deliver(stage, plan)
        except OSError as error:
            raise BackupImpossible(f"the backup {plan.target} must be writable, got: {error.strerror}") from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        return Backup(manifest, sum(entry.size for entry in manifest.entries), damaged)

    def _stage(self, stage: Path, database: Path, plan: BackupPlan) -> tuple[str, ...]:
        """Gather one consistent state; ids of damaged materials."""
        for material in _living(self.materials):
            self._take_material(stage, material)
        for _ in range(_TRIES):
            (stage / DATABASE).unlink(missing_ok=True)
            snapshot(database, stage / DATABASE)
            if (damaged := self._complete(stage)) is not None:
                break
        else:
            raise BackupImpossible("the files of every material must be in the store, some are missing; `facemeld doctor` names them")
        if plan.keys:
            self._take_keys(stage)
        if plan.results:
            self._take_results(stage)
        return damaged

    def _complete(self, stage: Path) -> tuple[str, ...] | None:
        """Bring the materials to the state of the copied database; None when one is missing, as after a deletion right now."""
        copy = Database.at(stage / DATABASE)
        kept, damaged = MaterialFiles(stage / "materials"), []
        try:
            living = list(_living(MaterialStore(copy, kept)))
        finally:
            copy.close()
        for material in living:
            if not kept.complete(material.number, material.format, material.size) and not self._take_material(stage, material):
                return None
            if kept.digest(material.number, material.format) != material.sha256:
                damaged.append(material.id)
        wanted = {material.number for material in living}
        for folder in (stage / "materials").glob("*/*"):
            if int(folder.name) not in wanted:
                shutil.rmtree(folder)
        return tuple(damaged)

    def _take_material(self, stage: Path, material: Material) -> bool:
        """Take picture and plan of a material; False where a file is missing."""
        source, target = self.materials.files.folder(material.number), MaterialFiles(stage / "materials").folder(material.number)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        picture = f"picture.{EXTENSIONS[material.format]}"
        return _take(source / picture, target / picture) and _take(source / PLAN, target / PLAN)

    def _take_keys(self, stage: Path) -> None:
        names = [*_KEY_FILES, *([] if self.key_in_settings else [MASTER_KEY])]
        for name in names:
            (stage / name).parent.mkdir(mode=0o700, exist_ok=True)
            _take(self.folder / name, stage / name)

    def _take_results(self, stage: Path) -> None:
        for file in self.results.files(self.clock()):
            target = stage / "results" / file.parent.name / file.name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _take(file, target)

    def _manifest(self, stage: Path, plan: BackupPlan) -> Manifest:
        files = sorted(path for path in stage.rglob("*") if path.is_file())
        entries = tuple(Entry(path.relative_to(stage).as_posix(), path.stat().st_size, _digest(path)) for path in files)
        copy = Database.at(stage / DATABASE)
        try:
            revision, head = copy.revision(), AuditLog(copy).head().hash
        finally:
            copy.close()
        place: KeyPlace = "settings" if self.key_in_settings else "included" if plan.keys else "file"
        moment = self.clock().isoformat(timespec="seconds")
        return Manifest(moment, self.version, revision or "", place, plan.results, head, entries)


def _living(materials: MaterialStore) -> Iterator[Material]:
    after: int | None = None
    while True:
        page = materials.materials(None, None, limit=500, after=after)
        yield from page.items
        if page.next is None:
            return
        after = page.next


def _take(source: Path, target: Path) -> bool:
    """Link a file, or copy it where links are not possible; False where there is none, or no longer."""
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


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _deliver(stage: Path, plan: BackupPlan) -> None:
    """Move or copy what was gathered to the target, under a temporary name until it is complete and on the disk."""
    make_folder(plan.target.absolute().parent)
    unfinished = plan.target.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}")
    try:
        if plan.tar:
            _write_tar(stage, unfinished)
        else:
            _write_folder(stage, unfinished, copy=plan.copy)
        unfinished.rename(plan.target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        if unfinished.exists():
            unfinished.unlink()
        raise
    sync_folder(plan.target.absolute().parent)


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
            _take(path, there)
        os.utime(stage)
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        sync_folder(folder)
