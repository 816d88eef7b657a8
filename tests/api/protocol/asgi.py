"""A driver of ASGI applications in this process, and requests signed by the published steps."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio
from starlette.types import ASGIApp, Message

NOW = 1_700_000_000
SECRET_ID = "AKIDTEST"
SECRET_KEY = "SecretOfTheTests"


@dataclass(frozen=True)
class Answer:
    """A reply."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> dict[str, Any]:
        body = gzip.decompress(self.raw) if self.headers.get("content-encoding") == "gzip" else self.raw
        value: dict[str, Any] = json.loads(body)
        return value

    @property
    def response(self) -> dict[str, Any]:
        response: dict[str, Any] = self.json["Response"]
        return response

    @property
    def code(self) -> str:
        """Code of the error; empty on success."""
        code: str = self.response.get("Error", {}).get("Code", "")
        return code


@dataclass
class Ask:
    """A request that is signed when it is sent; every part can be replaced before."""

    body: bytes = b'{"Name":"a"}'
    method: str = "POST"
    query: str = ""
    action: str = "Echo"
    version: str = "2022-09-27"
    time: int = NOW
    secret_id: str = SECRET_ID
    secret_key: str = SECRET_KEY
    host: str = "testserver:8080"
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=lambda: {"x-tc-region": "ap-guangzhou"})
    without: tuple[str, ...] = ()
    after: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[tuple[bytes, bytes]]:
        """The header lines, signed."""
        get = self.method == "GET"
        payload = hashlib.sha256(b"" if get else self.body).hexdigest()
        canonical = (
            f"{self.method}\n/\n{self.query if get else ''}\ncontent-type:{self.content_type}\nhost:{self.host}\n\n"
            f"content-type;host\n{payload}"
        )
        date = f"{datetime.fromtimestamp(self.time, UTC):%Y-%m-%d}"
        scope = f"{date}/facefusion/tc3_request"
        text = f"TC3-HMAC-SHA256\n{self.time}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("TC3" + self.secret_key).encode()
        for step in (date, "facefusion", "tc3_request", text):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        headers = {
            "host": self.host,
            "content-type": self.content_type,
            "x-tc-action": self.action,
            "x-tc-version": self.version,
            "x-tc-timestamp": str(self.time),
            "authorization": f"TC3-HMAC-SHA256 Credential={self.secret_id}/{scope}, SignedHeaders=content-type;host, Signature={key.hex()}",
            **self.headers,
            **self.after,
        }
        return [(name.encode(), value.encode()) for name, value in headers.items() if name not in self.without]

    def to(self, app: ASGIApp, *, chunk: int = 65536) -> Answer:
        """The reply of an application."""
        return anyio.run(send, app, self, chunk)


async def send(app: ASGIApp, ask: Ask, chunk: int = 65536, hang_up: anyio.Event | None = None) -> Answer:
    """The reply of an application.

    Args:
        app: The application.
        ask: The request.
        chunk: Bytes of the body in one message.
        hang_up: Disconnects the client when set; without it the client waits for the whole reply.
    """
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": ask.method,
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": ask.query.encode(),
        "headers": ask.lines(),
        "client": ("192.0.2.7", 1234),
        "server": ("127.0.0.1", 8080),
    }
    starts = range(0, max(len(ask.body), 1), chunk)
    messages = [{"type": "http.request", "body": ask.body[at : at + chunk], "more_body": at != starts[-1]} for at in starts]
    gone = hang_up or anyio.Event()
    sent: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await gone.wait()
        return {"type": "http.disconnect"}

    async def collect(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, collect)
    if not sent:
        return Answer(0, {}, b"")
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))
