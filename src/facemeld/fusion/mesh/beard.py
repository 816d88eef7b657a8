"""Tells beards from bare skin and from shadow, and a beard's hair from the skin beneath it."""

from __future__ import annotations

import cv2
import numpy as np

from facemeld.fusion.mesh.arrays import f32, smoothstep, thrice
from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.types import FloatArray

_HAIR = (6.0, 20.0)  # L that hair takes from the skin beneath it
_NO_SHADOW = (0.3, 0.42)  # L over that of the cheeks up to which it is darker than any shadow on an upper lip
_ON_CHIN, _ON_LIP = (0.25, 0.45), (0.55, 0.72)  # share of chin and upper lip that a full beard covers


def hair_on_lip(texture: FloatArray, visible: FloatArray, atlas: Atlas) -> float:
    """Whether there is hair above the lip, 0-1: it is darker than the cheeks, and not in the way of a shadow."""
    lip, cheek = (_mean(texture, part * visible) for part in (atlas.moustache, atlas.cheeks))
    colour, plain = float(np.hypot(lip[1], lip[2])), float(np.hypot(cheek[1], cheek[2]))
    # Skin in shadow keeps its colour in proportion to its light. Hair has less, or, when red, more than the skin itself.
    rich = (colour / (lip[0] + 1)) / (plain / (cheek[0] + 1) + 0.05)
    shadow = float(smoothstep(rich, 1.18, 1.35)) * (1 - float(smoothstep(colour / (plain + 1), 1.0, 1.15)))
    shadow *= float(smoothstep(lip[0] / (cheek[0] + 1), *_NO_SHADOW))
    seen = float(smoothstep(float((atlas.moustache * visible).sum() / atlas.moustache.sum()), 0.15, 0.4))
    return seen * float(smoothstep(cheek[0] - lip[0], 6.0, 14.0)) * (1 - shadow)


def hair_on_jaw(texture: FloatArray, shading: FloatArray, visible: FloatArray, atlas: Atlas) -> float:
    """Whether there is hair, or stubble, where beards grow, 0-1: it is dark on both halves."""
    zone = atlas.beard * atlas.skin * visible
    dark = smoothstep(shading[..., 0] - texture[..., 0], 5.0, 14.0)
    both = zone * zone[:, ::-1]
    if float(both.sum()) < 20.0:  # turned away: only one half tells
        return float(smoothstep(float((dark * zone).sum() / (zone.sum() + 1e-6)), 0.1, 0.25))
    return float(smoothstep(float((np.minimum(dark, dark[:, ::-1]) * both).sum() / both.sum()), 0.015, 0.06))


def beard_alpha(darker: FloatArray) -> FloatArray:
    """How much of a beard's hair there is where so much L is missing from the skin beneath: same shape, 0-1."""
    return smoothstep(darker, *_HAIR)


def covers_chin_and_lip(texture: FloatArray, clean: FloatArray, visible: FloatArray, atlas: Atlas) -> float:
    """Whether a beard covers chin and lip on both halves, 0-1."""
    hair = beard_alpha(clean[..., 0] - texture[..., 0]) * atlas.beard
    both, seen = np.minimum(hair, hair[:, ::-1]), np.minimum(visible, visible[:, ::-1]) > 0.3
    found = 1.0
    for zone, limits in ((atlas.chin, _ON_CHIN), (atlas.moustache, _ON_LIP)):
        chosen = np.flatnonzero((zone > 0.5) & seen)
        if chosen.size < 10:
            return 0.0
        found *= float(smoothstep(float(both.reshape(-1).take(chosen).mean()), *limits))
    return found


def _mean(texture: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted mean colour, (3,)."""
    return f32(np.array(cv2.mean(texture * thrice(weight))[:3]) / (float(weight.mean()) + 1e-9))
