"""Read a face off a picture: unroll it, and split it into the light on it, its skin and what lies in front, such as a tongue."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.arrays import Places, f32, lab_of, median, read, smoothstep, thrice, vector
from facemeld.fusion.front.glasses import opaque_lenses, wears_glasses
from facemeld.fusion.front.occlusion import covered_below, covered_by_others, lips_covered
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import GRID, Atlas, rasterise, vertex_normals
from facemeld.fusion.skin.features import Parts, Skin, covers_chin_and_lip, hair_on_jaw, hair_on_lip
from facemeld.fusion.skin.light import ROUNDS, SPREAD, harmonics, shade, smooth, squared
from facemeld.fusion.types import FloatArray, Picture

# Skin.
_TURNED = 0.02  # share of the vertices facing away up to which a face hides nothing of itself
_DARK = (2.0, 7.0)  # L below which a picture tells nothing about the skin
_SHAVED = 5.0  # cells over which the shading beneath a beard and the rest of the shading meet
_RELIEF = 0.03  # reach of folds and small shadows, in face widths
_SHADOWS = (
    (0.07, 5.0, 13.0),
    (0.035, 6.0, 15.0),
)  # reach; range of the difference in L over which a deviation counts as light and not as skin

# Tongues.
_WIDE_OPEN = (0.2, 0.3)  # lip gap over mouth width from which a tongue may hang out
_REDDER = 18.0  # degrees of hue that a tongue is redder than the cheeks
_COLOURLESS = 6.0  # chroma below which there is no hue
_TOO_DARK = 0.5  # lightness over that of the cheeks, below which redness says nothing
_TONGUE = (0.15, 0.35)  # share of the skin under the lip that a tongue covers
_BELOW_LIP, _CHIN = 17, 200  # vertices: lower edge of the lower lip, middle of the chin
_SIDES = 91, 321  # vertices: columns between which a tongue hangs
_CORNERS = 61, 291  # vertices: corners of the mouth
_GROWN, _SOFT = 7, 1.5  # cells: how far the area is grown, and how softly it ends
_AROUND = 0.01  # face widths around the lips that belong to the mouth


def read_skin(picture: Picture, mesh: FloatArray, atlas: Atlas) -> Skin:
    """Unroll a face and split it into shading and detail.

    Args:
        picture: uint8 (H, W, 3) RGB.
        mesh: float32 (468, 3), pixels of that picture.
        atlas: The canonical atlas.
    """
    patch, points = _patch(picture, mesh)
    texture, seen, normals = _unroll(lab_of(patch), points, atlas)
    basis = harmonics(normals)
    cover = np.zeros((GRID, GRID), np.float32)
    look = _look(texture, seen, basis, cover, atlas)
    if look.opaque < 0.5:
        cover = covered_below(texture, seen, basis, atlas)
        if cover.any():
            look = _look(texture, seen, basis, cover, atlas)
    visible, hidden, plain, bare, glasses, opaque = look.visible, look.hidden, look.plain, look.bare, look.glasses, look.opaque
    hair, beard, full = hair_on_lip(texture, visible, atlas) * (1 - lips_covered(hidden, atlas)), 0.0, 0.0
    if hair > 0:
        clean, _, _ = shade(texture, basis, f32(bare * (1 - atlas.beard)), ROUNDS)
        full = hair * covers_chin_and_lip(texture, clean, visible, atlas)
        beard = max(full, hair * hair_on_jaw(texture, plain, visible, atlas))
        shaved = np.float32(full) * f32(cv2.GaussianBlur(atlas.beard, (0, 0), _SHAVED))
        plain, bare = f32(plain + (clean - plain) * thrice(shaved)), f32(bare * (1 - full * atlas.beard))
    # Dark lenses are not a shadow on the skin, which another light would lift.
    known = np.maximum(bare, np.float32(0.3) * atlas.features * visible) * atlas.steady * (1 - np.float32(opaque) * atlas.band)
    shaven = 1 - np.float32(beard) * atlas.beard
    shading = _shadows(texture, plain, known, shaven)
    oddness = _oddness(texture, shading, bare)
    gap = texture - shading
    relief = smooth(gap, known, _RELIEF, 0.1) * thrice(shaven)
    contrast = _contrast(gap, bare * (oddness < 2.5))
    return Skin(
        texture, visible, shading, hidden, cover, oddness * atlas.covered, glasses, opaque, beard, full, relief, look.spread, contrast
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """Skin and occluders before beards are told from bare skin; fields as in ``Skin``, and two more.

    Attributes:
        plain: float32 (GRID, GRID, 3), Lab: the shading without cast shadows.
        bare: float32 (GRID, GRID), 0-1: where bare skin is seen.
    """

    visible: FloatArray
    hidden: FloatArray
    plain: FloatArray
    bare: FloatArray
    spread: float
    glasses: float
    opaque: float


def _look(texture: FloatArray, seen: FloatArray, basis: FloatArray, cover: FloatArray, atlas: Atlas) -> _Look:
    """Fit the light to the skin and find what is not skin; a cover is known not to be."""
    prior = f32(atlas.skin * seen * (1 - cover))
    plain, _, guess = shade(texture, basis, prior, ROUNDS)
    unseen = (seen < 0.2) & atlas.covered
    visible = f32(seen * smoothstep(plain[..., 0], *_DARK))
    oddness = _oddness(texture, plain, prior)
    glasses = wears_glasses(oddness, visible, atlas)
    hidden = f32(np.maximum(covered_by_others(oddness, texture, plain, visible, unseen, atlas), cover))
    bare = f32(atlas.skin * visible * (1 - hidden) * (1 - glasses * atlas.band * (oddness > 2)))
    plain, spread, _ = shade(texture, basis, bare, ROUNDS // 2, guess)
    opaque = glasses * opaque_lenses(texture, plain, atlas) if glasses else 0.0
    return _Look(visible, hidden, plain, bare, spread, glasses, opaque)


def _contrast(gap: FloatArray, weight: FloatArray) -> FloatArray:
    """Standard deviation of detail finer than folds, weighted: (3,)."""
    local = gap - smooth(gap, weight, _RELIEF)
    return f32(np.sqrt(f32(cv2.mean(local * local * thrice(weight))[:3]) / (float(weight.mean()) + 1e-9)))


def _patch(picture: Picture, mesh: FloatArray) -> tuple[NDArray[np.uint8], FloatArray]:
    """Cut out the face and shrink it (with smoothing) until it is about as wide as the atlas."""
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
    """Texture on the atlas, how well the picture shows each cell, and x, y and z of its normals (not of unit length)."""
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
    """Where a face hides itself, 0-1 on the atlas; worked out at half the size, which loses nothing that matters."""
    half = rasterise((points[:, :2] + 0.5) / 2 - 0.5, points[:, 2], atlas.mesh.triangles, (-(-size[0] // 2), -(-size[1] // 2)))
    x, y = ((axis + np.float32(0.5)) * np.float32(0.5) - np.float32(0.5) for axis in places)
    front, depth = (drawn.planes(points[:, 2:])[0] for drawn in (half, atlas.raster))
    reach = float(np.ptp(points[:, 0]))
    return f32(np.clip((depth - read(front, (f32(x), f32(y)), cv2.INTER_NEAREST)) / (0.05 * reach) - 0.5, 0, 1))


def _oddness(texture: FloatArray, shading: FloatArray, prior: FloatArray) -> FloatArray:
    """Distance from the shading in robust standard deviations of the skin, limited to the range of real skin."""
    gap = texture - shading
    light = gap[..., 0]
    np.minimum(light, np.float32(0.6) * light, out=light)  # skin shines more often than something bright hides it
    left = np.sqrt(squared(gap))
    sure = left.take(np.flatnonzero(prior > 0.3))
    scale = 1.4826 * median(sure) if sure.size else SPREAD[1]
    return f32(left / np.float32(min(max(scale, SPREAD[0]), SPREAD[1])))


def _shadows(texture: FloatArray, plain: FloatArray, prior: FloatArray, allowed: FloatArray) -> FloatArray:
    """Add cast shadows and bright spots to a shading: smaller than harmonics can follow, stronger than skin varies."""
    shading = plain
    for reach, low, high in _SHADOWS:
        rest = smooth(texture - shading, prior, reach, 0.05)
        strength = np.clip((np.abs(rest[..., 0]) - np.float32(low)) / np.float32(high - low), 0, 1)
        shading = shading + rest * thrice(strength * allowed)
    np.clip(shading[..., 0], 3, 97, out=shading[..., 0])
    return shading


def tongue_out(skin: Skin, parts: Parts, atlas: Atlas) -> FloatArray:
    """Find a tongue that hangs over lip and chin: float32 (GRID, GRID), 0-1.

    No other mouth can be made of a face with its tongue out, and nothing can be drawn over the tongue.

    Args:
        skin: The face on the atlas.
        parts: Its eyes and mouth.
        atlas: The canonical atlas.
    """
    nothing = np.zeros((GRID, GRID), np.float32)
    wide = float(smoothstep(parts.mouth_open, *_WIDE_OPEN))
    if wide == 0:
        return nothing
    cheeks = skin.texture.reshape(-1, 3).take(np.flatnonzero(atlas.cheeks * skin.visible > 0.5), axis=0)
    if not len(cheeks):
        return nothing
    light, a, b = cv2.split(skin.texture)
    own = np.median(cheeks, axis=0)
    colourful = float(np.hypot(own[1], own[2])) > _COLOURLESS
    redder = np.degrees(np.arctan2(own[2], own[1]) - np.arctan2(b, a)) > _REDDER
    red = redder & (np.hypot(a, b) > _COLOURLESS) & (light > _TOO_DARK * own[0]) & colourful
    rows, columns = np.arange(GRID)[:, None], np.arange(GRID)[None, :]
    left, right = (atlas.cells[vertex, 0] for vertex in _SIDES)
    top, bottom = (atlas.cells[vertex, 1] for vertex in (_BELOW_LIP, _CHIN))
    under = (columns >= left) & (columns <= right) & (rows > top + 1) & (rows <= bottom)
    out = wide * float(smoothstep(float(red[under].mean()), *_TONGUE))
    if out == 0:
        return nothing
    corners = atlas.cells[list(_CORNERS), 0]
    within = (columns > corners[0]) & (columns < corners[1]) & (rows > atlas.cells[topology.LOWER_LIP_INSIDE, 1])
    lower = red & within & atlas.covered
    _, labels = cv2.connectedComponents(np.asarray(lower, np.uint8), connectivity=4)
    hanging = np.isin(labels, np.setdiff1d(labels[under & lower], [0]))
    grown = cv2.dilate(hanging.astype(np.float32), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_GROWN, _GROWN)))
    return f32(out * cv2.GaussianBlur(f32(grown), (0, 0), _SOFT) * atlas.covered)


def without_mouth(tongue: FloatArray, lips: float, share: FloatArray, atlas: Atlas) -> FloatArray:
    """Where the mouth of a face cannot be used for another: around the lips and under the tongue, float32 (GRID, GRID), 0-1.

    Args:
        tongue: float32 (GRID, GRID), 0-1: result of ``tongue_out`` for the user's face.
        lips: How much of the lips is the template's, 0-1.
        share: float32 (GRID, GRID), 0-1: share taken from the mirrored half.
        atlas: The canonical atlas.
    """
    if lips == 0:
        return tongue
    either = tongue + (tongue[:, ::-1] - tongue) * share
    return f32(np.maximum(either, lips * atlas.area(topology.LIPS_OUTER, _AROUND, 0.03)))
