"""Make a backup of a data folder while the server runs: one consistent state of the database and the files of materials.

SQLite copies its database and ``tarfile`` packs the files, but no library keeps the two consistent while a server imports, replaces and
deletes materials. Therefore: copy the database, take the files that the copy lists, and repeat if one was replaced meanwhile. The
manifest, ``backup.json``, lists every file with its digest and is sealed with a key derived from the master key.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import secrets
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from facemeld import __version__
from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from facemeld.db.errors import Clock, utc_now
from facemeld.db.files import PRIVATE_FILE, TEMPORARY_PREFIX, create_synced, make_folder, sync_folder, sync_tree, write_synced
from facemeld.db.inspection import snapshot
from facemeld.errors import FacemeldError
from facemeld.materials.files import PLAN, PREVIOUS, MaterialFiles
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Material, MaterialDeleted, every
from facemeld.results.local import LocalResultStore

NAME = "backup.json"
DATABASE = "database.sqlite3"
MASTER_KEY = "master.key"
KEY_PURPOSE = "backups"
"""Purpose under which the sealing key is derived from the master key."""

KeyPlace: TypeAlias = Literal["included", "file", "settings"]
"""Where the master key is: in the backup, in a file kept elsewhere, or in the settings."""

_PATHS = (
    r"^(database\.sqlite3"
    r"|master\.key"
    r"|signing/(authority|signer)\.(pem|key)"
    r"|materials/[0-9a-f]{2}/[1-9][0-9]{0,18}/(picture\.(jpg|png)|plan\.bin|thumbnail\.jpg)"
    r"|results/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}/[0-9a-f]{8,9}-[0-9a-f]{40}\.[a-z0-9]{3})$"
)
"""The only paths that restore opens and creates; pydantic's ``$`` matches at the very end only."""


class BackupError(FacemeldError):
    """A backup could not be made or restored."""


class BackupImpossible(BackupError):
    """The installation cannot be backed up, or the target cannot be written."""


class BackupDamaged(BackupError):
    """A backup does not match its manifest, or another installation made it."""


class RestoreRefused(BackupError):
    """The data folder cannot take the backup, or the master key is missing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a backup.

    Attributes:
        path: Path in the backup and in the data folder, where only the database has another name.
        size: Size in bytes.
        sha256: Digest, hexadecimal.
    """

    path: Annotated[str, Field(pattern=_PATHS)]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of a backup.

    Attributes:
        created_at: Time of the backup, ISO 8601 in UTC.
        version: Version of Facemeld that made it.
        revision: Revision of the database schema.
        master_key: Where the master key is.
        results: Whether the backup includes results, which are pictures of users.
        audit_head: Hash of the last audit log entry.
        entries: All files except the manifest.
        format: Version of the backup format.
    """

    created_at: str
    version: str
    revision: str
    master_key: KeyPlace
    results: bool
    audit_head: str
    entries: tuple[Entry, ...]
    format: Literal[1] = 1

    def to_bytes(self, key: bytes) -> bytes:
        """Return the content of ``backup.json``, sealed with ``key``."""
        return json.dumps({"body": asdict(self), "seal": self._seal(key)}, indent=1).encode() + b"\n"

    def check_seal(self, seal: str, key: bytes) -> None:
        """Make sure that the installation with this key made the backup and that the manifest is unchanged.

        Raises:
            BackupDamaged: another key made the seal, or the manifest was changed.
        """
        if not hmac.compare_digest(self._seal(key).encode(), seal.encode()):
            raise BackupDamaged("the seal of the backup must match the given master key; the manifest was changed or has another key")

    def _seal(self, key: bytes) -> str:
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()
        return hmac.new(key, b"facemeld-backup/1\n" + canonical, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class _Document:
    body: Manifest
    seal: str


_DOCUMENT: TypeAdapter[Any] = TypeAdapter(_Document)


def read_manifest(data: bytes) -> tuple[Manifest, str]:
    """Return the manifest in ``backup.json`` and its seal, which ``check_seal`` verifies.

    Raises:
        BackupDamaged: the data are not a manifest of this format.
    """
    try:
        document = _DOCUMENT.validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise BackupDamaged(f"{NAME} must be the manifest of a backup; {place}: {first['msg']}") from error
    manifest: Manifest = document.body
    paths = [entry.path for entry in manifest.entries]
    if len(set(paths)) != len(paths) or DATABASE not in paths or (MASTER_KEY in paths) != (manifest.master_key == "included"):
        raise BackupDamaged(f"{NAME} must list the database, each file once, and the key only if it is included")
    return manifest, document.seal


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
            raise BackupImpossible("the database must be SQLite; use the backup tools of your database server, and copy the data folder")
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
        if not all(self._take_material(files, material) for material in wanted):
            return None
        changed, damaged = False, []
        for material in wanted:
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
    return every(partial(materials.materials, None, None))


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
