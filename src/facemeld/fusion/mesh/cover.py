"""Finds what covers mouth and chin: masks, microphones, cups, scarves. Beards, lips and shadows are told from them by their colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import f32, smoothstep
from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.mesh.shading import ROUNDS, shade
from facemeld.fusion.mesh.validity import border_of, off_hue, rooted
from facemeld.fusion.types import FloatArray

_BRIDGE, _NOSE_BASE = 5, 2  # vertices: where the bone of the nose ends; between nose and lip
_PROBED = 0.22  # share of chin and upper lip that must not look like the skin between the eyes for more to be looked at
_EVERY = 3  # cells a side for one that is probed
_HUE, _ANY_HUE = 10.0, 16.0  # Lab units from the skin's hue from which light, and any, cells are not skin
_LIT, _OFFSET = 0.8, 16.0  # L over the expected one, to each of which so much is added, below which another hue may be a shadow's
_PALER, _GREY = 14.0, 0.6  # L above the expected one, and share of its chroma, of what is white
_COLOURED = 8.0  # chroma of skin from which half of the one and of the other are enough
_DARKER, _DULL = 0.62, 0.75  # L over the expected one, and chroma over what a shadow as dark would leave, of what is black
_GREYEST, _BLACK = 3.2, 7.0  # chroma below which it is in any case, and in none
_FOOT = 1.2  # cells on the border of a patch, over the root of its area
_MIDDLE, _IN_THE_MIDDLE = 10, 30  # columns from the middle of the face; cells there of a patch that covers the mouth or the chin
_AREA = (0.032, 0.045)  # share of the face below the bridge
_SEEN = (0.6, 0.7)  # share of that which a picture must show
_GROWN, _CLOSED, _SOFT = 5, 9, 1.2  # cells


def covered_below(texture: FloatArray, visible: FloatArray, basis: FloatArray, atlas: Atlas) -> FloatArray:
    """Where something lies over the lower face: float32 (GRID, GRID), 0-1.

    The light is fitted to the upper face alone, so that what covers the lower one cannot pass for skin.

    Args:
        texture: float32 (GRID, GRID, 3), the picture's Lab colours.
        visible: float32 (GRID, GRID), 0-1: how well the picture shows a cell.
        basis: float32 (9, GRID, GRID), the harmonics of the face's normals.
        atlas: The canonical atlas.
    """
    nothing = np.zeros((GRID, GRID), np.float32)
    rows = np.arange(GRID)[:, None]
    above = rows < atlas.cells[_BRIDGE, 1]
    upper = f32(atlas.upper * visible)
    if not _doubtful(texture, upper * above, visible, atlas):
        return nothing
    lower = ~above & atlas.covered
    seen = float(smoothstep(float(visible[lower].mean()), *_SEEN))
    _, _, guess = shade(texture, basis, f32(upper * above), ROUNDS)
    expected, _, _ = shade(texture, basis, upper, ROUNDS // 2, guess)
    foreign = _foreign(texture, expected) & (visible > 0.2) & lower
    lips = cv2.dilate((atlas.lips > 0.3).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    border = border_of((visible < 0.2) & atlas.covered, atlas)
    patches = _in_the_middle(rooted(foreign & ~lips, border, _FOOT), atlas)
    found = seen * float(smoothstep(float(patches.sum()) / float(lower.sum()), *_AREA))
    if found == 0:
        return nothing
    # Over the lips only what touches the rest, and holes that it leaves.
    _, labels = cv2.connectedComponents((patches | (foreign & lips)).astype(np.uint8), connectivity=4)
    whole = np.isin(labels, np.unique(labels[patches])).astype(np.uint8)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_CLOSED, _CLOSED))
    whole = _filled(np.asarray(cv2.morphologyEx(whole, cv2.MORPH_CLOSE, ellipse), np.uint8))
    grown = cv2.dilate(whole, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_GROWN, _GROWN)))
    return f32(found * cv2.GaussianBlur(grown.astype(np.float32), (0, 0), _SOFT) * atlas.covered)


def lips_covered(hidden: FloatArray, atlas: Atlas) -> float:
    """How much of the lips something hides, 0-1."""
    return float(smoothstep(float(hidden[atlas.lips > 0.6].mean()), 0.3, 0.6))


def _doubtful(texture: FloatArray, upper: FloatArray, visible: FloatArray, atlas: Atlas) -> bool:
    """Whether chin or lip may be covered: a cheap test that few bare faces fail."""
    few = np.s_[::_EVERY, ::_EVERY]
    colours = np.ascontiguousarray(texture[few]).reshape(-1, 3)
    skin = colours.take(np.flatnonzero(upper[few] > 0.5), axis=0)
    probed = colours.take(np.flatnonzero((np.maximum(atlas.chin, atlas.moustache)[few] > 0.5) & (visible[few] > 0.5)), axis=0)
    if len(skin) < 20 or len(probed) < 20:
        return False
    expected = np.broadcast_to(f32(np.median(skin, axis=0)), probed.shape)
    return bool(_foreign(probed[None], expected[None]).mean() > _PROBED)


def _foreign(texture: FloatArray, expected: FloatArray) -> NDArray[np.bool_]:
    """Cells that are no skin in any light: of another hue, or white or black where skin would have kept its colour."""
    expected = np.ascontiguousarray(expected)
    light, a, b = (f32(plane) for plane in cv2.split(texture))
    skin_light, skin_a, skin_b = (f32(plane) for plane in cv2.split(expected))
    skin_chroma, chroma = np.sqrt(skin_a * skin_a + skin_b * skin_b) + np.float32(1e-3), np.sqrt(a * a + b * b)
    off, along = off_hue(texture, expected)
    vivid = ((off > _HUE**2) & (light + _OFFSET > _LIT * (skin_light + _OFFSET))) | (off > _ANY_HUE**2)
    pale = (light > skin_light + _PALER) & (along < _GREY * skin_chroma)
    pale |= (light > skin_light + _PALER / 2) & (along < _GREY / 2 * skin_chroma) & (skin_chroma > _COLOURED)
    shadow = skin_chroma * np.maximum(light, 6) / np.maximum(skin_light, 1)
    black = (light < _DARKER * skin_light - 4) & (chroma < np.clip(_DULL * shadow, _GREYEST, _BLACK))
    return np.asarray(vivid | pale | black)


def _in_the_middle(patches: NDArray[np.bool_], atlas: Atlas) -> NDArray[np.bool_]:
    """Those patches that reach the middle of mouth or chin."""
    rows, columns = np.arange(GRID)[:, None], np.arange(GRID)[None, :]
    middle = (np.abs(columns - (GRID - 1) / 2) < _MIDDLE) & (rows > atlas.cells[_NOSE_BASE, 1])
    count, labels = cv2.connectedComponents(patches.astype(np.uint8), connectivity=4)
    kept = np.bincount(labels[middle], minlength=count) > _IN_THE_MIDDLE
    kept[0] = False
    return np.asarray(kept[labels])


def _filled(patches: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Patches without holes."""
    outside = np.pad(patches, 1)
    cv2.floodFill(outside, None, (0, 0), 2)
    return np.asarray(outside[1:-1, 1:-1] != 2, np.uint8)
