"""Remakes the plans of materials with workers, as ``facemeld doctor --repair`` does for outdated and damaged plans."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from facemeld.errors import FacemeldError
from facemeld.materials.files import MaterialFiles
from facemeld.materials.templates import numbered_boxes
from facemeld.materials.types import Material
from facemeld.media.decode import DecodeLimits
from facemeld.workers.pool.executor import UPKEEP, Executor
from facemeld.workers.tasks.fuse import RebuildPlan


@dataclass(frozen=True, slots=True)
class PlanMaker:
    """Remakes plans.

    Attributes:
        files: Files of the materials.
        executor: Runs the work.
        limits: Limits for decoding pictures.
        seconds: Time limit for one plan.
    """

    files: MaterialFiles
    executor: Executor
    limits: DecodeLimits
    seconds: float

    async def renew(self, materials: Iterable[Material]) -> tuple[int, tuple[str, ...]]:
        """Remake plans one after the other; return how many succeeded, and a line about each failure."""
        done, failed = 0, []
        for material in materials:
            try:
                picture = self.files.read_picture(material.number, material.format)
                task = RebuildPlan(picture, self.limits, numbered_boxes(material.faces))
                self.files.replace_plan(material.number, await self.executor.run(task, self.seconds, owner=UPKEEP))
            except FacemeldError as error:
                failed.append(f"{material.id}: {' '.join(str(error).split())}")
            else:
                done += 1
        return done, tuple(failed)
