"""A verified call, the actions that answer calls, the checks and observers around them, and the consent header."""

from __future__ import annotations

import logging
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from facemeld.api.protocol.errors.base import ApiError, Language
from facemeld.api.protocol.errors.common import ActionOffline, InternalError, InvalidAction, NoSuchVersion
from facemeld.api.protocol.messages import failure, success, to_model
from facemeld.api.protocol.request import Parameters, ProtocolOptions, Scheme
from facemeld.timing import Span, Stages, stage

logger = logging.getLogger(__name__)

P = TypeVar("P", bound=BaseModel)


@dataclass(slots=True)
class Notes:
    """Facts about a call that actions and hooks add to its record.

    Attributes:
        project_id, model_id: Activity and material that the call named.
        faces: Number of fused faces.
        charged: Whether credit was taken.
        consent: Reference to the consent under which the result was made.
        incoming: Marks found in the inputs, see ``usage.types.Facts``.
    """

    project_id: str = ""
    model_id: str = ""
    faces: int = 0
    charged: bool = False
    consent: str | None = None
    incoming: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInfo:
    """A verified call without its parameters.

    Attributes:
        request_id: Lower-case UUID of the reply.
        account_id: Account that owns the key.
        secret_id: Public name of the key.
        action: Name of the action.
        version: API version, e.g. ``2022-09-27``.
        region: Region as sent; empty when absent.
        language: Language of the messages and of texts in results.
        scheme: Which signature the request carried.
        client_address: Address of the caller; empty if unknown.
        base_url: Scheme and host under which the caller reached the server, e.g. ``http://127.0.0.1:8080``.
        fault: Code of the error that the caller asks for (``X-Facemeld-Fault``); empty if none. Only a hook can grant it.
        policy: Data of the credential for the hooks; opaque to the protocol.
        consent: Reference to the consent of the people shown (``X-Facemeld-Consent``); None without the header.
        notes: Facts added while the call runs.
    """

    request_id: str
    account_id: int
    secret_id: str
    action: str
    version: str
    region: str
    language: Language
    scheme: Scheme
    client_address: str
    base_url: str
    fault: str = ""
    policy: object = field(default=None, repr=False)
    consent: str | None = field(default=None, repr=False)
    notes: Notes = field(default_factory=Notes, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(CallInfo, Generic[P]):
    """A call with its parameters, decoded into the action's model."""

    params: P = field(repr=False)

    @classmethod
    def of(cls, info: CallInfo, params: P) -> Call[P]:
        """Return a call with its parameters added."""
        return cls(params=params, **{member.name: getattr(info, member.name) for member in fields(info)})


@dataclass(frozen=True, slots=True)
class Action(Generic[P]):
    """One action of the API.

    Attributes:
        name: Name on the wire.
        version: API version that offers it.
        request_model: Model of its parameters, with wire names as aliases.
        handle: Answers a call with the members of ``Response`` except ``RequestId``, or raises an ``ApiError``.
    """

    name: str
    version: str
    request_model: type[P]
    handle: Callable[[Call[P]], Awaitable[BaseModel | Mapping[str, Any]]] = field(repr=False)


class ActionRegistry:
    """The actions of every API version."""

    def __init__(self, actions: Iterable[Action[Any]], *, offline: Iterable[tuple[str, str]] = ()) -> None:
        """Collect actions, and the versions and names of actions that are no longer offered.

        Raises:
            ValueError: Two actions have the same version and name.
        """
        self._actions: dict[tuple[str, str], Action[Any]] = {}
        for action in actions:
            key = (action.version, action.name)
            if key in self._actions:
                raise ValueError(f"Actions must be unique, got {action.name} of {action.version} twice")
            self._actions[key] = action
        self._offline = frozenset(offline)
        self._versions = frozenset(version for version, _ in (*self._actions, *self._offline))

    def __iter__(self) -> Iterator[Action[Any]]:
        return iter(self._actions.values())

    def resolve(self, version: str, name: str, service: str) -> Action[Any]:
        """Return the action with a version and a name.

        Raises:
            NoSuchVersion: No action has the version.
            ActionOffline: The action was removed.
            InvalidAction: The version has no such action.
        """
        if version not in self._versions:
            raise NoSuchVersion(version=version, service=service)
        if (version, name) in self._offline:
            raise ActionOffline()
        action = self._actions.get((version, name))
        if action is None:
            raise InvalidAction(action=name, service=service, version=version)
        return action


class Check(Protocol):
    """A check of a verified call."""

    async def check(self, call: CallInfo) -> None:
        """Return to let the call pass; raise an ``ApiError`` to refuse it."""
        ...


class Billing(Protocol):
    """Charges calls."""

    def charge(self, call: CallInfo) -> AbstractAsyncContextManager[None]:
        """Return a context manager around the work of a call, which charges only if the work succeeds.

        Entering it raises an ``ApiError`` to refuse the call.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call after its reply, without its parameters, for logs, metrics and usage records.

    Attributes:
        request_id: Lower-case UUID of the reply.
        code: Code of the error; empty for success, ``CLIENT_GONE`` if the client hung up first.
        seconds: From the first byte read to the last byte sent.
        bytes_in: Size of the body and the query.
        bytes_out: Size of the reply as sent.
        action, version: As sent, not verified unless ``call`` is set; empty if unreadable.
        client_address: Address of the caller; empty if unknown.
        sdk: Name of the client's SDK as sent.
        stages: Milliseconds by stage, see ``facemeld.timing``.
        spans: The times of these stages.
        traceparent: The caller's trace as sent (W3C Trace Context); empty if none.
        call: The verified call; None if it was refused earlier.
    """

    request_id: str
    code: str
    seconds: float
    bytes_in: int
    bytes_out: int
    action: str
    version: str
    client_address: str
    sdk: str
    call: CallInfo | None
    stages: Mapping[str, float] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    traceparent: str = ""


CLIENT_GONE = "ClientGone"
"""Code in records of calls whose client hung up; never sent."""


class Observer(Protocol):
    """Receives the record of every call after its reply."""

    def record(self, record: CallRecord) -> None:
        """Take the record of a call; must not block."""
        ...


class _Pass:
    """Lets every call pass, charges nothing and records nothing."""

    async def check(self, call: CallInfo) -> None:
        """Let the call pass."""

    def charge(self, call: CallInfo) -> AbstractAsyncContextManager[None]:
        """Charge nothing."""
        return nullcontext()

    def record(self, record: CallRecord) -> None:
        """Take no note."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Checks and observers of every call; by default each lets everything pass.

    Attributes:
        faults: Raises errors to test clients; runs first after authentication.
        permissions: Raises ``AuthFailureUnauthorizedOperation`` if the key may not call the action.
        rate_limiter: Raises ``RequestLimitExceeded`` or one of its subclasses.
        addresses: Raises ``IpInBlacklist`` or ``IpNotInWhitelist``.
        account: Raises ``ResourceUnavailable`` codes by the account's state; runs after the parameters are checked.
        billing: Charges calls that no check refused.
        observer: Receives the record of every call.
    """

    faults: Check = field(default_factory=_Pass)
    permissions: Check = field(default_factory=_Pass)
    rate_limiter: Check = field(default_factory=_Pass)
    addresses: Check = field(default_factory=_Pass)
    account: Check = field(default_factory=_Pass)
    billing: Billing = field(default_factory=_Pass)
    observer: Observer = field(default_factory=_Pass)

    def for_users(self) -> Hooks:
        """Return the hooks for calls of signed-in users, which have neither a key nor a network address to check."""
        return replace(self, permissions=_Pass(), addresses=_Pass())


@dataclass(slots=True, kw_only=True)
class Exchange(ABC):
    """A request on its way to a reply; a subclass for each kind of request.

    Attributes:
        language: Language of messages.
        client_address, action, version, sdk, traceparent, request_id: See ``CallRecord``.
        started: Time of the first byte, on the clock ``time.perf_counter``.
        bytes_in: Size of the request.
        code: Code of the error; empty while there is none.
        call: The verified call; None before ``identify`` returned.
        stages: Collects the stages of the call.
    """

    language: Language
    client_address: str
    action: str = ""
    version: str = ""
    sdk: str = ""
    traceparent: str = ""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.perf_counter)
    bytes_in: int = 0
    code: str = ""
    call: CallInfo | None = None
    stages: Stages = field(default_factory=Stages)

    @abstractmethod
    async def identify(self) -> CallInfo:
        """Return the verified call, still without its consent and parameters.

        Raises:
            ApiError: The caller is unknown.
        """

    @abstractmethod
    def read_consent(self) -> str | None:
        """Return the consent reference of a call whose action is known; also check its other headers.

        Raises:
            ApiError: A header is malformed.
        """

    @abstractmethod
    def take_parameters(self) -> Parameters:
        """Return the parameters of a call that passed all checks, and release the body.

        Raises:
            ApiError: They cannot be decoded.
        """

    def record(self, bytes_out: int) -> CallRecord:
        """Return the record of the call after its reply."""
        return CallRecord(
            request_id=self.request_id,
            code=self.code,
            seconds=time.perf_counter() - self.started,
            bytes_in=self.bytes_in,
            bytes_out=bytes_out,
            action=self.action,
            version=self.version,
            client_address=self.client_address,
            sdk=self.sdk,
            call=self.call,
            stages=self.stages.milliseconds,
            spans=self.stages.spans,
            traceparent=self.traceparent,
        )

    def failure(self, error: ApiError) -> bytes:
        """Note an error and return its envelope."""
        self.code = error.code
        return failure(error, self.language, self.request_id)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Answers every call, signed or not, with the same checks in the same order; the first failure wins."""

    registry: ActionRegistry
    hooks: Hooks = field(default_factory=Hooks)
    options: ProtocolOptions = field(default_factory=ProtocolOptions)

    async def answer(self, exchange: Exchange) -> bytes:
        """Return the envelope for a request; never raises, so that every failure has a code and a RequestId."""
        try:
            return await self._dispatch(exchange)
        except ApiError as error:
            return exchange.failure(error)
        except Exception:
            logger.exception("Call %s failed unexpectedly", exchange.request_id)
            return exchange.failure(InternalError())

    async def _dispatch(self, exchange: Exchange) -> bytes:
        with stage("protocol"):
            action, call = await self._prepare(exchange)
        await self.hooks.account.check(call)
        async with self.hooks.billing.charge(call):
            result = await action.handle(call)
            with stage("reply"):
                return success(result, exchange.request_id, self.options.limits.reply_bytes)

    async def _prepare(self, exchange: Exchange) -> tuple[Action[Any], Call[Any]]:
        hooks, options = self.hooks, self.options
        info = exchange.call = await exchange.identify()
        action = self.registry.resolve(info.version, info.action, options.service)
        consent = exchange.read_consent()
        with stage("admission"):
            for hook in (hooks.faults, hooks.permissions, hooks.rate_limiter, hooks.addresses):
                await hook.check(info)
        parameters = exchange.take_parameters()
        params = to_model(action.request_model, parameters.values, strict=options.strict, strings=parameters.strings)
        return action, Call.of(replace(info, consent=consent), params)
