"""The manifest of a backup: what is in it, sealed with a key of the installation that made it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from facemeld.services.upkeep.errors import BackupDamaged

NAME = "backup.json"
DATABASE = "database.sqlite3"
MASTER_KEY = "master.key"
FORMAT = 1
KEY_PURPOSE = "backups"
"""What the key that seals manifests is derived for."""

KeyPlace: TypeAlias = Literal["included", "file", "settings"]
"""Where the master key is: in the backup, in a file that is kept apart, or in the settings."""

_PATHS = re.compile(
    r"database\.sqlite3"
    r"|master\.key"
    r"|signing/(authority|signer)\.(pem|key)"
    r"|materials/[0-9a-f]{2}/[1-9]\d{0,18}/(picture\.(jpg|png)|plan\.bin|thumbnail\.jpg)"
    r"|results/\d{4}-\d{2}-\d{2}T\d{2}/[0-9a-f]{8,9}-[0-9a-f]{40}\.[a-z0-9]{3}",
    re.ASCII,
)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a backup.

    Attributes:
        path: Within the backup and within the data folder (the database has another name there).
        size: Bytes.
        sha256: Hexadecimal.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Attributes:
        created_at: ISO 8601, UTC.
        version: Of the Facemeld that made it.
        revision: Of the database's schema.
        master_key: Where the master key is.
        results: Whether results, pictures of users, are in it.
        audit_head: Hash of the last entry of the audit log.
        entries: Its files but the manifest itself.
    """

    created_at: str
    version: str
    revision: str
    master_key: KeyPlace
    results: bool
    audit_head: str
    entries: tuple[Entry, ...]

    def to_bytes(self, key: bytes) -> bytes:
        """The file ``backup.json``, sealed."""
        body = {"format": FORMAT, **asdict(self)}
        return json.dumps({"body": body, "seal": _seal(body, key)}, indent=1).encode() + b"\n"


def is_path(text: str) -> bool:
    """Whether a text is the path of a file that backups hold; nothing else gets near a file system."""
    return _PATHS.fullmatch(text) is not None


def read_manifest(data: bytes) -> tuple[Manifest, str]:
    """The manifest in a file ``backup.json`` and its seal, which ``check_seal`` judges.

    Raises:
        BackupDamaged: it is no manifest of this format.
    """
    try:
        document = json.loads(data)
        body, seal = document["body"], document["seal"]
        if body["format"] != FORMAT:
            raise BackupDamaged(f"the backup must have format {FORMAT}, got {body['format']!r}")
        manifest = Manifest(
            created_at=_text(body["created_at"]),
            version=_text(body["version"]),
            revision=_text(body["revision"]),
            master_key=_key_place(body["master_key"]),
            results=body["results"] is True,
            audit_head=_text(body["audit_head"]),
            entries=tuple(_entry(one) for one in body["entries"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackupDamaged(f"{NAME} must be the manifest of a backup, got something else") from error
    paths = [entry.path for entry in manifest.entries]
    if len(set(paths)) != len(paths) or DATABASE not in paths or (MASTER_KEY in paths) != (manifest.master_key == "included"):
        raise BackupDamaged(f"{NAME} must name the database and every file once, and the key only where it is included")
    return manifest, _text(seal)


def check_seal(manifest: Manifest, seal: str, key: bytes) -> None:
    """Make sure that the installation with this key made the backup and that nobody has changed the manifest since.

    Raises:
        BackupDamaged: another key, or a changed manifest.
    """
    if not hmac.compare_digest(_seal({"format": FORMAT, **asdict(manifest)}, key).encode(), seal.encode()):
        raise BackupDamaged("the seal of the backup must be of the installation whose master key is given, got another, or it was changed")


def _seal(body: Mapping[str, Any], key: bytes) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(key, b"facemeld-backup/1\n" + canonical, hashlib.sha256).hexdigest()


def _entry(one: Mapping[str, Any]) -> Entry:
    entry = Entry(_text(one["path"]), one["size"], _text(one["sha256"]))
    if not is_path(entry.path) or type(entry.size) is not int or entry.size < 0 or not _DIGEST.fullmatch(entry.sha256):
        raise ValueError("an entry must have a path, a size and a digest")
    return entry


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _key_place(value: Any) -> KeyPlace:
    known: tuple[KeyPlace, ...] = get_args(KeyPlace)
    return known[known.index(value)]
