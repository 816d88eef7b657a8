"""Makes the plan of a stored template anew, with its faces in the order that clients know."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from facemeld.fusion.types import Rect
from facemeld.media.decode import DecodeLimits, decode
from facemeld.workers.pool.context import WorkerContext
from facemeld.workers.template import HEAD, pack, remake


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
        return pack(context.engine, remake(context.engine, decode(self.data, self.limits), self.boxes))
