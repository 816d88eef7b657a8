"""The use case of importing a template picture: analysed and planned once, stored, reviewed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from facemeld.catalog import ActivityStore, FaceBox, Material, MaterialStatus, MaterialStore, NewMaterial
from facemeld.media.decode import DecodeLimits
from facemeld.services.errors import MaterialHasNoFace
from facemeld.workers.executor import Executor
from facemeld.workers.tasks import ImportedTemplate, ImportTemplate


@dataclass(frozen=True, slots=True)
class MaterialRules:
    """What the operator set.

    Attributes:
        limits: Limits of the picture's file.
        seconds: Deadline of the pixel work.
        auto_review: Whether a material that passes the automatic review may be used without a person's approval.
    """

    limits: DecodeLimits
    seconds: float
    auto_review: bool


class MaterialService:
    """Imports materials."""

    def __init__(self, activities: ActivityStore, materials: MaterialStore, executor: Executor, rules: MaterialRules) -> None:
        self._activities = activities
        self._materials = materials
        self._executor = executor
        self._rules = rules

    async def add(self, project_id: str, picture: bytes, name: str, *, approve: bool, actor: str) -> Material:
        """Import a picture into an activity.

        Args:
            project_id: The activity, ``at_<digits>``.
            picture: The file's bytes.
            name: Name for people.
            approve: Approve it at once, in the name of ``actor``.
            actor: Who does it, for the audit log.

        Raises:
            ActivityNotFound: there is no such activity.
            MaterialHasNoFace: nothing in the picture can be fused.
            MediaError, WorkerError: the picture cannot be decoded or analysed.
        """
        # Looked up first, so that a wrong id costs no pixel work.
        await asyncio.to_thread(self._activities.get, None, project_id)
        found = await self._executor.run(ImportTemplate(picture, self._rules.limits), self._rules.seconds)
        if not found.faces:
            raise MaterialHasNoFace("a material must show at least one face, none was found")
        new = NewMaterial(
            name=name,
            picture=picture,
            plan=found.plan,
            format=found.format,
            width=found.width,
            height=found.height,
            faces=_boxes(found),
            status=MaterialStatus.MACHINE_PASSED if self._rules.auto_review else MaterialStatus.UNDER_REVIEW,
        )
        material = await asyncio.to_thread(self._materials.add, None, project_id, new, actor=actor)
        if approve:
            material = await asyncio.to_thread(self._materials.decide, None, material.id, approve=True, reason="", actor=actor)
        return material


def _boxes(found: ImportedTemplate) -> tuple[FaceBox, ...]:
    return tuple(FaceBox(face.box.x, face.box.y, face.box.width, face.box.height) for face in found.faces)
