"""Finds single strands and locks of a user's hair in front of the face, which are too thin to be found as patches."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion import topology
from facemeld.fusion.mesh.arrays import f32
from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.types import FloatArray

# What tells a strand of hair; lengths are cells of the atlas, light that it takes is a share of the skin's.
_WIDTH = 9  # from left to right, at most
_DIM = 8.0  # L that is added to the skin's
_FAINT, _CLEAR, _DEEP = 0.09, 0.165, 0.25  # what its cells take at least, and on average a strand and a dark one
_CLEAR_LOCK = 0.14, 0.22  # what a lock takes on average: far out, near the eye
_ROOT = 0.05  # face widths from the border within which it begins
_ROWS, _ROWS_STRAIGHT, _ROWS_LOCK = 8, 10, 17  # how far down it reaches at least
_ACROSS, _ACROSS_LOCK, _ACROSS_STRAIGHT = 1.0, 0.4, 0.1  # light it takes from its columns over that from its rows, at most
_DARK = 0.87  # L over that of the skin, at most
_REDDER = 1.0  # Lab a that it may have over the skin's
_FROWN = 3  # rows above the brows' inner ends that frown lines come up from
_BESIDE = 8, -4  # from an eye's outer corner outwards: from where on locks hang, and from where on dark ones do
_FURTHER, _FURTHER_LOCK = (9, 9), (21, 9)  # rows and columns around its cells where all that is darker than skin belongs to it
_EDGE = 7  # breadth of the brush that takes its soft edges in


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Patches of cells that are darker than what is on their left and right; per patch, the first being all other cells, (N,).

    Attributes:
        labels: int (GRID, GRID): to which patch a cell belongs.
        dark: bool (GRID, GRID): what is darker than its left and right, or than what is above and below, beards and all.
        taken: Mean share of the light that it takes from its rows.
        light: Mean L over the skin's.
        across: Light that it takes from its columns over that.
        redder: Mean Lab a over that of the skin.
        top: The row that it begins in.
        low: The row that it reaches down to.
        column: Its middle, cells.
        on_patch: bool: something that is known to lie in front touches it.
        rooted: bool: it does, or the border of the face.
    """

    labels: NDArray[np.integer]
    dark: NDArray[np.bool_]
    taken: FloatArray
    light: FloatArray
    across: FloatArray
    redder: FloatArray
    top: FloatArray
    low: FloatArray
    column: FloatArray
    on_patch: NDArray[np.bool_]
    rooted: NDArray[np.bool_]


def covered_by_strands(hidden: FloatArray, texture: FloatArray, shading: FloatArray, visible: FloatArray, atlas: Atlas) -> FloatArray:
    """Cells that dark strands and locks of hair hide, which are too thin, or too narrow where they begin, to be found as patches.

    They hang down from the border or beside the eyes. Most folds of a forehead run across it; those that do not are fainter than
    dark hair and redder than the skin, for their light has gone through it, or come up from between the brows. What lies further
    out than a lock is hair or behind it.

    For the user's face: there a fold that is taken for hair comes from the other half; on a template it would stay as it is.

    Args:
        hidden: float32 (GRID, GRID), 0-1: what is known to lie in front of the skin.
        texture: float32 (GRID, GRID, 3), the picture's Lab colours.
        shading: float32 (GRID, GRID, 3), Lab: what bare, even skin would look like.
        visible: float32 (GRID, GRID), 0-1: how well the picture shows a cell.
        atlas: The canonical atlas.

    Returns:
        float32 (GRID, GRID), 0-1.
    """
    lines = _dark_lines(hidden, texture, shading, (visible > 0.2) & atlas.covered, atlas)
    (right, brow), (left, _) = (atlas.cells[brow[4]] for brow in (topology.RIGHT_BROW, topology.LEFT_BROW))  # their inner ends
    (outer_right, eye), (outer_left, _) = (atlas.cells[eye[0]] for eye in (topology.RIGHT_EYE, topology.LEFT_EYE))  # outer corners
    rows = lines.low - lines.top + 1
    straight = (lines.across < _ACROSS_STRAIGHT) & (rows >= _ROWS_STRAIGHT)
    frown = (lines.column > right) & (lines.column < left) & (lines.low >= brow - _FROWN)
    hair = (lines.redder < _REDDER) | (lines.taken > _DEEP) | (straight & lines.on_patch)
    strands = lines.rooted & hair & ~frown & (lines.taken > _CLEAR) & (rows >= _ROWS) & (lines.across < _ACROSS)
    beside = np.maximum(outer_right - lines.column, lines.column - outer_left)
    clear = lines.taken > np.where(beside > _BESIDE[0], *_CLEAR_LOCK)
    locks = (beside > _BESIDE[1]) & clear & (rows >= _ROWS_LOCK) & (lines.across < _ACROSS_LOCK)
    fallen = (lines.top < eye) & (lines.light < _DARK)
    strands, locks = fallen & strands, fallen & locks
    if not (strands | locks).any():
        return np.zeros((GRID, GRID), np.float32)
    found = _with_dark(strands | locks, _FURTHER, lines)
    if locks.any():
        found |= _outwards(_with_dark(locks, _FURTHER_LOCK, lines))
    grown = cv2.dilate(found, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_EDGE, _EDGE)))
    return np.asarray(cv2.GaussianBlur(f32(grown), (0, 0), 1.2) * atlas.covered, np.float32)


