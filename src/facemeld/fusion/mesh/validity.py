"""Finds what is not the face itself: hair, hats, hands and glasses in front of it, on either side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion import topology
from facemeld.fusion.mesh.arrays import f32, smoothstep
from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.mesh.glasses import arms_zone
from facemeld.fusion.mesh.warp import vertex_normals
from facemeld.fusion.types import FloatArray

_ARMS, _NOSE = 4.4, 3.7  # oddness that the arms and the bridge of glasses reach, and next to nothing else
_SHADOW = (0.35, 0.55)  # share of the light on its mirror image that a cell lacks, from which it counts as in hard shadow
_TURNED = (12.0, 22.0)  # degrees of yaw from which the far half is doubted
_FROM_THE_SIDE = (0.45, 0.7)  # cosine of the angle between skin and view up to which a cell counts as seen from the side
_OTHER_EYE = 0.35  # share of an eye that had to come from the other from which all of it does
_RIM = 0.03  # face widths from the border within which what lies in front must begin
_FOOT, _BROAD_FOOT = 2.6, 8.0  # cells of a patch near the border, over the root of its area; broader than a shine on a forehead
_DARKER = 0.85  # cube root of the light, as a share of the skin's, below which no change of light is believed near the border
_OTHER_HUE = 9.0  # Lab units between a colour and the skin's hue from which it is not skin
_RICH = 1.5  # times the expected chroma that skin may have
_ODD = (2.6, 4.6)  # robust standard deviations from which a cell is not skin


def covered_by_others(
    oddness: FloatArray, texture: FloatArray, shading: FloatArray, visible: FloatArray, unseen: NDArray[np.bool_], atlas: Atlas
) -> FloatArray:
    """Cells where something hides the skin: odd, not skin in another light, and rooted in the face's border.

    Hair, hats and hands come from outside, and broadly. On a turned head the border is where the picture shows no more of the
    face: landmarks there often lie beyond it. Highlights, lit halves and cast shadows are as odd, but begin within the face or
    reach its border with a narrow foot.

    Args:
        oddness: float32 (GRID, GRID), distance from bare skin in robust standard deviations.
        texture: float32 (GRID, GRID, 3), the picture's Lab colours.
        shading: float32 (GRID, GRID, 3), Lab: what bare, even skin would look like.
        visible: float32 (GRID, GRID), 0-1: how well the picture shows a cell.
        unseen: bool (GRID, GRID): cells that the head turns away.
        atlas: The canonical atlas.

    Returns:
        float32 (GRID, GRID), 0-1.
    """
    strict = 1 + 0.35 * atlas.forehead  # a forehead is plain: less is odd there
    odd = smoothstep(oddness * strict, *_ODD) * (1 - atlas.features) * (1 - atlas.beard) * (visible > 0.2) > 0.5
    shine = _skin_in_other_light(texture, shading) & _facing_light(atlas)
    border = border_of(unseen, atlas)
    hidden = rooted(odd & ~shine, border, _FOOT) | rooted(odd & shine, border, _BROAD_FOOT)
    grown = cv2.dilate(hidden.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    return np.asarray(cv2.GaussianBlur(grown.astype(np.float32), (0, 0), 1.2) * atlas.covered, np.float32)


def _skin_in_other_light(texture: FloatArray, shading: FloatArray) -> NDArray[np.bool_]:
    """Cells that skin can look like in other light: not much darker than expected, and of the skin's hue, paler or richer.

    Light that a surface reflects has the surface's hue; light that it mirrors has the lamp's, which is nearly white. What skin
    shows lies between both: S. Shafer, "Using color to separate reflection components", Color Research & Application, 1985.
    """
    off, _ = off_hue(texture, shading)
    return np.asarray((off < _OTHER_HUE**2) & (texture[..., 0] + 16 > _DARKER * (shading[..., 0] + 16)))


def off_hue(texture: FloatArray, shading: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How far colours are from all that a surface can show, between its own hue and the grey of its shine; and their chroma in that hue.

    Args:
        texture: float32 (H, W, 3), Lab.
        shading: float32 (H, W, 3), Lab of the surface.

    Returns:
        The distance squared, and the chroma; both float32 (H, W), Lab units.
    """
    _, a, b = cv2.split(texture)
    _, skin_a, skin_b = cv2.split(shading)
    chroma = np.sqrt(skin_a * skin_a + skin_b * skin_b) + np.float32(1e-3)
    along, across = (a * skin_a + b * skin_b) / chroma, (a * skin_b - b * skin_a) / chroma
    excess = np.maximum(along - _RICH * (chroma + 4), 0) + np.maximum(-along, 0)
    return f32(across * across + excess * excess), f32(along)


def _facing_light(atlas: Atlas) -> NDArray[np.bool_]:
    """Columns (1, GRID) of cells between the brows' tails, where skin shines; beyond them what is brighter is hair or cloth."""
    columns = np.arange(GRID)[None, :]
    return np.asarray((columns > atlas.cells[topology.RIGHT_BROW[-1], 0]) & (columns < atlas.cells[topology.LEFT_BROW[-1], 0]))


