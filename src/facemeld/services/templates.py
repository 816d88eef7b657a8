"""The stored templates of materials, as workers ask for them."""

from __future__ import annotations

from collections.abc import Iterable

from facemeld.catalog import Material, MaterialFace, MaterialFiles, MaterialRecord
from facemeld.fusion.types import Rect
from facemeld.media.decode import DecodeLimits
from facemeld.workers.incoming import from_records
from facemeld.workers.template import TemplateFile


def stored_template(material: Material | MaterialRecord, files: MaterialFiles, limits: DecodeLimits) -> TemplateFile:
    """Where a material's template lies, and how its faces are numbered."""
    return TemplateFile(
        key=f"{material.id}/{material.sha256}",
        plan=files.plan_path(material.number),
        picture=files.picture_path(material.number, material.format),
        limits=limits,
        digest=material.sha256,
        incoming=from_records("template", material.incoming),
        boxes=numbered_boxes(material.faces),
    )


def numbered_boxes(faces: Iterable[MaterialFace]) -> tuple[Rect, ...]:
    """Boxes of a material's faces, in the order of their numbers."""
    order = sorted(faces, key=lambda face: face.number)
    return tuple(Rect(face.box.x, face.box.y, face.box.width, face.box.height) for face in order)
