"""Splits a face into the light that falls on it and the skin beneath, on the atlas and in CIE Lab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import Places, f32, median, percentile, read, smoothstep, thrice, vector
from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.mesh.beard import covers_chin_and_lip, hair_on_jaw, hair_on_lip
from facemeld.fusion.mesh.glasses import opaque_lenses
from facemeld.fusion.mesh.validity import covered_by_others, wears_glasses
from facemeld.fusion.mesh.warp import rasterise, vertex_normals
from facemeld.fusion.types import FloatArray, Picture

_WIDE = 1.9  # cells: the least reach of an average on a grid that is coarser than need be
_ROUNDS = 6
_TURNED = 0.02  # share of the vertices that face away up to which a face hides nothing of itself
_COARSER = 4  # cells a side in one of the samples that the shading is fitted to
_DARK = (2.0, 7.0)  # L below which a picture tells nothing about the skin
_SHAVED = 5.0  # cells over which the shading beneath a beard and the other one meet
_RELIEF = 0.03  # reach of folds and small shadows, in face widths
_COARSE = 0.14  # reach of the residual's smoothing, in face widths
_SPREAD = (2.5, 6.0)  # Lab units that bare skin may deviate from its shading
_DAMPING = np.diag([0.0, 1, 1, 1, 2, 2, 2, 2, 2]) * 1e-2
_LENGTH = np.array([[1.0, 1.5, 1.5]], np.float32)  # in a Lab difference colour counts a little more than lightness
_SHADOWS = (0.07, 5.0, 13.0), (0.035, 6.0, 15.0)  # reach; difference in L from which a deviation is light and not skin


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """A face on the atlas.

    Attributes:
        texture: float32 (GRID, GRID, 3), the picture's Lab colours.
        visible: float32 (GRID, GRID), 0-1: how well the picture shows a cell.
        shading: float32 (GRID, GRID, 3), Lab: what bare, even skin would look like there.
        hidden: float32 (GRID, GRID), 0-1: something else lies in front of the skin.
        oddness: float32 (GRID, GRID): distance of the texture from the shading, in robust standard deviations of the skin.
        glasses: Whether the face wears glasses, 0-1.
        opaque: Whether their lenses are too dark to see the eyes, 0-1.
        beard: Whether the face has a beard, a moustache or stubble, 0-1.
        full: Whether it is full, so that the shading is that of the skin beneath it, 0-1.
        relief: float32 (GRID, GRID, 3), Lab: the middle band of the detail: folds and small shadows.
        spread: Robust standard deviation of the skin's detail, Lab units.
        contrast: float32 (3,), standard deviation of the skin's detail in L, a and b.
    """

    texture: FloatArray
    visible: FloatArray
    shading: FloatArray
    hidden: FloatArray
    oddness: FloatArray
    glasses: float
    opaque: float
    beard: float
    full: float
    relief: FloatArray
    spread: float
    contrast: FloatArray


def lab_of(picture: NDArray[np.uint8] | FloatArray) -> FloatArray:
    """CIE Lab (D65; L 0-100) of an RGB picture, uint8 or float32 in 0-1: float32 (H, W, 3)."""
    pixels = picture.astype(np.float32) / np.float32(255) if picture.dtype == np.uint8 else picture
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB), np.float32)


def read_skin(picture: Picture, mesh: FloatArray, atlas: Atlas) -> Skin:
    """Unroll a face and split it into shading and detail.

    Args:
        picture: uint8 (H, W, 3) RGB.
        mesh: float32 (468, 3), pixels of that picture.
        atlas: The canonical atlas.
    """
    patch, points = _patch(picture, mesh)
    texture, visible, normals = _unroll(lab_of(patch), points, atlas)
    basis = _harmonics(normals)
    prior = np.asarray(atlas.skin * visible, np.float32)
    plain, _, guess = _shade(texture, basis, prior, _ROUNDS)
    unseen = (visible < 0.2) & atlas.covered
    visible = f32(visible * smoothstep(plain[..., 0], *_DARK))
    oddness = _oddness(texture, plain, prior)
    glasses = wears_glasses(oddness, visible, atlas)
    hidden = covered_by_others(oddness, texture, plain, visible, unseen, atlas)
    bare = f32(atlas.skin * visible * (1 - hidden) * (1 - glasses * atlas.band * (oddness > 2)))
    plain, spread, _ = _shade(texture, basis, bare, _ROUNDS // 2, guess)
    opaque = glasses * opaque_lenses(texture, plain, atlas) if glasses else 0.0
    hair, beard, full = hair_on_lip(texture, visible, atlas), 0.0, 0.0
    if hair > 0:
        clean, _, _ = _shade(texture, basis, f32(bare * (1 - atlas.beard)), _ROUNDS)
        full = hair * covers_chin_and_lip(texture, clean, visible, atlas)
        beard = max(full, hair * hair_on_jaw(texture, plain, visible, atlas))
        shaved = np.float32(full) * f32(cv2.GaussianBlur(atlas.beard, (0, 0), _SHAVED))
        plain, bare = f32(plain + (clean - plain) * thrice(shaved)), f32(bare * (1 - full * atlas.beard))
    # Dark lenses are no shadow of the skin's, which another light would lift.
    known = np.maximum(bare, np.float32(0.3) * atlas.features * visible) * atlas.steady * (1 - np.float32(opaque) * atlas.band)
    shaven = 1 - np.float32(beard) * atlas.beard
    shading = _shadows(texture, plain, known, shaven)
    oddness = _oddness(texture, shading, bare)
    gap = texture - shading
    relief = _smooth(gap, known, _RELIEF, 0.1) * thrice(shaven)
    contrast = _contrast(gap, bare * (oddness < 2.5))
    return Skin(texture, visible, shading, hidden, oddness * atlas.covered, glasses, opaque, beard, full, relief, spread, contrast)


def _contrast(gap: FloatArray, weight: FloatArray) -> FloatArray:
    """Standard deviation of what is finer than folds, weighted: (3,)."""
    local = gap - _smooth(gap, weight, _RELIEF)
    return f32(np.sqrt(f32(cv2.mean(local * local * thrice(weight))[:3]) / (float(weight.mean()) + 1e-9)))


def _patch(picture: Picture, mesh: FloatArray) -> tuple[NDArray[np.uint8], FloatArray]:
    """The face cut out and shrunk (with smoothing) until it is about as wide as the atlas."""
    height, width = picture.shape[:2]
    low = np.floor(mesh[:, :2].min(axis=0)).astype(int) - 4
    high = np.ceil(mesh[:, :2].max(axis=0)).astype(int) + 5
    x0, y0 = (int(v) for v in np.clip(low, 0, [width - 1, height - 1]))
    x1, y1 = (int(v) for v in np.clip(high, [x0 + 1, y0 + 1], [max(width, x0 + 1), max(height, y0 + 1)]))
    patch = picture[y0:y1, x0:x1]
    points = mesh - vector(x0, y0, 0)
    factor = max(x1 - x0, y1 - y0) / (1.25 * GRID)
    if factor > 1:
        size = (max(1, round((x1 - x0) / factor)), max(1, round((y1 - y0) / factor)))
        scale = vector(size[0] / (x1 - x0), size[1] / (y1 - y0))
        patch = np.asarray(cv2.resize(np.ascontiguousarray(patch), size, interpolation=cv2.INTER_AREA), np.uint8)
        points = np.concatenate([(points[:, :2] + 0.5) * scale - 0.5, points[:, 2:] * scale.mean()], axis=1)
    return np.ascontiguousarray(patch), points.astype(np.float32)


def _unroll(lab: FloatArray, points: FloatArray, atlas: Atlas) -> tuple[FloatArray, FloatArray, list[FloatArray]]:
    """Texture on the atlas, how well each cell is seen, and x, y and z of its normals (not of unit length)."""
    outwards = vertex_normals(points, atlas.mesh.triangles)
    x, y, *normals = atlas.raster.planes(np.concatenate([points[:, :2], outwards], axis=1))
    texture = f32(read(lab, (x, y)))
    height, width = lab.shape[:2]
    inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    visible = np.clip((-normals[2] - np.float32(0.12)) / np.float32(0.25), 0, 1)
    if float((outwards[:, 2] > 0).mean()) > _TURNED:
        visible *= 1 - _behind(points, (x, y), (height, width), atlas)
    visible *= inside & atlas.covered
    return texture, f32(cv2.GaussianBlur(visible, (0, 0), 1.0) * atlas.covered), normals


def _behind(points: FloatArray, places: Places, size: tuple[int, int], atlas: Atlas) -> FloatArray:
    """Where a face hides itself, 0-1 on the atlas: at half the size, for what is smaller hides nothing that matters."""
    half = rasterise((points[:, :2] + 0.5) / 2 - 0.5, points[:, 2], atlas.mesh.triangles, (-(-size[0] // 2), -(-size[1] // 2)))
    x, y = ((axis + np.float32(0.5)) * np.float32(0.5) - np.float32(0.5) for axis in places)
    front, depth = (drawn.planes(points[:, 2:])[0] for drawn in (half, atlas.raster))
    reach = float(np.ptp(points[:, 0]))
    return f32(np.clip((depth - read(front, (f32(x), f32(y)), cv2.INTER_NEAREST)) / (0.05 * reach) - 0.5, 0, 1))


def _squared(gap: FloatArray) -> FloatArray:
    """Squared length of Lab differences: float32 (GRID, GRID)."""
    return f32(cv2.transform(cv2.multiply(gap, gap), _LENGTH))


def _smooth(field: FloatArray, weight: FloatArray, reach: float, keep: float = 0.02) -> FloatArray:
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


def _harmonics(normals: Sequence[FloatArray]) -> FloatArray:
    """Spherical harmonics up to degree 2 of x, y and z of normals, each (h, w), without their constant factors: float32 (9, h, w).

    Nine of them carry 99 % of a matt surface's shading: R. Ramamoorthi, P. Hanrahan, "An efficient representation for irradiance
    environment maps", SIGGRAPH 2001.
    """
    x, y, z = normals
    length = np.sqrt(x * x + y * y + z * z) + np.float32(1e-6)
    x, y, z = x / length, y / length, z / length
    return f32(np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1]))


def _oddness(texture: FloatArray, shading: FloatArray, prior: FloatArray) -> FloatArray:
    """Distance from the shading in robust standard deviations of the skin, which are kept within what skin can be."""
    gap = texture - shading
    light = gap[..., 0]
    np.minimum(light, np.float32(0.6) * light, out=light)  # skin shines more often than something bright hides it
    left = np.sqrt(_squared(gap))
    sure = left.take(np.flatnonzero(prior > 0.3))
    scale = 1.4826 * median(sure) if sure.size else _SPREAD[1]
    return f32(left / np.float32(min(max(scale, _SPREAD[0]), _SPREAD[1])))


def _shade(
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
    smooth = f32(cv2.merge([np.clip(plane, *limits) for plane, limits in zip(fitted, ranges, strict=True)]))
    gap = texture - smooth
    trust = prior / (1 + _squared(gap) * np.float32(1 / (1.5 * scale) ** 2))
    smooth += _smooth(gap, trust, _COARSE)
    np.clip(smooth[..., 0], 3, 97, out=smooth[..., 0])
    return smooth, scale, coefficients


def _doubt(gap: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Weights (N,) of residuals (3, N) by Cauchy's rule, and the robust standard deviation of the residuals."""
    light, a, b = gap * gap
    squared = light * _LENGTH[0, 0] + a * _LENGTH[0, 1] + b * _LENGTH[0, 2]
    scale = min(max(1.4826 * median(squared) ** 0.5, _SPREAD[0]), _SPREAD[1])
    return 1 / (1 + squared / (1.5 * scale) ** 2), scale


def _shadows(texture: FloatArray, plain: FloatArray, prior: FloatArray, allowed: FloatArray) -> FloatArray:
    """Add cast shadows and bright spots to a shading: smaller than harmonics can follow, stronger than skin can be."""
    shading = plain
    for reach, low, high in _SHADOWS:
        rest = _smooth(texture - shading, prior, reach, 0.05)
        strength = np.clip((np.abs(rest[..., 0]) - np.float32(low)) / np.float32(high - low), 0, 1)
        shading = shading + rest * thrice(strength * allowed)
    np.clip(shading[..., 0], 3, 97, out=shading[..., 0])
    return shading
