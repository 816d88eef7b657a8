"""Find what hides a face: hair, hats and hands from outside, covers of mouth and chin, single strands of hair."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.arrays import f32, smoothstep
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import GRID, Atlas
from facemeld.fusion.skin.light import ROUNDS, shade
from facemeld.fusion.types import FloatArray

# Occluders from outside the face.
_RIM = 0.03  # face widths from the border within which an occluder must begin
_FOOT, _BROAD_FOOT = (
    2.6,
    8.0,
)  # cells of a patch near the border, over the root of its area; the same for a foot broader than that of shine on a forehead
_DARKER = 0.85  # cube root of the light, as a share of the skin's, below which a patch is not skin in less light
_OTHER_HUE = 9.0  # Lab units from the skin's hue beyond which a colour is not skin
_RICH = 1.5  # chroma of skin over the expected one, at most
_ODD = (2.6, 4.6)  # robust standard deviations from which a cell is not skin

# Covers of mouth and chin.
_BRIDGE, _NOSE_BASE = 5, 2  # vertices: where the bone of the nose ends; between nose and lip
_PROBED = 0.22  # share of chin and upper lip that must differ from the skin between the eyes for a closer look
_EVERY = 3  # cells per side for each probed cell
_HUE, _ANY_HUE = 10.0, 16.0  # Lab units from the skin's hue beyond which light cells, and any cells, are not skin
_LIT, _OFFSET = 0.8, 16.0  # L over the expected L (both raised by the offset) below which another hue may be a shadow's
_PALER, _GREY = 14.0, 0.6  # white: L above the expected L, and largest share of the expected chroma
_COLOURED = 8.0  # chroma of skin from which half of each is enough
_BLACKER, _DULL = 0.62, 0.75  # black: L over the expected L, and chroma over that of an equally dark shadow
_GREYEST, _BLACK = 3.2, 7.0  # chroma below which a dark cell is black in any case, and above which it never is
_COVER_FOOT = 1.2  # cells of a patch on the border, over the root of its area
_MIDDLE, _IN_THE_MIDDLE = 10, 30  # columns from the middle of the face; cells that a patch over mouth or chin must have there
_AREA = (0.032, 0.045)  # share of the face below the bridge that a cover hides
_SEEN = (0.6, 0.7)  # share of that part that the picture must show
_GROWN, _CLOSED, _SOFT = 5, 9, 1.2  # cells

# Strands of hair: lengths in cells of the atlas; a strand takes light from the skin, as a share of the skin's.
_WIDTH = 9  # largest width, from left to right

_DIM = 8.0  # L added to the skin's
_FAINT, _CLEAR, _DEEP = 0.09, 0.165, 0.25  # light that its cells take at least, that a strand takes on average, and a dark strand
_CLEAR_LOCK = 0.14, 0.22  # light that a lock takes on average: far out, and near the eye
_ROOT = 0.05  # face widths from the border within which it begins
_ROWS, _ROWS_STRAIGHT, _ROWS_LOCK = 8, 10, 17  # smallest number of rows that it covers
_ACROSS, _ACROSS_LOCK, _ACROSS_STRAIGHT = 1.0, 0.4, 0.1  # largest ratio of the light that it takes from its columns to that from its rows
_DARK = 0.87  # largest L over that of the skin
_REDDER = 1.0  # largest Lab a above the skin's
_FROWN = 3  # rows above the inner ends of the brows from which frown lines come
_BESIDE = 8, -4  # columns outwards from an eye's outer corner beyond which locks hang, and beyond which dark locks do
_FURTHER, _FURTHER_LOCK = (9, 9), (21, 9)  # rows and columns around its cells in which everything darker than skin belongs to it
_EDGE = 7  # width of the brush that takes in its soft edges


def covered_by_others(
    oddness: FloatArray, texture: FloatArray, shading: FloatArray, visible: FloatArray, unseen: NDArray[np.bool_], atlas: Atlas
) -> FloatArray:
    """Find cells where something hides the skin: odd, not skin in another light, and rooted in the face's border.

    Hair, hats and hands come from outside, on a broad front. On a turned head the border is where the picture stops showing the face:
    landmarks there often lie beyond it. Highlights, lit halves and cast shadows are as odd, but begin within the face or reach its
    border with a narrow foot.

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
    strict = 1 + 0.35 * atlas.forehead  # a forehead is plain, so less is odd there
    odd = smoothstep(oddness * strict, *_ODD) * (1 - atlas.features) * (1 - atlas.beard) * (visible > 0.2) > 0.5
    shine = _skin_in_other_light(texture, shading) & _facing_light(atlas)
    border = border_of(unseen, atlas)
    hidden = rooted(odd & ~shine, border, _FOOT) | rooted(odd & shine, border, _BROAD_FOOT)
    grown = cv2.dilate(hidden.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    return np.asarray(cv2.GaussianBlur(grown.astype(np.float32), (0, 0), 1.2) * atlas.covered, np.float32)


def _skin_in_other_light(texture: FloatArray, shading: FloatArray) -> NDArray[np.bool_]:
    """Cells that can be skin in another light: not much darker than expected, and of the skin's hue, though paler or richer.

    Light that a surface reflects has the surface's hue; light that it mirrors has the lamp's, which is nearly white. The light of
    skin lies between the two: S. Shafer, "Using color to separate reflection components", Color Research & Application, 1985.
    """
    off, _ = off_hue(texture, shading)
    return np.asarray((off < _OTHER_HUE**2) & (texture[..., 0] + 16 > _DARKER * (shading[..., 0] + 16)))


def off_hue(texture: FloatArray, shading: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distance of colours from those between a surface's hue and the grey of its shine, and their chroma in that hue.

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
    """Columns (1, GRID) between the tails of the brows, where skin shines; beyond them, bright cells are hair or cloth."""
    columns = np.arange(GRID)[None, :]
    return np.asarray((columns > atlas.cells[topology.RIGHT_BROW[-1], 0]) & (columns < atlas.cells[topology.LEFT_BROW[-1], 0]))


def border_of(unseen: NDArray[np.bool_], atlas: Atlas) -> NDArray[np.bool_]:
    """Cells at the face's border, or where the picture stops showing the face: bool (GRID, GRID)."""
    return np.asarray(cv2.dilate((unseen | (atlas.inset < _RIM)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)


def rooted(cells: NDArray[np.bool_], border: NDArray[np.bool_], foot: float) -> NDArray[np.bool_]:
    """The patches of cells whose part on the border has at least ``foot`` times as many cells as the root of their area."""
    opened = cv2.morphologyEx(cells.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    feet = np.bincount(labels[border], minlength=count)
    kept = feet > foot * np.sqrt(stats[:, cv2.CC_STAT_AREA])
    kept[0] = False
    return np.asarray(kept[labels])


def template_matte(
    lab: FloatArray, shading: FloatArray, hidden: FloatArray, glasses: FloatArray, rims: FloatArray, spread: float
) -> FloatArray:
    """Find what lies in front of the template's face, down to single strands.

    Args:
        lab: float32 (H, W, 3), the template's crop.
        shading: float32 (H, W, 3), the skin's shading drawn into the crop.
        hidden: float32 (H, W), the atlas' map of occluders drawn into the crop.
        glasses: float32 (H, W), where everything odd belongs to glasses.
        rims: float32 (H, W), frames found as lines.
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


def covered_below(texture: FloatArray, visible: FloatArray, basis: FloatArray, atlas: Atlas) -> FloatArray:
    """Find what covers the lower face, such as masks, microphones and cups: float32 (GRID, GRID), 0-1.

    The light is fitted to the upper face alone, so that the cover cannot pass for skin.

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
    patches = _in_the_middle(rooted(foreign & ~lips, border, _COVER_FOOT), atlas)
    found = seen * float(smoothstep(float(patches.sum()) / float(lower.sum()), *_AREA))
    if found == 0:
        return nothing
    # On the lips, only what touches the rest, and holes in it.
    _, labels = cv2.connectedComponents((patches | (foreign & lips)).astype(np.uint8), connectivity=4)
    whole = np.isin(labels, np.unique(labels[patches])).astype(np.uint8)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_CLOSED, _CLOSED))
    whole = _filled(np.asarray(cv2.morphologyEx(whole, cv2.MORPH_CLOSE, ellipse), np.uint8))
    grown = cv2.dilate(whole, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_GROWN, _GROWN)))
    return f32(found * cv2.GaussianBlur(grown.astype(np.float32), (0, 0), _SOFT) * atlas.covered)


def lips_covered(hidden: FloatArray, atlas: Atlas) -> float:
    """Share of the lips that something hides, 0-1."""
    return float(smoothstep(float(hidden[atlas.lips > 0.6].mean()), 0.3, 0.6))


def _doubtful(texture: FloatArray, upper: FloatArray, visible: FloatArray, atlas: Atlas) -> bool:
    """Whether chin or lip may be covered: a cheap test that most bare faces pass."""
    few = np.s_[::_EVERY, ::_EVERY]
    colours = np.ascontiguousarray(texture[few]).reshape(-1, 3)
    skin = colours.take(np.flatnonzero(upper[few] > 0.5), axis=0)
    probed = colours.take(np.flatnonzero((np.maximum(atlas.chin, atlas.moustache)[few] > 0.5) & (visible[few] > 0.5)), axis=0)
    if len(skin) < 20 or len(probed) < 20:
        return False
    expected = np.broadcast_to(f32(np.median(skin, axis=0)), probed.shape)
    return bool(_foreign(probed[None], expected[None]).mean() > _PROBED)


def _foreign(texture: FloatArray, expected: FloatArray) -> NDArray[np.bool_]:
    """Cells that are not skin in any light: of another hue, or white or black where skin would have kept its colour."""
    expected = np.ascontiguousarray(expected)
    light, a, b = (f32(plane) for plane in cv2.split(texture))
    skin_light, skin_a, skin_b = (f32(plane) for plane in cv2.split(expected))
    skin_chroma, chroma = np.sqrt(skin_a * skin_a + skin_b * skin_b) + np.float32(1e-3), np.sqrt(a * a + b * b)
    off, along = off_hue(texture, expected)
    vivid = ((off > _HUE**2) & (light + _OFFSET > _LIT * (skin_light + _OFFSET))) | (off > _ANY_HUE**2)
    pale = (light > skin_light + _PALER) & (along < _GREY * skin_chroma)
    pale |= (light > skin_light + _PALER / 2) & (along < _GREY / 2 * skin_chroma) & (skin_chroma > _COLOURED)
    shadow = skin_chroma * np.maximum(light, 6) / np.maximum(skin_light, 1)
    black = (light < _BLACKER * skin_light - 4) & (chroma < np.clip(_DULL * shadow, _GREYEST, _BLACK))
    return np.asarray(vivid | pale | black)


def _in_the_middle(patches: NDArray[np.bool_], atlas: Atlas) -> NDArray[np.bool_]:
    """The patches that reach the middle of mouth or chin."""
    rows, columns = np.arange(GRID)[:, None], np.arange(GRID)[None, :]
    middle = (np.abs(columns - (GRID - 1) / 2) < _MIDDLE) & (rows > atlas.cells[_NOSE_BASE, 1])
    count, labels = cv2.connectedComponents(patches.astype(np.uint8), connectivity=4)
    kept = np.bincount(labels[middle], minlength=count) > _IN_THE_MIDDLE
    kept[0] = False
    return np.asarray(kept[labels])


def _filled(patches: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill the holes of patches."""
    outside = np.pad(patches, 1)
    cv2.floodFill(outside, None, (0, 0), 2)
    return np.asarray(outside[1:-1, 1:-1] != 2, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Patches of cells that are darker than their left and right; fields per patch are (N,), and the first patch is all other cells.

    Attributes:
        labels: int (GRID, GRID): patch of each cell.
        dark: bool (GRID, GRID): cells darker than their left and right, or than above and below, including beards.
        taken: Mean share of the light that the patch takes from its rows.
        light: Mean L over the skin's.
        across: Light that it takes from its columns, over that from its rows.
        redder: Mean Lab a above the skin's.
        top: First row.
        low: Last row.
        column: Mean column.
        on_patch: bool: whether a known occluder touches it.
        rooted: bool: whether a known occluder or the border of the face touches it.
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
    """Find cells hidden by dark strands and locks of hair that are too thin, or begin too narrowly, to be found as patches.

    They hang down from the border or beside the eyes. Most folds of a forehead run across it. Other folds are fainter than dark hair
    and redder than the skin, because their light has passed through it, or come up from between the brows. Everything further out
    than a lock is hair or behind it.

    Only for the user's face, where a fold taken for hair is replaced from the other half; on a template it would stay in the result.

    Args:
        hidden: float32 (GRID, GRID), 0-1: known occluders.
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
    """Some of the lines with everything dark in the rows and columns around them: uint8 (GRID, GRID), 0 or 1."""
    cells = kept.view(np.uint8).take(lines.labels)
    return cells | (np.asarray(cv2.dilate(cells, np.ones(reach, np.uint8)), np.uint8) & lines.dark)


def _outwards(cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cells, 0 or 1, with all cells further out in the same row."""
    half = GRID // 2
    right, left = cells[:, half - 1 :: -1], cells[:, half:]
    return np.hstack([np.maximum.accumulate(right, axis=1)[:, ::-1], np.maximum.accumulate(left, axis=1)])


def _dark_lines(hidden: FloatArray, texture: FloatArray, shading: FloatArray, seen: NDArray[np.bool_], atlas: Atlas) -> _Lines:
    """Find lines that are darker than both sides: the picture's morphological closing minus the picture.

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
    top[line[::-1]], low[line] = row[::-1], row  # cells come row by row, and the last value put into a place stays
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
