"""The checks around a call: permissions, rates, networks, the account's state and credit, and errors forced for tests."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from facemeld.accounts.credit import BillingService, CreditUsedUp
from facemeld.accounts.rates import RateLimiter
from facemeld.accounts.types import AccountState, CallPolicy, Network, Rates, includes
from facemeld.api.protocol.call import CallInfo
from facemeld.api.protocol.errors import BY_CODE, common
from facemeld.api.protocol.errors import facefusion as codes
from facemeld.api.protocol.errors.base import V2018, ApiError
from facemeld.db.errors import DatabaseUnavailable
from facemeld.errors import FacemeldError

SERVICE = "facefusion"

FREE_ACTIONS = frozenset({"DescribeMaterialList", "QueryVideoFaceFusionJob"})
"""Actions that cost nothing."""

STATE_ERRORS: Mapping[AccountState, tuple[type[ApiError], type[ApiError]]] = MappingProxyType(
    {
        AccountState.FROZEN: (codes.Freeze, codes.Freeze),
        AccountState.ARREARS: (codes.InArrears, codes.InArrears),
        AccountState.OPENING: (codes.IsOpening, codes.Delivering),
        AccountState.NOT_EXIST: (codes.NotExist, codes.NotExist),
        AccountState.RECOVER: (codes.Recover, codes.Recover),
        AccountState.STOP_USING: (codes.StopUsing, codes.StopUsing),
        AccountState.DELIVERING: (codes.IsOpening, codes.Delivering),
        AccountState.LOW_BALANCE: (codes.InArrears, codes.LowBalance),
        AccountState.NOT_READY: (codes.NotExist, codes.NotReady),
        AccountState.UNKNOWN: (codes.NotExist, codes.UnknownStatus),
    }
)
"""The error of each state but ``normal``, in 2022-09-27 and in 2018-12-01, whose lists of codes differ."""


def policy_of(call: CallInfo) -> CallPolicy:
    """Return the policy that came with the credential of a call."""
    if not isinstance(call.policy, CallPolicy):
        raise TypeError(f"a credential must come with the policy of its account, got {type(call.policy).__name__}")
    return call.policy


class PermissionGate:
    """Checks that the key may call the action."""

    async def check(self, call: CallInfo) -> None:
        """Refuse actions that the key is not allowed.

        Raises:
            common.AuthFailureUnauthorizedOperation: the action is not among the key's.
        """
        allowed = policy_of(call).actions
        if allowed is not None and call.action not in allowed:
            raise common.AuthFailureUnauthorizedOperation(service=SERVICE, action=call.action)


@dataclass(frozen=True, slots=True)
class RateGate:
    """Counts calls by address, by key, action and region, by account and region, and by account.

    Attributes:
        limiter: Counts the calls.
        rates: Rates of accounts that have none of their own.
    """

    limiter: RateLimiter
    rates: Rates = field(default_factory=lambda: MappingProxyType({}))

    async def check(self, call: CallInfo) -> None:
        """Count a call; the first rate that it exceeds refuses it, and later rates do not count it.

        Raises:
            common.RequestLimitExceeded: or one of its subclasses, by the rate.
        """
        own = policy_of(call).rates
        if not own and not self.rates:
            return
        account, region = str(call.account_id), call.region
        await self._hit(own, ("address",), ("address", call.client_address), common.IPLimitExceeded)
        names = (f"{call.version}:{call.action}", call.action)
        await self._hit(own, names, ("key", call.secret_id, call.version, call.action, region), common.RequestLimitExceeded)
        await self._hit(own, ("account",), ("account", account, region), common.UinLimitExceeded)
        await self._hit(own, ("global",), ("global", account), common.GlobalRegionUinLimitExceeded)

    async def _hit(self, own: Rates, names: tuple[str, ...], counted: tuple[str, ...], error: type[common.RequestLimitExceeded]) -> None:
        limit = _rate((own, self.rates), names)
        if limit is None:
            return
        exceeded = await self.limiter.hit(limit, *counted)
        if exceeded is not None:
            raise error(count=exceeded.count, limit=exceeded.limit)


def _rate(sources: tuple[Rates, ...], names: tuple[str, ...]) -> int | None:
    """Return the first rate under one of the names; earlier sources take precedence."""
    for source in sources:
        for name in names:
            if name in source:
                return source[name]
    return None


@dataclass(frozen=True, slots=True)
class AddressGate:
    """Checks the caller's address against the lists of the account and of the service.

    Attributes:
        allowed: Networks that every call must come from; empty for all.
        denied: Networks that no call may come from.
    """

    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()

    async def check(self, call: CallInfo) -> None:
        """Refuse addresses that are on a deny list, or missing from an allow list.

        Raises:
            common.IpInBlacklist: a deny list has the address.
            common.IpNotInWhitelist: an allow list lacks the address.
        """
        policy, address = policy_of(call), call.client_address
        if any(denied and includes(denied, address) for denied in (self.denied, policy.denied)):
            raise common.IpInBlacklist()
        if any(allowed and not includes(allowed, address) for allowed in (self.allowed, policy.allowed)):
            raise common.IpNotInWhitelist()


class StateGate:
    """Checks the state of the account."""

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
    """Charges the calls of metered accounts."""

    billing: BillingService

    @asynccontextmanager
    async def charge(self, call: CallInfo) -> AsyncIterator[None]:
        """See ``api.protocol.call.Billing``.

        Raises:
            codes.InArrears, codes.BalanceInsufficient: no credit is left (codes.ChargeStatusException and codes.LowBalance in 2018-12-01).
            codes.InnerError: the database cannot be reached (codes.GetAuthInfoError in 2018-12-01).
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
            raise (codes.GetAuthInfoError if call.version == V2018 else codes.InnerError)() from error
        call.notes.charged = True


