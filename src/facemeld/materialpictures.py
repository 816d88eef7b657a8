"""Serves materials' pictures under their signed addresses."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from facemeld.services.addresses import LIFE, PATH_PREFIX, MaterialAddresses
from facemeld.services.errors import AddressExpired, AddressForged, MaterialDeleted

_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    AddressForged: (403, "The address is not one that this service signed."),
    AddressExpired: (410, "The address has expired."),
    MaterialDeleted: (404, "There is no such picture."),
}


@dataclass(frozen=True, slots=True)
class MaterialPictures:
    """The route behind the addresses of materials."""

    addresses: MaterialAddresses

    path = PATH_PREFIX + "{name}"

    async def serve(self, request: Request) -> Response:
        """The picture of a signed address, or 403, 404 or 410."""
        try:
            data, picture_format = await run_in_threadpool(self.addresses.read, request.url.path, request.url.query)
        except (AddressForged, AddressExpired, MaterialDeleted) as error:
            status, text = _REFUSALS[type(error)]
            return PlainTextResponse(text, status, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        headers = {
            "Cache-Control": f"private, max-age={LIFE.total_seconds():.0f}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return Response(data, media_type=f"image/{picture_format}", headers=headers)
