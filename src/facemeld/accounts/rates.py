"""Rates of accounts and activities: their defaults and the counters that enforce them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from facemeld.accounts.types import AccountInvalid, Rates, parse_rates
from facemeld.errors import FacemeldError

logger = logging.getLogger(__name__)

ACTION_NAMES = frozenset(
    {"DescribeMaterialList", "FaceFusion", "FuseFace", "FuseFaceUltra", "QueryVideoFaceFusionJob", "SubmitVideoFaceFusionJob"}
)
"""The actions of all API versions."""

ACCOUNT_SCOPES = frozenset({"account", "global", "address"})
"""Scopes of rates besides actions: calls of an account in one region, in all regions, and calls from an address."""

ACTIVITY_SCOPES = frozenset({"published", "unpublished"})
"""Rates of calls on one activity, the same for all accounts."""

DOCUMENTED_RATES: Rates = MappingProxyType(
    {
        "2022-09-27:FuseFace": 20,
        "2022-09-27:FuseFaceUltra": 2,
        "2022-09-27:DescribeMaterialList": 1,
        "2018-12-01:DescribeMaterialList": 1,
        "published": 50,
        "unpublished": 1,
    }
)
"""Calls a second of specification 2.0; the rates of activities apply to 2018-12-01."""

_SCHEMES = ("memory", "redis", "rediss", "redis+sentinel", "redis+cluster")
_PATIENCE_SECONDS = 0.5
_PAUSE_SECONDS = 5.0
_REDIS: Mapping[str, Any] = MappingProxyType(
    {"implementation": "redispy", "socket_timeout": _PATIENCE_SECONDS, "socket_connect_timeout": _PATIENCE_SECONDS}
)


class RateStorageInvalid(FacemeldError):
    """The storage of rates cannot be used."""


class TooFrequent(FacemeldError):
    """The rate of an activity is exceeded."""


def default_rates(text: str, *, strict: bool) -> Rates:
    """Return the rates of accounts without their own.

    Args:
        text: The operator's rates, which override the documented ones.
        strict: Whether the documented rates apply.

    Raises:
        AccountInvalid: the text is malformed or names an unknown rate.
    """
    given = parse_rates(text)
    check_rates(given, ACCOUNT_SCOPES | ACTIVITY_SCOPES)
    return MappingProxyType({**DOCUMENTED_RATES, **given}) if strict else given


def check_actions(names: Iterable[str]) -> frozenset[str]:
    """Return names of actions as a set, or raise ``AccountInvalid`` if there is no such action."""
    given = frozenset(names)
    for name in sorted(given - ACTION_NAMES):
        raise AccountInvalid(f"an action must be one of {', '.join(sorted(ACTION_NAMES))}, got {name!r}")
    return given


def check_rates(names: Iterable[str], scopes: frozenset[str] = ACCOUNT_SCOPES) -> None:
    """Raise ``AccountInvalid`` if a name is neither a scope nor an action, with or without a version before it."""
    for name in names:
        if name.rpartition(":")[2] not in ACTION_NAMES and name not in scopes:
            known = ", ".join((*sorted(ACTION_NAMES), *sorted(scopes)))
            raise AccountInvalid(f"a rate must name one of {known}, got {name!r}")


@dataclass(frozen=True, slots=True)
class Exceeded:
    """An exceeded rate: the calls in the current second and the limit."""

    count: int
    limit: int


class RateLimiter:
    """Counts calls in windows of a second; the first call after a window opens the next one.

    Rates must not reduce availability: if the storage fails, the error is logged and calls pass uncounted for a few seconds.
    """

    def __init__(self, url: str = "memory://") -> None:
        """Open a storage.

        Args:
            url: ``memory://`` for this process alone, or the URL of a Redis, such as ``redis://HOST:6379/0``.

        Raises:
            RateStorageInvalid: the URL is malformed, or the client library of its storage is missing.
        """
        scheme, separator, _ = url.partition("://")
        if scheme not in _SCHEMES:
            # Without a scheme the text may hold a password.
            found = repr(scheme) if separator else "no scheme"
            raise RateStorageInvalid(f"the rates' storage must be one of {', '.join(_SCHEMES)}, got {found}")
        options: dict[str, Any] = {} if scheme == "memory" else dict(_REDIS)
        try:
            storage = storage_from_string(f"async+{url}", wrap_exceptions=True, **options)
        except ConfigurationError as error:
            raise RateStorageInvalid(f"the rates' storage {scheme} must be usable, got: {error}") from error
        if not isinstance(storage, Storage):
            raise RateStorageInvalid(f"the rates' storage {scheme} must be one that does not block, got {type(storage).__name__}")
        self._storage = storage
        self._paused_until = 0.0

    async def hit(self, limit: int, *names: str) -> Exceeded | None:
        """Count a call and return None while it is within the limit.

        Args:
            limit: Calls allowed in a second.
            names: Identify the counter, for example a key, an action and a region.
        """
        if self._paused_until > time.monotonic():
            return None
        item = RateLimitItemPerSecond(limit, namespace="facemeld")
        try:
            count = await self._storage.incr(item.key_for(*names), item.get_expiry())
        except StorageError as error:
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            logger.error("Rates are not enforced: their storage does not answer (%s)", error)
            return None
        return Exceeded(count, limit) if count > limit else None


@dataclass(frozen=True, slots=True)
class ActivityRates:
    """Rates of calls on one activity (specification 5.3), unless the activity has its own.

    Attributes:
        limiter: Counts the calls.
        published: Calls a second on a published activity; None for unlimited.
        unpublished: Calls a second on an unpublished one; None for unlimited.
    """

    limiter: RateLimiter
    published: int | None = None
    unpublished: int | None = None

    async def hit(self, activity: int, published: bool, own: int | None = None) -> None:
        """Count a call on an activity, whose own rate in calls a second is ``own``, or raise ``TooFrequent``."""
        limit = own or (self.published if published else self.unpublished)
        if limit is None:
            return
        exceeded = await self.limiter.hit(limit, "activity", str(activity))
        if exceeded is not None:
            raise TooFrequent(f"the activity may be called {exceeded.limit} times a second, got {exceeded.count} calls")
