"""Monotony of the two sliders: does the result follow them evenly from the user to the template?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from facemeld.quality.records import Degrees, Job, Outcome, Subject
from facemeld.quality.statistics import spearman

STEPS = (0, 25, 50, 75, 100)
"""Positions of a slider that are tried."""

OTHER = 50
"""Where the other slider stays meanwhile."""


@dataclass(frozen=True, slots=True)
class SliderOutcome:
    """How one pair follows the sliders.

    Attributes:
        user: File name of the user's photo.
        template: File name of the template.
        features: Spearman's correlation of ``FuseFaceDegree`` with the loss of identity (minus the cosine to the user); ``None`` when a
            step failed.
        shape: Spearman's correlation of ``FuseProfileDegree`` with the distance of the outline from the user's; ``None`` as above.
        identities: The cosines to the user at each step of ``FuseFaceDegree``.
        contours: The distances of the outline at each step of ``FuseProfileDegree``, in face widths.
    """

    user: str
    template: str
    features: float | None
    shape: float | None
    identities: tuple[float, ...]
    contours: tuple[float, ...]


def _ladder() -> list[Degrees]:
    return [(OTHER, step) for step in STEPS] + [(step, OTHER) for step in STEPS]


def slider_jobs(pairs: Sequence[tuple[Subject, Subject]], count: int) -> list[Job]:
    """Jobs for about ``count`` pairs, taken evenly from all: each at every step of each slider."""
    if count <= 0 or not pairs:
        return []
    chosen = [pairs[index * len(pairs) // min(count, len(pairs))] for index in range(min(count, len(pairs)))]
    return [Job(user, template, degrees, keep=False) for user, template in chosen for degrees in _ladder()]


def slider_outcomes(outcomes: Sequence[Outcome]) -> Iterator[SliderOutcome]:
    """Correlations from the outcomes of ``slider_jobs``, in its order."""
    size = 2 * len(STEPS)
    for start in range(0, len(outcomes), size):
        group = outcomes[start : start + size]
        identities = [outcome.values["identity_user"] for outcome in group[: len(STEPS)] if "identity_user" in outcome.values]
        contours = [outcome.contour for outcome in group[len(STEPS) :] if outcome.contour is not None]
        yield SliderOutcome(
            group[0].user,
            group[0].template,
            spearman(STEPS, [-value for value in identities]) if len(identities) == len(STEPS) else None,
            spearman(STEPS, contours) if len(contours) == len(STEPS) else None,
            tuple(identities),
            tuple(contours),
        )
