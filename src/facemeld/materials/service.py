"""The use cases around template pictures: import with automatic review, thumbnails, decisions, appeals, deletion."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from facemeld.counts import Counts, Family
from facemeld.errors import FacemeldError
from facemeld.materials.activities import ActivityStore
from facemeld.materials.review import Language, ReviewLimits, assess, describe, passes
from facemeld.materials.store import MaterialStore
from facemeld.materials.templates import numbered_boxes
from facemeld.materials.types import (
    TRANSITIONS,
    Finding,
    Material,
    MaterialDeleted,
    MaterialNotSaved,
    MaterialStatus,
    NewMaterial,
    ReviewRefused,
)
from facemeld.media.decode import DecodeLimits
from facemeld.workers.pool.executor import OPERATORS, UPKEEP, Executor
from facemeld.workers.tasks.importing import ImportedTemplate, ImportTemplate, MakeThumbnail, RebuildPlan
from facemeld.workers.tasks.inputs import describe as describe_mark

_THUMBNAILS_AT_ONCE = 2

Choice: TypeAlias = Literal["approve", "reject", "appeal"]


@dataclass(frozen=True, slots=True)
class MaterialRules:
    """What the operator set.

    Attributes:
        limits: Limits of the picture's file.
        seconds: Deadline of the pixel work.
        auto_review: Whether a material that passes the automatic review may be used without a person's approval.
        language: Language of the review's result.
        review: What the automatic review holds pictures against.
        refuse_synthetic: Whether a picture fails the review that says of itself that a machine made or altered it.
    """

    limits: DecodeLimits
    seconds: float
    auto_review: bool
    language: Language = "zh-CN"
    review: ReviewLimits = field(default_factory=ReviewLimits)
    refuse_synthetic: bool = False


class MaterialService:
    """Imports materials and makes their thumbnails: what needs workers."""

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
        # A page of a list asks for many at once, and calls of the API must not wait behind them.
        self._thumbnails = asyncio.Semaphore(_THUMBNAILS_AT_ONCE)

    async def add(self, project_id: str, picture: bytes, name: str, *, approve: bool, actor: str) -> Material:
        """Import a picture into an activity and review it automatically.

        A picture that fails the review is stored with that status and the reason, so that its owner can see and appeal it.

        Args:
            project_id: The activity, ``at_<digits>``.
            picture: The file's bytes.
            name: Name for people.
            approve: Approve it at once, in the name of ``actor``; without effect on a picture that has no face.
            actor: Who does it, for the audit log.

        Raises:
            ActivityNotFound: there is no such activity.
            MediaError, WorkerError: the picture cannot be decoded or analysed.
        """

        async def work() -> Material:
            # Looked up first, so that a wrong id costs no pixel work.
            await asyncio.to_thread(self._activities.get, None, project_id)
            new = await self._review(picture, name)
            return await asyncio.to_thread(self._materials.add, None, project_id, new, actor=actor)

        return await self._finish(work(), approve, actor)

    async def replace(self, model_id: str, picture: bytes, name: str, *, approve: bool, actor: str) -> Material:
        """Put another picture in the place of a material's; it is reviewed like a new one, and until it has passed, calls are refused.

        The material keeps its id, and faces keep theirs by number: face 1 is the largest of the new picture.

        Args:
            model_id: The material, ``mt_<digits>``.
            picture: The file's bytes.
            name: Name for people.
            approve: See ``add``.
            actor: Who does it, for the audit log.

        Raises:
            MaterialNotFound, MaterialDeleted: there is no such material.
            MediaError, WorkerError: the picture cannot be decoded or analysed; the old one stays.
        """

        async def work() -> Material:
            await asyncio.to_thread(self._materials.get, None, model_id)
            new = await self._review(picture, name)
            return await asyncio.to_thread(self._materials.replace, None, model_id, new, actor=actor)

        return await self._finish(work(), approve, actor)

    async def renew_plans(self, materials: Iterable[Material]) -> tuple[int, tuple[str, ...]]:
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

    async def _review(self, picture: bytes, name: str) -> NewMaterial:
        """Analyse a picture and review it automatically."""
        found = await self._executor.run(ImportTemplate(picture, self._rules.limits), self._rules.seconds, owner=OPERATORS)
        findings = (*assess(found.quality, self._rules.review), *self._labelled(found))
        return NewMaterial(
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

    async def _finish(self, work: Awaitable[Material], approve: bool, actor: str) -> Material:
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
        """A small JPEG of a material, made once and kept beside it.

        Raises:
            MaterialNotFound, MaterialDeleted: there is no such material.
            WorkerError: the pixel work could not be done.
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
            raise MaterialDeleted(f"the picture of {material.id} must be in the store, and is gone") from error
        # A full disk must not hide pictures from the people who would make room.
        with suppress(MaterialNotSaved):
            await asyncio.to_thread(files.save_thumbnail, material.number, made)
        return made

    def _labelled(self, found: ImportedTemplate) -> tuple[Finding, ...]:
        synthetic = any(mark.synthetic for mark in found.incoming)
        return (Finding("labelled", failure=self._rules.refuse_synthetic),) if synthetic else ()

    def _status(self, findings: tuple[Finding, ...]) -> MaterialStatus:
        if not passes(findings):
            return MaterialStatus.MACHINE_FAILED
        return MaterialStatus.MACHINE_PASSED if self._rules.auto_review else MaterialStatus.UNDER_REVIEW

    def _text(self, findings: tuple[Finding, ...]) -> str:
        # Nobody has passed a material yet that waits for a person and has no findings.
        return describe(findings, self._rules.language) if findings or self._rules.auto_review else ""


def choices(material: Material) -> frozenset[Choice]:
    """What a person may decide about a material now."""
    possible: dict[MaterialStatus, Choice] = {
        MaterialStatus.MANUAL_PASSED: "approve",
        MaterialStatus.APPEAL_PASSED: "approve",
        MaterialStatus.MANUAL_FAILED: "reject",
        MaterialStatus.APPEAL_FAILED: "reject",
        MaterialStatus.UNDER_APPEAL: "appeal",
    }
    found = {possible[status] for status in TRANSITIONS.get(material.status, ()) if status in possible}
    return frozenset(found if material.faces else found - {"approve"})


def approve_material(materials: MaterialStore, model_id: str, reason: str, *, actor: str) -> Material:
    """A person's approval, of a new material or of an appeal.

    Raises:
        ReviewRefused: its status cannot be decided so, or it has no face that could be fused.
        MaterialNotFound, MaterialDeleted: there is no such material.
        FieldInvalid: the reason cannot be stored.
    """
    if not materials.get(None, model_id).faces:
        raise ReviewRefused("a material must have a face to be approved, got one without")
    return materials.decide(None, model_id, approve=True, reason=reason, actor=actor)


def reject_material(materials: MaterialStore, model_id: str, reason: str, *, actor: str) -> Material:
    """A person's refusal, of a new material, of an earlier approval or of an appeal; raises as ``approve_material``."""
    return materials.decide(None, model_id, approve=False, reason=reason, actor=actor)


def appeal_material(materials: MaterialStore, model_id: str, reason: str, *, actor: str) -> Material:
    """Ask for a second look at a refused material, which is possible once; raises as ``approve_material``."""
    return materials.set_status(None, model_id, MaterialStatus.UNDER_APPEAL, reason=reason, actor=actor)
