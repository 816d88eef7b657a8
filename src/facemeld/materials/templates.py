"""Materials as templates of fusions: found by the ids of a call, and described for workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from facemeld.boxes import Rect
from facemeld.materials.activities import ActivityStore
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Activity, Material, MaterialFace, MaterialRecord
from facemeld.media.decode import DecodeLimits
from facemeld.workers.tasks.inputs import from_records
from facemeld.workers.tasks.template import StoredTemplate


@dataclass(frozen=True, slots=True)
class Templates:
    """Reads materials for fusions.

    Attributes:
        activities: The activities.
        materials: The materials and their files.
    """

    activities: ActivityStore
    materials: MaterialStore

    def for_fusion(self, account_id: int, project_id: str, model_id: str) -> MaterialRecord:
        """Return the material that a call names; see ``MaterialStore.for_fusion``."""
        return self.materials.for_fusion(account_id, project_id, model_id)

    def material(self, name: str) -> Material:
        """Return a material of any account.

        Raises:
            MaterialNotFound, MaterialDeleted: there is no such material.
        """
        return self.materials.get(None, name)

    def activity(self, name: str) -> Activity:
        """Return an activity of any account.

        Raises:
            ActivityNotFound: there is no such activity.
        """
        return self.activities.get(None, name)

    def stored(self, material: Material | MaterialRecord, limits: DecodeLimits) -> StoredTemplate:
        """Return the files of a material's template, with its faces in the order of their numbers."""
        files = self.materials.files
        return StoredTemplate(
            key=f"{material.id}/{material.sha256}",
            plan=files.plan_path(material.number),
            picture=files.picture_path(material.number, material.format),
            limits=limits,
            digest=material.sha256,
            incoming=from_records("template", material.incoming),
            boxes=numbered_boxes(material.faces),
        )


def numbered_boxes(faces: Iterable[MaterialFace]) -> tuple[Rect, ...]:
    """Return the boxes of a material's faces in the order of their numbers."""
    return tuple(face.box for face in sorted(faces, key=lambda face: face.number))
