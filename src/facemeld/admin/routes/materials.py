"""Materials: upload, review, pictures, deletion."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Query, Request, Response

from facemeld.admin.access import PAGE, Admin, Cursor, Editor, Limit, Reader, Reviewer
from facemeld.admin.cursors import read_number, write_cursor
from facemeld.admin.errors import AdminError
from facemeld.admin.models import AuditReply, DecisionRequest, MaterialChangeRequest, MaterialReply, Page
from facemeld.admin.routes.audit import audit_page
from facemeld.materials.types import Material, MaterialStatus
from facemeld.users.signin import Act, require
from facemeld.users.types import Principal

router = APIRouter(tags=["materials"])

PICTURE_TYPES = ("image/jpeg", "image/png")
_UPLOAD_BODY = {"required": True, "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in PICTURE_TYPES}}
_PICTURE_REPLY: dict[int | str, dict[str, Any]] = {
    200: {"content": {name: {"schema": {"type": "string", "format": "binary"}} for name in PICTURE_TYPES}}
}
_PICTURE_HEADERS = {"Cache-Control": "private, max-age=300"}


UploadName: TypeAlias = Annotated[str, Query(description="Name for people, such as the file's.")]
Approve: TypeAlias = Annotated[bool, Query(description="Approve it at once; without effect on a picture that has no face.")]


@router.get("/materials", operation_id="materials")
def list_materials(
    admin: Admin,
    _: Reader,
    activity: Annotated[str | None, Query(description="Only this activity's materials.")] = None,
    status: Annotated[
        MaterialStatus | None, Query(description="Only those with this status: 0 is the review queue, 3 the appeals.")
    ] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[MaterialReply]:
    """Materials in the order of their import, without deleted ones."""
    page = admin.materials.materials(None, activity, limit=limit, after=read_number("materials", cursor), status=status)
    return Page(items=[MaterialReply.of(one) for one in page.items], next=write_cursor("materials", page.next), total=page.total)


@router.post(
    "/activities/{activity_id}/materials", status_code=201, operation_id="add_material", openapi_extra={"requestBody": _UPLOAD_BODY}
)
async def add_material(
    activity_id: str, request: Request, admin: Admin, me: Editor, name: UploadName, approve: Approve = False
) -> MaterialReply:
    """Upload a picture as the request's body: it is analysed, reviewed and stored; one that fails the review is stored as such."""
    picture = await _upload(request, me, approve)
    return MaterialReply.of(await admin.importing.add(activity_id, picture, name, approve=approve, actor=me.actor))


@router.get("/materials/{material_id}", operation_id="material")
def get_material(material_id: str, admin: Admin, _: Reader) -> MaterialReply:
    """One material with its faces and findings."""
    return MaterialReply.of(admin.materials.get(None, material_id))


@router.patch("/materials/{material_id}", operation_id="change_material")
def change_material(material_id: str, body: MaterialChangeRequest, admin: Admin, me: Editor) -> MaterialReply:
    """Change name or default degrees."""
    return MaterialReply.of(admin.materials.change(None, material_id, actor=me.actor, **dict(body)))


@router.delete("/materials/{material_id}", status_code=204, operation_id="delete_material")
def delete_material(material_id: str, admin: Admin, me: Editor) -> None:
    """Delete a material and its files."""
    admin.materials.delete(None, material_id, actor=me.actor)


@router.post("/materials/{material_id}/approve", operation_id="approve_material")
def approve_material(material_id: str, body: DecisionRequest, admin: Admin, me: Reviewer) -> MaterialReply:
    """Approve a material, or its appeal: from now on it can be fused."""
    return MaterialReply.of(admin.approve(material_id, body.reason, actor=me.actor))


@router.post("/materials/{material_id}/reject", operation_id="reject_material")
def reject_material(material_id: str, body: DecisionRequest, admin: Admin, me: Reviewer) -> MaterialReply:
    """Reject a material, or its appeal: it cannot be fused."""
    return MaterialReply.of(admin.reject(material_id, body.reason, actor=me.actor))


@router.post("/materials/{material_id}/appeal", operation_id="appeal_material")
def appeal_material(material_id: str, body: DecisionRequest, admin: Admin, me: Editor) -> MaterialReply:
    """Ask for a second look at a rejected material; possible once."""
    return MaterialReply.of(admin.appeal(material_id, body.reason, actor=me.actor))


@router.get("/materials/{material_id}/history", operation_id="material_history")
def material_history(material_id: str, admin: Admin, _: Reviewer, limit: Limit = PAGE, cursor: Cursor = None) -> Page[AuditReply]:
    """Everything that was done to a material, newest first; also to a deleted one."""
    return audit_page(admin, material_id, limit, cursor)


@router.get("/materials/{material_id}/picture", operation_id="material_picture", response_class=Response, responses=_PICTURE_REPLY)
def material_picture(material_id: str, admin: Admin, _: Reader) -> Response:
    """The picture as it was uploaded."""
    material: Material = admin.materials.get(None, material_id)
    data = admin.materials.files.read_picture(material.number, material.format)
    return Response(data, media_type=f"image/{material.format}", headers=_PICTURE_HEADERS)


@router.put("/materials/{material_id}/picture", operation_id="replace_material_picture", openapi_extra={"requestBody": _UPLOAD_BODY})
async def replace_material_picture(
    material_id: str, request: Request, admin: Admin, me: Editor, name: UploadName, approve: Approve = False
) -> MaterialReply:
    """Put another picture in the place of a material's; it keeps its id and is reviewed anew, face 1 being its largest face."""
    picture = await _upload(request, me, approve)
    return MaterialReply.of(await admin.importing.replace(material_id, picture, name, approve=approve, actor=me.actor))


@router.get("/materials/{material_id}/thumbnail", operation_id="material_thumbnail", response_class=Response, responses=_PICTURE_REPLY)
async def material_thumbnail(material_id: str, admin: Admin, _: Reader) -> Response:
    """A small JPEG of the picture."""
    return Response(await admin.importing.thumbnail(material_id), media_type="image/jpeg", headers=_PICTURE_HEADERS)


async def _upload(request: Request, me: Principal, approve: bool) -> bytes:
    if approve:
        require(me, Act.DECIDE)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in PICTURE_TYPES:
        raise AdminError(415, "unsupported_type", f"Content-Type must be one of {', '.join(PICTURE_TYPES)}, got {kind[:40] or 'none'!r}")
    return b"".join([chunk async for chunk in request.stream()])