def _used_up(version: str, policy: CallPolicy) -> type[ApiError]:
    if version == V2018:
        return codes.LowBalance if policy.auto_open else codes.ChargeStatusException
    return codes.BalanceInsufficient if policy.auto_open else codes.InArrears


FAULT_HEADER = "X-Facemeld-Fault"


class FaultInvalid(FacemeldError):
    """A fault to force is not valid."""


@dataclass(frozen=True, slots=True)
class FaultGate:
    """Answers a share of all calls, or calls that ask for it, with an error of the catalogue.

    Attributes:
        shares: Share of calls, 0 to 1, for each class of error.
        header: Whether a call may ask for a code with the header ``X-Facemeld-Fault``.
        chance: Returns a random number from 0 up to 1.
    """

    shares: Mapping[type[ApiError], float] = field(default_factory=dict)
    header: bool = False
    chance: Callable[[], float] = secrets.SystemRandom().random

    async def check(self, call: CallInfo) -> None:
        """Raise the error that the call asks for or draws.

        Raises:
            ApiError: the forced error.
        """
        if self.header and call.fault:
            kind = BY_CODE.get(call.fault)
            if kind is None:
                raise common.InvalidParameterValue(name=FAULT_HEADER)
            raise kind.example()
        if not self.shares:
            return
        left = self.chance()
        for kind, share in self.shares.items():
            if left < share:
                raise kind.example()
            left -= share


def parse_faults(texts: tuple[str, ...]) -> Mapping[type[ApiError], float]:
    """Read faults such as ``FailedOperation.RpcFail=0.1``.

    Raises:
        FaultInvalid: a text has another form, a code is not in the catalogue, or the shares add up to more than 1.
    """
    shares: dict[type[ApiError], float] = {}
    for text in texts:
        code, _, share = (part.strip() for part in text.partition("="))
        kind = BY_CODE.get(code)
        if kind is None:
            raise FaultInvalid(f"a fault must be CODE=SHARE with a code of the catalogue, got {text!r}")
        shares[kind] = _share(code, share)
    if sum(shares.values()) > 1:
        raise FaultInvalid(f"the shares of all faults must make at most 1, got {sum(shares.values()):g}")
    return shares


def _share(code: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise FaultInvalid(f"the share of {code} must be a number from 0 to 1, got {text!r}")
    return share
