"""Smooths skin and brings out detail, both from the lightness and colours around each pixel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.retouch.areas import weighted
from facemeld.fusion.types import FloatArray, Picture

_FINE = 190.0  # face width, in pixels, at which the smoothing filter is worked out
_REACH = 0.024  # its radius in face widths
_EDGE = 11.0  # contrast, of 255, from which the filter takes something for an edge
_CORE = (0.6, 3.0)  # detail below is noise, above is form; of 255
_LIMIT = 16.0  # how much detail one pixel may gain


def smoothing(patch: Picture, width: float) -> FloatArray:
    """What full smoothing adds to a patch: spots and pores go, edges stay.

    A guided filter with the picture's lightness as its guide (K. He, J. Sun, X. Tang, "Guided image filtering", ECCV 2010), its
    coefficients worked out on a smaller picture (K. He, J. Sun, "Fast guided filter", 2015).

    Args:
        patch: uint8 (h, w, 3) RGB.
        width: Width of the face in pixels; it decides the filter's reach.

    Returns:
        float32 (h, w, 3), in levels of 255.
    """
    height, across = patch.shape[:2]
    factor = min(1.0, _FINE / width)
    size = max(1, round(across * factor)), max(1, round(height * factor))
    small = patch if factor == 1.0 else np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
    reach = 2 * max(1, round(_REACH * width * factor)) + 1
    guide = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
    colour = small.astype(np.float32)

    def mean(field: NDArray[np.floating]) -> FloatArray:
        return np.asarray(cv2.blur(field, (reach, reach), borderType=cv2.BORDER_REPLICATE), np.float32)

    centre, middle = mean(guide), mean(colour)
    variance = mean(guide * guide) - centre * centre
    steep = weighted(mean(weighted(colour, guide)) - weighted(middle, centre), np.float32(1) / (variance + np.float32(_EDGE**2)))
    slope, offset = mean(steep), mean(middle - weighted(steep, centre))
    if factor < 1.0:
        slope = np.asarray(cv2.resize(slope, (across, height), interpolation=cv2.INTER_LINEAR), np.float32)
        offset = np.asarray(cv2.resize(offset, (across, height), interpolation=cv2.INTER_LINEAR), np.float32)
    light = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), np.float32)
    filtered = cv2.add(weighted(slope, light), offset)
    return np.asarray(cv2.subtract(filtered, patch, dtype=cv2.CV_32F), np.float32)


def detail(patch: Picture, width: float) -> FloatArray:
    """What full enhancement adds to a patch's lightness: fine and middle detail without noise and without halos.

    Args:
        patch: uint8 (h, w, 3) RGB.
        width: Width of the face in pixels; it decides what is fine.

    Returns:
        float32 (h, w), in levels of 255.
    """
    light = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), np.float32)
    fine = max(0.8, width / 340)
    near = np.asarray(cv2.GaussianBlur(light, (0, 0), fine), np.float32)
    far = np.asarray(cv2.GaussianBlur(near, (0, 0), 2.2 * fine), np.float32)
    # Fine detail counts in full, middle detail by a third: light - near + (near - far) / 3.
    found = cv2.addWeighted(light, 1.3, near, -0.9667, 0.0)
    found = np.asarray(cv2.addWeighted(found, 1.0, far, -0.3333, 0.0), np.float32)
    size = np.abs(found)
    # Coring (noise adds nothing) and a soft limit (strong edges add no halo), as one factor.
    size = np.clip((size - _CORE[0]) / (_CORE[1] - _CORE[0]), 0, 1) / (1 + size / _LIMIT)
    return np.asarray(found * size, np.float32)
