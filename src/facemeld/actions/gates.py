"""The checks around a call: permissions, rates, addresses, the account's state and its credit, with the errors of each version."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from facemeld.protocol.call import CallInfo
from facemeld.protocol.errors import (
    V2018,
    ApiError,
    AuthFailureUnauthorizedOperation,
    BalanceInsufficient,
    ChargeStatusException,
    Delivering,
    Freeze,
    GetAuthInfoError,
    GlobalRegionUinLimitExceeded,
    InArrears,
    InnerError,
    IpInBlacklist,
    IPLimitExceeded,
    IpNotInWhitelist,
    IsOpening,
    LowBalance,
    NotExist,
    NotReady,
    Recover,
    RequestLimitExceeded,
    StopUsing,
    UinLimitExceeded,
    UnknownStatus,
)
from facemeld.services.billing import BillingService, CreditUsedUp
from facemeld.services.errors import DatabaseUnavailable
from facemeld.services.policies import AccountState, CallPolicy, Network, Rates, includes
from facemeld.services.rates import RateLimiter

SERVICE = "facefusion"

FREE_ACTIONS = frozenset({"DescribeMaterialList", "QueryVideoFaceFusionJob"})
"""Actions that cost nothing."""

STATE_ERRORS: Mapping[AccountState, tuple[type[ApiError], type[ApiError]]] = MappingProxyType(
    {
        AccountState.FROZEN: (Freeze, Freeze),
        AccountState.ARREARS: (InArrears, InArrears),
        AccountState.OPENING: (IsOpening, Delivering),
        AccountState.NOT_EXIST: (NotExist, NotExist),
        AccountState.RECOVER: (Recover, Recover),
        AccountState.STOP_USING: (StopUsing, StopUsing),
        AccountState.DELIVERING: (IsOpening, Delivering),
        AccountState.LOW_BALANCE: (InArrears, LowBalance),
        AccountState.NOT_READY: (NotExist, NotReady),
        AccountState.UNKNOWN: (NotExist, UnknownStatus),
    }
)
"""The error of each state but ``normal``, in 2022-09-27 and in 2018-12-01, whose lists of codes differ."""


def policy_of(call: CallInfo) -> CallPolicy:
    """What the credential of a call brought along."""
    if not isinstance(call.policy, CallPolicy):
        raise TypeError(f"a credential must come with the policy of its account, got {type(call.policy).__name__}")
    return call.policy


class PermissionGate:
    """May the key call the action?"""

    async def check(self, call: CallInfo) -> None:
        """Refuse actions that the key is not allowed.

        Raises:
            AuthFailureUnauthorizedOperation: the action is not among the key's.
        """
        allowed = policy_of(call).actions
        if allowed is not None and call.action not in allowed:
            raise AuthFailureUnauthorizedOperation(service=SERVICE, action=call.action)


@dataclass(frozen=True, slots=True)
class RateGate:
    """Counts calls by address, by key, action and region, by account and region, and by account.

    Attributes:
        limiter: Where calls are counted.
        rates: Rates of all accounts that have none of their own.
    """

    limiter: RateLimiter
    rates: Rates = field(default_factory=lambda: MappingProxyType({}))

    async def check(self, call: CallInfo) -> None:
        """Count a call; the first rate that it exceeds refuses it, and the later ones do not count it.

        Raises:
            RequestLimitExceeded: or one of its subclasses, by the rate.
        """
        own = policy_of(call).rates
        if not own and not self.rates:
            return
        account, region = str(call.account_id), call.region
        await self._hit(own, ("address",), ("address", call.client_address), IPLimitExceeded)
        names = (f"{call.version}:{call.action}", call.action)
        await self._hit(own, names, ("key", call.secret_id, call.version, call.action, region), RequestLimitExceeded)
        await self._hit(own, ("account",), ("account", account, region), UinLimitExceeded)
        await self._hit(own, ("global",), ("global", account), GlobalRegionUinLimitExceeded)

    async def _hit(self, own: Rates, names: tuple[str, ...], counted: tuple[str, ...], error: type[RequestLimitExceeded]) -> None:
        limit = _rate((own, self.rates), names)
        if limit is None:
            return
        exceeded = await self.limiter.hit(limit, *counted)
        if exceeded is not None:
            raise error(count=exceeded.count, limit=exceeded.limit)


def _rate(sources: tuple[Rates, ...], names: tuple[str, ...]) -> int | None:
    """The first rate under one of the names; an account's own goes before the settings', whatever it says."""
    for source in sources:
        for name in names:
            if name in source:
                return source[name]
    return None


@dataclass(frozen=True, slots=True)
class AddressGate:
    """Compares the caller's address with the lists of the account and of the whole service.

    Attributes:
        allowed: Networks that every call must come from; empty for all.
        denied: Networks that no call may come from.
    """

    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()

    async def check(self, call: CallInfo) -> None:
        """Refuse addresses that are on a block list, or not on an allow list that there is.

        Raises:
            IpInBlacklist, IpNotInWhitelist: so it is.
        """
        policy, address = policy_of(call), call.client_address
        if any(denied and includes(denied, address) for denied in (self.denied, policy.denied)):
            raise IpInBlacklist()
        if any(allowed and not includes(allowed, address) for allowed in (self.allowed, policy.allowed)):
            raise IpNotInWhitelist()


class StateGate:
    """Is the account open for business?"""

    async def check(self, call: CallInfo) -> None:
        """Refuse calls of accounts that are not in the state ``normal``.

        Raises:
            ResourceUnavailable: one of its subclasses, by the state and the API version.
        """
        state = policy_of(call).state
        if state is not AccountState.NORMAL:
            newer, older = STATE_ERRORS[state]
            raise (older if call.version == V2018 else newer)()


@dataclass(frozen=True, slots=True)
class CreditGate:
    """Charges the calls of accounts that are counted.

    Attributes:
        billing: Keeps the books.
    """

    billing: BillingService

    @asynccontextmanager
    async def charge(self, call: CallInfo) -> AsyncIterator[None]:
        """See ``protocol.call.Billing``.

        Raises:
            InArrears, BalanceInsufficient: no credit is left (ChargeStatusException and LowBalance in 2018-12-01).
            InnerError: the books cannot be reached (GetAuthInfoError in 2018-12-01).
        """
        policy = policy_of(call)
        if not policy.metered or call.action in FREE_ACTIONS:
            yield
            return
        try:
            async with self.billing.charge(call.request_id, policy.account_id, call.action):
                yield
        except CreditUsedUp as error:
            raise _used_up(call.version, policy)() from error
        except DatabaseUnavailable as error:
            raise (GetAuthInfoError if call.version == V2018 else InnerError)() from error
        call.notes.charged = True


def _used_up(version: str, policy: CallPolicy) -> type[ApiError]:
    if version == V2018:
        return LowBalance if policy.auto_open else ChargeStatusException
    return BalanceInsufficient if policy.auto_open else InArrears
