"""A small API to drive the endpoint with: one key, one action that echoes, one that is slow, one that fails."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from facemeld.api.protocol.call import Action, ActionRegistry, Call, CallInfo, CallRecord, Hooks
from facemeld.api.protocol.endpoint import ApiEndpoint
from facemeld.api.protocol.errors.base import ApiError
from facemeld.api.protocol.errors.facefusion import NoFaceDetected
from facemeld.api.protocol.messages import RequestModel, ResponseModel
from facemeld.api.protocol.request import ProtocolOptions
from facemeld.api.protocol.signature import Credential

from .asgi import NOW, SECRET_ID, SECRET_KEY


class Rect(RequestModel):
    """A rectangle."""

    x: int
    width: int


class Item(RequestModel):
    """An item of a list."""

    url: str | None = None
    rect: Rect | None = None


class EchoRequest(RequestModel):
    """Parameters of every toy action."""

    name: str
    count: int = 1
    degree: float | None = None
    items: tuple[Item, ...] = ()


class EchoResponse(ResponseModel):
    """Reply of an echo."""

    name: str
    count: int
    degree: float | None
    urls: list[str | None]
    account: int


class Keys:
    """Credentials with a single key."""

    async def find(self, secret_id: str) -> Credential | None:
        return Credential(SECRET_ID, SECRET_KEY, 7) if secret_id == SECRET_ID else None


@dataclass
class Refuse:
    """A check that refuses every call if it has an error."""

    error: type[ApiError] | None = None

    async def check(self, call: CallInfo) -> None:
        if self.error is not None:
            raise self.error()


@dataclass
class Toy:
    """The endpoint, with the events that its observer and its slow action noted."""

    options: ProtocolOptions = field(default_factory=ProtocolOptions)
    hooks: dict[str, Refuse] = field(default_factory=dict)
    records: list[CallRecord] = field(default_factory=list)
    calls: list[Call[Any]] = field(default_factory=list)
    started: anyio.Event = field(default_factory=anyio.Event)
    cancelled: bool = False
    traced: int = 0

    def record(self, record: CallRecord) -> None:
        self.records.append(record)

    @property
    def app(self) -> ApiEndpoint:
        actions = [
            Action("Echo", "2022-09-27", EchoRequest, self.echo),
            Action("Slow", "2022-09-27", EchoRequest, self.slow),
            Action("Fail", "2022-09-27", EchoRequest, self.fail),
            Action("Crash", "2022-09-27", EchoRequest, self.crash),
            Action("Long", "2022-09-27", EchoRequest, self.long),
            Action("Echo", "2018-12-01", EchoRequest, self.echo),
        ]
        registry = ActionRegistry(actions, offline=[("2018-12-01", "Removed")])
        hooks = Hooks(**self.hooks, observer=self)
        return ApiEndpoint(registry, Keys(), options=self.options, hooks=hooks, clock=lambda: NOW)

    async def echo(self, call: Call[EchoRequest]) -> EchoResponse:
        self.calls.append(call)
        self.traced = tracemalloc.get_traced_memory()[0]
        params = call.params
        return EchoResponse(
            name=params.name, count=params.count, degree=params.degree, urls=[item.url for item in params.items], account=call.account_id
        )

    async def slow(self, call: Call[EchoRequest]) -> Mapping[str, Any]:
        self.started.set()
        try:
            await anyio.sleep(30)
        except BaseException:
            self.cancelled = True
            raise
        return {}

    async def fail(self, call: Call[EchoRequest]) -> Mapping[str, Any]:
        raise NoFaceDetected()

    async def crash(self, call: Call[EchoRequest]) -> Mapping[str, Any]:
        raise RuntimeError("an unforeseen fault")

    async def long(self, call: Call[EchoRequest]) -> Mapping[str, Any]:
        return {"Text": call.params.name * call.params.count}
