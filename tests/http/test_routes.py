"""The server's addresses, their owners and their methods."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from starlette.types import ASGIApp

from facemeld.app.composition import open_application
from facemeld.app.server import Server
from facemeld.settings.catalogue import Settings
from tests.tables import table


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ASGIApp]:
    """The whole server without sockets and workers."""
    with open_application(Settings(data=tmp_path_factory.mktemp("methods") / "data", console={"enabled": False})) as application:
        yield Server(application, print).asgi()


def call(app: ASGIApp, method: str, path: str) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path)

    return asyncio.run(send())


@table("method", ["PUT", "DELETE", "OPTIONS"])
@table(
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
    reply = call(app, method, path)
    assert (reply.status_code, set(reply.headers["Allow"].split(", "))) == (405, allowed)


@table("part", ["%0A", "x%0Ax", "%0D%0A", "%00", "%2F", "%2E%2E", "%E2%80%A8", "%FF"])
@table("path", ["/admin/v1/{}", "/admin/v1/materials/{}/history", "/admin/v1/users/{}"])
def test_every_path_of_the_admin_api_is_answered_by_it(app: ASGIApp, path: str, part: str) -> None:
    reply = call(app, "GET", path.format(part))
    assert reply.status_code in {401, 404}
    assert reply.json()["error"]["request_id"] == reply.headers["X-Request-Id"]
