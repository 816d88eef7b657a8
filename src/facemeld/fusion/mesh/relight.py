"""Puts the user's skin into the template's light, pixel by pixel in CIE Lab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from cv2.typing import MatLike

from facemeld.fusion.mesh.arrays import f32, smoothstep
from facemeld.fusion.types import FloatArray

Hue: TypeAlias = tuple[float, float]
Planes: TypeAlias = Sequence[MatLike]

_VIVID = 0.6  # how far colour may deviate from the shading's, as a share of how far L may
_DIM = 20.0  # L of shading below which a picture is too dark for ratios: black borders of shadows would turn into stains in brighter light
_DIMMEST = 0.3  # share of the light down to which differences of colour become as much smaller
_BROWN = 0.27  # a over b of the yellowest brown hair
_SMALL = 2.0  # L over which the slope is taken
_NEUTRAL = 3.0  # chroma below which a shading has no hue of its own
_PALE = (6.0, 20.0)  # chroma from which the mean hue of a shading is trusted


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """How a pixel changes its light.

    Attributes:
        own: float32 (H, W, 3), Lab of the user's shading.
        new: float32 (H, W, 3), Lab of the shading that it takes.
        limit: float32 (H, W): how far L may deviate from the shading at most, so that hard shadows do not pass for skin.
        gain: float32 (3,), factors for the contrast of the detail in L, a and b.
    """

    own: FloatArray
    new: FloatArray
    limit: FloatArray
    gain: FloatArray


def relight(lab: FloatArray, light: Light, hues: tuple[Hue, Hue] | None = None) -> tuple[FloatArray, FloatArray]:
    """Move every pixel from its own shading to the new one, keeping its detail.

    Lightness: near the shading detail is added; far darker pixels (hair, pupils) keep their ratio to the shading, so that black stays
    black; far brighter ones (eye whites, highlights) keep their ratio to white at most, so that nothing blows out. Colour: the part
    along the shading's hue is a ratio (a grey pixel stays grey), the part across it is added.

    Args:
        lab: float32 (H, W, 3), the user's pixels.
        light: Shading before and after.
        hues: Their hues where they are those of a larger picture; see ``both_hues``.

    Returns:
        float32 (H, W, 3), Lab; and float32 (H, W), how much stronger small differences in L become at each pixel.
    """
    light_own, *colour_own = cv2.split(light.own)
    light_new, *colour_new = cv2.split(light.new)
    value, *colour = cv2.split(lab)
    bright, slope = _lightness(f32(value) - f32(light_own), light.limit, f32(light_own), f32(light_new), float(light.gain[0]))
    hues = hues or both_hues(light.own, light.new)
    # In less light colours differ by as much less.
    dimmer = np.clip(f32(light_new) / np.maximum(f32(light_own), 1), _DIMMEST, 1)
    changed = _colour(colour, colour_own, colour_new, hues, light.gain[1:].mean() * dimmer, light.limit * _VIVID)
    return f32(cv2.merge([bright, *changed])), slope


def _lightness(difference: FloatArray, limit: FloatArray, own: FloatArray, new: FloatArray, gain: float) -> tuple[FloatArray, FloatArray]:
    """New L, and its slope over the old one, from L's difference to its own shading."""
    own, new = np.maximum(own, 1.0), np.clip(new, 1.0, 99.0)
    ratio = new / own
    root = np.sqrt(ratio)
    room = 100 - new
    floor = np.maximum(own, np.minimum(new, _DIM))
    # Below the shoulder the bright side is the sum; above, it bends towards white.
    slope, lift = np.clip(gain * root, 0.75, 1.35), gain * np.minimum(1.0, root + 0.25)

    def changed(step: FloatArray) -> FloatArray:
        held = step / np.sqrt(1 + np.square(step / limit))
        darker = -held / floor
        scaled = new * np.maximum(1 - darker, 0)
        # Never darker than in proportion: in a dark template the sum would be black, and darker pixels lighter again.
        added = np.maximum(new + slope * held, scaled)
        low = added + (scaled - added) * smoothstep(darker, 0.12, 0.5)
        high = new + room * (1 - np.exp(-lift * np.maximum(held, 0) / room))
        return np.asarray(np.clip(np.where(held < 0, low, high), 0, 100), np.float32)

    bright = changed(difference)
    return bright, (changed(difference + np.float32(_SMALL)) - bright) * np.float32(1 / _SMALL)


def _colour(
    pixel: Planes, own: Planes, new: Planes, hues: tuple[Hue, Hue], gain: FloatArray, limit: FloatArray
) -> tuple[FloatArray, FloatArray]:
    hue_own, hue_new = hues

    def split(planes: Planes, hue: Hue) -> tuple[FloatArray, FloatArray]:
        a, b = f32(planes[0]), f32(planes[1])
        return a * hue[0] + b * hue[1], b * hue[0] - a * hue[1]

    along, across = split(pixel, hue_own)
    own_along, own_across = split(own, hue_own)
    new_along, new_across = split(new, hue_new)
    stronger = along - own_along
    stronger /= np.sqrt(1 + np.square(stronger / limit))  # hard light makes stains of colour along its borders
    added = new_along + stronger * gain
    # Towards grey and beyond: what is grey on the user stays grey, whatever the difference between both skins.
    share = (along + _NEUTRAL) / (np.maximum(own_along, 0) + _NEUTRAL)
    scaled = np.maximum(share, 0) * (np.maximum(new_along, 0) + _NEUTRAL) - _NEUTRAL
    along = np.where(along < own_along, np.maximum(scaled, added), added)
    across = new_across + np.clip((across - own_across) * gain, -14, 14)
    a, b = along * hue_new[0] - across * hue_new[1], along * hue_new[1] + across * hue_new[0]
    # Turned with the skin's hue, brown hair would be green: no hue that neither hair, nor the user's pixel, nor the new skin has.
    least = np.minimum.reduce([_redness(pixel), _redness(new), np.full_like(a, _BROWN)])
    return np.maximum(a, least * np.maximum(b, 0)), b


def _redness(planes: Planes) -> FloatArray:
    """a over b of Lab colours, as far as they are yellow."""
    return f32(f32(planes[0]) / np.maximum(f32(planes[1]), 1))


def both_hues(own: FloatArray, new: FloatArray) -> tuple[Hue, Hue]:
    """Unit directions of two shadings' mean colours in the a-b plane, float32 (h, w, 3) each; the first is as sure as it is vivid.

    Where skin is pale, or its light and its shadow have different colours, the mean hue says little, and colours turned by its
    difference to the other one would be stains; so it takes after the other one.
    """
    (own_hue, chroma), (new_hue, _) = _hue(own), _hue(new)
    sure = float(smoothstep(chroma, *_PALE))
    a, b = (mine * sure + other * (1 - sure) for mine, other in zip(own_hue, new_hue, strict=True))
    size = float(np.hypot(a, b)) + 1e-6
    return (a / size, b / size), new_hue


def _hue(shading: FloatArray) -> tuple[Hue, float]:
    """Unit direction of a shading's mean colour in the a-b plane, that of skin where it has none; and its chroma."""
    _, mean_a, mean_b, _ = cv2.mean(shading)
    a, b = mean_a + 0.5, mean_b + 0.7
    size = float(np.hypot(a, b)) + 1e-6
    return ((a / size, b / size) if size > 1 else (0.6, 0.8)), size
