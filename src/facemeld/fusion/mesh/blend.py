"""Joins a face and its ground band by band, so that each band of detail fades over its own width."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import f32
from facemeld.fusion.mesh.layout import Window
from facemeld.fusion.types import FloatArray, Picture

_COARSEST = 14.0  # face width in pixels at which the pyramid ends


def join(base: Picture, face: Picture, mask: NDArray[np.uint8], allowed: NDArray[np.uint8], mix: float, width: float) -> Picture:
    """Blend a face into its ground with a Laplacian pyramid.

    Source: P. Burt, E. Adelson, "A multiresolution spline with application to image mosaics", ACM TOG 2(4), 1983. The blend is
    linear, so one pyramid of the difference of both pictures is enough. On large faces the two finest bands are one. Full
    resolution is worked on in strips, so that a huge face needs little memory.

    Args:
        base: uint8 (H, W, 3), the ground.
        face: uint8 (H, W, 3), the face.
        mask: uint8 (H, W): 255 where the face is wanted.
        allowed: uint8 (H, W): 0 where the ground stays exact, 255 where the blend may change it freely.
        mix: Share of the ground that stays everywhere, 0-1.
        width: The face's width in pixels; it decides how far the pyramid goes.

    Returns:
        uint8 (H, W, 3).
    """
    height, across = mask.shape
    factor = 4 if width > 160 else 2
    if width / factor < _COARSEST or min(mask.shape) < 4 * factor:
        factor = 1
    size = (-(-across // factor), -(-height // factor))
    difference = np.empty((size[1] * factor, size[0] * factor, 3), np.int16)
    difference[:height, :across] = cv2.subtract(face, base, dtype=cv2.CV_16S)
    difference[:height, across:] = difference[:height, across - 1 : across]
    difference[height:] = difference[height - 1 : height]
    weight = np.pad(mask, ((0, size[1] * factor - height), (0, size[0] * factor - across)), mode="edge")
    small, thin = (f32(cv2.resize(field, size, interpolation=cv2.INTER_AREA)) for field in (difference, weight))
    thin *= np.float32(1 / 255)
    if factor > 1:
        small, thin = f32(cv2.GaussianBlur(small, (0, 0), 0.8)), f32(cv2.GaussianBlur(thin, (0, 0), 0.8))
    coarse = np.concatenate([multiband(small, thin, width / factor), small], axis=2)
    out = np.empty_like(base)
    whole = Window(factor, 0, 0, size[0], size[1], across, height)
    for strip, inner, rows in whole.strips():
        grown = strip.up(coarse)[inner]
        change = difference[rows, :across] - grown[..., 3:]
        change *= f32(mask[rows])[..., None] * np.float32(1 / 255)
        change += grown[..., :3]
        change *= f32(allowed[rows])[..., None] * np.float32((1 - mix) / 255)
        out[rows] = cv2.add(base[rows], change, dtype=cv2.CV_8U)
    return out


def multiband(difference: FloatArray, mask: FloatArray, width: float) -> FloatArray:
    """What to add to the ground so that it becomes the face inside a mask.

    Args:
        difference: float32 (H, W, 3), face minus ground.
        mask: float32 (H, W), 0-1: 1 where the face is wanted.
        width: The face's width in pixels; it decides how far the pyramid goes.

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
    joined = f32(difference * mask[..., None])
    for band, weight in reversed(bands):
        joined = _grow(joined, band.shape[:2]) + band * weight[..., None]
    return joined


def _grow(small: FloatArray, size: tuple[int, ...]) -> FloatArray:
    return f32(cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_LINEAR))
