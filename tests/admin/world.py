"""The admin API on real stores, driven through HTTP without a network, with pixel work done in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from facemeld.admin.api import create_admin
from facemeld.app.composition import Application, Services, open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind
from tests.inline import Inline

PASSWORD = "correct horse battery"
UPLOAD_BYTES = 2 << 20


@dataclass
class World:
    """An admin API, its stores, and a token for each role."""

    application: Application
    api: FastAPI
    tokens: dict[Role, str] = field(default_factory=dict)

    def call(
        self, method: str, path: str, role: Role | str | None = Role.OWNER, *, address: str = "192.0.2.1", **options: Any
    ) -> httpx.Response:
        """One request; ``role`` is whose token it carries, or the token itself."""
        headers = dict(options.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.tokens[role] if isinstance(role, Role) else role}"

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.api, client=(address, 1234))
            async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(send())

    def get(self, path: str, **query: Any) -> Any:
        """What the owner reads under a path."""
        reply = self.call("GET", path, params=query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def send(self, method: str, path: str, body: Any, role: Role = Role.OWNER) -> Any:
        """What a change answers."""
        reply = self.call(method, path, role, json=body)
        assert reply.status_code in {200, 201}, reply.text
        return reply.json()

    def upload(self, activity: str, picture: bytes, name: str = "a.jpg", **query: Any) -> Any:
        """A new material."""
        reply = self.call(
            "POST",
            f"/activities/{activity}/materials",
            content=picture,
            params={"name": name, **query},
            headers={"Content-Type": "image/jpeg"},
        )
        assert reply.status_code == 201, reply.text
        return reply.json()

    def pages(self, path: str, limit: int, **query: Any) -> list[Any]:
        """All items of a list, read page by page."""
        items: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, limit=limit, **query, **cursor)
            assert len(page["items"]) <= limit
            items += page["items"]
            if page["next"] is None:
                return items
            assert len(page["items"]) == limit
            cursor = {"cursor": page["next"]}


@contextmanager
def make_world(data: Path, bundle: Path, **settings: Any) -> Iterator[World]:
    """An admin API on an empty data folder, with a user of each role."""
    with open_application(Settings(data=data, model_dir=bundle.parent, **settings)) as application:
        world = World(
            application,
            create_admin(Services(application, Inline.unmarked(bundle)).administration, version="0", upload_bytes=UPLOAD_BYTES),
        )
        for role in Role:
            application.users.create(role.value, PASSWORD, role, actor="test")
            token = application.users.create_token(role.value, life=timedelta(days=1), kind=TokenKind.PROGRAM, actor="test")
            world.tokens[role] = token.text
        yield world
