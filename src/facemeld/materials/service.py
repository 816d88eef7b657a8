"""Use cases on materials: import with automatic review, thumbnails, decisions and appeals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from facemeld.counts import Counts, Family
from facemeld.errors import FacemeldError
from facemeld.materials import types
from facemeld.materials.activities import LONGEST_TEXT, ActivityStore
from facemeld.materials.lookup import numbered_boxes
from facemeld.materials.store import MaterialStore
from facemeld.media.decode import DecodeLimits
from facemeld.workers.pool.executor import OPERATORS, UPKEEP, Executor
from facemeld.workers.tasks.importing import FaceQuality, ImportedTemplate, ImportTemplate, MakeThumbnail, RebuildPlan
from facemeld.workers.tasks.inputs import describe as describe_mark

_THUMBNAILS_AT_ONCE = 2

Language: TypeAlias = Literal["zh-CN", "en-US"]
Choice: TypeAlias = Literal["approve", "reject", "appeal"]

REVIEW_TEXTS = MappingProxyType(
    {
        "no_face": ("未检测到人脸。", "No face was found."),
        "many_faces": (
            "图片中有{value:.0f}张人脸，最多可融合{limit:.0f}张。",
            "There are {value:.0f} faces; at most {limit:.0f} can be fused.",
        ),
        "face_small": (
            "人脸{face}过小：{value:.0f}像素，应不小于{limit:.0f}像素。",
            "Face {face} is small: {value:.0f} pixels, expected at least {limit:.0f}.",
        ),
        "face_turned": (
            "人脸{face}侧转{value:.0f}°，应不超过{limit:.0f}°。",
            "Face {face} is turned {value:.0f}° to the side, expected at most {limit:.0f}°.",
        ),
        "face_nodding": (
            "人脸{face}俯仰{value:.0f}°，应不超过{limit:.0f}°。",
            "Face {face} looks {value:.0f}° up or down, expected at most {limit:.0f}°.",
        ),
        "face_blurred": ("人脸{face}模糊。", "Face {face} is blurred."),
        "face_dark": ("人脸{face}过暗。", "Face {face} is very dark."),
        "face_bright": ("人脸{face}过亮。", "Face {face} is very bright."),
        "labelled": ("图片带有人工智能生成合成标识。", "The picture carries a mark of AI-made content."),
        "face_cut_off": ("人脸{face}超出图片边缘。", "Face {face} is cut off by the picture's edge."),
        "face_covered": (
            "人脸{face}被遮挡{value:.0%}，应不超过{limit:.0%}。",
            "{value:.0%} of face {face} is covered by something in front of it, expected at most {limit:.0%}.",
        ),
    }
)
"""Text of each finding in Chinese and English."""

_PASSED = ("审核成功", "Review passed")


@dataclass(frozen=True, slots=True)
class ReviewLimits:
    """Limits for warnings and failures, from specification 5.5 and measured portraits.

    Attributes:
        faces: Most faces in a picture.
        side_warning, side_failure: Least width and height of a face, in pixels.
        turn_warning, turn_failure: Largest yaw and pitch, in degrees.
        sharpness: Least sharpness, see ``FaceQuality``.
        dark, bright: Least and largest mean brightness of a face, 0-255.
        outside: Largest share of a face beyond the picture's edge.
        covered: Largest hidden share of a face.
    """

    faces: int = 6
    side_warning: int = 64
    side_failure: int = 34
    turn_warning: float = 30.0
    turn_failure: float = 60.0
    sharpness: float = 0.02
    dark: float = 35.0
    bright: float = 225.0
    outside: float = 0.1
    covered: float = 0.2


@dataclass(frozen=True, slots=True)
class MaterialRules:
    """The operator's rules for materials.

    Attributes:
        limits: Limits of the picture's file.
        seconds: Deadline of the pixel work.
        auto_review: Whether passing the automatic review is enough, without a person's approval.
        language: Language of the review's result.
        review: Limits of the automatic review.
        refuse_synthetic: Whether pictures marked as made or altered by a machine fail the review.
    """

    limits: DecodeLimits
    seconds: float
    auto_review: bool
    language: Language = "zh-CN"
    review: ReviewLimits = field(default_factory=ReviewLimits)
    refuse_synthetic: bool = False


class MaterialService:
    """Imports materials and makes their thumbnails."""

    def __init__(
        self,
        activities: ActivityStore,
        materials: MaterialStore,
        executor: Executor,
        rules: MaterialRules,
        counts: Counts | None = None,
    ) -> None:
        self._activities = activities
        self._materials = materials
        self._executor = executor
        self._rules = rules
        self._counts = counts or Counts()
        # A page requests many thumbnails at once, and API calls must not wait for them.
        self._thumbnails = asyncio.Semaphore(_THUMBNAILS_AT_ONCE)

    async def add(self, project_id: str, picture: bytes, name: str, *, approve: bool, actor: str) -> types.Material:
        """Import a picture into an activity and review it automatically.

        A picture that fails the review is stored with the reason, so that its owner can appeal.

        Args:
            project_id: The activity, ``at_<digits>``.
            picture: Bytes of the file.
            name: Name for people.
            approve: Approve it at once in the name of ``actor``, unless it has no face.
            actor: The actor named in the audit log.

        Raises:
            ActivityNotFound: there is no such activity.
            MediaError, WorkerError: the picture cannot be decoded or analysed.
        """

        async def work() -> types.Material:
            # Checked first, so that a wrong id costs no pixel work.
            await asyncio.to_thread(self._activities.get, None, project_id)
            new = await self._review(picture, name)
            return await asyncio.to_thread(self._materials.add, None, project_id, new, actor=actor)

        return await self._finish(work(), approve, actor)

    async def replace(self, model_id: str, picture: bytes, name: str, *, approve: bool, actor: str) -> types.Material:
        """Replace the picture of a material and review it like a new one; calls are refused until it has passed.

        Ids of the material and of its faces stay; face 1 is the largest of the new picture. Arguments are those of ``add``.

        Raises:
            MaterialNotFound, MaterialDeleted: there is no such material.
            MediaError, WorkerError: the picture cannot be decoded or analysed; the old one stays.
        """

        async def work() -> types.Material:
            await asyncio.to_thread(self._materials.get, None, model_id)
            new = await self._review(picture, name)
            return await asyncio.to_thread(self._materials.replace, None, model_id, new, actor=actor)

        return await self._finish(work(), approve, actor)

    async def renew_plans(self, materials: Iterable[types.Material]) -> tuple[int, tuple[str, ...]]:
        """Remake plans one after the other; return how many succeeded, and a line about each failure."""
        files, done, failed = self._materials.files, 0, []
        for material in materials:
            try:
                picture = files.read_picture(material.number, material.format)
                task = RebuildPlan(picture, self._rules.limits, numbered_boxes(material.faces))
                files.replace_plan(material.number, await self._executor.run(task, self._rules.seconds, owner=UPKEEP))
            except FacemeldError as error:
                failed.append(f"{material.id}: {' '.join(str(error).split())}")
            else:
                done += 1
        return done, tuple(failed)

    async def _review(self, picture: bytes, name: str) -> types.NewMaterial:
        """Analyse a picture and review it automatically."""
        found = await self._executor.run(ImportTemplate(picture, self._rules.limits), self._rules.seconds, owner=OPERATORS)
        findings = (*assess(found.quality, self._rules.review), *self._labelled(found))
        return types.NewMaterial(
            name=name,
            picture=picture,
            plan=found.plan,
            format=found.format,
            width=found.width,
            height=found.height,
            faces=tuple(face.box for face in found.faces),
            status=self._status(findings),
            audit_result=self._text(findings),
            findings=findings,
            incoming=tuple(describe_mark(mark) for mark in found.incoming),
        )

    async def _finish(self, work: Awaitable[types.Material], approve: bool, actor: str) -> types.Material:
        try:
            material = await work
            if approve and material.faces:
                material = await asyncio.to_thread(approve_material, self._materials, material.id, "", actor=actor)
        except Exception:
            self._counts.add(Family.MATERIALS, "failed")
            raise
        self._counts.add(Family.MATERIALS, "passed" if passes(material.findings) else "refused")
        return material

    async def thumbnail(self, model_id: str) -> bytes:
        """Return the thumbnail of a material as JPEG, made and stored on first use.

        Raises:
            MaterialNotFound, MaterialDeleted: there is no such material.
            WorkerError: the pixel work failed.
        """
        material = await asyncio.to_thread(self._materials.get, None, model_id)
        files = self._materials.files
        stored = await asyncio.to_thread(files.find_thumbnail, material.number)
        if stored is not None:
            return stored
        picture = files.picture_path(material.number, material.format)
        try:
            async with self._thumbnails:
                made = await self._executor.run(MakeThumbnail(picture, self._rules.limits), self._rules.seconds, owner=OPERATORS)
        except FileNotFoundError as error:
            raise types.MaterialDeleted(f"the picture of {material.id} must be in the store, and is gone") from error
        # A full disk must not hide pictures from the people who can free space.
        with suppress(types.MaterialNotSaved):
            await asyncio.to_thread(files.save_thumbnail, material.number, made)
        return made

    def _labelled(self, found: ImportedTemplate) -> tuple[types.Finding, ...]:
        synthetic = any(mark.synthetic for mark in found.incoming)
        return (types.Finding("labelled", failure=self._rules.refuse_synthetic),) if synthetic else ()

    def _status(self, findings: tuple[types.Finding, ...]) -> types.MaterialStatus:
        if not passes(findings):
            return types.MaterialStatus.MACHINE_FAILED
        return types.MaterialStatus.MACHINE_PASSED if self._rules.auto_review else types.MaterialStatus.UNDER_REVIEW

    def _text(self, findings: tuple[types.Finding, ...]) -> str:
        # Without findings, a material that waits for a person has not passed yet.
        return describe(findings, self._rules.language) if findings or self._rules.auto_review else ""


def choices(material: types.Material) -> frozenset[Choice]:
    """Return the possible decisions on a material."""
    possible: dict[types.MaterialStatus, Choice] = {
        types.MaterialStatus.MANUAL_PASSED: "approve",
        types.MaterialStatus.APPEAL_PASSED: "approve",
        types.MaterialStatus.MANUAL_FAILED: "reject",
        types.MaterialStatus.APPEAL_FAILED: "reject",
        types.MaterialStatus.UNDER_APPEAL: "appeal",
    }
    found = {possible[status] for status in types.TRANSITIONS.get(material.status, ()) if status in possible}
    return frozenset(found if material.faces else found - {"approve"})


def approve_material(materials: MaterialStore, model_id: str, reason: str, *, actor: str) -> types.Material:
    """Approve a new material or an appeal.

    Raises:
        ReviewRefused: its status does not allow the decision, or it has no face.
        MaterialNotFound, MaterialDeleted: there is no such material.
        FieldInvalid: the reason cannot be stored.
    """
    if not materials.get(None, model_id).faces:
        raise types.ReviewRefused("a material must have a face to be approved, got one without")
    return materials.decide(None, model_id, approve=True, reason=reason, actor=actor)


def reject_material(materials: MaterialStore, model_id: str, reason: str, *, actor: str) -> types.Material:
    """Reject a new material, an approved one or an appeal; raises as ``approve_material``."""
    return materials.decide(None, model_id, approve=False, reason=reason, actor=actor)


def appeal_material(materials: MaterialStore, model_id: str, reason: str, *, actor: str) -> types.Material:
    """Appeal against the rejection of a material, once; raises as ``approve_material``."""
    return materials.set_status(None, model_id, types.MaterialStatus.UNDER_APPEAL, reason=reason, actor=actor)


def assess(faces: Sequence[FaceQuality], limits: ReviewLimits) -> tuple[types.Finding, ...]:
    """Return the findings on the faces of a picture, given largest first.

    Only the largest face can fail, because calls without a face id use it; failures of other faces are warnings.
    """
    if not faces:
        return (types.Finding("no_face", failure=True),)
    findings = [types.Finding("many_faces", failure=False, value=len(faces), limit=limits.faces)] if len(faces) > limits.faces else []
    for number, face in enumerate(faces, 1):
        findings.extend(_assess_face(face, number, limits))
    return tuple(findings)


def passes(findings: Sequence[types.Finding]) -> bool:
    """Whether a picture with these findings passes the review."""
    return not any(finding.failure for finding in findings)


def describe_finding(finding: types.Finding, language: Language) -> str:
    """Return a finding as a sentence."""
    text = REVIEW_TEXTS[finding.code][language == "en-US"]
    return text.format(face=finding.face, value=finding.value, limit=finding.limit)


def describe(findings: Sequence[types.Finding], language: Language) -> str:
    """Return all findings, failures first, as a text for ``AuditResult``; without findings, that of a passed review."""
    english = language == "en-US"
    if not findings:
        return _PASSED[english]
    text, glue = "", " " if english else ""
    for finding in sorted(findings, key=lambda finding: not finding.failure):
        longer = text + (glue if text else "") + describe_finding(finding, language)
        if len(longer) > LONGEST_TEXT - 1:
            return text + "…"
        text = longer
    return text


def _assess_face(face: FaceQuality, number: int, limits: ReviewLimits) -> Iterator[types.Finding]:
    side = min(face.box.width, face.box.height)
    if side < limits.side_warning:
        failure = side < limits.side_failure
        yield types.Finding("face_small", failure and number == 1, number, side, limits.side_failure if failure else limits.side_warning)
    for code, angle in (("face_turned", abs(face.yaw)), ("face_nodding", abs(face.pitch))):
        if angle > limits.turn_warning:
            failure = angle > limits.turn_failure
            limit = limits.turn_failure if failure else limits.turn_warning
            yield types.Finding(code, failure and number == 1, number, round(angle, 1), limit)
    if face.sharpness < limits.sharpness:
        yield types.Finding("face_blurred", False, number, round(face.sharpness, 4), limits.sharpness)
    if face.brightness < limits.dark:
        yield types.Finding("face_dark", False, number, round(face.brightness), limits.dark)
    if face.brightness > limits.bright:
        yield types.Finding("face_bright", False, number, round(face.brightness), limits.bright)
    if face.outside > limits.outside:
        yield types.Finding("face_cut_off", False, number, round(face.outside, 2), limits.outside)
    if face.covered > limits.covered:
        yield types.Finding("face_covered", False, number, round(face.covered, 2), limits.covered)
