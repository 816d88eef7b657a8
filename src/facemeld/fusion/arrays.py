"""Array helpers used by every part of the engine."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.types import FloatArray

Places = tuple[FloatArray, FloatArray]
"""Fractional places in a picture: x and y in pixels, each float32 (h, w)."""


def smoothstep(x: NDArray[np.number] | float, low: float, high: float) -> FloatArray:
    """Rise smoothly from 0 at ``low`` to 1 at ``high``: float32, same shape."""
    t = np.clip((np.asarray(x, np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def vector(*values: float) -> FloatArray:
    """Some numbers as float32 (N,)."""
    return np.array(values, np.float32)


def f32(values: Any) -> FloatArray:
    """Values as float32; OpenCV's results carry no element type."""
    return np.asarray(values, np.float32)


def sample(picture: NDArray[Any], place: FloatArray, kernel: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_REPLICATE) -> NDArray[Any]:
    """Read a picture at fractional places.

    Args:
        picture: (H, W) or (H, W, channels), uint8 or float32.
        place: float32 (h, w, 2 or more), x and y in pixels of the picture.
        kernel: OpenCV's interpolation flag.
        border: OpenCV's border mode.

    Returns:
        (h, w) or (h, w, channels), of the picture's type.
    """
    return read(picture, planes(place), kernel, border)


def planes(place: FloatArray) -> Places:
    """Split fractional places, float32 (h, w, 2 or more), into x and y."""
    return f32(cv2.extractChannel(place, 0)), f32(cv2.extractChannel(place, 1))


def read(picture: NDArray[Any], where: Places, kernel: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_REPLICATE) -> NDArray[Any]:
    """Read a picture at fractional places; see ``sample``."""
    # With both coordinates in one map, OpenCV 5.0 gives wrong pixels for the linear and nearest kernels.
    return np.asarray(cv2.remap(picture, *where, kernel, borderMode=border))


def thrice(plane: FloatArray) -> FloatArray:
    """Repeat a map (h, w) in three channels: far quicker to multiply by than broadcasting."""
    return f32(cv2.merge([plane] * 3))


def median(values: NDArray[np.floating]) -> float:
    """Median of some values; the upper of the two middle values if their number is even."""
    middle = values.size // 2
    return float(np.partition(values, middle)[middle])


def percentile(values: NDArray[np.floating], share: float) -> float:
    """The nearest occurring value to a percentile of a one-dimensional sample."""
    place = round((values.size - 1) * share / 100)
    return float(np.partition(values, place)[place])


def lab_of(picture: NDArray[np.uint8] | FloatArray) -> FloatArray:
    """Convert RGB to CIE Lab (D65).

    Args:
        picture: (H, W, 3) RGB, 0-255; uint8, or float32 for levels between.

    Returns:
        float32 (H, W, 3), L 0-100.
    """
    # The two ways to 0-1 differ in the last bit, and recorded pixels depend on it.
    pixels = picture / np.float32(255) if picture.dtype == np.uint8 else picture * np.float32(1 / 255)
    return f32(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB))


def rgb_of(lab: FloatArray) -> FloatArray:
    """Convert CIE Lab to RGB of 0-255: float32 (H, W, 3)."""
    return f32(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)) * np.float32(255)


def weighted(change: NDArray[np.floating], weight: FloatArray) -> FloatArray:
    """Multiply three channels by a weight (H, W): float32 (H, W, 3).

    Broadcasting over an innermost axis of three is several times as slow in NumPy.
    """
    return f32(cv2.multiply(f32(change), thrice(weight)))
