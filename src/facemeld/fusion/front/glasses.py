"""Glasses: whether a face wears them, how dark they are, and where the frames of clear glasses are in a template."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.arrays import f32, sample, smoothstep, vector
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import GRID, Atlas
from facemeld.fusion.types import FloatArray

# Whether a face wears glasses.
_ARMS, _NOSE = 4.4, 3.7  # oddness that the arms and the bridge of glasses reach, and hardly anything else

# Where to look for frames: centimetres of the canonical face, whose axes are the picture's.
_LENS = (3.3, -1.6)  # middle of a lens, from the face's middle

_WIDER = 1.25  # a lens is wider than high
_ANGLES, _RADII = 64, 60
_NEAREST, _STEP = 0.9, 0.05  # half the height of the smallest lens; distance between two radii
_WRAP = (-5.6, 0.035)  # depth of the frames at the nose, and how quickly they turn back
_BRIDGE = (1.9, -4.2)  # reach to the sides and upper end of the area in which the bridge is looked for

# Evidence of a line; scales are in radii.
_SCALES = (3, 6, 9)  # distances from the middle of a line to its surroundings

_BRIGHT = (0.5, 0.0, 0.0)  # weight of lines lighter than both sides, at each scale: thin ones are wires, broad ones are skin
_FAINT = 12.0  # Lab units of contrast at which a line counts half
_ONE_SIDED = 0.15  # weight of the stronger side of a line: one side may lie in shadow
_SOFT, _SHARP = 0.3, (0.2, 0.5)  # weight of a line without sharp edges; share of the contrast that two radii of a sharp line hold
_BROW, _EYE = 0.6, 0.8  # weight that lines on brows and on lids lose

# Cost of a path along a line.
_SLOPE = 3  # largest move in radii from one angle to the next

_BEND = (0.12, 0.05)  # cost per radius of that move, for the path of both lenses and for each lens
_INSIDE, _CLEAR = 0.5, 6  # weight that a line loses to a line nearer to the eye, and the distance in radii from which it does
_ASIDE = 0.03  # cost per radius away from the path of both lenses

# Whether there is a frame along a path, and how broad it is.
_TRUST = (0.2, 0.32)  # weight as a line that the path's points must have

_SEEN, _DIM = (0.04, 0.12), 10.0  # contrast over lightness, and L added to the lightness
_OFF = 2  # radii by which the frame's middle may lie off the path
_REACH = 10  # largest reach to either side, in radii
_NEIGHBOURS = 3  # angles to either side that contrast and edges must agree with
_SHIFT = 4  # fixed-point bits of polygon corners
_BELOW = 8  # cells from the eyes down to skin that lenses cover too
_TINT = (0.4, 0.65)  # lightness of that skin over that of the cheeks, below which lenses are dark
_BLACK = (0.2, 0.4)  # lightness of the eye whites over that of the cheeks, below which a bar lies over them
_DIM_EYES = (0.3, 0.5)  # lightness of the eyes and their surroundings over that of the skin, up to which they are dark
_ARM = 9  # cells by which the arms' zone is wider than the temples


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


def glasses_zone(glasses: float, opaque: float, atlas: Atlas) -> FloatArray:
    """Cells of a template in which everything odd belongs to glasses: float32 (GRID, GRID), 0-1.

    For dark lenses these are all cells that glasses can cover, for clear lenses only the arms: rims and bridge are found as lines.

    Args:
        glasses: Whether the face wears glasses, 0-1.
        opaque: Whether their lenses hide the eyes, 0-1.
        atlas: The canonical atlas.
    """
    if glasses == 0:
        return np.zeros((GRID, GRID), np.float32)
    return f32(glasses * np.maximum(opaque * atlas.band, (1 - opaque) * arms_zone(atlas)) * atlas.covered)


def opaque_lenses(texture: FloatArray, shading: FloatArray, atlas: Atlas) -> float:
    """Whether lenses are too dark to see the eyes, 0-1: the eyes are dark, and so is the skin beneath them, or nothing shines in them.

    Eyes in shadow are dark behind clear lenses too.

    Args:
        texture: float32 (GRID, GRID, 3), the picture's Lab colours.
        shading: float32 (GRID, GRID, 3), Lab: what bare, even skin would look like.
        atlas: The canonical atlas.
    """
    light, sockets = texture[..., 0], atlas.sockets > 0.5
    brightness = max(float(np.percentile(shading[atlas.skin > 0.5, 0], 60)), 1.0)
    cheeks = max(float(np.median(light[atlas.cheeks > 0.5])), 1.0)
    under = np.roll(atlas.sockets, _BELOW, axis=0) * (1 - atlas.features) > 0.5
    skin, whites = float(np.median(light[under])), float(np.percentile(light[sockets], 90))
    clear = float(smoothstep(skin / cheeks, *_TINT) * smoothstep(whites / cheeks, *_BLACK))
    return (1 - float(smoothstep(float(np.median(light[sockets])) / brightness, *_DIM_EYES))) * (1 - clear)


def arms_zone(atlas: Atlas) -> FloatArray:
    """Where the arms of glasses pass to the ears: float32 (GRID, GRID), 0-1."""
    zone = f32(cv2.dilate(np.maximum(*atlas.temples), np.ones((_ARM, _ARM), np.uint8)))
    return f32(zone * (1 - atlas.brows) * (1 - atlas.sockets))


def frames(lab: FloatArray, mesh: FloatArray, cells: FloatArray, atlas: Atlas) -> tuple[FloatArray, FloatArray]:
    """Find the rims and the bridge of glasses, and the lenses between them.

    Around each eye, dynamic programming finds the closed path that follows a line best, nearly the same on both sides of the nose:
    A. Amini, T. Weymouth, R. Jain, "Using dynamic programming for solving variational problems in vision", PAMI 1990. Brows and lids
    are lines too, but between a rim and the eye there is no other line.

    Args:
        lab: float32 (H, W, 3), the template's crop.
        mesh: float32 (468, 2), the face's vertices in it, pixels.
        cells: float32 (H, W, 2), place of each pixel on the atlas.
        atlas: The canonical atlas.

    Returns:
        The frames and the lenses; both float32 (H, W), 0-1.
    """
    camera = _camera(mesh, atlas)
    grids = np.stack([_places(camera, *points) for points in (_polar(-1), _polar(1), _across())])
    flat = grids.reshape(-1, _RADII, 2)  # OpenCV and NumPy take all three grids at once
    brows, eyes = _free(flat, cells, atlas)
    lines = _lines(f32(sample(lab, flat))) * brows
    gains = (lines * eyes).reshape(3, _ANGLES, _RADII)
    joint = f32(cv2.GaussianBlur(gains[0] + gains[1], (0, 0), sigmaX=2.5, sigmaY=0.01))
    both = _closed(_first(joint[None]), _BEND[0])
    aside = _ASIDE * np.abs(np.arange(_RADII) - both[..., None])
    paths = _closed(np.concatenate([_first(gains[:2]) - aside, gains[2:]]), _BEND[1])  # the ends of the bridge's path hardly matter
    light, found, lenses = f32(lab[..., 0]), np.zeros(lab.shape[:2], np.float32), np.zeros(lab.shape[:2], np.float32)
    for place, line, path, closed in zip(grids, lines.reshape(gains.shape), paths, (True, True, False), strict=True):
        np.maximum(found, _strip(light, place, line, path, closed), out=found)
        if closed:
            cv2.fillPoly(lenses, [_fixed(place[np.arange(_ANGLES), path])], 1.0, cv2.LINE_8, _SHIFT)
    return found, lenses


def _camera(mesh: FloatArray, atlas: Atlas) -> NDArray[np.float64]:
    """The affine camera that sees the upper half of the canonical face as the picture shows it: (4, 2)."""
    vertices = atlas.mesh.vertices.astype(np.float64)
    upper = np.abs(vertices[:, 1] - vertices[topology.RIGHT_EYE_CORNER, 1]) < 4.5
    known = np.concatenate([vertices[upper], np.ones((np.count_nonzero(upper), 1))], axis=1)
    return np.asarray(np.linalg.lstsq(known, mesh[upper].astype(np.float64), rcond=None)[0])


def _places(camera: NDArray[np.float64], x: FloatArray, y: FloatArray) -> FloatArray:
    """Project points of the plane of the lenses into the picture: float32 (..., 2)."""
    points = np.stack([x, y, _WRAP[0] + _WRAP[1] * x * x, np.ones_like(x)], axis=-1)
    return f32(points @ camera)


def _polar(side: int) -> tuple[FloatArray, FloatArray]:
    """Points around one eye, x and y, each (_ANGLES, _RADII); the angle runs from the temple down and round."""
    turn = np.arange(_ANGLES, dtype=np.float32)[:, None] * np.float32(2 * np.pi / _ANGLES)
    radius = np.float32(_NEAREST) + np.float32(_STEP) * np.arange(_RADII, dtype=np.float32)
    return f32(side * (_LENS[0] + _WIDER * radius * np.cos(turn))), f32(_LENS[1] + radius * np.sin(turn))


def _across() -> tuple[FloatArray, FloatArray]:
    """Points across the nose, x and y, each (_ANGLES, _RADII), columns first."""
    columns = np.linspace(-_BRIDGE[0], _BRIDGE[0], _ANGLES, dtype=np.float32)
    rows = np.float32(_BRIDGE[1]) + np.float32(_STEP) * np.arange(_RADII, dtype=np.float32)
    return f32(np.repeat(columns[:, None], _RADII, axis=1)), f32(np.repeat(rows[None], _ANGLES, axis=0))


def _lines(colours: FloatArray) -> FloatArray:
    """How much points lie on a line of uniform colour that crosses their row: (steps, N), 0-1, from Lab (steps, N, 3)."""
    colours = colours * vector(1.0, 1.2, 1.2)
    best = np.zeros(colours.shape[:2], np.float32)
    steep = _length(_shifted(colours, 1) - _shifted(colours, -1))
    for scale, bright in zip(_SCALES, _BRIGHT, strict=True):
        near, far = colours - _shifted(colours, -scale), colours - _shifted(colours, scale)
        a, b = _length(near), _length(far)
        alike = np.einsum("sni,sni->sn", near, far) > 0.3 * a * b
        dark = (near[..., 0] < 0) & (far[..., 0] < 0)
        half = scale // 2 + 1
        edges = f32(cv2.dilate(steep, np.ones((1, scale + 1), np.uint8)))
        sharp = smoothstep(np.minimum(_shifted(edges, -half) / (a + 1), _shifted(edges, half) / (b + 1)), *_SHARP)
        contrast = np.minimum(a, b) + np.float32(_ONE_SIDED) * np.maximum(a, b)
        weight = alike * np.where(dark, np.float32(1), np.float32(bright)) * (_SOFT + (1 - _SOFT) * sharp)
        np.maximum(best, contrast * weight, out=best)
    return f32(best / (best + np.float32(_FAINT)))


def _shifted(rows: FloatArray, by: int) -> FloatArray:
    """The points a number of steps further along each row; beyond its ends the last point repeats."""
    return f32(rows.take(np.clip(np.arange(rows.shape[1]) + by, 0, rows.shape[1] - 1), axis=1))


def _length(colours: FloatArray) -> FloatArray:
    return f32(np.sqrt(np.einsum("sni,sni->sn", colours, colours)))


def _free(place: FloatArray, cells: FloatArray, atlas: Atlas) -> tuple[FloatArray, FloatArray]:
    """Distance of a grid's points from brows, and from eyes with their lids: 0-1 each."""
    where = f32(sample(cells, place))
    brows = cv2.dilate(f32(sample(atlas.brows, where)), np.ones((1, 7), np.uint8))
    return f32(1 - _BROW * brows), f32(1 - _EYE * smoothstep(f32(sample(atlas.sockets, where)), 0.4, 0.9))


