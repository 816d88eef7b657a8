"""Value types of usage records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


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


class Facts(Protocol):
    """Facts of one call, noted as soon as they are known: the record of a failed call has those found until then.

    An action hands the protocol's ``Notes`` as ``call.notes`` to its use case, and the usage log writes them down.

    Attributes:
        project_id: Activity that the call named.
        model_id: Material that the call named.
        faces: Number of fused faces.
        consent: Reference to a person's consent under which the result was made.
        incoming: Marks found in the inputs: each with ``input`` (``template``, ``photo 1`` …), ``kind`` (``aigc-label``,
            ``source-type``, ``manifest`` or ``invisible-mark``) and ``detail``.
    """

    project_id: str
    model_id: str
    faces: int
    consent: str | None
    incoming: tuple[Mapping[str, str], ...]


class Grouping(StrEnum):
    """What totals are made over."""

    DAY = "day"
    ACTION = "action"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls are wanted; what is None does not matter.

    Attributes:
        account_id: Calls of this account.
        project_id: Calls that named this activity.
        code: Calls that ended with this code; empty for success.
        failed: Only calls that ended with any error.
        since: Calls from this moment on.
        until: Calls before this moment.
    """

    account_id: int | None = None
    project_id: str | None = None
    code: str | None = None
    failed: bool = False
    since: datetime | None = None
    until: datetime | None = None
