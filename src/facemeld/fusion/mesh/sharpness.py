"""Matches the fineness of a fused face to the template's, so that it neither floats nor smears."""

from __future__ import annotations

import cv2
import numpy as np

from facemeld.fusion.mesh.arrays import f32
from facemeld.fusion.types import FloatArray

_SHARPER, _SOFTER = 1.35, 0.8  # ratios of fine detail that are left as they are
_WIDEST = 2.0  # pixels: the strongest blur


def fineness(light: FloatArray, weight: FloatArray) -> float:
    """Mean strength of the finest detail: absolute deviation of L from its surroundings of a pixel.

    Args:
        light: float32 (H, W), L of Lab, 0-100.
        weight: float32 (H, W), where to look.
    """
    total = float(weight.sum())
    if total < 1.0:
        return 0.0
    detail = np.abs(light - f32(cv2.GaussianBlur(light, (0, 0), 1.0)))
    # Strong edges, of glasses or of an occluder, are not what fineness is about.
    return float((np.minimum(detail, 8.0) * weight).sum()) / total


def match_fineness(lab: FloatArray, weight: FloatArray, wanted: float) -> None:
    """Soften or sharpen a face until its finest detail is about as strong as the template's; changes L in place.

    Args:
        lab: float32 (H, W, 3), the relit face.
        weight: float32 (H, W), where it will be seen.
        wanted: The template's fineness.
    """
    light = np.ascontiguousarray(lab[..., 0])
    found = fineness(light, weight)
    if found <= 1e-3 or wanted <= 1e-3:
        return
    ratio = wanted / found
    if ratio < 1 / _SHARPER:
        low, high = 0.2, _WIDEST
        for _ in range(5):
            middle = (low + high) / 2
            softer = f32(cv2.GaussianBlur(light, (0, 0), middle))
            low, high = (middle, high) if fineness(softer, weight) > wanted * 1.15 else (low, middle)
        lab[..., 0] = cv2.GaussianBlur(light, (0, 0), high)
    elif ratio > 1 / _SOFTER:
        amount = min(1.2, (ratio * 0.9 - 1) * 1.1)
        detail = light - f32(cv2.GaussianBlur(light, (0, 0), 1.2))
        # Small differences are lifted, edges are not, so that no halo grows around eyes and lips.
        lab[..., 0] = np.clip(light + amount * detail / (1 + np.abs(detail) / 6), 0, 100)
