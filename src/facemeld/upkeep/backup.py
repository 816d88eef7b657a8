"""Makes a backup of a data folder while the server runs: one consistent state of the database and the files of materials.

SQLite copies its database and ``tarfile`` packs the files, but no library keeps the two consistent while a server imports, replaces and
deletes materials. Therefore: copy the database, take the files that the copy lists, and repeat if one was replaced meanwhile. This, and
refusing everything but a complete backup of the right installation, takes most of the lines here and in ``restore``.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from facemeld import __version__
from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from facemeld.db.errors import Clock, utc_now
from facemeld.db.files import PRIVATE_FILE, TEMPORARY_PREFIX, create_synced, make_folder, sync_folder, sync_tree, write_synced
from facemeld.db.inspection import snapshot
from facemeld.materials.files import PLAN, PREVIOUS, MaterialFiles
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Material, MaterialDeleted
from facemeld.results.local import LocalResultStore
from facemeld.upkeep.manifest import DATABASE, MASTER_KEY, NAME, BackupImpossible, Entry, KeyPlace, Manifest

_TRIES = 4
_LOOKS = 250
_PAUSE = 0.02
_SIGNING = ("signing/authority.pem", "signing/signer.pem", "signing/signer.key")
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK}


@dataclass(frozen=True, slots=True)
class BackupMaker:
    """Makes a backup of an open data folder.

    Attributes:
        folder: The data folder.
        key: Key that seals the manifest.
        key_in_settings: Whether the master key comes from the settings instead of a file.
        target: Folder that must not exist yet, or file whose name ends in ``.tar``.
        with_keys: Whether to include the master key and the signing key.
        with_results: Whether to include results, which are pictures of users.
        copy: Whether to copy files even if hard links are possible.
    """

    folder: Path
    database: Database
    materials: MaterialStore
    results: LocalResultStore
    audit: AuditLog
    key: bytes = field(repr=False)
    key_in_settings: bool
    target: Path
    with_keys: bool = False
    with_results: bool = False
    copy: bool = False
    clock: Clock = utc_now

    def make(self, *, actor: str) -> tuple[Manifest, tuple[str, ...]]:
        """Make the backup: complete and on the disk on return, removed again on failure.

        Returns:
            The manifest, and ids of materials whose pictures differ from what was imported; the backup holds them as they are.

        Raises:
            BackupImpossible: the database is not SQLite, the target exists or cannot be written, or files of materials are missing.
            DatabaseUnavailable: the database cannot be read.
        """
        if self.database.file is None:
            raise BackupImpossible("the database must be SQLite; use the backup tools of your database server and object store instead")
        if self.target.exists():
            raise BackupImpossible(f"the target of a backup must not exist yet, got {self.target}")
        self.audit.record(actor, "backup.create", self.target.name, {"keys": self.with_keys, "results": self.with_results})
        parent, tar, name = self.target.absolute().parent, self.target.suffix == ".tar", f"{TEMPORARY_PREFIX}backup-{secrets.token_hex(8)}"
        # Files for a tar are gathered in the data folder, where hard links cost no space.
        unfinished, stage = parent / name, (self.folder if tar else parent) / (name + "-files" * tar)
        try:
            make_folder(parent)
            stage.mkdir(mode=0o700)
            damaged = self._gather(stage, self.database.file)
            manifest = self._manifest(stage)
            write_synced(stage / NAME, manifest.to_bytes(self.key))
            if tar:
                _write_tar(stage, unfinished)
            else:
                sync_tree(stage)
            unfinished.rename(self.target)
            sync_folder(parent)
        except OSError as error:
            raise BackupImpossible(f"the backup {self.target} must be writable, got: {error.strerror}") from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            if tar:
                unfinished.unlink(missing_ok=True)
        return manifest, damaged

    def _gather(self, stage: Path, database: Path) -> tuple[str, ...]:
        """Fill ``stage`` with everything but the manifest; return the ids of damaged materials."""
        intact: dict[int, str] = {}
        for number in range(_TRIES):
            # A busy writer can outdate each copy of the database; the last try makes writers wait.
            with self._writers_waiting() if number == _TRIES - 1 else nullcontext():
                (stage / DATABASE).unlink(missing_ok=True)
                snapshot(database, stage / DATABASE)
                damaged = self._gather_materials(stage, intact)
            if damaged is not None:
                break
        else:
            raise BackupImpossible("every material must have its files in the store, some are missing; run `facemeld doctor` to list them")
        names = ([*_SIGNING] + [MASTER_KEY] * (not self.key_in_settings)) * self.with_keys
        files = [(self.folder / name, stage / name) for name in names]
        if self.with_results:
            files += [(file, stage / "results" / file.parent.name / file.name) for file in self.results.files(self.clock())]
        for source, target in files:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # no such key, or a result that has expired meanwhile
                _take(source, target, copy=self.copy)
        return damaged

    @contextmanager
    def _writers_waiting(self) -> Iterator[None]:
        with self.database.transaction() as session:
            session.connection()  # takes the lock; a session alone does not
            yield

    def _gather_materials(self, stage: Path, intact: dict[int, str]) -> tuple[str, ...] | None:
        """Bring the gathered materials to the state of the copied database.

        Args:
            stage: Folder with the copied database and the files gathered so far.
            intact: Digests of gathered pictures that were verified, by the number of the material; added to.

        Returns:
            Ids of damaged materials; None if files are missing, or changed after the database was copied.
        """
        files = MaterialFiles(stage / "materials")
        with closing(Database.at(stage / DATABASE)) as database:
            found = {material.number: material for material in living(MaterialStore(database, files))}
        for folder in (stage / "materials").glob("*/*"):
            if int(folder.name) not in found:
                shutil.rmtree(folder)
        wanted = [material for material in found.values() if intact.get(material.number) != material.sha256]
        # Takes all files before reading any: links are quick, so little can change in between.
        taken = [material for material in wanted if self._take_material(files, material)]
        changed, damaged = len(taken) < len(wanted), []
        for material in taken:
            if files.digest(material.number, material.format) == material.sha256:
                intact[material.number] = material.sha256
            elif self._is_unchanged(material):
                damaged.append(material.id)
            else:
                changed = True
        return None if changed else tuple(damaged)

    def _is_unchanged(self, material: Material) -> bool:
        """Return whether the database has the same picture for a material as its copy."""
        try:
            return self.materials.get(None, material.id).sha256 == material.sha256
        except MaterialDeleted:
            return False

    def _take_material(self, files: MaterialFiles, material: Material) -> bool:
        """Take a material's picture and the plan that belongs to it; False if a file is missing or is being replaced."""
        source, target = self.materials.files.folder(material.number), files.folder(material.number)
        names = (files.picture_path(material.number, material.format).name, PLAN)
        for _ in range(_LOOKS):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(mode=0o700, parents=True)
            if (source / PREVIOUS).exists():
                time.sleep(_PAUSE)  # a replacement is in progress
                continue
            try:
                before = _identities(source, names)
                for name in names:
                    _take(source / name, target / name, copy=self.copy)
                if _identities(source, names) == before and not (source / PREVIOUS).exists():
                    return True
            except FileNotFoundError:
                return False
        return False

    def _manifest(self, stage: Path) -> Manifest:
        entries = []
        for path in sorted(path for path in stage.rglob("*") if path.is_file()):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            entries.append(Entry(path.relative_to(stage).as_posix(), path.stat().st_size, digest))
        with closing(Database.at(stage / DATABASE)) as copy:
            revision, head = copy.revision(), AuditLog(copy).head().hash
        place: KeyPlace = "settings" if self.key_in_settings else "included" if self.with_keys else "file"
        moment = self.clock().isoformat(timespec="seconds")
        return Manifest(moment, __version__, revision or "", place, self.with_results, head, tuple(entries))


