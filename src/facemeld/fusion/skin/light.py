"""The light on a face: fit what bare, even skin would look like in it, and put skin into another light, in CIE Lab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from facemeld.fusion.arrays import f32, median, percentile, smoothstep, thrice
from facemeld.fusion.shape.atlas import GRID
from facemeld.fusion.types import FloatArray

# The light that falls on a face.
ROUNDS = 6
"""Rounds of reweighting that a fit needs without a guess."""

SPREAD = (2.5, 6.0)
"""Range, in Lab units, of the deviation of bare skin from its shading."""

_WIDE = 1.9  # cells: smallest reach of an average on a coarser grid
_COARSER = 4  # cells per side of each sample that the shading is fitted to
_COARSE = 0.14  # reach of the residual's smoothing, in face widths
_DAMPING = np.diag([0.0, 1, 1, 1, 2, 2, 2, 2, 2]) * 1e-2
_LENGTH = np.array([[1.0, 1.5, 1.5]], np.float32)  # colour counts a little more than lightness in a Lab difference

# Another light.
Hue: TypeAlias = tuple[float, float]
Planes: TypeAlias = Sequence[MatLike]
_VIVID = 0.6  # largest deviation of the colour from the shading's, as a share of that of L
_DIM = 20.0  # L of shading below which ratios fail: black borders of shadows would turn into stains in brighter light
_DIMMEST = 0.3  # share of the light down to which differences of colour shrink along
_BROWN = 0.27  # a over b of the yellowest brown hair
_SMALL = 2.0  # difference in L over which the slope is taken
_NEUTRAL = 3.0  # chroma below which a shading has no hue of its own
_PALE = (6.0, 20.0)  # chroma from which the mean hue of a shading is trusted


def shade(
    texture: FloatArray, basis: FloatArray, prior: FloatArray, rounds: int, guess: NDArray[np.float64] | None = None
) -> tuple[FloatArray, float, NDArray[np.float64]]:
    """Fit the smooth shading of the skin by iteratively reweighted least squares.

    Args:
        texture: float32 (GRID, GRID, 3), the picture's Lab colours.
        basis: float32 (9, GRID, GRID), see ``harmonics``.
        prior: float32 (GRID, GRID), 0-1: how likely a cell shows bare skin.
        rounds: Rounds of reweighting.
        guess: (9, 3), coefficients to start from.

    Returns:
        The shading, float32 (GRID, GRID, 3) Lab; the robust spread of the rest; and the coefficients of the harmonics, (9, 3).
    """
    size = (GRID // _COARSER, GRID // _COARSER)
    colours = f32(cv2.resize(texture, size, interpolation=cv2.INTER_AREA)).reshape(-1, 3)
    weights = f32(cv2.resize(prior, size, interpolation=cv2.INTER_AREA)).reshape(-1)
    chosen = np.flatnonzero(weights > 0.05)
    if len(chosen) < 20:
        chosen, weights = np.arange(len(weights)), np.maximum(weights, np.float32(0.05))
    coarse = basis[:, _COARSER // 2 :: _COARSER, _COARSER // 2 :: _COARSER].reshape(len(basis), -1)
    b = coarse.take(chosen, axis=1).astype(np.float64)
    c = colours.T.take(chosen, axis=1).astype(np.float64)
    w0 = weights.take(chosen).astype(np.float64)
    w = w0 if guess is None else w0 * _doubt(c - guess.T @ b)[0]
    for _ in range(rounds):
        weighted = b * w
        coefficients = np.linalg.solve(weighted @ b.T + w0.sum() * _DAMPING, weighted @ c.T)
        trusted, scale = _doubt(c - coefficients.T @ b)
        w = w0 * trusted
    fitted = (coefficients.T.astype(np.float32) @ basis.reshape(len(basis), -1)).reshape(-1, GRID, GRID)
    # Where the picture shows nothing the harmonics only guess; limit the guess to the range of what was seen.
    ranges = [(percentile(colour, 3) - 2, percentile(colour, 97) + 2) for colour in c]
    even = f32(cv2.merge([np.clip(plane, *limits) for plane, limits in zip(fitted, ranges, strict=True)]))
    gap = texture - even
    trust = prior / (1 + squared(gap) * np.float32(1 / (1.5 * scale) ** 2))
    even += smooth(gap, trust, _COARSE)
    np.clip(even[..., 0], 3, 97, out=even[..., 0])
    return even, scale, coefficients


def _doubt(gap: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Weights (N,) of residuals (3, N) by Cauchy's rule, and the robust standard deviation of the residuals."""
    light, a, b = gap * gap
    distance = light * _LENGTH[0, 0] + a * _LENGTH[0, 1] + b * _LENGTH[0, 2]
    scale = min(max(1.4826 * median(distance) ** 0.5, SPREAD[0]), SPREAD[1])
    return 1 / (1 + distance / (1.5 * scale) ** 2), scale


