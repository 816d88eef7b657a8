"""Value types of consents, deletions and receipts, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from facemeld.db.errors import StateError
from facemeld.errors import FacemeldError


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The consent of the people shown in a result, as the caller refers to it.

    Attributes:
        at: When it was recorded, just before the result was delivered.
        account_id: Whose call it was.
        activity_id: Snowflake of the activity; None for a call without one.
        request_id: Lower-case UUID of the call's reply.
        reference: 1-128 printable ASCII characters; empty once the results were deleted.
        deleted_at: When the deletion of the results began; None as long as none was demanded.
    """

    at: datetime
    account_id: int
    activity_id: int | None
    request_id: str
    reference: str
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """Whose results are to be deleted: those of one call, or those of all calls with one consent reference.

    Attributes:
        request_id: Lower-case UUID of a call; empty for a demand by reference.
        reference: Consent reference; empty for a demand by RequestId.
        account_id: Only calls of this account; None for all.
    """

    request_id: str = ""
    reference: str = ""
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class DeletedFile:
    """A file that was deleted: SHA-256 of its content, hexadecimal, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class DeletedCall:
    """What a deletion did about one call.

    Attributes:
        request_id: Its RequestId.
        files: What was deleted now; empty if nothing was stored any more (handed out in the reply, expired or deleted before).
    """

    request_id: str
    files: tuple[DeletedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A signed statement of a deletion.

    Attributes:
        number: Its number in the order of the deletions.
        at: When the deletion was done.
        account_id: The account it was limited to; None for none.
        body: The statement, canonical JSON.
        signature: Ed25519 over the bytes of ``body``, base64.
    """

    number: int
    at: datetime
    account_id: int | None
    body: str
    signature: str


class PrivacyError(StateError):
    """A consent, a deletion or a receipt makes no sense."""


class NothingToDelete(PrivacyError):
    """No call is known that the deletion could be about."""


class DeletionInvalid(PrivacyError):
    """The demand for a deletion is not of a form that can be followed."""


class ReceiptNotFound(PrivacyError):
    """There is no receipt with that id."""


class ReceiptInvalid(PrivacyError):
    """A receipt was altered, signed with another key, or is no receipt."""


class ConsentMissing(FacemeldError):
    """A call must bring a reference to the consent of the people shown, and brings none."""


class ConsentWithdrawn(FacemeldError):
    """The deletion of a call's results was demanded before they were delivered."""