def border_of(unseen: NDArray[np.bool_], atlas: Atlas) -> NDArray[np.bool_]:
    """Cells at the face's border, or where the picture shows no more of it: bool (GRID, GRID)."""
    return np.asarray(cv2.dilate((unseen | (atlas.inset < _RIM)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)


def rooted(cells: NDArray[np.bool_], border: NDArray[np.bool_], foot: float) -> NDArray[np.bool_]:
    """The patches among some cells that lie on the border with a foot of so many times the root of their area."""
    opened = cv2.morphologyEx(cells.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    feet = np.bincount(labels[border], minlength=count)
    kept = feet > foot * np.sqrt(stats[:, cv2.CC_STAT_AREA])
    kept[0] = False
    return np.asarray(kept[labels])


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


def averted(mesh: FloatArray, yaw: float, atlas: Atlas) -> FloatArray:
    """Cells that a turned head shows so much from the side that its other half shows them better.

    Seen from the side, little is left of an eye or a cheek, and landmarks there lie beside the face as often as on it.

    Args:
        mesh: float32 (468, 3), pixels.
        yaw: How far the head is turned, degrees.
        atlas: The canonical atlas.

    Returns:
        float32 (GRID, GRID), 0-1.
    """
    turned = float(smoothstep(abs(yaw), *_TURNED))
    if turned == 0.0:
        return np.zeros((GRID, GRID), np.float32)
    (depth,) = atlas.raster.planes(vertex_normals(mesh, atlas.mesh.triangles)[:, 2:])
    return f32(turned * (1 - smoothstep(-depth, *_FROM_THE_SIDE)) * atlas.covered)


def fill_plan(visible: FloatArray, hidden: FloatArray, worse: FloatArray, atlas: Atlas) -> tuple[FloatArray, FloatArray]:
    """Which half of the user's face serves which cell.

    Args:
        visible: float32 (GRID, GRID), 0-1: how well the user's picture shows a cell.
        hidden: float32 (GRID, GRID), 0-1: where something covers it.
        worse: float32 (GRID, GRID), 0-1: where the other half is to be preferred if it can serve.
        atlas: The canonical atlas.

    Returns:
        Share taken from the mirrored half, and how much of a cell either half can serve; both float32 (GRID, GRID), 0-1.
    """
    direct = visible * (1 - hidden)
    mirrored = np.ascontiguousarray(direct[:, ::-1])
    good = direct * (1 - worse)
    share = mirrored * (1 - good)
    share = share / (share + good + 1e-3)
    share = np.asarray(cv2.GaussianBlur(smoothstep(share, 0.3, 0.7), (0, 0), 0.02 * GRID), np.float32)
    # Two eyes mixed show two irises: each eye with its brow comes from one half alone.
    eye = np.maximum(atlas.sockets, atlas.brows)
    for half in (np.s_[:, : GRID // 2], np.s_[:, GRID // 2 :]):
        mean = float((share[half] * eye[half]).sum() / eye[half].sum())
        share[half] += (float(mean > _OTHER_EYE) - share[half]) * eye[half]
    served = direct * (1 - share) + mirrored * share
    return share, np.asarray(smoothstep(served, 0.15, 0.6), np.float32)


def glasses_zone(glasses: float, opaque: float, atlas: Atlas) -> FloatArray:
    """Cells of a template where all that is odd belongs to glasses: float32 (GRID, GRID), 0-1.

    Behind dark lenses that is all they can cover; of clear ones the arms, for the rims and the bridge are sought as lines.

    Args:
        glasses: Whether the face wears glasses, 0-1.
        opaque: Whether their lenses hide the eyes, 0-1.
        atlas: The canonical atlas.
    """
    if glasses == 0:
        return np.zeros((GRID, GRID), np.float32)
    return f32(glasses * np.maximum(opaque * atlas.band, (1 - opaque) * arms_zone(atlas)) * atlas.covered)


def template_matte(
    lab: FloatArray, shading: FloatArray, hidden: FloatArray, glasses: FloatArray, rims: FloatArray, spread: float
) -> FloatArray:
    """What lies in front of the template's face, strand by strand.

    Args:
        lab: float32 (H, W, 3), the template's crop.
        shading: float32 (H, W, 3), its skin's shading drawn into the crop.
        hidden: float32 (H, W), where the atlas saw something in front, drawn into the crop.
        glasses: float32 (H, W), where all that is odd belongs to glasses.
        rims: float32 (H, W), frames that were found line by line.
        spread: Robust standard deviation of the skin's detail, Lab units.

    Returns:
        float32 (H, W), 0-1.
    """
    gap = lab - shading
    odd = np.sqrt(gap[..., 0] ** 2 + 1.5 * (gap[..., 1] ** 2 + gap[..., 2] ** 2)) / spread
    fine, zone = smoothstep(odd, 1.6, 3.2), smoothstep(hidden, 0.08, 0.5)
    matte = zone * np.maximum(fine, smoothstep(f32(cv2.GaussianBlur(fine * zone, (0, 0), 2.0)), 0.4, 0.8))
    matte = np.maximum(matte, smoothstep(glasses, 0.1, 0.5) * smoothstep(odd, 2.0, 3.6))
    return f32(cv2.GaussianBlur(f32(np.maximum(matte, rims)), (0, 0), 0.7))
