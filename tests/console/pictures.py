"""Pictures for tests of materials, and a program's way to put them into the catalogue of a running server."""

from __future__ import annotations

import http.client
import io
import json
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facemeld.users.types import Role
from tests.console.browser import ConsoleWorld


def encoded(pixels: NDArray[np.uint8], width: int, kind: str = "JPEG") -> bytes:
    """A picture of this width."""
    buffer = io.BytesIO()
    picture = Image.fromarray(pixels)
    picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS).save(buffer, kind, quality=90)
    return buffer.getvalue()


def file(name: str, data: bytes, kind: str = "image/jpeg") -> dict[str, Any]:
    """A file as the browser's driver takes it."""
    return {"name": name, "mimeType": kind, "buffer": data}


def ask(world: ConsoleWorld, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Any:
    """One request to the admin API as the owner; the parsed reply."""
    connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=60)
    headers = {"Authorization": f"Bearer {world.sessions[Role.OWNER]}", "Content-Type": kind}
    connection.request(method, f"/admin/v1{path}", body or None, headers)
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    assert reply.status < 300, text
    return json.loads(text or b"null")


def new_activity(world: ConsoleWorld, name: str, **fields: Any) -> str:
    """Id of a new activity."""
    return str(ask(world, "POST", "/activities", json.dumps({"account": "default", "name": name, **fields}).encode())["id"])


def new_material(world: ConsoleWorld, activity: str, name: str, data: bytes, *, approve: bool = False) -> str:
    """Id of a new material; ``data`` is a JPEG."""
    query = urlencode({"name": name, "approve": str(approve).lower()})
    return str(ask(world, "POST", f"/activities/{activity}/materials?{query}", data, "image/jpeg")["id"])


def material(world: ConsoleWorld, number: str) -> Any:
    """A material as the admin API tells it."""
    return ask(world, "GET", f"/materials/{number}")
