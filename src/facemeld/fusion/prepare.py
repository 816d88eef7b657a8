"""Plan one face of a template: work out everything that does not depend on the user."""

from __future__ import annotations

import cv2
import numpy as np

from facemeld.boxes import Rect
from facemeld.fusion.arrays import f32, lab_of, sample, smoothstep, vector
from facemeld.fusion.front.glasses import frames, glasses_zone
from facemeld.fusion.front.occlusion import lips_covered, template_matte
from facemeld.fusion.front.reading import read_skin, tongue_out
from facemeld.fusion.plan import FacePlan
from facemeld.fusion.shape.atlas import Atlas, extend, rasterise
from facemeld.fusion.shape.layout import BEND
from facemeld.fusion.shape.topology import face_width
from facemeld.fusion.skin.features import Skin, beard_alpha, read_parts
from facemeld.fusion.skin.paint import Finish, fineness, lightness
from facemeld.fusion.types import MESH_VERTICES, Face, FloatArray, Picture

_WITHIN = 7  # cells across: a cover has no gaps so far from its edge
_MATTE_SIDE = 720  # longest side in pixels at which the matte is worked out
_MARGIN = BEND + 0.2  # face widths around the mesh: the bend, and the largest move of the outline


def prepare_face(template: Picture, face: Face, atlas: Atlas) -> FacePlan:
    """Plan one face of a template.

    Args:
        template: uint8 (H, W, 3) RGB.
        face: One of its faces.
        atlas: The canonical atlas.
    """
    crop = crop_around(face, template)
    patch = template[crop.window]
    landmarks = (face.landmarks - vector(crop.x, crop.y, 0)).astype(np.float32)
    mesh = landmarks[:MESH_VERTICES]
    skin = read_skin(patch, mesh, atlas)
    parts = read_parts(patch, landmarks, skin, atlas)
    tongue = tongue_out(skin, parts, atlas)
    small, scale = _shrink(patch)
    lab = lab_of(small)
    placed = np.concatenate([(mesh[:, :2] + 0.5) * scale - 0.5, mesh[:, 2:]], axis=1)
    mouth = max(float(tongue.max()), lips_covered(skin.hidden, atlas))
    others, own = _mattes(lab, placed, skin, tongue, atlas)
    fine = f32(cv2.resize(np.maximum(others, own), (crop.width, crop.height), interpolation=cv2.INTER_LINEAR))
    matte = np.round(fine * 255).astype(np.uint8)
    finish = Finish(*fit_palette(lab), fineness_of(patch, mesh))
    return FacePlan(crop, landmarks, skin, parts, matte, finish, mouth, _share(others, placed))


def _mattes(lab: FloatArray, mesh: FloatArray, skin: Skin, tongue: FloatArray, atlas: Atlas) -> tuple[FloatArray, FloatArray]:
    """Find what lies in front of a face, and the parts of the face that stay in front of another's: float32 (H, W) each, 0-1.

    Args:
        lab: float32 (H, W, 3), the face's crop, shrunk.
        mesh: float32 (468, 3), pixels of that crop.
        skin: The face on the atlas.
        tongue: float32 (GRID, GRID), 0-1: where a tongue hangs over it.
        atlas: The canonical atlas.
    """
    own = np.zeros(lab.shape[:2], np.float32)
    drawn = rasterise(mesh[:, :2], mesh[:, 2], atlas.mesh.triangles, lab.shape[:2])
    if not drawn.covered.any():
        return own, own
    cells, _ = extend(drawn.interpolate(atlas.cells), drawn.covered)
    shading = f32(sample(skin.shading, cells))
    zones = np.stack([skin.hidden, glasses_zone(skin.glasses, skin.opaque, atlas)], axis=2)
    zone = f32(sample(zones, cells))
    rims = np.zeros(lab.shape[:2], np.float32)
    if skin.glasses > 0 and skin.opaque < 1:
        clear = np.float32(skin.glasses * (1 - skin.opaque))
        rims, lenses = frames(lab, mesh[:, :2], cells, atlas)
        rims, zone[..., 1] = rims * clear, zone[..., 1] * (1 - lenses * clear)
    if tongue.any():
        own = f32(sample(tongue, cells))
    if skin.full > 0:
        grown = f32(sample(f32(atlas.beard * (1 - atlas.lips)), cells)) * np.float32(skin.full)
        own = f32(np.maximum(own, beard_alpha(shading[..., 0] - lab[..., 0]) * grown))
    matte = template_matte(lab, shading, zone[..., 0], zone[..., 1], rims, skin.spread)
    if skin.cover.any():
        solid = cv2.erode(skin.cover, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_WITHIN, _WITHIN)))
        matte = f32(np.maximum(matte, sample(f32(solid), cells)))
    return matte, own


def _share(matte: FloatArray, mesh: FloatArray) -> float:
    """Mean of a matte over a face, 0-1."""
    inside = np.zeros(matte.shape, np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.round(mesh[:, :2]).astype(np.int32)), 1)
    return float(cv2.mean(matte, inside)[0])


def crop_around(face: Face, picture: Picture) -> Rect:
    """The part of a picture that fusing into a face may change."""
    margin = round(_MARGIN * face_width(face.mesh)) + 2
    return Rect.around(face.mesh, margin).intersect(Rect.of(picture))


def _shrink(patch: Picture) -> tuple[Picture, FloatArray]:
    """Shrink the crop to the size at which its matte is worked out; also return the factors of x and y."""
    height, width = patch.shape[:2]
    factor = min(1.0, _MATTE_SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = patch if factor == 1.0 else cv2.resize(np.ascontiguousarray(patch), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), vector(size[0] / width, size[1] / height)


def fit_palette(lab: FloatArray) -> tuple[FloatArray, float]:
    """Fit colour as a function of lightness, and tell how well that describes a picture.

    Args:
        lab: float32 (H, W, 3).

    Returns:
        float32 (3, 2), coefficients of 1, L / 100 and its square for a and b; and 1 for pictures of one tint, 0 for full colour.
    """
    pixels = lab[:: max(1, lab.shape[0] // 96), :: max(1, lab.shape[1] // 96)].reshape(-1, 3).astype(np.float64)
    light = pixels[:, 0] / 100
    basis = np.stack([np.ones_like(light), light, light * light], axis=1)
    coefficients = np.linalg.solve(basis.T @ basis + 1e-3 * len(light) * np.eye(3), basis.T @ pixels[:, 1:])
    left = float(np.sqrt(((pixels[:, 1:] - basis @ coefficients) ** 2).sum(axis=1).mean()))
    return coefficients.astype(np.float32), 1 - float(smoothstep(left, 1.5, 4.0))


def fineness_of(patch: Picture, mesh: FloatArray) -> float:
    """Strength of the finest detail on a face, inside its outline."""
    low = np.clip(np.floor(mesh[:, :2].min(axis=0)), 0, None).astype(int)
    high = np.ceil(mesh[:, :2].max(axis=0)).astype(int) + 1
    part = patch[low[1] : high[1], low[0] : high[0]]
    if not part.size:
        return 0.0
    weight = np.zeros(part.shape[:2], np.float32)
    cv2.fillConvexPoly(weight, cv2.convexHull(np.round(mesh[:, :2] - low).astype(np.int32)), 1.0)
    return fineness(lightness(part), weight)
