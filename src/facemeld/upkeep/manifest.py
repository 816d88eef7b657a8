"""The manifest of a backup, ``backup.json``: every file with its digest, sealed with a key derived from the master key."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from facemeld.errors import FacemeldError

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
