"""Conversion of materials between database rows and value types, singly and in pages."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from facemeld.boxes import Rect
from facemeld.db.database import moment_of
from facemeld.db.models import ActivityRow, MaterialFaceRow, MaterialRow
from facemeld.materials import types
from facemeld.materials.activities import check_degrees, check_name, check_text, count, in_order
from facemeld.materials.files import EXTENSIONS

LONGEST_NAME = 255


def check_new(new: types.NewMaterial) -> None:
    """Raise ``FieldInvalid`` if a field of a new material is not allowed."""
    check_name(new.name, LONGEST_NAME)
    check_text(new.audit_result)
    check_degrees(new.shape_degree, new.feature_degree)
    if new.format not in EXTENSIONS:
        raise types.FieldInvalid(f"the format must be one of {', '.join(EXTENSIONS)}, got {new.format!r}")
    if new.width < 1 or new.height < 1:
        raise types.FieldInvalid(f"the picture must have at least 1x1 pixel, got {new.width}x{new.height}")


def find_material(session: Session, account_id: int | None, material: str, *, lock: bool = False) -> MaterialRow:
    """Return the row of a wire id in an account, or in any if ``account_id`` is None.

    Raises:
        MaterialNotFound: it never existed.
        MaterialDeleted: it has been deleted.
    """
    try:
        row = session.get(MaterialRow, types.parse_material_id(material), with_for_update=lock)
    except types.IdInvalid as error:
        raise types.MaterialNotFound(str(error)) from error
    if row is None or (account_id is not None and session.get_one(ActivityRow, row.activity_id).account_id != account_id):
        raise types.MaterialNotFound(f"the material must be one of the account's, got {material!r}")
    if row.deleted_at is not None:
        raise types.MaterialDeleted(f"the material must exist, got {material!r}, deleted {row.deleted_at.isoformat()}")
    return row


def make_row(number: int, activity: int, new: types.NewMaterial) -> MaterialRow:
    """Return the row of a new material."""
    created = moment_of(number)
    row = MaterialRow(id=number, activity_id=activity, created_at=created, updated_at=created, deleted_at=None)
    row.shape_degree, row.feature_degree = new.shape_degree, new.feature_degree
    write_picture(row, new)
    return row


def write_picture(row: MaterialRow, new: types.NewMaterial) -> None:
    """Set the columns that depend on the picture: its file, its faces and the outcome of its review."""
    row.name = new.name
    row.status, row.audit_result = new.status.value, new.audit_result
    row.findings = [asdict(finding) for finding in new.findings]
    row.incoming = [dict(mark) for mark in new.incoming]
    row.width, row.height, row.format = new.width, new.height, new.format
    row.size, row.sha256 = len(new.picture), hashlib.sha256(new.picture).hexdigest()
    row.faces = [
        MaterialFaceRow(material_id=row.id, number=number, x=box.x, y=box.y, width=box.width, height=box.height)
        for number, box in enumerate(new.faces, 1)
    ]


def read_material(row: MaterialRow) -> types.Material:
    """Return the material of a row."""
    return types.Material(
        number=row.id,
        activity=row.activity_id,
        name=row.name,
        status=types.MaterialStatus(row.status),
        audit_result=row.audit_result,
        width=row.width,
        height=row.height,
        format=row.format,
        size=row.size,
        sha256=row.sha256,
        shape_degree=row.shape_degree,
        feature_degree=row.feature_degree,
        faces=tuple(types.MaterialFace(row.id, face.number, Rect(face.x, face.y, face.width, face.height)) for face in row.faces),
        created_at=row.created_at,
        updated_at=row.updated_at,
        deleted_at=row.deleted_at,
        findings=tuple(types.Finding(**finding) for finding in row.findings),
        incoming=tuple(row.incoming),
    )


def read_page(
    session: Session,
    scope: Select[Any],
    statuses: Collection[types.MaterialStatus] | None,
    *,
    limit: int,
    offset: int,
    after: int | None,
    newest: bool,
    counted: int | None,
) -> types.Page[types.Material]:
    """Return a page of the materials whose ids the unordered query ``scope`` selects; see ``MaterialStore.materials``."""
    numbers = _numbers(session, scope, statuses, after=after, newest=newest, offset=offset, limit=limit + 1)
    query = select(MaterialRow).where(MaterialRow.id.in_(numbers[:limit])).options(selectinload(MaterialRow.faces))
    items = tuple(read_material(row) for row in session.scalars(in_order(query, MaterialRow.id, None, newest=newest)))
    whole = scope if statuses is None else scope.where(MaterialRow.status.in_([one.value for one in statuses]))
    return types.Page(items, count(session, whole, MaterialRow.id, counted), items[-1].number if len(numbers) > limit else None)


def _numbers(
    session: Session,
    scope: Select[Any],
    statuses: Collection[types.MaterialStatus] | None,
    *,
    after: int | None,
    newest: bool,
    offset: int,
    limit: int,
) -> Sequence[int]:
    if statuses is None:
        return session.scalars(in_order(scope, MaterialRow.id, after, newest=newest).offset(offset).limit(limit)).all()
    # An index orders the materials of one status; several statuses together would have to be sorted.
    found: list[int] = []
    for status in statuses:
        query = in_order(scope.where(MaterialRow.status == status.value), MaterialRow.id, after, newest=newest)
        found += session.scalars(query.limit(offset + limit))
    return sorted(found, reverse=newest)[offset : offset + limit]
