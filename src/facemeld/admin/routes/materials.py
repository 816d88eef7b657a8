"""Activities, and their materials with upload, review, pictures and deletion."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Query, Request, Response

from facemeld.admin import access, models
from facemeld.admin.access import PAGE, Admin, Cursor, Editor, Limit, Page, Reader, Reviewer
from facemeld.admin.errors import AdminError
from facemeld.admin.routes.records import audit_page
from facemeld.materials.types import ActivityState, Material, MaterialStatus
from facemeld.users.signin import Act, require
from facemeld.users.types import Principal

activities = APIRouter(prefix="/activities", tags=["activities"])
materials = APIRouter(tags=["materials"])
ROUTERS = (activities, materials)

PICTURE_TYPES = ("image/jpeg", "image/png")
_UPLOAD_BODY: dict[str, Any] = {
    "required": True,
    "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in PICTURE_TYPES},
}
_PICTURE_REPLY: dict[int | str, dict[str, Any]] = {200: {"content": _UPLOAD_BODY["content"]}}
_PICTURE_HEADERS = {"Cache-Control": "private, max-age=300"}

UploadName: TypeAlias = Annotated[str, Query(description="Name shown to people, such as the file's name.")]
Approve: TypeAlias = Annotated[bool, Query(description="Approve the material at once; has no effect if the picture has no face.")]


@activities.get("", response_model=Page[models.ActivityReply], operation_id="activities")
def list_activities(
    admin: Admin,
    _: Reader,
    account: Annotated[str | None, Query(description="Only this account's activities.")] = None,
    search: Annotated[str, Query(max_length=64, description="Only activities with this text in their name, or with this id.")] = "",
    state: Annotated[ActivityState | None, Query(description="Only activities in this state.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> object:
    """List activities in order of creation."""
    after = access.read_number("activities", cursor)
    page = admin.activities.activities(admin.account_number(account), limit=limit, after=after, search=search, state=state)
    return Page(items=page.items, next=access.write_cursor("activities", page.next), total=page.total)


@activities.post("", status_code=201, response_model=models.ActivityReply, operation_id="create_activity")
def create_activity(body: models.NewActivityRequest, admin: Admin, me: Editor) -> object:
    """Create an activity for an account."""
    account = admin.accounts.get(body.account)
    return admin.activities.create(account.id, actor=me.actor, **body.model_dump(exclude={"account"}))


@activities.get("/{activity_id}", response_model=models.ActivityReply, operation_id="activity")
def get_activity(activity_id: str, admin: Admin, _: Reader) -> object:
    """Return an activity."""
    return admin.activities.get(None, activity_id)


@activities.patch("/{activity_id}", response_model=models.ActivityReply, operation_id="change_activity")
def change_activity(activity_id: str, body: models.ActivityChangeRequest, admin: Admin, me: Editor) -> object:
    """Change an activity's name, description, default degrees or rate; publish or disable it; require consent."""
    return admin.activities.change(None, activity_id, actor=me.actor, **dict(body))


