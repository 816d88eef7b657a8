"""The public page on which anyone can check a picture's marks, and the address behind it; neither stores anything."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from facemeld.errors import FacemeldError
from facemeld.http.bodies import read_bounded
from facemeld.marks.errors import MarkError
from facemeld.media.errors import MediaError
from facemeld.verify.service import VerifyService
from facemeld.workers.pool.executor import DeadlineExceeded, NotReady, QueueFull

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_BUSY = (QueueFull, NotReady, DeadlineExceeded)


@dataclass
class VerifyPage:
    """The page (GET) and its use (POST with the file as body).

    Attributes:
        service: The use case.
        max_bytes: Largest body.
        per_minute: Pictures that one address may send in a minute.
    """

    service: VerifyService
    max_bytes: int
    per_minute: int
    limiter: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))

    path = "/verify"

    async def show(self, _: Request) -> Response:
        """The page."""
        return HTMLResponse(self._page, headers=_HEADERS | {"Content-Security-Policy": self._policy})

    async def verify(self, request: Request) -> Response:
        """The report on the picture in the body, as JSON; 400, 413, 429 or 503 with a reason otherwise."""
        who = request.client.host if request.client is not None else ""
        if not await self.limiter.hit(RateLimitItemPerMinute(self.per_minute), "verify", who):
            return _refusal(429, "too_many", f"at most {self.per_minute} pictures a minute can be verified", {"Retry-After": "60"})
        try:
            body = await read_bounded(request.receive, self.max_bytes, request.headers.get("content-length"))
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return _refusal(413, "too_large", f"a picture must have at most {self.max_bytes} bytes", {"Connection": "close"})
        try:
            return JSONResponse(await self.service.verify(body), headers=_HEADERS)
        except (MediaError, MarkError) as error:
            return _refusal(400, "unreadable", str(error))
        except _BUSY:
            return _refusal(503, "busy", "the service is busy", {"Retry-After": "5"})
        except FacemeldError:
            return _refusal(500, "failed", "the picture could not be looked at")

    @cached_property
    def _page(self) -> str:
        return (resources.files("facemeld.public") / "verifier.html").read_text("utf-8")

    @cached_property
    def _policy(self) -> str:
        """Only the page's own script and style may run, known by their hashes, and only this server may be asked."""
        script, style = (_digest(self._page, tag) for tag in ("script", "style"))
        return (
            f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src blob:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


def _digest(page: str, tag: str) -> str:
    content = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return "sha256-" + base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()


def _refusal(status: int, code: str, reason: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"Error": {"Code": code, "Message": reason}}, status, headers=_HEADERS | (headers or {}))
