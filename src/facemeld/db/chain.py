"""The chain of the audit log: every entry carries a digest of itself and of the entry before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
"""What the first entry names as the hash of the entry before it."""


def entry_hash(*, number: int, at: datetime, actor: str, act: str, subject: str, detail: Mapping[str, Any], previous: str) -> str:
    """The hash of an entry: SHA-256 over its canonical JSON.

    The form must never change, because stored chains were made with it: keys in the order of their names, no blanks, characters
    outside ASCII escaped, the moment in UTC with six decimals of a second.

    Args:
        number: Id of the entry.
        at: When it happened, aware.
        actor, act, subject, detail: See ``audit.AuditEntry``.
        previous: Hash of the entry before; ``GENESIS`` for the first.

    Returns:
        64 hexadecimal digits.
    """
    fields = {
        "act": act,
        "actor": actor,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "detail": dict(detail),
        "id": number,
        "previous": previous,
        "subject": subject,
    }
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")).hexdigest()
