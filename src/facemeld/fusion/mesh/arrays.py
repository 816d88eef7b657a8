"""Small array helpers that every part of the engine uses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.types import FloatArray


def smoothstep(x: NDArray[np.number] | float, low: float, high: float) -> FloatArray:
    """0 up to ``low``, 1 from ``high``, smooth between."""
    t = np.clip((np.asarray(x, np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def vector(*values: float) -> FloatArray:
    """A few numbers as float32 (N,)."""
    return np.array(values, np.float32)


def f32(values: Any) -> FloatArray:
    """The values as float32; OpenCV's results carry no element type."""
    return np.asarray(values, np.float32)
