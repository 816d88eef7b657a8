"""The rates of accounts and activities: the defaults, and the counters that hold calls to them."""

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

ACTION_NAMES = frozenset(
    {"DescribeMaterialList", "FaceFusion", "FuseFace", "FuseFaceUltra", "QueryVideoFaceFusionJob", "SubmitVideoFaceFusionJob"}
)
"""The actions of all API versions."""

ACCOUNT_SCOPES = frozenset({"account", "global", "address"})
"""What rates may count besides actions: the calls of an account in one region and in all, and those of an address."""

ACTIVITY_SCOPES = frozenset({"published", "unpublished"})
"""Rates of calls on one activity; they are the same for all accounts."""

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
"""Calls a second by spec 2.0; the rates of activities hold for 2018-12-01."""


def default_rates(text: str, *, strict: bool) -> Rates:
    """The rates of accounts that have none of their own.

    Args:
        text: What the operator set, which goes before the documented rates.
        strict: Whether the documented rates hold.

    Raises:
        AccountInvalid: the text cannot be read, or a name counts nothing.
    """
    given = parse_rates(text)
    check_rates(given, ACCOUNT_SCOPES | ACTIVITY_SCOPES)
    return MappingProxyType({**DOCUMENTED_RATES, **given}) if strict else given


def check_actions(names: Iterable[str]) -> frozenset[str]:
    """Names of actions, if they all are.

    Raises:
        AccountInvalid: one is not the name of an action.
    """
    given = frozenset(names)
    for name in sorted(given - ACTION_NAMES):
        raise AccountInvalid(f"an action must be one of {', '.join(sorted(ACTION_NAMES))}, got {name!r}")
    return given


def check_rates(names: Iterable[str], scopes: frozenset[str] = ACCOUNT_SCOPES) -> None:
    """Refuse names of rates that count nothing.

    Raises:
        AccountInvalid: one names neither an action, with or without a version before it, nor a scope.
    """
    for name in names:
        if name.rpartition(":")[2] not in ACTION_NAMES and name not in scopes:
            known = ", ".join((*sorted(ACTION_NAMES), *sorted(scopes)))
            raise AccountInvalid(f"a rate must name one of {known}, got {name!r}")


logger = logging.getLogger(__name__)

_SCHEMES = ("memory", "redis", "rediss", "redis+sentinel", "redis+cluster")
_PATIENCE_SECONDS = 0.5
_PAUSE_SECONDS = 5.0


_REDIS: Mapping[str, Any] = MappingProxyType(
    {"implementation": "redispy", "socket_timeout": _PATIENCE_SECONDS, "socket_connect_timeout": _PATIENCE_SECONDS}
)


class RateStorageInvalid(FacemeldError):
    """The rates' storage is not one that can be used."""


class TooFrequent(FacemeldError):
    """An activity is called more often than its rate allows."""


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A rate that was exceeded: calls in the current second, and how many of them are allowed."""

    count: int
    limit: int


class RateLimiter:
    """Counts calls in windows of a second, each opened by the first call after the one before.

    Rates protect the service, so they never stop it: when the storage does not answer, the log says so, and calls pass
    uncounted for a few seconds before it is asked again.
    """

    def __init__(self, url: str = "memory://") -> None:
        """Open a storage.

        Args:
            url: ``memory://`` for this process alone, or the URL of a Redis, such as ``redis://HOST:6379/0``.

        Raises:
            RateStorageInvalid: the URL is malformed, or the client library of its storage is missing.
        """
        scheme = url.partition("://")[0]
        if scheme not in _SCHEMES:
            raise RateStorageInvalid(f"the rates' storage must be one of {', '.join(_SCHEMES)}, got {scheme!r}")
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
        """Count a call.

        Args:
            limit: Calls allowed in a second.
            names: What is counted together, such as a key, an action and a region.

        Returns:
            None while the call is within the limit.
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
    """Rates of calls on one activity (spec 5.3); an activity's own rate goes before these.

    Attributes:
        limiter: Where calls are counted.
        published: Calls a second on a published activity; None for unlimited.
        unpublished: Calls a second on an unpublished one; None for unlimited.
    """

    limiter: RateLimiter
    published: int | None = None
    unpublished: int | None = None

    async def hit(self, activity: int, published: bool, own: int | None = None) -> None:
        """Count a call on an activity.

        Args:
            activity: Its number.
            published: Whether it is published.
            own: Calls a second that were set for this activity; None if none were.

        Raises:
            TooFrequent: its rate is exceeded.
        """
        limit = own or (self.published if published else self.unpublished)
        if limit is None:
            return
        exceeded = await self.limiter.hit(limit, "activity", str(activity))
        if exceeded is not None:
            raise TooFrequent(f"the activity may be called {exceeded.limit} times a second, got {exceeded.count} calls")
