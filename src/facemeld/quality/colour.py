"""CIELAB and the CIEDE2000 colour difference."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from facemeld.fusion.types import FloatArray, Picture

_CHROMA_7 = 25.0**7


def to_lab(picture: Picture) -> FloatArray:
    """CIELAB (D65) of an sRGB picture: float32 (H, W, 3), L 0-100, a and b about -128 to 127."""
    lab: FloatArray = cv2.cvtColor(picture.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB).astype(np.float32, copy=False)
    return lab


def ciede2000(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """CIEDE2000 difference of Lab colours with kL = kC = kH = 1.

    Source: G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data, and
    mathematical observations", Color Research & Application 30 (1), 2005, equations 2-22.

    Args:
        first: Lab colours, (..., 3).
        second: Lab colours of a shape that broadcasts with ``first``.

    Returns:
        (...) differences; about 1 is just noticeable.
    """
    l1, a1, b1 = np.moveaxis(np.asarray(first, dtype=np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(second, dtype=np.float64), -1, 0)
    c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - np.sqrt(c7 / (c7 + _CHROMA_7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    grey = c1 * c2 == 0
    dh = np.where(grey, 0.0, (h2 - h1 + 180) % 360 - 180)
    # A difference of exactly 180 degrees counts as positive when h2 > h1 (equation 10).
    dh = np.where((dh == -180) & (h2 > h1), 180.0, dh)
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(dh) / 2)
    mean_h = _mean_hue(h1, h2, grey)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    theta = 30 * np.exp(-(((mean_h - 275) / 25) ** 2))
    r_t = -2 * np.sqrt(mean_c**7 / (mean_c**7 + _CHROMA_7)) * np.sin(np.radians(2 * theta))
    x, y, z = (l2 - l1) / s_l, (c2 - c1) / s_c, d_hue / s_h
    difference: NDArray[np.float64] = np.sqrt(np.maximum(x * x + y * y + z * z + r_t * y * z, 0.0))
    return difference


def _mean_hue(h1: NDArray[np.float64], h2: NDArray[np.float64], grey: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean hue in degrees as equation 14 defines it; the sum of both when one colour is grey."""
    total, far = h1 + h2, np.abs(h1 - h2) > 180
    mean = np.where(far, np.where(total < 360, total + 360, total - 360), total) / 2
    return np.where(grey, total, mean)
