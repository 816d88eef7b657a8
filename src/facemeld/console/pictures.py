"""Pictures of materials and receipts of deletions for pages: for signed-in users who may see them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from facemeld.console.usecases import UseCases
from facemeld.errors import FacemeldError
from facemeld.materials.types import MaterialDeleted, MaterialNotFound
from facemeld.privacy.deletion import render_receipt
from facemeld.privacy.types import ReceiptNotFound
from facemeld.users.signin import Act, require
from facemeld.users.types import RoleInsufficient

_LARGEST = 2**63 - 1
"""Beyond the number of any receipt, and the most that databases know."""

_HEADERS = {"Cache-Control": "private, max-age=300"}


@dataclass(frozen=True, slots=True)
class Pictures:
    """Serves ``/files/materials/{id}/picture`` and ``…/thumbnail``; pages write the addresses with ``Context.url``."""

    cases: UseCases

    def routes(self) -> Iterator[Route]:
        """Where the pictures are."""
        yield Route("/files/materials/{material}/{size}", self.serve, methods=["GET"])
        yield Route("/files/receipts/{number:int}", self.receipt, methods=["GET"])

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

    async def receipt(self, request: Request) -> Response:
        """The receipt of a deletion as a file that ``facemeld receipts verify`` checks."""
        number = min(request.path_params["number"], _LARGEST)
        try:
            require(request.scope["state"]["principal"], Act.AUDIT)
            found = await asyncio.to_thread(self.cases.administration.privacy.receipt, number)
        except RoleInsufficient:
            return PlainTextResponse("not allowed", 403)
        except ReceiptNotFound:
            return PlainTextResponse("no such receipt", 404)
        except FacemeldError:
            return PlainTextResponse("not available now", 503)
        headers = {"Content-Disposition": f'attachment; filename="deletion-{number}.json"'}
        return JSONResponse(render_receipt(found.body, found.signature), headers=headers)

    async def _read(self, material: str, size: str) -> tuple[bytes, str]:
        admin = self.cases.administration
        if size == "thumbnail":
            return await admin.importing.thumbnail(material), "image/jpeg"
        if size != "picture":
            raise MaterialNotFound(f"a material has a picture and a thumbnail, got {size[:40]!r}")
        found = await asyncio.to_thread(admin.materials.get, None, material)
        return await asyncio.to_thread(admin.materials.files.read_picture, found.number, found.format), f"image/{found.format}"
