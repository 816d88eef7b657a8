"""Value types of usage: records of calls, totals and filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The record of a call, without its parameters and pictures.

    Account, key, action and version are None or empty if the call was not authenticated.

    Attributes:
        at: Time of the reply.
        request_id: Lower-case UUID of the reply.
        secret_id: The access key.
        code: Error code; empty for success.
        milliseconds: Duration of the call.
        faces: Number of fused faces.
        bytes_in, bytes_out: Size of the request and of the reply.
        charged: Whether the call was paid for from credit.
        project_id: Activity that the call named, or empty.
        model_id: Material that the call named, or empty.
        consent: Reference to the consent of the person shown; None if there was none, empty once the results were deleted.
        incoming: Marks found in the inputs: each with ``input`` (``template``, ``photo 1`` …), ``kind`` (``aigc-label``,
            ``source-type``, ``manifest`` or ``invisible-mark``) and ``detail``.
        stages: Milliseconds by stage of the work.
        client: Address of the caller; empty if unknown or not recorded.
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
        group: The day (UTC, ISO 8601), action or code.
        calls, failed, charged: Number of all calls, of those with an error, and of those paid for from credit.
        faces: Number of fused faces.
        bytes_in, bytes_out: Size of the requests and of the replies.
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
    """Facts of a call for its ``Usage`` record, set as soon as they are known, so that failed calls are recorded with them.

    Actions pass the protocol's ``Notes`` as ``call.notes`` to their use cases.
    """

    project_id: str
    model_id: str
    faces: int
    consent: str | None
    incoming: tuple[Mapping[str, str], ...]


class Grouping(StrEnum):
    """Property that the calls of a total share."""

    DAY = "day"
    ACTION = "action"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """A filter of calls; fields that are None match all.

    Attributes:
        code: Error code; empty for success.
        failed: Match calls with any error only.
        since, until: First moment, and the moment after the last.
    """

    account_id: int | None = None
    project_id: str | None = None
    code: str | None = None
    failed: bool = False
    since: datetime | None = None
    until: datetime | None = None
