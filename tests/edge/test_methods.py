"""A method that an address does not have is refused with all that it has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from starlette.types import ASGIApp

from facemeld.app import open_application
from facemeld.server import Server
from facemeld.settings import Settings


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ASGIApp]:
    """The whole server without sockets and workers."""
    with open_application(Settings(data=tmp_path_factory.mktemp("methods") / "data", console=False)) as application:
        yield Server(application, print).asgi()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/healthz", {"GET", "HEAD"}),
        ("/readyz", {"GET", "HEAD"}),
        ("/metrics", {"GET", "HEAD"}),
        ("/results/x.jpg", {"GET", "HEAD"}),
        ("/verify", {"GET", "HEAD", "POST"}),
        ("/admin/v1/materials", {"GET"}),
    ],
)
def test_a_refused_method_is_told_all_that_are_allowed(app: ASGIApp, method: str, path: str, allowed: set[str]) -> None:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path)

    reply = asyncio.run(send())
    assert (reply.status_code, set(reply.headers["Allow"].split(", "))) == (405, allowed)
