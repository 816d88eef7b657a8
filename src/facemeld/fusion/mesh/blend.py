"""Joins a face and its ground with Laplacian pyramids, so that each band of detail fades over its own width."""

from __future__ import annotations

import cv2
import numpy as np

from facemeld.fusion.types import FloatArray


def multiband(face: FloatArray, ground: FloatArray, mask: FloatArray, levels: int) -> FloatArray:
    """Blend two pictures band by band.

    Source: P. Burt, E. Adelson, "A multiresolution spline with application to image mosaics", ACM TOG 2(4), 1983. Because the
    blend is linear, one pyramid of the difference is enough.

    Args:
        face: float32 (H, W, 3), taken where the mask is 1.
        ground: float32 (H, W, 3), taken where it is 0.
        mask: float32 (H, W), 0-1.
        levels: Number of halvings, at least 0.

    Returns:
        float32 (H, W, 3), not clipped.
    """
    difference = face - ground
    bands, weights = [], []
    for _ in range(levels):
        if min(difference.shape[:2]) < 4:
            break
        smaller = cv2.pyrDown(difference)
        bands.append(difference - cv2.pyrUp(smaller, dstsize=difference.shape[1::-1]))
        weights.append(mask)
        difference, mask = np.asarray(smaller, np.float32), np.asarray(cv2.pyrDown(mask), np.float32)
    joined = difference * mask[..., None]
    for band, weight in zip(reversed(bands), reversed(weights), strict=True):
        joined = cv2.pyrUp(joined, dstsize=band.shape[1::-1]) + band * weight[..., None]
    return np.asarray(ground + joined, np.float32)
