"""Carries the template's make-up over: the colours of lips, lids and brows against the skin around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facemeld.fusion import topology
from facemeld.fusion.retouch.areas import Indices, Stencil, bare_skin, box_around, cut, face_width, lab_of, rgb_of, shrunk, weighted
from facemeld.fusion.types import FloatArray, Picture, Rect

_SIDE = 72  # longest side, in pixels, at which a zone's colours are read and changed: make-up has no finer form


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the face that can be made up.

    Attributes:
        parts: Landmarks whose polygons make it.
        holes: Landmarks whose polygons are left out.
        grow, soft: Reach beyond the polygons and softness of the edge, in face widths.
        around: Reach of the holes beyond their polygons, in face widths.
        hull: Whether the convex hull of each part is taken.
        lightness: Largest change of L.
        share: How much of the difference is carried over.
    """

    parts: tuple[Indices, ...]
    holes: tuple[Indices, ...]
    grow: float
    soft: float
    around: float
    hull: bool
    lightness: float
    share: float


_LID_RIGHT = np.concatenate([topology.RIGHT_EYE[8:], topology.RIGHT_BROW[5:], topology.RIGHT_EYE[:1]])
_LID_LEFT = np.concatenate([topology.LEFT_EYE[8:], topology.LEFT_BROW[5:], topology.LEFT_EYE[:1]])

ZONES: tuple[Zone, ...] = (
    Zone((topology.LIPS_OUTER,), (topology.LIPS_INNER,), 0.0, 0.008, 0.002, False, 16.0, 0.9),
    Zone((_LID_RIGHT,), (topology.RIGHT_EYE, topology.RIGHT_BROW), 0.006, 0.012, 0.004, True, 12.0, 0.8),
    Zone((_LID_LEFT,), (topology.LEFT_EYE, topology.LEFT_BROW), 0.006, 0.012, 0.004, True, 12.0, 0.8),
    Zone((topology.RIGHT_BROW,), (topology.RIGHT_EYE,), 0.0, 0.01, 0.01, True, 14.0, 0.6),
    Zone((topology.LEFT_BROW,), (topology.LEFT_EYE,), 0.0, 0.01, 0.01, True, 14.0, 0.6),
)
"""Lips, the lids up to the brows, and the brows."""


def transferred(result: Picture, landmarks: FloatArray, template: Picture, model: FloatArray) -> Sequence[tuple[Rect, FloatArray]]:
    """What full transfer adds to each zone.

    Means and spread of the colours are matched in CIE Lab (E. Reinhard et al., "Color transfer between images", IEEE CG&A 21(5),
    2001), each relative to the bare skin of its own face, so that only make-up is carried over and not complexion or light.

    Args:
        result: uint8 (H, W, 3) RGB, the fused picture.
        landmarks: float32 (478, 3), the face in it.
        template: uint8 RGB, the picture whose make-up is wanted.
        model: float32 (478, 3), the face in the template.

    Returns:
        For each zone its box in the result and float32 (h, w, 3) in levels of 255.
    """
    skin, model_skin = bare_skin(result, landmarks), bare_skin(template, model)
    changes = []
    for zone in ZONES:
        own, wanted = _look(zone, result, landmarks), _look(zone, template, model)
        if own is None or wanted is None:
            continue
        shift = ((wanted.mean - model_skin) - (own.mean - skin)) * np.float32(zone.share)
        shift[0] = np.clip(shift[0], -zone.lightness, zone.lightness)
        spread = float(np.clip((wanted.spread + 1) / (own.spread + 1), 0.75, 1.3))
        lab = own.lab + shift
        lab[..., 0] += (spread - 1) * zone.share * (own.lab[..., 0] - own.mean[0])
        lab[..., 0] = np.clip(lab[..., 0], 0, 98)
        change = weighted(rgb_of(lab) - rgb_of(own.lab), own.mask)
        size = own.box.width, own.box.height
        changes.append((own.box, np.asarray(cv2.resize(change, size, interpolation=cv2.INTER_LINEAR), np.float32)))
    return changes


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """Colours of one zone: its box, Lab pixels and soft mask (of the shrunk box), mean Lab and standard deviation of L."""

    box: Rect
    lab: FloatArray
    mask: FloatArray
    mean: FloatArray
    spread: float


def _look(zone: Zone, picture: Picture, landmarks: FloatArray) -> _Look | None:
    width = face_width(landmarks)
    corners = np.concatenate([landmarks[part] for part in zone.parts])
    box = box_around(corners, (zone.grow + 3 * zone.soft) * width, (picture.shape[0], picture.shape[1]))
    if min(box.width, box.height) < 3:
        return None
    stencil = Stencil(box)
    patch = shrunk(picture[cut(picture, box)], _SIDE)
    mask = stencil.area(*(landmarks[part] for part in zone.parts), grow=zone.grow * width, soft=zone.soft * width, hull=zone.hull)
    holes = [landmarks[part] for part in zone.holes]
    mask = mask * (1 - stencil.area(*holes, grow=zone.around * width, soft=0.5 * zone.soft * width))
    if patch.shape[:2] != mask.shape:
        mask = np.asarray(cv2.resize(mask, (patch.shape[1], patch.shape[0]), interpolation=cv2.INTER_AREA), np.float32)
    total = float(mask.sum())
    if total < 4:
        return None
    lab = lab_of(patch)
    mean = np.asarray(weighted(lab, mask).reshape(-1, 3).sum(axis=0) / total, np.float32)
    spread = float(np.sqrt((mask * (lab[..., 0] - mean[0]) ** 2).sum() / total))
    return _Look(box, lab, mask, mean, spread)
