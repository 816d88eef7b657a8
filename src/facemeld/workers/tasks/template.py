"""Planned templates (the engine's plan, the transparency and the format), and their form in files."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.engine import Engine, Plan
from facemeld.fusion.errors import PlanOutdated
from facemeld.fusion.types import Face
from facemeld.media.containers import ImageFormat
from facemeld.media.decode import DecodedImage, DecodeLimits, decode
from facemeld.workers.tasks.inputs import FacesMoved, FoundMark, TemplateMissing

HEAD = "head.json"
"""Part of a stored template that names its engine."""

_PLAN, _ALPHA = "plan", "alpha.npy"

_LEAST_OVERLAP = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A planned template.

    Attributes:
        plan: The engine's plan.
        alpha: Transparency, uint8 (H, W), 0 = transparent, or None.
        format: Format of the template's file and of every result.
    """

    plan: Plan
    alpha: NDArray[np.uint8] | None = field(repr=False)
    format: ImageFormat


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """The files of a template imported as a material.

    Attributes:
        key: Identifies the content; equal keys mean equal files.
        plan: File with the bytes of ``pack``.
        picture: Imported picture, from which a new engine version plans the template again.
        limits: Limits for decoding the picture.
        digest: SHA-256 of the picture's file, hexadecimal.
        incoming: Marks that the picture already carries.
        boxes: Its faces in the order of the import, which clients rely on; a new plan keeps this order.
    """

    key: str
    plan: Path
    picture: Path
    limits: DecodeLimits
    digest: str
    incoming: tuple[FoundMark, ...] = ()
    boxes: tuple[Rect, ...] = ()


def make(engine: Engine, image: DecodedImage) -> Template:
    """Analyse and plan a decoded picture."""
    return Template(engine.plan(image.rgb, engine.analyse(image.rgb, search="every")), image.alpha, image.format)


def remake(engine: Engine, image: DecodedImage, boxes: Sequence[Rect]) -> Template:
    """Analyse and plan a decoded picture again, with its faces in the order of an earlier analysis.

    Args:
        boxes: Boxes of the faces then; another engine version may find more faces, or the same in another order.

    Raises:
        FacesMoved: a face is not found where it was.
    """
    found = engine.analyse(image.rgb, search="every")
    return Template(engine.plan(image.rgb, [_match(box, found) for box in boxes]), image.alpha, image.format)


def _match(box: Rect, faces: Sequence[Face]) -> Face:
    best = max(faces, key=lambda face: _overlap(box, face.box), default=None)
    if best is None or _overlap(box, best.box) < _LEAST_OVERLAP:
        raise FacesMoved(f"a face must be where it was, at {box.x},{box.y} with {box.width}x{box.height} pixels, found none")
    return best


def _overlap(one: Rect, other: Rect) -> float:
    """Return intersection over union."""
    common = one.intersect(other).area
    return common / max(1, one.area + other.area - common)


def pack(engine: Engine, template: Template) -> bytes:
    """Return a template as bytes for ``unpack``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, HEAD, json.dumps({"engine": engine.name, "format": template.format}).encode())
        _add(archive, _PLAN, template.plan.to_bytes())
        if template.alpha is not None:
            alpha = io.BytesIO()
            np.save(alpha, template.alpha, allow_pickle=False)
            _add(archive, _ALPHA, alpha.getvalue())
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    # With a fixed time, equal templates have equal bytes.
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


def unpack(engine: Engine, data: bytes) -> Template:
    """Read a template back.

    Raises:
        PlanOutdated: it is damaged, or another engine version made it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            head = json.loads(archive.read(HEAD))
            if head["engine"] != engine.name:
                raise PlanOutdated(f"the plan must come from engine {engine.name}, got {head['engine']}")
            plan = engine.load_plan(archive.read(_PLAN))
            alpha = np.load(io.BytesIO(archive.read(_ALPHA)), allow_pickle=False) if _ALPHA in archive.namelist() else None
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise PlanOutdated("the stored plan is damaged") from error
    return Template(plan, alpha, head["format"])


class PlanState(StrEnum):
    """Condition of a stored plan."""

    CURRENT = "current"
    OUTDATED = "outdated"
    DAMAGED = "damaged"


def plan_state(plan: Path, engine: str) -> PlanState:
    """Return whether a stored plan can be used; reads the whole file, but computes nothing.

    Args:
        plan: A file with the bytes of ``pack``.
        engine: Name of the engine that will use it.

    Raises:
        OSError: the file cannot be read.
    """
    data = plan.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.testzip() is not None:
                return PlanState.DAMAGED
            made_by = json.loads(archive.read(HEAD))["engine"]
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError, NotImplementedError):
        return PlanState.DAMAGED
    return PlanState.CURRENT if made_by == engine else PlanState.OUTDATED


def load(engine: Engine, file: StoredTemplate) -> tuple[Template, int]:
    """Return a template and its size in bytes; planned again from its picture if the stored plan does not fit this engine.

    Raises:
        TemplateMissing: neither the plan nor the picture exists.
        FacesMoved: it was planned again, and a face is not where it was.
    """
    try:
        template = unpack(engine, file.plan.read_bytes())
    except (PlanOutdated, FileNotFoundError):
        try:
            image = decode(file.picture.read_bytes(), file.limits)
        except FileNotFoundError as error:
            raise TemplateMissing("the template's picture must be in the store, and is gone") from error
        template = remake(engine, image, file.boxes) if file.boxes else make(engine, image)
    return template, weight(template)


def weight(value: object) -> int:
    """Return the bytes of all arrays in a value, including nested ones; an array that occurs twice counts twice."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if is_dataclass(value):
        return sum(weight(getattr(value, one.name)) for one in fields(value))
    if isinstance(value, Mapping):
        return sum(weight(one) for one in value.values())
    return sum(weight(one) for one in value) if isinstance(value, tuple | list) else 0
