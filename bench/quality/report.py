"""The figures of a quality run: the metrics and their aims, summaries, the table and the JSON record."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from scipy.stats import spearmanr

from facemeld.fusion.types import FloatArray

Degrees = tuple[int, int]
"""``FuseProfileDegree`` and ``FuseFaceDegree``, 0 (the user's) to 100 (the template's)."""

STEPS = (0, 25, 50, 75, 100)
"""Positions of a slider that are tried while the other one stays at 50."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number measured for a result.

    Attributes:
        name: Key in records and JSON, and heading in the documentation.
        title: Heading in tables.
        better: Whether high values, low values or values near one are better; ``info`` metrics are not judged.
        statistic: The statistic that is compared with the aim.
        aim: The value to reach at 0/0, if there is one.
        digits: Digits after the point in tables.
    """

    name: str
    title: str
    better: Literal["high", "low", "one", "info"]
    statistic: Literal["mean", "median"] = "median"
    aim: float | None = None
    digits: int = 3

    def badness(self, value: float) -> float:
        """Return a sort key for values: higher is worse."""
        return {"high": -value, "one": abs(math.log(max(value, 1e-6)))}.get(self.better, value)

    def verdict(self, summary: Mapping[str, float]) -> str:
        """Return the aim and whether a summary reaches it; empty without an aim."""
        if self.aim is None:
            return ""
        value, sign = summary[self.statistic], ">=" if self.better == "high" else "<="
        reached = value >= self.aim if self.better == "high" else value <= self.aim
        return f"{self.statistic} {sign} {self.aim:g} {'reached' if reached else 'missed'}"


METRICS = (
    Metric("normalised_gain", "normalised identity gain", "high", "mean", 0.55),
    Metric("identity_gain", "identity gain", "high", "mean"),
    Metric("identity_user", "cosine to the user", "high", "mean"),
    Metric("identity_template", "cosine to the template", "info", "mean"),
    Metric("retrieval", "top-1 retrieval", "high", "mean", 0.95),
    Metric("recall", "face found again", "high", "mean"),
    Metric("recall_60", "face found again (yaw < 60 deg)", "high", "mean", 1.0),
    Metric("pose", "pose error (deg)", "low", "median", 2.0, 2),
    Metric("pose_yaw", "yaw error (deg)", "low", "median", None, 2),
    Metric("pose_pitch", "pitch error (deg)", "low", "median", None, 2),
    Metric("pose_roll", "roll error (deg)", "low", "median", None, 2),
    Metric("expression", "expression error (sum)", "low", "mean", 2.3, 2),
    Metric("expression_mean", "expression error (mean)", "low", "mean"),
    Metric("background", "changed pixels outside mask", "low", "mean", 0.0, 0),
    Metric("mask_area", "mask area / face area", "info", "median", None, 2),
    Metric("seam", "seam ratio (mask's edge)", "low", "median", 1.15),
    Metric("rim", "seam ratio (face's rim)", "low", "median"),
    Metric("tone", "tone dE00 (face, neck, ears)", "low", "median", 5.0, 2),
    Metric("tone_floor", "tone dE00 of the template", "info", "median", None, 2),
    Metric("tone_face", "tone dE00 (face)", "low", "median", None, 2),
    Metric("tone_patches", "tone dE00 (patches)", "low", "median", None, 2),
    Metric("sharpness", "sharpness ratio", "one", "median", None, 2),
)
MONOTONY = (
    Metric("monotony_features", "Spearman FuseFaceDegree / identity", "high", "mean", 0.95),
    Metric("monotony_shape", "Spearman FuseProfileDegree / contour", "high", "mean", 0.95),
)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The outcome of one fusion.

    Attributes:
        user: File name of the user's photo.
        template: File name of the template.
        degrees: The degrees of the fusion.
        error: The reason why there is no result; ``None`` when there is one.
        values: Measured metrics by name; metrics that could not be measured are absent.
        identity: Identity vector of the face in the result, if it was found.
        contour: Distance of the result's outline from the user's, in face widths, if the face was found.
        picture: File name of the result inside the report's folder, if it was kept.
    """

    user: str
    template: str
    degrees: Degrees
    error: str | None = None
    values: dict[str, float] = field(default_factory=dict)
    identity: FloatArray | None = field(default=None, repr=False)
    contour: float | None = None
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Sliders:
    """How evenly the results of one pair follow the two sliders.

    Attributes:
        user: File name of the user's photo.
        template: File name of the template.
        features: Spearman's correlation of ``FuseFaceDegree`` with minus the cosine to the user; ``None`` when a step failed.
        shape: Spearman's correlation of ``FuseProfileDegree`` with the distance of the outline from the user's; ``None`` likewise.
        identities: The cosines to the user at each step of ``FuseFaceDegree``.
        contours: The distances of the outline at each step of ``FuseProfileDegree``, in face widths.
    """

    user: str
    template: str
    features: float | None
    shape: float | None
    identities: tuple[float, ...]
    contours: tuple[float, ...]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Sliders:
        """Read the sliders of one pair off its outcomes at ``slider_degrees``, in that order."""
        features, shapes = outcomes[: len(STEPS)], outcomes[len(STEPS) :]
        identities = tuple(outcome.values["identity_user"] for outcome in features if "identity_user" in outcome.values)
        contours = tuple(outcome.contour for outcome in shapes if outcome.contour is not None)
        losses = [-value for value in identities]
        return cls(outcomes[0].user, outcomes[0].template, monotony(losses), monotony(contours), identities, contours)


