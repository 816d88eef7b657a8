"""Measures how good fused faces are: identity, pose, expression, background, seam, tone, sharpness and the sliders."""

from facemeld.quality.bench import run
from facemeld.quality.errors import BenchExtraMissing, NotMeasurable, QualityError
from facemeld.quality.metrics import METRICS, MONOTONY, Metric
from facemeld.quality.pairs import listed_pairs, pictures_in, random_pairs
from facemeld.quality.records import MaskingEngine, Outcome
from facemeld.quality.report import QualityReport

__all__ = [
    "METRICS",
    "MONOTONY",
    "BenchExtraMissing",
    "MaskingEngine",
    "Metric",
    "NotMeasurable",
    "Outcome",
    "QualityError",
    "QualityReport",
    "listed_pairs",
    "pictures_in",
    "random_pairs",
    "run",
]