def _first(gain: FloatArray) -> FloatArray:
    """Value of the points of grids (B, angles, radii): a point loses by the strength of lines between it and the eye."""
    nearer = np.maximum.accumulate(gain, axis=2)[:, :, :-_CLEAR]
    return f32(gain - np.float32(_INSIDE) * np.pad(nearer, ((0, 0), (0, 0), (_CLEAR, 0))))


def _path(gain: NDArray[np.floating], bend: float) -> NDArray[np.intp]:
    """The path of most gain through each of several grids (B, steps, N), one point per step: (B, steps)."""
    count, steps, size = gain.shape
    cost = np.abs(np.arange(-_SLOPE, _SLOPE + 1, dtype=np.float32)) * np.float32(bend)
    reached = np.full((steps, count, size + 2 * _SLOPE), -1e9, np.float32)
    inside = reached[:, :, _SLOPE:-_SLOPE]
    inside[:] = gain.transpose(1, 0, 2)
    window = np.lib.stride_tricks.sliding_window_view(reached, 2 * _SLOPE + 1, axis=2)
    for step in range(1, steps):
        inside[step] += (window[step - 1] - cost).max(axis=2)
    path, every = np.zeros((count, steps), np.intp), np.arange(count)
    path[:, -1] = inside[-1].argmax(axis=1)
    for step in range(steps - 1, 0, -1):
        path[:, step - 1] = path[:, step] + (window[step - 1, every, path[:, step]] - cost).argmax(axis=1) - _SLOPE
    return path