def slider_degrees() -> list[Degrees]:
    """Return the settings at which a pair is fused to measure the sliders."""
    return [(50, step) for step in STEPS] + [(step, 50) for step in STEPS]


def monotony(values: Sequence[float]) -> float | None:
    """Return Spearman's correlation of a slider's steps with values; 0 if they are all equal, ``None`` if a step is missing."""
    if len(values) != len(STEPS):
        return None
    return 0.0 if len(set(values)) == 1 else float(spearmanr(STEPS, values).statistic)


def summarise(values: Sequence[float]) -> dict[str, float] | None:
    """Return count, mean, median, 5th and 95th percentile; ``None`` without values."""
    if not values:
        return None
    low, median, high = (float(value) for value in np.percentile(values, [5, 50, 95]))
    return {"count": len(values), "mean": float(np.mean(values)), "median": median, "p5": low, "p95": high}


@dataclass(frozen=True, slots=True, eq=False)
class QualityReport:
    """All measurements of a run.

    Attributes:
        outcomes: One for each pair and setting, failures included.
        sliders: The pairs on which the sliders' monotony was measured.
        engine: Name of the engine.
        gallery: Number of users among whom retrieval searches.
    """

    outcomes: tuple[Outcome, ...]
    sliders: tuple[Sliders, ...]
    engine: str
    gallery: int

    @property
    def settings(self) -> tuple[Degrees, ...]:
        """The settings of the run, in its order."""
        return tuple(dict.fromkeys(outcome.degrees for outcome in self.outcomes))

    def at(self, degrees: Degrees) -> list[Outcome]:
        """Return the outcomes of one setting."""
        return [outcome for outcome in self.outcomes if outcome.degrees == degrees]

    def failures(self, degrees: Degrees) -> list[Outcome]:
        """Return the fusions that gave no picture."""
        return [outcome for outcome in self.at(degrees) if outcome.error is not None]

    def values(self, metric: Metric, degrees: Degrees) -> list[float]:
        """Return the values of a metric at one setting, for the results on which it could be measured.

        The sliders' monotony has no setting; a pair of which a step failed counts as 0.
        """
        if metric in MONOTONY:
            correlations = [one.features if metric.name == "monotony_features" else one.shape for one in self.sliders]
            return [0.0 if value is None else value for value in correlations]
        return [outcome.values[metric.name] for outcome in self.at(degrees) if metric.name in outcome.values]

    def summary(self, metric: Metric, degrees: Degrees) -> dict[str, float] | None:
        """Return the distribution of a metric at one setting."""
        return summarise(self.values(metric, degrees))

    def worst(self, metric: Metric, degrees: Degrees, count: int) -> list[Outcome]:
        """Return the outcomes with the worst values of a metric, worst first."""
        measured = [outcome for outcome in self.at(degrees) if metric.name in outcome.values]
        return sorted(measured, key=lambda outcome: -metric.badness(outcome.values[metric.name]))[:count]

    def table(self) -> str:
        """Return the figures as plain text, one block for each setting."""
        return "\n\n".join("\n".join(self._block(degrees)) for degrees in self.settings)

    def _block(self, degrees: Degrees) -> Iterable[str]:
        yield (
            f"{self.engine}  FuseProfileDegree/FuseFaceDegree {degrees[0]}/{degrees[1]}: {len(self.at(degrees))} fusions, "
            f"{len(self.failures(degrees))} failed, {self.gallery} users"
        )
        yield f"{'metric':<38}{'mean':>9}{'median':>9}{'5 %':>9}{'95 %':>9}{'n':>6}  aim"
        for metric in METRICS + MONOTONY:
            summary = self.summary(metric, degrees)
            if summary is None:
                yield f"{metric.title:<38}{'not measured':>42}"
                continue
            figures = "".join(f"{summary[name]:9.{metric.digits}f}" for name in ("mean", "median", "p5", "p95"))
            yield f"{metric.title:<38}{figures}{summary['count']:6d}  {metric.verdict(summary)}".rstrip()

    def record(self) -> dict[str, Any]:
        """Return the summaries of the run, to five significant digits; the documentation's figures are made from them."""
        return {
            "engine": self.engine,
            "users": self.gallery,
            "settings": {
                f"{degrees[0]}/{degrees[1]}": {
                    "fusions": len(self.at(degrees)),
                    "failed": len(self.failures(degrees)),
                    "metrics": {metric.name: _rounded(self.summary(metric, degrees)) for metric in METRICS},
                }
                for degrees in self.settings
            },
            "sliders": {metric.name: _rounded(self.summary(metric, self.settings[0])) for metric in MONOTONY},
        }

    def to_json(self) -> str:
        """Return the record and all values of every fusion as JSON, without pictures and identity vectors."""
        keys = ("user", "template", "degrees", "error", "picture", "values")
        fusions = [{key: getattr(outcome, key) for key in keys} for outcome in self.outcomes]
        sliders = [asdict(one) for one in self.sliders]
        return json.dumps({**self.record(), "fusions": fusions, "slider_pairs": sliders}, indent=1, ensure_ascii=False)


def _rounded(summary: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if summary is None else {key: value if key == "count" else float(f"{value:.5g}") for key, value in summary.items()}
