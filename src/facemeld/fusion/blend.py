"""Join a face and its ground band by band, so that each band of detail fades over its own width."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.arrays import f32, thrice
from facemeld.fusion.shape.layout import Window, cell_means
from facemeld.fusion.skin.paint import Painting
from facemeld.fusion.types import FloatArray, Picture
from facemeld.parallel import each

_COARSEST = 14.0  # face width in pixels at which the pyramid ends


def join(
    base: Picture,
    face: Painting,
    masks: tuple[NDArray[np.uint8], NDArray[np.uint8] | None],
    allowed: FloatArray,
    grid: Window,
    width: float,
) -> Picture:
    """Blend a face into its ground with a Laplacian pyramid.

    Source: P. Burt, E. Adelson, "A multiresolution spline with application to image mosaics", ACM TOG 2(4), 1983. The blend is
    linear, so one pyramid of the difference between the pictures is enough. Its finest band is the detail that the grid cannot hold;
    it is blended in strips at full resolution, which need little memory and stay in the cache.

    Args:
        base: uint8 (H, W, 3) RGB, the ground.
        face: The face.
        masks: uint8 (H, W) each: 255 where the face is wanted; and 255 where the ground stays though the face surrounds it, or None if
                it stays nowhere.
        allowed: float32 (h, w) of the grid: 0 where the ground stays exact, 1 where the blend may change it freely.
        grid: The coarse grid; it starts at the picture's corner and covers it.
        width: The face's width in pixels; it sets the number of bands.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    mask, front = masks
    ground = cell_means(base, grid)
    thin = cell_means(mask, grid) * np.float32(1 / 255)
    coarse = multiband(face.relit - ground, thin, width / grid.step)
    if grid.step == 1:
        shown = allowed if front is None else allowed * (1 - f32(front) * np.float32(1 / 255))
        return np.asarray(cv2.add(base, coarse * thrice(f32(shown)), dtype=cv2.CV_8U), np.uint8)
    out = np.empty_like(base)

    def join_strip(part: tuple[Window, slice, slice]) -> None:
        strip, inner, rows = part
        change = f32(face.user[rows])
        change -= strip.up(face.own)[inner]
        if face.grey > 0:
            light = f32(cv2.cvtColor(change, cv2.COLOR_RGB2GRAY))
            change += (thrice(light) - change) * np.float32(face.grey)
        change *= thrice(strip.up(face.gain)[inner])
        change += strip.up(ground)[inner]
        change -= base[rows]
        change *= thrice(f32(mask[rows]) * np.float32(1 / 255))
        change += strip.up(coarse)[inner]
        shown = strip.up(allowed)[inner]
        if front is not None:
            shown = shown * (1 - f32(front[rows]) * np.float32(1 / 255))
        change *= thrice(shown)
        out[rows] = cv2.add(base[rows], change, dtype=cv2.CV_8U)

    each(join_strip, grid.strips(), grid.height * grid.width)
    return out


def multiband(difference: FloatArray, mask: FloatArray, width: float) -> FloatArray:
    """Work out what to add to the ground so that it becomes the face inside a mask.

    Args:
        difference: float32 (H, W, 3), face minus ground.
        mask: float32 (H, W), 0-1: 1 where the face is wanted.
        width: The face's width in pixels; it sets the number of bands.

    Returns:
        float32 (H, W, 3).
    """
    bands: list[tuple[FloatArray, FloatArray]] = []
    while width / 2 >= _COARSEST and min(difference.shape[:2]) >= 8:
        size = (-(-difference.shape[1] // 2), -(-difference.shape[0] // 2))
        smaller = f32(cv2.GaussianBlur(cv2.resize(difference, size, interpolation=cv2.INTER_AREA), (0, 0), 0.8))
        bands.append((difference - _grow(smaller, difference.shape[:2]), mask))
        difference, mask = smaller, f32(cv2.GaussianBlur(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), (0, 0), 0.8))
        width /= 2
    joined = f32(difference * thrice(mask))
    for band, weight in reversed(bands):
        joined = _grow(joined, band.shape[:2]) + band * thrice(weight)
    return joined


def _grow(small: FloatArray, size: tuple[int, ...]) -> FloatArray:
    return f32(cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_LINEAR))
