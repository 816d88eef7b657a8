"""The outcome of a quality run: table, JSON and worst cases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from facemeld.quality.metrics import METRICS, MONOTONY, Metric
from facemeld.quality.records import Degrees, Outcome
from facemeld.quality.sliders import SliderOutcome
from facemeld.quality.statistics import Summary, summarise


@dataclass(frozen=True, slots=True, eq=False)
class QualityReport:
    """Everything that a run measured.

    Attributes:
        outcomes: One for each pair and setting, failures included.
        sliders: The pairs on which the sliders' monotony was measured.
        engine: Name of the engine.
        gallery: Number of users among whom the right one had to be found.
    """

    outcomes: tuple[Outcome, ...] = field(repr=False)
    sliders: tuple[SliderOutcome, ...] = field(repr=False)
    engine: str
    gallery: int

    @property
    def settings(self) -> tuple[Degrees, ...]:
        """The settings of the run, in its order."""
        return tuple(dict.fromkeys(outcome.degrees for outcome in self.outcomes))

    def at(self, degrees: Degrees) -> list[Outcome]:
        """The outcomes of one setting."""
        return [outcome for outcome in self.outcomes if outcome.degrees == degrees]

    def summary(self, metric: Metric, degrees: Degrees) -> Summary | None:
        """Distribution of a metric at one setting, over the results for which it could be measured."""
        return summarise([outcome.values[metric.name] for outcome in self.at(degrees) if metric.name in outcome.values])

    def failures(self, degrees: Degrees) -> list[Outcome]:
        """Fusions that gave no picture."""
        return [outcome for outcome in self.at(degrees) if outcome.error is not None]

    def worst(self, metric: Metric, degrees: Degrees, count: int) -> list[Outcome]:
        """The outcomes with the worst values of a metric, worst first."""
        measured = [outcome for outcome in self.at(degrees) if metric.name in outcome.values]
        return sorted(measured, key=lambda outcome: -metric.badness(outcome.values[metric.name]))[:count]

    def monotony(self) -> dict[str, Summary | None]:
        """Distribution of the correlations of both sliders; a pair of which a step failed counts as 0."""
        return {
            "monotony_features": summarise([one.features if one.features is not None else 0.0 for one in self.sliders]),
            "monotony_shape": summarise([one.shape if one.shape is not None else 0.0 for one in self.sliders]),
        }

    def rows(self, degrees: Degrees) -> list[tuple[Metric, Summary | None]]:
        """Every metric with its distribution at one setting; the sliders' monotony, which has no setting, comes last."""
        monotony = self.monotony()
        return [(metric, self.summary(metric, degrees)) for metric in METRICS] + [(metric, monotony[metric.name]) for metric in MONOTONY]

    def table(self) -> str:
        """The figures as plain text, one block for each setting."""
        return "\n\n".join(self._block(degrees) for degrees in self.settings)

    def _block(self, degrees: Degrees) -> str:
        outcomes = self.at(degrees)
        head = (
            f"{self.engine}  FuseProfileDegree/FuseFaceDegree {degrees[0]}/{degrees[1]}: {len(outcomes)} fusions, "
            f"{len(self.failures(degrees))} failed, {self.gallery} users"
        )
        lines = [f"{'metric':<38}{'mean':>9}{'median':>9}{'5 %':>9}{'95 %':>9}{'n':>6}  aim"]
        for metric, summary in self.rows(degrees):
            if summary is None:
                lines.append(f"{metric.title:<38}{'not measured':>42}")
                continue
            figures = "".join(f"{value:9.{metric.digits}f}" for value in (summary.mean, summary.median, summary.low, summary.high))
            lines.append(f"{metric.title:<38}{figures}{summary.count:6d}  {aim_text(metric, summary)}".rstrip())
        return "\n".join([head, *lines])

    def to_json(self) -> str:
        """Every figure as JSON: summaries, and all values of every fusion; no pictures, no identity vectors."""
        data = {
            "engine": self.engine,
            "gallery": self.gallery,
            "settings": [
                {
                    "degrees": list(degrees),
                    "fusions": len(self.at(degrees)),
                    "failed": len(self.failures(degrees)),
                    "metrics": {metric.name: _summary_json(summary) for metric, summary in self.rows(degrees)},
                }
                for degrees in self.settings
            ],
            "fusions": [
                {
                    "user": outcome.user,
                    "template": outcome.template,
                    "degrees": list(outcome.degrees),
                    "error": outcome.error,
                    "picture": outcome.picture,
                    "values": outcome.values,
                }
                for outcome in self.outcomes
            ],
            "sliders": [
                {
                    "user": one.user,
                    "template": one.template,
                    "features": one.features,
                    "shape": one.shape,
                    "identities": one.identities,
                    "contours": one.contours,
                }
                for one in self.sliders
            ],
        }
        return json.dumps(data, indent=1, ensure_ascii=False)


def aim_text(metric: Metric, summary: Summary) -> str:
    """The aim of a metric and whether its statistic reaches it; empty without an aim."""
    if metric.aim is None:
        return ""
    sign = ">=" if metric.better == "high" else "<="
    value = summary.mean if metric.statistic == "mean" else summary.median
    verdict = "reached" if metric.reached(value) else "missed"
    return f"{metric.statistic} {sign} {metric.aim:g} {verdict}"


def _summary_json(summary: Summary | None) -> dict[str, float] | None:
    if summary is None:
        return None
    return {"count": summary.count, "mean": summary.mean, "median": summary.median, "p5": summary.low, "p95": summary.high}


def histogram(values: Sequence[float], bins: int) -> tuple[list[int], float, float]:
    """Counts in equal bins between the smallest and the largest value, and these two."""
    low, high = min(values), max(values)
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / (high - low) * bins)) if high > low else 0] += 1
    return counts, low, high
