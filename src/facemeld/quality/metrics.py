"""The catalogue of metrics: names, titles, aims and which end is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that is measured for a result.

    Attributes:
        name: Key in records, JSON and headings of the documentation.
        title: Heading in tables.
        better: Whether high, low, or values near one are better; ``info`` metrics are not judged.
        statistic: What the aim is compared with.
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
        """How bad a value is, for sorting: higher is worse."""
        if self.better == "high":
            return -value
        if self.better == "one":
            return abs(math.log(max(value, 1e-6)))
        return value

    def reached(self, value: float) -> bool | None:
        """Whether a statistic of the metric reaches the aim; ``None`` without an aim."""
        if self.aim is None:
            return None
        return value >= self.aim if self.better == "high" else value <= self.aim


METRICS: tuple[Metric, ...] = (
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

MONOTONY: tuple[Metric, ...] = (
    Metric("monotony_features", "Spearman FuseFaceDegree / identity", "high", "mean", 0.95),
    Metric("monotony_shape", "Spearman FuseProfileDegree / contour", "high", "mean", 0.95),
)

BY_NAME = {metric.name: metric for metric in METRICS + MONOTONY}
