"""Array helpers that every part of the engine uses."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.types import FloatArray

Places = tuple[FloatArray, FloatArray]
"""Fractional places in a picture: x and y, each float32 (h, w)."""


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


def sample(picture: NDArray[Any], place: FloatArray, kernel: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_REPLICATE) -> NDArray[Any]:
    """Read a picture at fractional places.

    Args:
        picture: (H, W) or (H, W, channels), uint8 or float32.
        place: float32 (h, w, 2 or more), x and y in pixels of the picture.
        kernel: OpenCV's name of the interpolation.
        border: OpenCV's name of what lies beyond the border.

    Returns:
        (h, w) or (h, w, channels), the picture's type.
    """
    return read(picture, planes(place), kernel, border)


def planes(place: FloatArray) -> Places:
    """The x and the y of fractional places, each on its own."""
    return f32(cv2.extractChannel(place, 0)), f32(cv2.extractChannel(place, 1))


def read(picture: NDArray[Any], where: Places, kernel: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_REPLICATE) -> NDArray[Any]:
    """The same as ``sample`` for two float32 (h, w), x and y in pixels of the picture."""
    # Both coordinates in one map give wrong pixels in OpenCV 5.0 with the linear and nearest kernels.
    return np.asarray(cv2.remap(picture, *where, kernel, borderMode=border))


def thrice(plane: FloatArray) -> FloatArray:
    """A map (h, w) in three equal channels: far quicker to multiply by than to broadcast."""
    return f32(cv2.merge([plane] * 3))


def median(values: NDArray[np.floating]) -> float:
    """The middle one of some values; of an even number, the upper of the two."""
    middle = values.size // 2
    return float(np.partition(values, middle)[middle])


def percentile(values: NDArray[np.floating], share: float) -> float:
    """The value of a one-dimensional sample that so many hundredths of it do not exceed, of those that occur the nearest."""
    place = round((values.size - 1) * share / 100)
    return float(np.partition(values, place)[place])


def lab_of(picture: NDArray[np.uint8] | FloatArray) -> FloatArray:
    """Convert RGB to CIE Lab (D65).

    Args:
        picture: (H, W, 3) RGB, 0-255; uint8, or float32 for levels between.

    Returns:
        float32 (H, W, 3), L 0-100.
    """
    # Both ways to 0-1 differ in the last bit, which a fused pixel may depend on.
    pixels = picture / np.float32(255) if picture.dtype == np.uint8 else picture * np.float32(1 / 255)
    return f32(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB))


def rgb_of(lab: FloatArray) -> FloatArray:
    """RGB in 0-255 of CIE Lab: float32 (H, W, 3)."""
    return f32(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)) * np.float32(255)


def weighted(change: NDArray[np.floating], weight: FloatArray) -> FloatArray:
    """A change of three channels times a weight: float32 (H, W, 3).

    NumPy would broadcast over an innermost axis of three, which costs several times as much.
    """
    return f32(cv2.multiply(f32(change), thrice(weight)))
