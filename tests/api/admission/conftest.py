"""The API endpoint with real accounts and checks around actions that do no work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from facemeld.accounts.types import AccountChange, NewKey
from facemeld.api.protocol.call import Action, ActionRegistry, Call, CallRecord
from facemeld.api.protocol.decoding import ProtocolLimits
from facemeld.api.protocol.endpoint import ApiEndpoint
from facemeld.api.protocol.errors.facefusion import NoFaceDetected
from facemeld.api.protocol.messages import RequestModel
from facemeld.api.protocol.request import ProtocolOptions
from facemeld.app.composition import Application, open_application
from facemeld.app.server import StoredCredentials, build_hooks
from facemeld.settings.catalogue import Settings
from tests.api.protocol.asgi import NOW, Answer, Ask, send

VERSIONS = ("2022-09-27", "2018-12-01")


class StubRequest(RequestModel):
    """The outcome that the stub is to have."""

    do: str = "succeed"


@dataclass
class World:
    """An endpoint with an account named acme and its key."""

    application: Application
    endpoint: ApiEndpoint
    key: NewKey
    records: list[CallRecord]
    working: anyio.Event = field(default_factory=anyio.Event)

    def ask(self, action: str = "FuseFace", version: str = VERSIONS[0], do: str = "succeed", **changes: Any) -> Ask:
        """A signed call of a stub action."""
        headers = {"x-tc-region": "ap-guangzhou", "x-tc-language": "en-US", **changes.pop("headers", {})}
        key = changes.pop("key", self.key)
        return Ask(
            body=f'{{"Do":"{do}"}}'.encode(),
            action=action,
            version=version,
            secret_id=key.secret_id,
            secret_key=key.secret_key,
            headers=headers,
            **changes,
        )

    def call(self, *args: Any, **kwargs: Any) -> Answer:
        """The reply to a call."""
        return self.ask(*args, **kwargs).to(self.endpoint)

    async def acall(self, *args: Any, **kwargs: Any) -> Answer:
        """The reply to a call, in a running loop."""
        return await send(self.endpoint, self.ask(*args, **kwargs))

    def change(self, **changes: Any) -> None:
        """Change the account."""
        self.application.accounts.change("acme", AccountChange(**changes), actor="test")

    def left(self) -> int | None:
        """The calls that the account has left, in packages and out of them."""
        balance = self.application.accounts.get("acme").balance
        return None if balance is None else balance + sum(p.calls - p.used for p in self.application.accounts.packages("acme"))


class Watch:
    """Keeps the records of calls."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def record(self, record: CallRecord) -> None:
        self.records.append(record)


@pytest.fixture
def open_world(data_folder: Path) -> Iterator[Callable[..., World]]:
    """A function that opens a world with the given settings; all share one data folder."""
    with ExitStack() as stack:

        def open_world(*observers: Any, now: float = NOW, **settings: Any) -> World:
            application = stack.enter_context(open_application(Settings(data=data_folder, **settings)))
            application.accounts.ensure("acme", actor="test")
            key = application.accounts.create_key("acme", actor="test")
            watch = Watch()

            async def handle(call: Call[StubRequest]) -> dict[str, Any]:
                match call.params.do:
                    case "fail":
                        raise NoFaceDetected()
                    case "crash":
                        raise RuntimeError("an unforeseen fault")
                    case "shout":
                        return {"Text": "a" * 3000}
                    case "wait":
                        opened.working.set()
                        await anyio.sleep(30)
                    case _:
                        await anyio.sleep(0)
                call.notes.faces = 2
                return {}

            names = ("FuseFace", "FuseFaceUltra", "DescribeMaterialList")
            registry = ActionRegistry([Action(name, version, StubRequest, handle) for name in names for version in VERSIONS])
            options = ProtocolOptions(limits=ProtocolLimits(reply_bytes=2000))
            hooks = build_hooks(application, watch, *observers)
            endpoint = ApiEndpoint(registry, StoredCredentials(application.accounts), options=options, hooks=hooks, clock=lambda: now)
            opened = World(application, endpoint, key, watch.records)
            return opened

        yield open_world


@pytest.fixture
def world(open_world: Callable[..., World]) -> World:
    """A world with the settings' defaults."""
    return open_world()