def smooth(field: FloatArray, weight: FloatArray, reach: float, keep: float = 0.02) -> FloatArray:
    """Average over the atlas with Gaussian weights; the average fades to 0 where there is little weight."""
    spread, factor = reach * GRID, 1
    while spread / (2 * factor) >= _WIDE:  # a wide average needs no fine grid
        factor *= 2
    sums, total = f32(field * thrice(weight)), weight
    if factor > 1:
        size = (GRID // factor, GRID // factor)
        sums, total = (f32(cv2.resize(part, size, interpolation=cv2.INTER_AREA)) for part in (sums, total))
    sums, total = (f32(cv2.GaussianBlur(part, (0, 0), spread / factor)) for part in (sums, total))
    mean = sums / thrice(total + np.float32(keep))
    return mean if factor == 1 else f32(cv2.resize(mean, (GRID, GRID), interpolation=cv2.INTER_LINEAR))


def harmonics(normals: Sequence[FloatArray]) -> FloatArray:
    """Spherical harmonics up to degree 2 of normals x, y and z, (h, w) each, without constant factors: float32 (9, h, w).

    Nine harmonics carry 99 % of a matt surface's shading: R. Ramamoorthi, P. Hanrahan, "An efficient representation for irradiance
    environment maps", SIGGRAPH 2001.
    """
    x, y, z = normals
    length = np.sqrt(x * x + y * y + z * z) + np.float32(1e-6)
    x, y, z = x / length, y / length, z / length
    return f32(np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1]))


def squared(gap: FloatArray) -> FloatArray:
    """Squared length of Lab differences: float32 (GRID, GRID)."""
    return f32(cv2.transform(cv2.multiply(gap, gap), _LENGTH))


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """How each pixel changes its light.

    Attributes:
        own: float32 (H, W, 3), Lab of the user's shading.
        new: float32 (H, W, 3), Lab of the shading to take on.
        limit: float32 (H, W): largest deviation of L from the shading, so that hard shadows do not pass for skin.
        gain: float32 (3,), factors for the contrast of the detail in L, a and b.
    """

    own: FloatArray
    new: FloatArray
    limit: FloatArray
    gain: FloatArray


def relight(lab: FloatArray, light: Light, hues: tuple[Hue, Hue] | None = None) -> tuple[FloatArray, FloatArray]:
    """Move every pixel from its own shading to the new one, keeping its detail.

    Lightness: near the shading, detail is added. Much darker pixels (hair, pupils) keep their ratio to the shading, so that black
    stays black; much brighter pixels (eye whites, highlights) keep at most their ratio to white, so that nothing blows out. Colour:
    the part along the shading's hue is a ratio (a grey pixel stays grey), the part across it is added.

    Args:
        lab: float32 (H, W, 3), the user's pixels.
        light: Shading before and after.
        hues: Hues of both shadings if these are parts of a larger picture; see ``both_hues``.

    Returns:
        float32 (H, W, 3), Lab; and float32 (H, W), the factor by which small differences in L grow at each pixel.
    """
    light_own, *colour_own = cv2.split(light.own)
    light_new, *colour_new = cv2.split(light.new)
    value, *colour = cv2.split(lab)
    bright, slope = _lightness(f32(value) - f32(light_own), light.limit, f32(light_own), f32(light_new), float(light.gain[0]))
    hues = hues or both_hues(light.own, light.new)
    # In less light, differences of colour shrink in proportion.
    dimmer = np.clip(f32(light_new) / np.maximum(f32(light_own), 1), _DIMMEST, 1)
    changed = _colour(colour, colour_own, colour_new, hues, light.gain[1:].mean() * dimmer, light.limit * _VIVID)
    return f32(cv2.merge([bright, *changed])), slope


def _lightness(difference: FloatArray, limit: FloatArray, own: FloatArray, new: FloatArray, gain: float) -> tuple[FloatArray, FloatArray]:
    """New L, and its slope over the old L, from the difference of L to its own shading."""
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
        # Never darker than in proportion: in a dark template the sum would be black, and darker pixels would get lighter again.
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
    # Towards grey and beyond: a grey pixel of the user stays grey, whatever the difference between the skins.
    share = (along + _NEUTRAL) / (np.maximum(own_along, 0) + _NEUTRAL)
    scaled = np.maximum(share, 0) * (np.maximum(new_along, 0) + _NEUTRAL) - _NEUTRAL
    along = np.where(along < own_along, np.maximum(scaled, added), added)
    across = new_across + np.clip((across - own_across) * gain, -14, 14)
    a, b = along * hue_new[0] - across * hue_new[1], along * hue_new[1] + across * hue_new[0]
    # Turning with the skin's hue would make brown hair green, so allow only hues that hair, the user's pixel or the new skin has.
    least = np.minimum.reduce([_redness(pixel), _redness(new), np.full_like(a, _BROWN)])
    return np.maximum(a, least * np.maximum(b, 0)), b


def _redness(planes: Planes) -> FloatArray:
    """Ratio of a to b of Lab colours, as far as they are yellow."""
    return f32(f32(planes[0]) / np.maximum(f32(planes[1]), 1))


def both_hues(own: FloatArray, new: FloatArray) -> tuple[Hue, Hue]:
    """Unit directions in the a-b plane of the mean colours of two shadings, float32 (h, w, 3) each.

    The mean hue says little if skin is pale, or if its light and shadow have different colours; turning colours by its difference to
    the other hue would leave stains. The first hue therefore approaches the second, the more the less vivid it is.
    """
    (own_hue, chroma), (new_hue, _) = _hue(own), _hue(new)
    sure = float(smoothstep(chroma, *_PALE))
    a, b = (mine * sure + other * (1 - sure) for mine, other in zip(own_hue, new_hue, strict=True))
    size = float(np.hypot(a, b)) + 1e-6
    return (a / size, b / size), new_hue


def _hue(shading: FloatArray) -> tuple[Hue, float]:
    """Unit direction in the a-b plane of a shading's mean colour, or of skin if it has none; and its chroma."""
    _, mean_a, mean_b, _ = cv2.mean(shading)
    a, b = mean_a + 0.5, mean_b + 0.7
    size = float(np.hypot(a, b)) + 1e-6
    return ((a / size, b / size) if size > 1 else (0.6, 0.8)), size