def _closed(gain: NDArray[np.floating], bend: float) -> NDArray[np.intp]:
    """The path of most gain if the last step leads to the first; a quarter turn is run before and after."""
    lead = gain.shape[1] // 4
    return _path(np.concatenate([gain[:, -lead:], gain, gain[:, :lead]], axis=1), bend)[:, lead:-lead]


def _strip(light: FloatArray, place: FloatArray, line: FloatArray, path: NDArray[np.intp], closed: bool) -> FloatArray:
    """Draw the line along a path in its breadth and without gaps: 0-1, less where it hardly stands out."""
    steps, last = np.arange(len(path))[:, None], place.shape[1] - 1
    profile = f32(sample(light, place))

    def at(middle: NDArray[np.intp], offsets: NDArray[np.intp]) -> FloatArray:
        return f32(profile[steps, np.clip(middle[:, None] + offsets, 0, last)])

    beside, around = np.array(_SCALES), np.arange(-_OFF, _OFF + 1)
    here, one, other = at(path, np.zeros(1, np.intp)), at(path, beside), at(path, -beside)
    darker, lighter = (np.minimum(one, other) - here).max(axis=1), (here - np.maximum(one, other)).max(axis=1)
    sign = np.where(darker >= lighter, np.float32(1), np.float32(-1))[:, None]
    depth = _steady(f32(np.maximum(darker, lighter)), closed)
    clear = smoothstep(depth / (here[:, 0] + depth + np.float32(_DIM)), *_SEEN)
    trust = line[steps, np.clip(path[:, None] + around, 0, last)].max(axis=1)
    clear = clear * smoothstep(_steady(trust, closed), *_TRUST)
    middle = path + around[(sign * at(path, around)).argmin(axis=1)]
    walk = np.arange(1, _REACH + 1)
    edges = []
    for way in (-1, 1):
        beyond = sign * (at(middle, way * walk) - at(middle, np.zeros(1, np.intp))) > 0.5 * depth[:, None]
        length = np.where(beyond.any(axis=1), beyond.argmax(axis=1) + 0.5, len(walk))
        edges.append(_steady(f32(middle + way * length), closed))
    inner, outer = (_between(place, edge) for edge in edges)
    corners = np.stack([inner, outer, np.roll(outer, -1, axis=0), np.roll(inner, -1, axis=0)], axis=1)
    level = np.zeros(light.shape, np.float32)
    for piece, value in zip(_fixed(corners if closed else corners[:-1]), clear.tolist(), strict=False):
        cv2.fillConvexPoly(level, piece, value, cv2.LINE_8, _SHIFT)
    return level


def _fixed(points: FloatArray) -> NDArray[np.int32]:
    return np.asarray(np.round(points * (1 << _SHIFT)), np.int32)


def _steady(values: FloatArray, closed: bool) -> FloatArray:
    """Median of each value and its neighbours along a path."""
    reach = np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
    index = np.arange(len(values))[:, None] + reach
    return f32(np.sort(values[index % len(values) if closed else np.clip(index, 0, len(values) - 1)], axis=1)[:, _NEIGHBOURS])


def _between(place: FloatArray, index: FloatArray) -> FloatArray:
    """The points at fractional places along each row of a grid: float32 (steps, 2)."""
    index = np.clip(index, 0, place.shape[1] - 1.001)
    low, steps = index.astype(np.intp), np.arange(len(index))
    share = (index - low)[:, None]
    return f32(place[steps, low] * (1 - share) + place[steps, low + 1] * share)
