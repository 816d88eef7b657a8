"""A verified call, the actions that answer calls, and the checks and observers around them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from facemeld.protocol.common import Scheme
from facemeld.protocol.errors import ActionOffline, InvalidAction, Language, NoSuchVersion
from facemeld.timing import Span

P = TypeVar("P", bound=BaseModel)


@dataclass(slots=True)
class Notes:
    """What actions and hooks find out while a call runs, for its record.

    Attributes:
        project_id: Activity that the call named.
        model_id: Material that the call named.
        faces: Faces that were fused.
        charged: Whether the call was paid for.
        consent: Reference to a person's consent under which the result was made.
        incoming: Marks found in the inputs, see ``services.facts``.
    """

    project_id: str = ""
    model_id: str = ""
    faces: int = 0
    charged: bool = False
    consent: str | None = None
    incoming: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInfo:
    """Who calls what; everything in it is verified.

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
        fault: Code that the caller asks to be answered with (``X-Facemeld-Fault``); empty if none. Only a hook can grant it.
        policy: What the credential came with for the hooks; the protocol does not look into it.
        consent: Reference to the consent of the people shown (``X-Facemeld-Consent``); None if the call brings none.
        notes: What is found out while the call runs.
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
    """A call with its typed parameters.

    Attributes:
        params: The request, decoded into the action's model.
    """

    params: P = field(repr=False)

    @classmethod
    def of(cls, info: CallInfo, params: P) -> Call[P]:
        """A call with its parameters added."""
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
        """Collect actions.

        Args:
            actions: All actions on offer.
            offline: Version and name of actions that once existed.

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
        """The action with a version and a name.

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
    """A check of a verified call that raises an ``ApiError`` to refuse it."""

    async def check(self, call: CallInfo) -> None:
        """Return to let the call pass."""
        ...


class Billing(Protocol):
    """Charges calls for their work."""

    def charge(self, call: CallInfo) -> AbstractAsyncContextManager[None]:
        """A block around the work of a call: it charges when the work succeeds and does not when it fails or is cancelled.

        Entering raises an ``ApiError`` to refuse the call.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """What is known about a call after its reply, for logs, metrics and usage; never its parameters.

    Attributes:
        request_id: Lower-case UUID of the reply.
        code: Code of the error; empty for success, ``CLIENT_GONE`` if the client hung up first.
        seconds: From the first byte read to the last byte sent.
        bytes_in: Size of the body and the query.
        bytes_out: Size of the reply as sent.
        action: Name of the action as sent; not verified unless ``call`` is set. Empty if unreadable.
        version: API version as sent; not verified unless ``call`` is set. Empty if unreadable.
        client_address: Address of the caller; empty if unknown.
        sdk: Name of the client's SDK as sent.
        stages: Milliseconds by stage, see ``facemeld.timing``.
        spans: When these stages ran.
        traceparent: The caller's trace as sent (W3C Trace Context); empty if there was none.
        call: The verified call; None if it was refused before that.
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
"""Code in records of calls whose client hung up; it never goes over the wire."""


class Observer(Protocol):
    """Learns of every call after its reply."""

    def record(self, record: CallRecord) -> None:
        """Take note of a call; must not block."""
        ...


class _Pass:
    """Lets every call pass and takes no notes."""

    async def check(self, call: CallInfo) -> None:
        """Let the call pass."""

    def charge(self, call: CallInfo) -> AbstractAsyncContextManager[None]:
        """Charge nothing."""
        return nullcontext()

    def record(self, record: CallRecord) -> None:
        """Take no note."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the composition root adds to the request path; each lets everything pass by default.

    Attributes:
        faults: Raises any error, so that clients can be tested; runs first after authentication.
        permissions: May the key call the action? Raises ``AuthFailureUnauthorizedOperation``.
        rate_limiter: Raises ``RequestLimitExceeded`` or one of its subclasses.
        addresses: Raises ``IpInBlacklist`` or ``IpNotInWhitelist``.
        account: State of the account; runs after the parameters were checked. Raises ``ResourceUnavailable`` codes.
        billing: Charges the work of the call; a call that no check refused.
        observer: Learns of every call.
    """

    faults: Check = field(default_factory=_Pass)
    permissions: Check = field(default_factory=_Pass)
    rate_limiter: Check = field(default_factory=_Pass)
    addresses: Check = field(default_factory=_Pass)
    account: Check = field(default_factory=_Pass)
    billing: Billing = field(default_factory=_Pass)
    observer: Observer = field(default_factory=_Pass)
