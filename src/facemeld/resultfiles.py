"""Serves stored results under their signed addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from facemeld.conditional import Part, Refusal, decide
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
        """The file of a signed address or the part that was asked for; else 304, 403, 404, 410, 412 or 416."""
        try:
            stored = await run_in_threadpool(self._open, request.url.path, request.url.query)
        except (SignatureInvalid, ResultExpired, ResultNotFound) as error:
            status, text = _REFUSALS[type(error)]
            return PlainTextResponse(text, status, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        # A result never changes under its name, and the name is never used again.
        tag = f'"{stored.id.random}"'
        headers = {
            "ETag": tag,
            "Accept-Ranges": "bytes",
            "Cache-Control": f"private, max-age={self._seconds_left(stored)}, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        answer = decide(request.method, request.headers, tag, stored.size)
        if isinstance(answer, Refusal):
            stored.stream.close()
            if answer is Refusal.RANGE_NOT_SATISFIABLE:
                headers["Content-Range"] = f"bytes */{stored.size}"
            return Response(status_code=answer.value, headers=headers)
        headers["Content-Length"] = str(answer.size)
        if answer.partial:
            headers["Content-Range"] = f"bytes {answer.start}-{answer.stop - 1}/{stored.size}"
        if request.method == "HEAD":
            stored.stream.close()
            return Response(media_type=stored.media_type, headers=headers)
        return StreamingResponse(_chunks(stored, answer), 206 if answer.partial else 200, headers, stored.media_type)

    def _open(self, path: str, query: str) -> StoredResult:
        return self.results.open(self.results.verify(path, query, self.clock()))

    def _seconds_left(self, stored: StoredResult) -> int:
        return max(0, int((stored.expires_at - self.clock()).total_seconds()))


def _chunks(stored: StoredResult, part: Part) -> Iterator[bytes]:
    left = part.size
    with stored.stream as stream:
        stream.seek(part.start)
        while left and (chunk := stream.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk
