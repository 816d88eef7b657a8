"""Checks the plans of materials against the engine of this version, and makes outdated or damaged ones anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from facemeld.catalog import Material, MaterialFiles, MaterialNotSaved
from facemeld.errors import FacemeldError
from facemeld.media.decode import DecodeLimits
from facemeld.services.owners import UPKEEP
from facemeld.services.templates import numbered_boxes
from facemeld.services.upkeep.checks import Check, Report, Trouble, one_line
from facemeld.workers.pool.executor import Executor
from facemeld.workers.rebuild import PlanState, RebuildPlan, plan_state

_ADVICE = (
    "Run `facemeld doctor --repair`; meanwhile a fusion makes the plan for itself, which takes longer. Where a repair fails because "
    "faces have moved, import the picture again."
)


@dataclass(frozen=True, slots=True)
class PlanMaker:
    """Makes plans anew with workers."""

    files: MaterialFiles
    executor: Executor
    limits: DecodeLimits
    seconds: float

    async def renew(self, materials: Iterable[Material]) -> tuple[int, tuple[str, ...]]:
        """Make the plans of materials anew, one after the other; how many, and what went wrong with the others."""
        done, failed = 0, []
        for material in materials:
            try:
                picture = self.files.read_picture(material.number, material.format)
                plan = await self.executor.run(
                    RebuildPlan(picture, self.limits, numbered_boxes(material.faces)), self.seconds, owner=UPKEEP
                )
                self.files.replace_plan(material.number, plan)
            except FacemeldError as error:
                failed.append(f"{material.id}: {one_line(error)}")
            else:
                done += 1
        return done, tuple(failed)


def plans_check(
    materials: Callable[[], Iterator[Material]],
    files: MaterialFiles,
    engine: Callable[[], str],
    renew: Callable[[tuple[Material, ...]], tuple[int, tuple[str, ...]]],
) -> Check:
    """Whether the plan of every material is whole and made by this version's engine.

    Args:
        materials: Lists all living materials.
        files: Their files.
        engine: Gives the name of the engine; raises where it cannot be loaded.
        renew: Makes plans anew, see ``PlanMaker.renew``.
    """

    def look() -> Report:
        name = engine()
        found: dict[PlanState, list[Material]] = {state: [] for state in PlanState}
        for material in materials():
            state = _state(files, material, name)
            if state is not None:
                found[state].append(material)
        stale = (*found[PlanState.OUTDATED], *found[PlanState.DAMAGED])
        if not stale:
            return Report(f"{len(found[PlanState.CURRENT])} plans fit the engine {name}")

        def repair() -> str:
            done, failed = renew(stale)
            if failed:
                raise MaterialNotSaved(f"{done} plans were made anew, these were not: {'; '.join(failed[:5])}")
            return f"made {done} plans anew"

        text = f"{len(found[PlanState.OUTDATED])} plans are of another engine, {len(found[PlanState.DAMAGED])} are damaged or missing"
        return Report("", (Trouble(text, _ADVICE, tuple(material.id for material in stale), repair),))

    return Check("plans", look, "See the checks of models and engine.")


def _state(files: MaterialFiles, material: Material, engine: str) -> PlanState | None:
    """State of a material's plan; None where the picture is gone too, so that nothing can be said or done here."""
    try:
        return plan_state(files.plan_path(material.number), engine)
    except OSError:
        return PlanState.DAMAGED if files.has_picture(material.number, material.format, material.size) else None
