"""Small statistics of a quality run: ranks, Spearman's correlation and summaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Summary:
    """How one metric is distributed over the results.

    Attributes:
        count: Results for which the metric could be measured.
        mean: Arithmetic mean.
        median: 50th percentile.
        low: 5th percentile.
        high: 95th percentile.
    """

    count: int
    mean: float
    median: float
    low: float
    high: float


def summarise(values: Sequence[float]) -> Summary | None:
    """Summarise the values of a metric; ``None`` when there is none."""
    if not values:
        return None
    data = np.asarray(values, dtype=np.float64)
    low, median, high = np.percentile(data, [5, 50, 95])
    return Summary(len(values), float(data.mean()), float(median), float(low), float(high))


def ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks from 1 to N; equal values share the mean of their ranks."""
    data = np.asarray(values, dtype=np.float64)
    _, inverse, counts = np.unique(data, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: NDArray[np.float64] = (last - (counts - 1) / 2.0)[inverse]
    return shared


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation, -1 to 1: Pearson's correlation of the ranks; 0 when one side is constant.

    Source: C. Spearman, "The proof and measurement of association between two things", 1904.

    Raises:
        ValueError: the two sides differ in length or have fewer than two values.
    """
    if len(first) != len(second) or len(first) < 2:
        raise ValueError(f"Spearman's correlation needs two equally long sides of at least 2 values, got {len(first)} and {len(second)}")
    a, b = ranks(first), ranks(second)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return 0.0 if norm == 0.0 else float(a @ b) / norm