def _with_dark(kept: NDArray[np.bool_], reach: tuple[int, int], lines: _Lines) -> NDArray[np.uint8]:
    """Some of the lines with all that is dark in the rows and columns around them: uint8 (GRID, GRID), 0 or 1."""
    cells = kept.view(np.uint8).take(lines.labels)
    return cells | (np.asarray(cv2.dilate(cells, np.ones(reach, np.uint8)), np.uint8) & lines.dark)


def _outwards(cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cells, 0 or 1, with all that is in the same row and further out."""
    half = GRID // 2
    right, left = cells[:, half - 1 :: -1], cells[:, half:]
    return np.hstack([np.maximum.accumulate(right, axis=1)[:, ::-1], np.maximum.accumulate(left, axis=1)])


def _dark_lines(hidden: FloatArray, texture: FloatArray, shading: FloatArray, seen: NDArray[np.bool_], atlas: Atlas) -> _Lines:
    """What is darker than both sides by the difference between the picture's morphological closing and the picture.

    F. Meyer, "Iterative image transformations for an automatic screening of cervical smears", Journal of Histochemistry and
    Cytochemistry, 1979.
    """
    light = f32(cv2.extractChannel(texture, 0)) * seen
    closings = (cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones(size, np.uint8)) for size in ((1, _WIDTH), (_WIDTH, 1)))
    from_rows, from_columns = (f32(cv2.subtract(closing, light)) for closing in closings)
    skin = np.maximum(cv2.extractChannel(shading, 0), light + from_rows) + np.float32(_DIM)
    faint, bare = np.float32(_FAINT) * skin, seen & (atlas.features < 0.5)
    lines = bare & (atlas.beard < 0.5) & (from_rows > faint)
    count, labels = cv2.connectedComponents(lines.view(np.uint8), connectivity=8)
    cells = np.flatnonzero(lines)
    row, column = np.divmod(cells, GRID)
    line, share = labels.ravel().take(cells), 1 / skin.ravel().take(cells)

    def total(values: NDArray[np.generic]) -> FloatArray:
        return f32(np.bincount(line, values, count))

    taken, across = from_rows.ravel().take(cells) * share, from_columns.ravel().take(cells) * share
    colour, expected = texture.reshape(-1, 3)[cells], shading.reshape(-1, 3)[cells]
    top, low = np.full(count, -1), np.full(count, -1)
    top[line[::-1]], low[line] = row[::-1], row  # cells come row by row, and the last one that is put into a place stays
    number, whole = total(np.ones(cells.size)) + np.float32(1e-9), total(taken * taken) + np.float32(1e-9)
    on_patch = total(hidden.ravel().take(cells) > 0.2) > 0
    return _Lines(
        np.asarray(labels, np.int32),
        bare & (np.maximum(from_rows, from_columns) > faint),
        whole / (total(taken) + np.float32(1e-9)),
        total(colour[:, 0] / expected[:, 0]) / number,
        total(taken * across) / whole,
        total(taken * taken * (colour[:, 1] - expected[:, 1])) / whole,
        f32(top),
        f32(low),
        total(column) / number,
        on_patch,
        on_patch | (total(atlas.inset.ravel().take(cells) < _ROOT) > 0),
    )
