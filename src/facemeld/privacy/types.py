"""Value types of consents, deletions and receipts, and errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from facemeld.db.errors import StateError
from facemeld.errors import FacemeldError

REFERENCE_PATTERN = re.compile(r"[ -~]{1,128}")
"""A consent reference: 1-128 printable ASCII characters."""


class PrivacyError(StateError):
    """A deletion or a receipt is invalid or unknown."""


class NothingToDelete(PrivacyError):
    """No call matches the deletion."""


class DeletionInvalid(PrivacyError):
    """The demand for a deletion is malformed or ambiguous."""


class ReceiptNotFound(PrivacyError):
    """The receipt does not exist."""


class ReceiptInvalid(PrivacyError):
    """A receipt was altered, was signed with another key, or is malformed."""


class ConsentMissing(FacemeldError):
    """A call lacks the required reference to the consent of the people shown."""


class ConsentWithdrawn(FacemeldError):
    """The deletion of a call's results was demanded before their delivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A caller's reference to the consent of the people shown in a result.

    Attributes:
        at: When it was recorded, just before the delivery of the result.
        account_id: The account of the call.
        activity_id: Number of the activity; None for a call without one.
        request_id: Lower-case UUID of the call's reply.
        reference: 1-128 printable ASCII characters; empty once the results were deleted.
        deleted_at: When the deletion of the results began, or None.
    """

    at: datetime
    account_id: int
    activity_id: int | None
    request_id: str
    reference: str
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """A demand to delete the results of one call, or of all calls with a consent reference.

    Attributes:
        request_id: Lower-case UUID of the call; empty for a demand by reference.
        reference: Consent reference; empty for a demand by RequestId.
        account_id: Limits the demand to an account; None for all.
    """

    request_id: str = ""
    reference: str = ""
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class DeletedFile:
    """A deleted file: hexadecimal SHA-256 and size in bytes of its content."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class DeletedCall:
    """A call in a deletion.

    Attributes:
        request_id: Its RequestId.
        files: The deleted files; empty if none was stored any more (sent in the reply, expired or deleted before).
    """

    request_id: str
    files: tuple[DeletedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A signed statement of a deletion.

    Attributes:
        number: Number of the deletion.
        at: Time of the deletion.
        account_id: The account that the deletion was limited to, or None.
        body: The statement as canonical JSON.
        signature: Ed25519 over the bytes of ``body``, base64.
    """

    number: int
    at: datetime
    account_id: int | None
    body: str
    signature: str
