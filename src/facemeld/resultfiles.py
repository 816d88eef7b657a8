"""Serves stored results under their signed addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from facemeld.results import PATH_PREFIX, ResultExpired, ResultNotFound, ResultStore, SignatureInvalid, StoredResult

_CHUNK = 256 * 1024
_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    SignatureInvalid: (403, "The address is not one that this service signed."),
    ResultExpired: (410, "The result has expired."),
    ResultNotFound: (404, "There is no such result."),
}


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """The route behind result addresses."""

    results: ResultStore
    clock: Callable[[], datetime]

    path = PATH_PREFIX + "{name}"

    async def serve(self, request: Request) -> Response:
        """The file of a signed address, or 403, 404 or 410."""
        try:
            stored = await run_in_threadpool(self._open, request.url.path, request.url.query)
        except (SignatureInvalid, ResultExpired, ResultNotFound) as error:
            status, text = _REFUSALS[type(error)]
            return PlainTextResponse(text, status, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        headers = {
            "Content-Length": str(stored.size),
            "Cache-Control": f"private, max-age={self._seconds_left(stored)}, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if request.method == "HEAD":
            stored.stream.close()
            return Response(media_type=stored.media_type, headers=headers)
        return StreamingResponse(_chunks(stored), media_type=stored.media_type, headers=headers)

    def _open(self, path: str, query: str) -> StoredResult:
        return self.results.open(self.results.verify(path, query, self.clock()))

    def _seconds_left(self, stored: StoredResult) -> int:
        return max(0, int((stored.expires_at - self.clock()).total_seconds()))


def _chunks(stored: StoredResult) -> Iterator[bytes]:
    with stored.stream as stream:
        yield from iter(partial(stream.read, _CHUNK), b"")