def living(materials: MaterialStore) -> Iterator[Material]:
    """Yield all materials that are not deleted."""
    after: int | None = None
    while True:
        page = materials.materials(None, None, limit=500, after=after)
        yield from page.items
        after = page.next
        if after is None:
            return


def _identities(folder: Path, names: tuple[str, ...]) -> list[tuple[int, int, int]]:
    """Return values that change when one of the files is replaced."""
    found = [(folder / name).stat() for name in names]
    return [(status.st_ino, status.st_mtime_ns, status.st_size) for status in found]


def _take(source: Path, target: Path, *, copy: bool) -> None:
    """Link a file, or copy it if wanted or if links are impossible."""
    if not copy:
        try:
            target.hardlink_to(source)
            return
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
    with source.open("rb") as reading, create_synced(target) as writing:
        shutil.copyfileobj(reading, writing)


def _write_tar(stage: Path, target: Path) -> None:
    """Write the files of a folder to a tar file: the manifest first, without the names of this machine's users."""
    files = (path for path in stage.rglob("*") if path.is_file())
    with create_synced(target) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files, key=lambda path: (path.name != NAME, path)):
            with path.open("rb") as content:
                member, status = tarfile.TarInfo(path.relative_to(stage).as_posix()), os.fstat(content.fileno())
                member.size, member.mtime, member.mode = status.st_size, int(status.st_mtime), PRIVATE_FILE
                archive.addfile(member, content)
            os.utime(stage)  # tells `facemeld doctor` that this folder is in use
