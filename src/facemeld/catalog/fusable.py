"""The one read of the catalogue that every fusion does: made fast, with no object mapping."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, select

from facemeld.boxes import Rect
from facemeld.catalog.activities import calls_a_second
from facemeld.catalog.errors import (
    ActivityDisabled,
    ActivityNotFound,
    FaceNotFound,
    IdInvalid,
    MaterialDeleted,
    MaterialNotApproved,
    MaterialNotFound,
)
from facemeld.catalog.ids import parse_activity_id, parse_model_id
from facemeld.catalog.review import MaterialStatus
from facemeld.catalog.types import MaterialFace, MaterialRecord
from facemeld.db.database import Database
from facemeld.db.models import ActivityRow, MaterialFaceRow, MaterialRow

_QUERY = (
    select(
        ActivityRow.disabled,
        ActivityRow.published,
        ActivityRow.consent_required,
        ActivityRow.rate,
        ActivityRow.shape_degree.label("activity_shape"),
        ActivityRow.feature_degree.label("activity_feature"),
        MaterialRow.id.label("material"),
        MaterialRow.status,
        MaterialRow.deleted_at,
        MaterialRow.width,
        MaterialRow.height,
        MaterialRow.format,
        MaterialRow.sha256,
        MaterialRow.shape_degree,
        MaterialRow.feature_degree,
        MaterialRow.incoming,
        MaterialFaceRow.number,
        MaterialFaceRow.x,
        MaterialFaceRow.y,
        MaterialFaceRow.width.label("face_width"),
        MaterialFaceRow.height.label("face_height"),
    )
    .select_from(ActivityRow)
    .outerjoin(MaterialRow, and_(MaterialRow.activity_id == ActivityRow.id, MaterialRow.id == bindparam("material")))
    .outerjoin(MaterialFaceRow, MaterialFaceRow.material_id == MaterialRow.id)
    .where(ActivityRow.id == bindparam("activity"), ActivityRow.account_id == bindparam("account"))
    .order_by(MaterialFaceRow.number)
)


def read_for_fusion(database: Database, account_id: int, activity: str, model: str) -> MaterialRecord:
    """What a fusion needs to know about its material; see ``MaterialStore.for_fusion``."""
    try:
        activity_number = parse_activity_id(activity)
    except IdInvalid as error:
        raise ActivityNotFound(str(error)) from error
    try:
        wanted = parse_model_id(model)
    except IdInvalid:
        # Not reported yet: a wrong activity comes first, whatever the model id looks like.
        wanted = None
    parameters = {"activity": activity_number, "account": account_id, "material": wanted.material if wanted else None}
    with database.connect() as connection:
        rows = connection.execute(_QUERY, parameters).all()
    if not rows:
        raise ActivityNotFound(f"the activity must be one of the account's, got {activity!r}")
    first = rows[0]
    if first.disabled:
        raise ActivityDisabled(f"the activity must be in use, got {activity!r}, which is disabled")
    if wanted is None or first.material is None:
        raise MaterialNotFound(f"the material must be one of the activity's, got {model[:64]!r}")
    if first.deleted_at is not None:
        raise MaterialDeleted(f"the material must exist, got {model!r}, deleted {first.deleted_at.isoformat()}")
    status = MaterialStatus(first.status)
    if not status.usable:
        raise MaterialNotApproved(f"the material must have passed its review, got {model!r} with status {status.value}")
    faces = tuple(
        MaterialFace(wanted.material, row.number, Rect(row.x, row.y, row.face_width, row.face_height))
        for row in rows
        if row.number is not None
    )
    if wanted.face is not None and all(face.number != wanted.face for face in faces):
        raise FaceNotFound(f"the face must be one of the material's {len(faces)}, got {model!r}")
    return MaterialRecord(
        number=wanted.material,
        activity=activity_number,
        status=status,
        width=first.width,
        height=first.height,
        format=first.format,
        sha256=first.sha256,
        shape_degree=first.activity_shape if first.shape_degree is None else first.shape_degree,
        feature_degree=first.activity_feature if first.feature_degree is None else first.feature_degree,
        published=first.published,
        faces=faces,
        default_face=wanted.face,
        consent_required=first.consent_required,
        rate=calls_a_second(first.rate),
        incoming=tuple(first.incoming),
    )
