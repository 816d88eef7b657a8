"""Value types of usage records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        project_id: Activity that the call named; empty if it named none.
        model_id: Material that the call named; empty if it named none.
        consent: Reference to the consent of the person shown; None if there was none, empty once the person's results were deleted.
        incoming: Marks found in the inputs: each with ``input`` (``template``, ``photo 1`` …), ``kind`` (``aigc-label``,
            ``source-type``, ``manifest`` or ``invisible-mark``) and ``detail``.
        stages: How long the parts of the work took, in milliseconds by their names.
        client: Address of the caller; empty if unknown or not to be kept.
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
    project_id: str = ""
    model_id: str = ""
    consent: str | None = None
    incoming: tuple[Mapping[str, str], ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict)
    client: str = ""


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
