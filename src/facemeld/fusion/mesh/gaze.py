"""Turns the user's irises to where the template looks."""

from __future__ import annotations

import numpy as np

from facemeld.fusion import topology
from facemeld.fusion.mesh.arrays import Places, f32, read
from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.mesh.layout import Layout
from facemeld.fusion.types import FloatArray

_EYES = ((33, 133), int(topology.RIGHT_IRIS[0])), ((362, 263), int(topology.LEFT_IRIS[0]))
_FURTHEST = 0.22  # eye widths that an iris is moved at most
_REACH = 0.42  # eye widths around the iris over which the eye's texture goes along


def follow_gaze(
    layout: Layout, target: FloatArray, template: FloatArray, user: FloatArray, open_eyes: tuple[float, float], atlas: Atlas
) -> tuple[Places, Places]:
    """Where each cell comes from in the user's picture when the irises look as the template's do.

    Between the lids the texture slides, most at the iris, so that lids and lashes stay where they are.

    Args:
        layout: The maps of the fusion.
        target: float32 (468, 3), where the user's vertices go, pixels of the crop.
        template: float32 (478, 3), the template's landmarks, pixels of the crop.
        user: float32 (478, 3), the user's landmarks, pixels of the user's picture.
        open_eyes: How far the right and the left eye are the user's and open, 0-1.
        atlas: The canonical atlas.

    Returns:
        The layout's source and its twin, moved.
    """
    moved = tuple((x.copy(), y.copy()) for x, y in (layout.source, layout.twin))
    lids = layout.atlas_map(atlas.eyes)
    window = layout.window
    for ((inner, outer), iris), share in zip(_EYES, open_eyes, strict=True):
        if share <= 0:
            continue
        goal = _carry(template[iris, :2], template[[inner, outer], :2], target[[inner, outer], :2])
        cell = (goal + 0.5 - window.origin) / window.step - 0.5
        reach = max(0.5, _REACH * float(np.linalg.norm(target[inner, :2] - target[outer, :2])) / window.step)
        low = np.clip(np.floor(cell - 4 * reach), 0, lids.shape[::-1]).astype(int)
        high = np.clip(np.ceil(cell + 4 * reach), low, lids.shape[::-1]).astype(int)
        part = np.s_[low[1] : high[1], low[0] : high[0]]
        columns, rows = (np.arange(low[k], high[k], dtype=np.float32) - cell[k] for k in (0, 1))
        near = np.exp(-(rows[:, None] ** 2 + columns**2) / np.float32(2 * reach**2))
        pull = lids[part] * near * np.float32(share)
        middle = f32([[cell[0]]]), f32([[cell[1]]])
        other = next(entry for entry in _EYES if entry[1] != iris)
        for field, ((first, second), centre) in zip(moved, (((inner, outer), iris), other), strict=True):
            shift = user[centre, :2] - f32([read(axis, middle)[0, 0] for axis in field])
            wide = float(np.linalg.norm(user[first, :2] - user[second, :2]))
            shift *= min(1.0, _FURTHEST * wide / (float(np.linalg.norm(shift)) + 1e-6))
            for axis, way in zip(field, shift, strict=True):
                axis[part] += pull * way
    return moved[0], moved[1]


def _carry(point: FloatArray, before: FloatArray, after: FloatArray) -> FloatArray:
    """Move a point with the two corners of its eye: turned and scaled alike."""
    old, new = before[1] - before[0], after[1] - after[0]
    size = float(old @ old) + 1e-6
    offset = point - before.mean(axis=0)
    along = float(offset @ old) / size
    across = float(offset @ np.array([-old[1], old[0]])) / size
    return f32(after.mean(axis=0) + along * new + across * np.array([-new[1], new[0]]))
