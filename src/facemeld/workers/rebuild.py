"""Makes the plan of a stored template anew, with its faces in the order that clients know."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from facemeld.fusion.types import Face, Rect
from facemeld.media.decode import DecodeLimits, decode
from facemeld.workers.context import WorkerContext
from facemeld.workers.errors import WorkerError
from facemeld.workers.template import HEAD, Template, pack

_LEAST_OVERLAP = 0.5


class FacesMoved(WorkerError):
    """The engine finds the faces of a stored template elsewhere than when it was imported."""


class PlanState(StrEnum):
    """What is to be said of a stored plan."""

    CURRENT = "current"
    OUTDATED = "outdated"
    DAMAGED = "damaged"


def plan_state(plan: Path, engine: str) -> PlanState:
    """Whether a stored plan can be used; reads the whole file, but works nothing out.

    Args:
        plan: See ``workers.template.pack``.
        engine: Name of the engine that is to use it.

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


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """Plan a template that was imported before, perhaps by an older engine.

    Attributes:
        data: The picture's file.
        limits: Limits for decoding it.
        boxes: Its faces as they were numbered when it was imported.
    """

    data: bytes = field(repr=False)
    limits: DecodeLimits
    boxes: tuple[Rect, ...]

    def __call__(self, context: WorkerContext) -> bytes:
        """The packed template.

        Raises:
            FacesMoved: a face is not found where it was.
        """
        image = decode(self.data, self.limits)
        found = context.engine.analyse(image.rgb, search="every")
        faces = [_match(box, found) for box in self.boxes]
        return pack(context.engine, Template(context.engine.plan(image.rgb, faces), image.alpha, image.format))


def _match(box: Rect, faces: Sequence[Face]) -> Face:
    """The face that overlaps a box most.

    Raises:
        FacesMoved: none covers it well enough.
    """
    best = max(faces, key=lambda face: _overlap(box, face.box), default=None)
    if best is None or _overlap(box, best.box) < _LEAST_OVERLAP:
        raise FacesMoved(f"a face must be where it was, at {box.x},{box.y} with {box.width}x{box.height} pixels, found none")
    return best


def _overlap(one: Rect, other: Rect) -> float:
    """Intersection over union."""
    common = one.intersect(other).area
    return common / max(1, one.area + other.area - common)
