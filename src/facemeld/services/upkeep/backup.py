"""Makes a backup of a data folder while it serves: one consistent state of database and materials."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from facemeld.catalog import Material, MaterialDeleted, MaterialFiles, MaterialStore
from facemeld.catalog.files import EXTENSIONS, PLAN, PREVIOUS
from facemeld.db import AuditLog, Clock, Database
from facemeld.db.durable import TEMPORARY_PREFIX, make_folder, write_synced
from facemeld.db.inspection import snapshot
from facemeld.results import LocalResultStore
from facemeld.services.upkeep.copying import deliver, take
from facemeld.services.upkeep.errors import BackupImpossible
from facemeld.services.upkeep.manifest import DATABASE, MASTER_KEY, NAME, Entry, KeyPlace, Manifest

_TRIES = 4
_LOOKS = 250
_PAUSE = 0.02
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
        meanwhile stays in the backup if the copy of the database still has it, and one that is replaced comes as the copy knows it.

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
            deliver(stage, plan.target, tar=plan.tar, copy=plan.copy)
        except OSError as error:
            raise BackupImpossible(f"the backup {plan.target} must be writable, got: {error.strerror}") from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        return Backup(manifest, sum(entry.size for entry in manifest.entries), damaged)

    def _stage(self, stage: Path, database: Path, plan: BackupPlan) -> tuple[str, ...]:
        """Gather one consistent state; ids of damaged materials."""
        verified: dict[int, str] = {}
        for material in _living(self.materials):
            self._take_material(stage, material)
        for number in range(_TRIES):
            # Whoever replaces or deletes something makes the copy of the database old; in the end they wait for a moment.
            with self._others_waiting() if number == _TRIES - 1 else nullcontext():
                (stage / DATABASE).unlink(missing_ok=True)
                snapshot(database, stage / DATABASE)
                damaged = self._complete(stage, verified)
            if damaged is not None:
                break
        else:
            raise BackupImpossible("the files of every material must be in the store, some are missing; `facemeld doctor` names them")
        if plan.keys:
            self._take_keys(stage)
        if plan.results:
            self._take_results(stage)
        return damaged

    @contextmanager
    def _others_waiting(self) -> Iterator[None]:
        """Keep all others from writing to the database during a block."""
        with self.database.transaction() as session:
            session.connection()  # a session takes the lock with its first use only
            yield

    def _complete(self, stage: Path, verified: dict[int, str]) -> tuple[str, ...] | None:
        """Bring the materials to the state of the copied database.

        Args:
            stage: Where the copy is, and what was gathered so far.
            verified: Digests of gathered pictures that are known to be right; added to.

        Returns:
            Ids of damaged materials; None when one was deleted or replaced after the database was copied, or is lost.
        """
        copy = Database.at(stage / DATABASE)
        kept, damaged = MaterialFiles(stage / "materials"), []
        try:
            living = list(_living(MaterialStore(copy, kept)))
        finally:
            copy.close()
        for material in living:
            if verified.get(material.number) == material.sha256:
                continue
            if not _is_right(kept, material) and not self._take_material(stage, material):
                return None
            if _is_right(kept, material):
                verified[material.number] = material.sha256
            elif self._is_unchanged(material):
                damaged.append(material.id)
            else:
                return None
        wanted = {material.number for material in living}
        for folder in (stage / "materials").glob("*/*"):
            if int(folder.name) not in wanted:
                shutil.rmtree(folder)
        return tuple(damaged)

    def _is_unchanged(self, material: Material) -> bool:
        """Whether the database still says of a material what its copy says."""
        try:
            return self.materials.get(None, material.id).sha256 == material.sha256
        except MaterialDeleted:
            return False

    def _take_material(self, stage: Path, material: Material) -> bool:
        """Take picture and plan of a material as they belong together; False where a file is missing or is being replaced."""
        source, target = self.materials.files.folder(material.number), MaterialFiles(stage / "materials").folder(material.number)
        names = (f"picture.{EXTENSIONS[material.format]}", PLAN)
        for _ in range(_LOOKS):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(mode=0o700, parents=True)
            if (source / PREVIOUS).exists():
                time.sleep(_PAUSE)  # it is just being replaced
                continue
            before = _identities(source, names)
            if before is None or not all(take(source / name, target / name) for name in names):
                return False
            if _identities(source, names) == before and not (source / PREVIOUS).exists():
                return True
        return False

    def _take_keys(self, stage: Path) -> None:
        names = [*_KEY_FILES, *([] if self.key_in_settings else [MASTER_KEY])]
        for name in names:
            (stage / name).parent.mkdir(mode=0o700, exist_ok=True)
            take(self.folder / name, stage / name)

    def _take_results(self, stage: Path) -> None:
        for file in self.results.files(self.clock()):
            target = stage / "results" / file.parent.name / file.name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            take(file, target)

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


def _is_right(files: MaterialFiles, material: Material) -> bool:
    """Whether both files are there and the picture is the one of the row."""
    if not files.complete(material.number, material.format, material.size):
        return False
    return files.digest(material.number, material.format) == material.sha256


def _identities(folder: Path, names: tuple[str, ...]) -> tuple[tuple[int, int, int], ...] | None:
    """What tells one state of a material's files from another; None where one is missing."""
    try:
        found = [(folder / name).stat() for name in names]
    except FileNotFoundError:
        return None
    return tuple((status.st_ino, status.st_mtime_ns, status.st_size) for status in found)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
