"""Joins a face and its ground band by band, so that each band of detail fades over its own width."""

from __future__ import annotations

import cv2

from facemeld.fusion.mesh.arrays import f32
from facemeld.fusion.types import FloatArray

_COARSEST = 14.0  # face width in pixels at which the pyramid ends


def multiband(difference: FloatArray, mask: FloatArray, width: float) -> FloatArray:
    """What to add to the ground so that it becomes the face inside a mask, with a Laplacian pyramid.

    Source: P. Burt, E. Adelson, "A multiresolution spline with application to image mosaics", ACM TOG 2(4), 1983. The blend is
    linear, so one pyramid of the difference of both pictures is enough. On large faces the two finest bands are one.

    Args:
        difference: float32 (H, W, 3), face minus ground.
        mask: float32 (H, W), 0-1: 1 where the face is wanted.
        width: The face's width in pixels; it decides how far the pyramid goes.

    Returns:
        float32 (H, W, 3).
    """
    bands: list[tuple[FloatArray, FloatArray]] = []
    factor = 4 if width > 160 else 2
    while width / factor >= _COARSEST and min(difference.shape[:2]) >= 4 * factor:
        size = (-(-difference.shape[1] // factor), -(-difference.shape[0] // factor))
        smaller = f32(cv2.GaussianBlur(cv2.resize(difference, size, interpolation=cv2.INTER_AREA), (0, 0), 0.8))
        bands.append((difference - _grow(smaller, difference.shape[:2]), mask))
        difference, mask = smaller, f32(cv2.GaussianBlur(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), (0, 0), 0.8))
        width, factor = width / factor, 2
    joined = f32(difference * mask[..., None])
    for band, weight in reversed(bands):
        joined = _grow(joined, band.shape[:2]) + band * weight[..., None]
    return joined


def _grow(small: FloatArray, size: tuple[int, ...]) -> FloatArray:
    return f32(cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_LINEAR))
