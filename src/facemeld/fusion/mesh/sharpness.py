"""Matches the fineness of a fused face to the template's, so that it neither floats nor smears."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import f32, thrice
from facemeld.fusion.types import FloatArray, Picture
from facemeld.parallel import each

_SHARPER, _SOFTER = 1.35, 0.8  # ratios of fine detail that are left as they are
_WIDEST = 2.0  # pixels: the strongest blur
_LOOK = 320  # pixels: side of the part in the middle by which a large face is judged
_STRIP, _MARGIN = 128, 8  # rows worked on at once, and more rows on either side than the widest blur reaches


def lightness(picture: Picture) -> FloatArray:
    """Luma of Rec. 601 on the scale of L, float32 (H, W), 0-100: near enough to L for fine detail, and cheap."""
    return f32(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)) * np.float32(100 / 255)


def fineness(light: FloatArray, weight: NDArray[np.number]) -> float:
    """Mean strength of the finest detail: absolute deviation of lightness from its surroundings of a pixel.

    Args:
        light: float32 (H, W), 0-100.
        weight: (H, W), where to look.
    """
    total = float(weight.sum())
    if total < 1.0:
        return 0.0
    detail = cv2.absdiff(light, cv2.GaussianBlur(light, (0, 0), 1.0))
    # Strong edges, of glasses or of an occluder, are not what fineness is about.
    return float((np.minimum(detail, np.float32(8.0)) * weight).sum()) / total


def match_fineness(face: Picture, weight: NDArray[np.uint8], wanted: float) -> Picture:
    """Soften or sharpen a face until its finest detail is about as strong as the template's.

    Args:
        face: uint8 (H, W, 3), the face.
        weight: uint8 (H, W), where it will be seen.
        wanted: The fineness to reach.

    Returns:
        uint8 (H, W, 3).
    """
    middle = tuple(slice(max(0, (side - _LOOK) // 2), max(0, (side - _LOOK) // 2) + _LOOK) for side in weight.shape)
    light, look = lightness(face[middle]), np.ascontiguousarray(weight[middle])
    found = fineness(light, look)
    if found <= 1e-3 or wanted <= 1e-3:
        return face
    ratio = wanted / found
    if ratio < 1 / _SHARPER:
        low, softer = 0.2, _WIDEST
        for _ in range(4):
            trial = (low + softer) / 2
            low, softer = (trial, softer) if fineness(_blurred(light, trial), look) > wanted * 1.15 else (low, trial)
        return _filtered(face, softer, 0.0)
    if ratio > 1 / _SOFTER:
        return _filtered(face, 0.0, min(1.2, (ratio * 0.9 - 1) * 1.1))
    return face


def _filtered(face: Picture, softer: float, sharper: float) -> Picture:
    """The face blurred by some pixels, or its fine detail lifted by a share, in lightness alone."""
    out = np.empty_like(face)

    def filter_strip(first: int) -> None:
        low_row = max(0, first - _MARGIN)
        strip = face[low_row : first + _STRIP + _MARGIN]
        change = _change(lightness(strip), softer, sharper) * np.float32(2.55)
        inner = np.s_[first - low_row : first - low_row + _STRIP]
        out[first : first + _STRIP] = cv2.add(strip[inner], thrice(change[inner]), dtype=cv2.CV_8U)

    each(filter_strip, range(0, len(face), _STRIP), face.shape[0] * face.shape[1])
    return out


def _change(light: FloatArray, softer: float, sharper: float) -> FloatArray:
    """What to add to the lightness."""
    if softer > 0:
        return _blurred(light, softer) - light
    detail = light - _blurred(light, 1.2)
    # Small differences are lifted, edges are not, so that no halo grows around eyes and lips.
    return f32(sharper * detail / (1 + np.abs(detail) / 6))


def _blurred(light: FloatArray, reach: float) -> FloatArray:
    return f32(cv2.GaussianBlur(light, (0, 0), reach))
