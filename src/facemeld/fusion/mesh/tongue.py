"""Finds a tongue that hangs over the lip and the chin: no other mouth can be made of it, and nothing be drawn over it."""

from __future__ import annotations

import cv2
import numpy as np

from facemeld.fusion import topology
from facemeld.fusion.mesh.arrays import f32, smoothstep
from facemeld.fusion.mesh.atlas import GRID, Atlas
from facemeld.fusion.mesh.regions import Parts
from facemeld.fusion.mesh.tone import Skin
from facemeld.fusion.types import FloatArray

_OPEN = (0.2, 0.3)  # lip gap over mouth width from which a tongue may hang out
_REDDER = 18.0  # degrees of hue that a tongue is redder than the cheeks
_COLOURLESS = 6.0  # chroma below which there is no hue
_DARK = 0.5  # lightness over that of the cheeks, below which redness says nothing
_COVERED = (0.15, 0.35)  # share of the skin under the lip that a tongue covers
_BELOW_LIP, _CHIN = 17, 200  # vertices: lower edge of the lower lip, middle of the chin
_SIDES = 91, 321  # vertices: columns in the middle of which a tongue hangs
_CORNERS = 61, 291  # vertices: corners of the mouth
_GROWN, _SOFT = 7, 1.5  # cells: how much wider what it covers is taken, and how soft
_AROUND = 0.01  # face widths around the lips that belong to the mouth


def tongue_out(skin: Skin, parts: Parts, atlas: Atlas) -> FloatArray:
    """Where a tongue hangs over the face: float32 (GRID, GRID), 0-1.

    Args:
        skin: The face on the atlas.
        parts: Its eyes and mouth.
        atlas: The canonical atlas.
    """
    nothing = np.zeros((GRID, GRID), np.float32)
    wide = float(smoothstep(parts.mouth_open, *_OPEN))
    if wide == 0:
        return nothing
    cheeks = skin.texture.reshape(-1, 3).take(np.flatnonzero(atlas.cheeks * skin.visible > 0.5), axis=0)
    if not len(cheeks):
        return nothing
    light, a, b = cv2.split(skin.texture)
    own = np.median(cheeks, axis=0)
    colourful = float(np.hypot(own[1], own[2])) > _COLOURLESS
    redder = np.degrees(np.arctan2(own[2], own[1]) - np.arctan2(b, a)) > _REDDER
    red = redder & (np.hypot(a, b) > _COLOURLESS) & (light > _DARK * own[0]) & colourful
    rows, columns = np.arange(GRID)[:, None], np.arange(GRID)[None, :]
    left, right = (atlas.cells[vertex, 0] for vertex in _SIDES)
    top, bottom = (atlas.cells[vertex, 1] for vertex in (_BELOW_LIP, _CHIN))
    under = (columns >= left) & (columns <= right) & (rows > top + 1) & (rows <= bottom)
    out = wide * float(smoothstep(float(red[under].mean()), *_COVERED))
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
    """Where the mouth of a face serves no other: around the lips and under the tongue, float32 (GRID, GRID), 0-1.

    Args:
        tongue: What ``tongue_out`` found on the user's face.
        lips: How much of the lips is another's, 0-1.
        share: float32 (GRID, GRID), 0-1: how much comes from the mirrored half.
        atlas: The canonical atlas.
    """
    if lips == 0:
        return tongue
    either = tongue + (tongue[:, ::-1] - tongue) * share
    return f32(np.maximum(either, lips * atlas.area(topology.LIPS_OUTER, _AROUND, 0.03)))
