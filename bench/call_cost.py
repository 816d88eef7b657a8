"""Prints what a call costs besides its work: signature, key, checks, charge and usage record, in microseconds.

Run ``python -m bench.call_cost``. The action does nothing and no network is involved; the database is SQLite on this disk.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.protocol.asgi import NOW, Ask, send

from facemeld.accounts import AccountChange, parse_networks
from facemeld.admission import StoredCredentials, build_hooks
from facemeld.app import Application, open_application
from facemeld.protocol import Action, ActionRegistry, ApiEndpoint, Call, Credentials, Hooks, RequestModel
from facemeld.settings import Settings
from facemeld.usagelog import UsageLog

RATES = {"FuseFace": 100_000, "account": 100_000, "global": 100_000}


class Nothing(RequestModel):
    """A request without parameters."""


async def answer(_: Call[Nothing]) -> dict[str, Any]:
    return {}


class InMemory:
    """Always finds the same key."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential

    async def find(self, _: str) -> Any:
        """The key."""
        return self._credential


def endpoint(credentials: Credentials, hooks: Hooks | None = None) -> ApiEndpoint:
    registry = ActionRegistry([Action("FuseFace", "2022-09-27", Nothing, answer)])
    return ApiEndpoint(registry, credentials, hooks=hooks, clock=lambda: NOW)


async def one_by_one(call: Callable[[], Awaitable[None]], calls: int = 300) -> float:
    """Median time of a call, in microseconds."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        await call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


async def at_once(call: Callable[[], Awaitable[None]], clients: int, calls: int = 300) -> float:
    """Time for each call when many clients call at once, in microseconds."""

    async def client() -> None:
        for _ in range(calls // clients):
            await call()

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return (time.perf_counter() - start) / (calls // clients * clients) * 1e6


async def measure(application: Application) -> None:
    accounts = application.accounts
    accounts.create("bench", actor="bench")
    key = accounts.create_key("bench", actor="bench")
    ask = Ask(body=b"{}", action="FuseFace", secret_id=key.secret_id, secret_key=key.secret_key)

    def calling(app: ApiEndpoint) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            reply = await send(app, ask)
            assert not reply.code, reply.json

        return call

    def line(text: str, microseconds: float) -> None:
        print(f"{text:<58} {microseconds:8.0f}")

    stored = StoredCredentials(accounts)
    whole = calling(endpoint(stored, build_hooks(application, UsageLog(application.usage, accounts))))
    print(f"{'':<58} {'µs/call':>8}")
    line(
        "protocol alone, key in memory (signing here included)",
        await one_by_one(calling(endpoint(InMemory(await stored.find(key.secret_id))))),
    )
    line("with the key and its policy from the database", await one_by_one(calling(endpoint(stored))))
    line("with all checks and the usage record, nothing set", await one_by_one(whole))
    networks = {"allowed": parse_networks("192.0.2.0/24"), "denied": parse_networks("10.0.0.0/8")}
    accounts.change("bench", AccountChange(rates=RATES, **networks), actor="bench")
    line("with three rates and both address lists", await one_by_one(whole))
    for clients in (10, 50):
        line(f"the same, {clients} clients at once", await at_once(whole, clients))
    accounts.change("bench", AccountChange(balance=1_000_000), actor="bench")
    line("charged, durable before the reply", await one_by_one(whole))
    for clients in (10, 50):
        line(f"the same, {clients} clients at once", await at_once(whole, clients))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, open_application(Settings(data=Path(folder) / "data")) as application:
        asyncio.run(measure(application))


if __name__ == "__main__":
    main()
