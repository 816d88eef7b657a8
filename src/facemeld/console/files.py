"""Pictures of materials for pages: for signed-in users only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from facemeld.console.house import House
from facemeld.services.errors import FacemeldError, MaterialDeleted, MaterialNotFound, RoleInsufficient
from facemeld.services.signin import Act, require

_HEADERS = {"Cache-Control": "private, max-age=300"}


@dataclass(frozen=True, slots=True)
class Pictures:
    """Serves ``/files/materials/{id}/picture`` and ``…/thumbnail``; pages write the addresses with ``Desk.url``."""

    house: House

    def routes(self) -> Iterator[Route]:
        """Where the pictures are."""
        yield Route("/files/materials/{material}/{size}", self.serve, methods=["GET"])

    async def serve(self, request: Request) -> Response:
        """One picture; 404 without one, 503 when it cannot be made now."""
        try:
            require(request.scope["state"]["principal"], Act.READ)
            data, kind = await self._read(request.path_params["material"], request.path_params["size"])
        except RoleInsufficient:
            return PlainTextResponse("not allowed", 403)
        except (MaterialNotFound, MaterialDeleted):
            return PlainTextResponse("no such picture", 404)
        except FacemeldError:
            return PlainTextResponse("not available now", 503)
        return Response(data, media_type=kind, headers=_HEADERS)

    async def _read(self, material: str, size: str) -> tuple[bytes, str]:
        admin = self.house.administration
        if size == "thumbnail":
            return await admin.importing.thumbnail(material), "image/jpeg"
        if size != "picture":
            raise MaterialNotFound(f"a material has a picture and a thumbnail, got {size[:40]!r}")
        found = await asyncio.to_thread(admin.materials.get, None, material)
        return await asyncio.to_thread(admin.materials.files.read_picture, found.number, found.format), f"image/{found.format}"
