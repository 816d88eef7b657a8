"""Value types of usage records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One call; never its parameters, never a picture.

    Attributes:
        at: When it was answered.
        request_id: Lower-case UUID of the reply.
        account_id: The account; None if the call was not authenticated.
        secret_id: The key; None if the call was not authenticated.
        action: Name of the action; empty if the call was not authenticated.
        version: API version; empty if the call was not authenticated.
        code: Code of the error; empty for success.
        milliseconds: How long the call took.
        faces: Faces that were fused.
        bytes_in: Size of the request.
        bytes_out: Size of the reply.
        charged: Whether the call was paid for from credit.
    """

    at: datetime
    request_id: str
    account_id: int | None
    secret_id: str | None
    action: str
    version: str
    code: str
    milliseconds: int
    faces: int
    bytes_in: int
    bytes_out: int
    charged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTotal:
    """Sums over the calls of one group.

    Attributes:
        group: The day (UTC, ISO 8601), action or code that the calls share.
        calls: How many calls.
        failed: How many of them ended with an error.
        charged: How many of them were paid for from credit.
        faces: Faces that were fused.
        bytes_in: Size of the requests.
        bytes_out: Size of the replies.
        milliseconds: Average duration.
    """

    group: str
    calls: int
    failed: int
    charged: int
    faces: int
    bytes_in: int
    bytes_out: int
    milliseconds: float
