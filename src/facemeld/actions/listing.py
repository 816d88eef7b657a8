"""What both versions of DescribeMaterialList have in common: paging and the members of a material."""

from __future__ import annotations

from facemeld.protocol.errors import InvalidParameter, InvalidParameterValueParameterValueError
from facemeld.protocol.schema import ResponseModel
from facemeld.services.listing import Material

NAME = "DescribeMaterialList"
MAX_LIMIT = 20


class FaceInfo(ResponseModel):
    """Spec 3.3: where a face is, in pixels."""

    x: int
    y: int
    width: int
    height: int


class MaterialFace(ResponseModel):
    """Spec 3.4."""

    face_id: str
    face_info: FaceInfo


def faces(material: Material) -> tuple[MaterialFace, ...]:
    """The faces of a material in the form of the wire."""
    return tuple(
        MaterialFace(face_id=face.id, face_info=FaceInfo(x=face.box.x, y=face.box.y, width=face.box.width, height=face.box.height))
        for face in material.faces
    )


def paging(limit: int | None, offset: int | None, *, strict: bool) -> tuple[int, int]:
    """Size of the page and how many to skip (spec 2.3).

    A Limit over 20 or of 0 is refused in strict mode; otherwise it means 20, as if none had been given.

    Raises:
        InvalidParameter: a negative number.
        InvalidParameterValueParameterValueError: strict mode and a Limit outside 1 to 20.
    """
    for name, value in (("Limit", limit), ("Offset", offset)):
        if value is not None and value < 0:
            raise InvalidParameter(name=name, detail=f"{name} must not be negative, got {value}.")
    if strict and limit is not None and not 1 <= limit <= MAX_LIMIT:
        raise InvalidParameterValueParameterValueError(detail=f"Limit must be 1 to {MAX_LIMIT}, got {limit}.")
    return min(limit or MAX_LIMIT, MAX_LIMIT), offset or 0
