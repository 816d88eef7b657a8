"""The use case of trying degrees on a material: one of its faces fused with a photo that an operator brings; nothing is stored."""

from __future__ import annotations

import asyncio
import re
import uuid
from dataclasses import dataclass, field
from typing import Literal

from facemeld.db.audit import AuditLog
from facemeld.fusing.requests import MarkRequest
from facemeld.fusing.service import Finisher
from facemeld.fusion.types import FuseOptions
from facemeld.materials.templates import Templates
from facemeld.materials.types import FaceNotFound
from facemeld.privacy.types import ConsentMissing
from facemeld.workers.pool.executor import OPERATORS, Executor
from facemeld.workers.tasks.fuse import Fuse
from facemeld.workers.tasks.marking import FusedFile
from facemeld.workers.tasks.photos import ImageSource, UserPhoto

_REFERENCE = re.compile(r"[ -~]{1,128}")


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """One look.

    Attributes:
        material: The material, ``mt_<digits>``, whatever its review says: whoever reviews it wants to see what it is good for.
        photo: File of a photo; its largest face is taken.
        face: Number of the material's face, from 1.
        shape, features: Degrees, 0-100.
        language: Language of the visible mark.
    """

    material: str
    photo: bytes = field(repr=False)
    face: int
    shape: int
    features: int
    language: Literal["zh-CN", "en-US"] = "en-US"


@dataclass(frozen=True, slots=True)
class Permit:
    """That a photo may be used for previews of an activity; made by ``PreviewService.begin``.

    Attributes:
        activity: Wire id of the activity.
        request_id: What the marks of all its pictures name, and the record of the consent.
    """

    activity: str
    request_id: str


class PreviewService:
    """Makes previews; each carries the marks that a result carries.

    Args:
        templates: The materials and their activities.
        executor: Where the pixel work is done.
        finisher: How results are marked, and when a consent is needed.
        audit: Where it is written down that somebody began.
    """

    def __init__(self, templates: Templates, executor: Executor, finisher: Finisher, audit: AuditLog) -> None:
        self._templates = templates
        self._executor = executor
        self._finisher = finisher
        self._audit = audit

    @property
    def largest_photo(self) -> int:
        """Most bytes that a photo's file may have."""
        return self._finisher.rules.images.url_bytes

    def needs_consent(self, activity: str) -> bool:
        """Whether photos for previews of an activity's materials need a reference to the consent of the people shown.

        Raises:
            ActivityNotFound: there is no such activity.
        """
        return self._finisher.consents.required or self._templates.activity(activity).consent_required

    def begin(self, material: str, consent: str | None, *, actor: str) -> Permit:
        """Begin with a new photo; the audit log says who did and on which material, and the consent is kept like that of a call.

        Args:
            material: The material.
            consent: Reference to the consent of the people shown, 1-128 printable ASCII characters; None for none.
            actor: Who does it.

        Raises:
            MaterialNotFound, MaterialDeleted: there is no such material.
            ConsentMissing: a reference is needed, and none is given or it has another form.
        """
        activity = self._templates.activity(self._templates.material(material).activity_id)
        if consent is not None and not _REFERENCE.fullmatch(consent):
            raise ConsentMissing(f"a reference to a consent must have 1-128 printable ASCII characters, got {len(consent)} characters")
        consents, request_id = self._finisher.consents, str(uuid.uuid4())
        consents.demand(consent, by_activity=activity.consent_required)
        if consent is not None:
            consents.store.keep(activity.account_id, activity.number, request_id, consent)
        # The reference itself can be deleted on demand, and the log cannot.
        self._audit.record(actor, "material.preview", material, {"request_id": request_id, "with_consent": consent is not None})
        return Permit(activity.id, request_id)

    async def fuse(self, request: PreviewRequest, permit: Permit) -> FusedFile:
        """The picture as a call with these degrees would get it.

        Raises:
            MaterialNotFound, MaterialDeleted: there is no such material.
            ConsentMissing: ``begin`` was called for an activity that this material does not belong to.
            FaceNotFound: it has no such face.
            MediaError, PhotoError: the photo cannot be used.
            InputSynthetic: the photo carries a mark of AI-made content, and the operator refuses such photos.
            WorkerError: the pixel work could not be done.
        """
        material = await asyncio.to_thread(self._templates.material, request.material)
        if material.activity_id != permit.activity:
            raise ConsentMissing(f"the permit must be one of {material.activity_id}, got one of {permit.activity}")
        if all(face.number != request.face for face in material.faces):
            raise FaceNotFound(f"the face must be one of the material's {len(material.faces)}, got {request.face}")
        rules = self._finisher.rules
        task = Fuse(
            template=self._templates.stored(material, rules.material_limits),
            photos=(UserPhoto(ImageSource(data=request.photo), None, request.face - 1),),
            rules=rules.photos,
            options=FuseOptions(shape=request.shape / 100, features=request.features / 100),
            marking=self._finisher.marking(MarkRequest(language=request.language, request_id=permit.request_id)),
        )
        return await self._executor.run(task, rules.seconds, owner=OPERATORS)
