"""Fits the light on a face: what bare, even skin would look like, on the atlas and in CIE Lab."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import f32, median, percentile, thrice
from facemeld.fusion.mesh.atlas import GRID
from facemeld.fusion.types import FloatArray

ROUNDS = 6
"""Of reweighting, that a fit needs without a guess."""

SPREAD = (2.5, 6.0)
"""Lab units that bare skin may deviate from its shading."""

_WIDE = 1.9  # cells: the least reach of an average on a grid that is coarser than need be
_COARSER = 4  # cells a side in one of the samples that the shading is fitted to
_COARSE = 0.14  # reach of the residual's smoothing, in face widths
_DAMPING = np.diag([0.0, 1, 1, 1, 2, 2, 2, 2, 2]) * 1e-2
_LENGTH = np.array([[1.0, 1.5, 1.5]], np.float32)  # in a Lab difference colour counts a little more than lightness


def shade(
    texture: FloatArray, basis: FloatArray, prior: FloatArray, rounds: int, guess: NDArray[np.float64] | None = None
) -> tuple[FloatArray, float, NDArray[np.float64]]:
    """Smooth shading of the skin, the robust spread of what is left, and the coefficients of the harmonics, (9, 3).

    Fitted by iteratively reweighted least squares, from a guess where there is one.
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
    # Where the picture shows nothing the harmonics only guess: keep the guess within what was seen.
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
    """Weighted Gaussian average over the atlas that fades to 0 where there is little weight."""
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
    """Spherical harmonics up to degree 2 of x, y and z of normals, each (h, w), without their constant factors: float32 (9, h, w).

    Nine of them carry 99 % of a matt surface's shading: R. Ramamoorthi, P. Hanrahan, "An efficient representation for irradiance
    environment maps", SIGGRAPH 2001.
    """
    x, y, z = normals
    length = np.sqrt(x * x + y * y + z * z) + np.float32(1e-6)
    x, y, z = x / length, y / length, z / length
    return f32(np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1]))


def squared(gap: FloatArray) -> FloatArray:
    """Squared length of Lab differences: float32 (GRID, GRID)."""
    return f32(cv2.transform(cv2.multiply(gap, gap), _LENGTH))
