"""Finds what is not the face itself: hair, hats, hands and glasses in front of it, on either side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import f32, smoothstep
from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.types import FloatArray

_ARMS, _NOSE = 4.4, 3.7  # oddness that the arms and the bridge of glasses reach, and next to nothing else
_SHADOW = (0.35, 0.55)  # share of the light on its mirror image that a cell lacks, from which it counts as in hard shadow
_OTHER_EYE = 0.35  # share of an eye that had to come from the other from which all of it does
_ODD = (2.6, 4.6)  # robust standard deviations from which a cell is not skin


def covered_by_others(oddness: FloatArray, visible: FloatArray, unseen: NDArray[np.bool_], atlas: Atlas) -> FloatArray:
    """Cells where something hides the skin: odd, and joined to the face's border, where hair, hats and hands come from.

    On a turned head the border is where the picture shows no more of the face: landmarks there often lie beyond it.

    Args:
        oddness: float32 (GRID, GRID), distance from bare skin in robust standard deviations.
        visible: float32 (GRID, GRID), 0-1: how well the picture shows a cell.
        unseen: bool (GRID, GRID): cells that the head turns away.
        atlas: The canonical atlas.

    Returns:
        float32 (GRID, GRID), 0-1.
    """
    strict = 1 + 0.35 * atlas.forehead  # a forehead is plain: less is odd there
    odd = smoothstep(oddness * strict, *_ODD) * (1 - atlas.features) * (1 - atlas.beard) * (visible > 0.2)
    seeds = ((odd > 0.5) | unseen | ((atlas.inset < 0.015) & (atlas.beard < 0.5))).astype(np.uint8) * atlas.covered.astype(np.uint8)
    count, labels = cv2.connectedComponents(cv2.morphologyEx(seeds, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), connectivity=4)
    if count <= 1:
        return np.zeros((GRID, GRID), np.float32)
    border = np.unique(labels[unseen | ((atlas.inset > 0) & (atlas.inset < 0.015))])
    joined = np.isin(labels, border[border > 0]) & (odd > 0.5)
    opened = cv2.morphologyEx(joined.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    grown = cv2.dilate(opened, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    return np.asarray(cv2.GaussianBlur(grown.astype(np.float32), (0, 0), 1.2) * atlas.covered, np.float32)


def wears_glasses(oddness: FloatArray, visible: FloatArray, atlas: Atlas) -> float:
    """Whether a face wears glasses, 0-1: their arms cross a temple without a gap, and their bridge crosses the nose.

    Args:
        oddness: float32 (GRID, GRID), distance from bare skin in robust standard deviations.
        visible: float32 (GRID, GRID), 0-1: how well the picture shows a cell.
        atlas: The canonical atlas.
    """

    def crossing(zone: NDArray[np.bool_]) -> float:
        columns = zone.any(axis=0)
        if np.count_nonzero(columns) < 5:
            return 0.0
        return float(np.percentile(np.where(zone, oddness, 0)[:, columns].max(axis=0), 25))

    arms = max(crossing((temple > 0.5) & (visible > 0.3)) for temple in atlas.temples)
    return float(smoothstep(min(arms / _ARMS, crossing(atlas.bridge > 0.5) / _NOSE), 0.65, 0.8))


def in_shadow(shading: FloatArray, visible: FloatArray) -> FloatArray:
    """Cells that hard light leaves so much darker than their mirror image that the lit half shows the skin better.

    Args:
        shading: float32 (GRID, GRID, 3), Lab: what bare, even skin would look like.
        visible: float32 (GRID, GRID), 0-1: how well the picture shows a cell.

    Returns:
        float32 (GRID, GRID), 0-1.
    """
    light = shading[..., 0] + np.float32(2)
    darker = smoothstep(1 - light / light[:, ::-1], *_SHADOW)
    return f32(cv2.GaussianBlur(f32(darker * visible[:, ::-1]), (0, 0), 0.01 * GRID))


def fill_plan(visible: FloatArray, hidden: FloatArray, shadow: FloatArray, atlas: Atlas) -> tuple[FloatArray, FloatArray]:
    """Which half of the user's face serves which cell.

    Args:
        visible: float32 (GRID, GRID), 0-1: how well the user's picture shows a cell.
        hidden: float32 (GRID, GRID), 0-1: where something covers it.
        shadow: float32 (GRID, GRID), 0-1: where the other half is to be preferred if it can serve.
        atlas: The canonical atlas.

    Returns:
        Share taken from the mirrored half, and how much of a cell either half can serve; both float32 (GRID, GRID), 0-1.
    """
    direct = visible * (1 - hidden)
    mirrored = np.ascontiguousarray(direct[:, ::-1])
    lit = direct * (1 - shadow)
    share = mirrored * (1 - lit)
    share = share / (share + lit + 1e-3)
    share = np.asarray(cv2.GaussianBlur(smoothstep(share, 0.3, 0.7), (0, 0), 0.02 * GRID), np.float32)
    # Two eyes mixed show two irises: each eye with its brow comes from one half alone.
    eye = np.maximum(atlas.sockets, atlas.brows)
    for half in (np.s_[:, : GRID // 2], np.s_[:, GRID // 2 :]):
        mean = float((share[half] * eye[half]).sum() / eye[half].sum())
        share[half] += (float(mean > _OTHER_EYE) - share[half]) * eye[half]
    served = direct * (1 - share) + mirrored * share
    return share, np.asarray(smoothstep(served, 0.15, 0.6), np.float32)


def glasses_zone(glasses: float, opaque: float, atlas: Atlas) -> FloatArray:
    """Cells of a template where frames may be: float32 (GRID, GRID), 0-1.

    Args:
        glasses: Whether the face wears glasses, 0-1.
        opaque: Whether their lenses hide the eyes, 0-1.
        atlas: The canonical atlas.
    """
    seen_through = np.maximum(atlas.sockets, 0.5 * atlas.brows) * (1 - opaque)
    return f32(glasses * atlas.band * (1 - seen_through) * atlas.covered)


def template_matte(lab: FloatArray, shading: FloatArray, hidden: FloatArray, frames: FloatArray, spread: float) -> FloatArray:
    """What lies in front of the template's face, strand by strand.

    Args:
        lab: float32 (H, W, 3), the template's crop.
        shading: float32 (H, W, 3), its skin's shading drawn into the crop.
        hidden: float32 (H, W), where the atlas saw something in front, drawn into the crop.
        frames: float32 (H, W), where the frames of glasses may be.
        spread: Robust standard deviation of the skin's detail, Lab units.

    Returns:
        float32 (H, W), 0-1.
    """
    gap = lab - shading
    odd = np.sqrt(gap[..., 0] ** 2 + 1.5 * (gap[..., 1] ** 2 + gap[..., 2] ** 2)) / spread
    fine, zone = smoothstep(odd, 1.6, 3.2), smoothstep(hidden, 0.08, 0.5)
    matte = zone * np.maximum(fine, smoothstep(f32(cv2.GaussianBlur(fine * zone, (0, 0), 2.0)), 0.4, 0.8))
    matte = np.maximum(matte, smoothstep(frames, 0.1, 0.5) * smoothstep(odd, 2.0, 3.6))
    return f32(cv2.GaussianBlur(f32(matte), (0, 0), 0.7))
