"""Tells where a picture is so smooth that linear interpolation reads it as well as any other."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.types import Picture

SQUARE = 32
"""Side in pixels of the squares that are told apart."""

# Linear interpolation is off by an eighth of the second difference at most, along each axis (the remainder of the first-order
# interpolation polynomial): by two grey levels, which is less than grain, where it comes to this.
_LEAST = 16
_SECOND = np.array([1, -2, 1], np.float32)
_SAME = np.array([1], np.float32)


def rough_squares(picture: Picture) -> NDArray[np.bool_]:
    """Squares of a picture that need a better kernel than the linear one.

    Args:
        picture: uint8 (h, w, 3) RGB.

    Returns:
        bool (h / SQUARE, w / SQUARE), rounded up.
    """
    height, width = picture.shape[:2]
    rough = np.empty((-(-height // SQUARE), -(-width // SQUARE)), np.bool_)
    for row in range(rough.shape[0]):
        top, bottom = row * SQUARE, min(height, (row + 1) * SQUARE)
        low, high = max(0, top - 1), min(height, bottom + 1)
        # A row more above and below, so that no difference across the border of two squares is missed.
        grey = cv2.cvtColor(np.ascontiguousarray(picture[low:high]), cv2.COLOR_RGB2GRAY)
        across = cv2.sepFilter2D(grey, cv2.CV_16S, _SECOND, _SAME)
        along = cv2.sepFilter2D(grey, cv2.CV_16S, _SAME, _SECOND)
        most = np.maximum(np.abs(across), np.abs(along)).max(axis=0)
        most = np.pad(most, (0, rough.shape[1] * SQUARE - width))
        rough[row] = most.reshape(-1, SQUARE).max(axis=1) > _LEAST
    return rough