@materials.get("/materials", response_model=Page[models.MaterialReply], operation_id="materials")
def list_materials(
    admin: Admin,
    _: Reader,
    activity: Annotated[str | None, Query(description="Only this activity's materials.")] = None,
    status: Annotated[
        MaterialStatus | None, Query(description="Only materials with this status: 0 for the review queue, 3 for appeals.")
    ] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> object:
    """List materials in order of import, without deleted materials."""
    page = admin.materials.materials(None, activity, limit=limit, after=access.read_number("materials", cursor), status=status)
    return Page(items=page.items, next=access.write_cursor("materials", page.next), total=page.total)


@materials.post(
    "/activities/{activity_id}/materials",
    status_code=201,
    response_model=models.MaterialReply,
    operation_id="add_material",
    openapi_extra={"requestBody": _UPLOAD_BODY},
)
async def add_material(activity_id: str, request: Request, admin: Admin, me: Editor, name: UploadName, approve: Approve = False) -> object:
    """Upload a picture as the request's body. It is analysed, reviewed and stored, even if it fails the review."""
    picture = await _upload(request, me, approve)
    return await admin.importing.add(activity_id, picture, name, approve=approve, actor=me.actor)


@materials.get("/materials/{material_id}", response_model=models.MaterialReply, operation_id="material")
def get_material(material_id: str, admin: Admin, _: Reader) -> object:
    """Return a material with its faces and findings."""
    return admin.materials.get(None, material_id)


@materials.patch("/materials/{material_id}", response_model=models.MaterialReply, operation_id="change_material")
def change_material(material_id: str, body: models.MaterialChangeRequest, admin: Admin, me: Editor) -> object:
    """Change a material's name or default degrees."""
    return admin.materials.change(None, material_id, actor=me.actor, **dict(body))


@materials.delete("/materials/{material_id}", status_code=204, operation_id="delete_material")
def delete_material(material_id: str, admin: Admin, me: Editor) -> None:
    """Delete a material and its files."""
    admin.materials.delete(None, material_id, actor=me.actor)


@materials.post("/materials/{material_id}/approve", response_model=models.MaterialReply, operation_id="approve_material")
def approve_material(material_id: str, body: models.DecisionRequest, admin: Admin, me: Reviewer) -> object:
    """Approve a material or its appeal, so that it can be used for fusion."""
    return admin.approve(material_id, body.reason, actor=me.actor)


@materials.post("/materials/{material_id}/reject", response_model=models.MaterialReply, operation_id="reject_material")
def reject_material(material_id: str, body: models.DecisionRequest, admin: Admin, me: Reviewer) -> object:
    """Reject a material or its appeal; it cannot be used for fusion."""
    return admin.reject(material_id, body.reason, actor=me.actor)


@materials.post("/materials/{material_id}/appeal", response_model=models.MaterialReply, operation_id="appeal_material")
def appeal_material(material_id: str, body: models.DecisionRequest, admin: Admin, me: Editor) -> object:
    """Appeal the rejection of a material; possible once."""
    return admin.appeal(material_id, body.reason, actor=me.actor)


@materials.get("/materials/{material_id}/history", response_model=Page[models.AuditReply], operation_id="material_history")
def material_history(material_id: str, admin: Admin, _: Reviewer, limit: Limit = PAGE, cursor: Cursor = None) -> object:
    """List the audit entries of a material, newest first; works for deleted materials too."""
    return audit_page(admin, material_id, limit, cursor)


@materials.get("/materials/{material_id}/picture", operation_id="material_picture", response_class=Response, responses=_PICTURE_REPLY)
def material_picture(material_id: str, admin: Admin, _: Reader) -> Response:
    """Return the picture as it was uploaded."""
    material: Material = admin.materials.get(None, material_id)
    data = admin.materials.files.read_picture(material.number, material.format)
    return Response(data, media_type=f"image/{material.format}", headers=_PICTURE_HEADERS)


@materials.put(
    "/materials/{material_id}/picture",
    response_model=models.MaterialReply,
    operation_id="replace_material_picture",
    openapi_extra={"requestBody": _UPLOAD_BODY},
)
async def replace_material_picture(
    material_id: str, request: Request, admin: Admin, me: Editor, name: UploadName, approve: Approve = False
) -> object:
    """Replace a material's picture. The material keeps its id and is reviewed again; face 1 is the largest face."""
    picture = await _upload(request, me, approve)
    return await admin.importing.replace(material_id, picture, name, approve=approve, actor=me.actor)


@materials.get("/materials/{material_id}/thumbnail", operation_id="material_thumbnail", response_class=Response, responses=_PICTURE_REPLY)
async def material_thumbnail(material_id: str, admin: Admin, _: Reader) -> Response:
    """Return a small JPEG of the picture."""
    return Response(await admin.importing.thumbnail(material_id), media_type="image/jpeg", headers=_PICTURE_HEADERS)


async def _upload(request: Request, me: Principal, approve: bool) -> bytes:
    if approve:
        require(me, Act.DECIDE)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in PICTURE_TYPES:
        raise AdminError(415, "unsupported_type", f"Content-Type must be one of {', '.join(PICTURE_TYPES)}, got {kind[:40] or 'none'!r}")
    return b"".join([chunk async for chunk in request.stream()])
