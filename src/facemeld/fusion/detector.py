"""Finds faces in one square view of a picture: anchors, decoding and weighted non-maximum suppression.

The network and its output layout are published in V. Bazarevsky et al., "BlazeFace: Sub-millisecond neural face detection on
mobile GPUs", 2019 (arXiv:1907.05047).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.network import Network
from facemeld.fusion.pyramid import Pyramid
from facemeld.fusion.types import FloatArray

SIDE = 128
"""Side of the view that the network sees, pixels."""

MIN_SCORE = 0.5
"""Detections below this score are dropped."""

MAX_OVERLAP = 0.5
"""Intersection over union from which on two boxes are one face."""

_LAYERS = ((8, 2), (16, 6))
"""Feature maps: pixels between cells, and anchors in each cell."""

_SCORE_LIMIT = 100.0
"""Raw scores are clipped here, so that the sigmoid cannot overflow."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face seen by the detector.

    Attributes:
        box: float64 (4,), centre x, centre y, width and height in pixels, in the axes of the view (turned by ``roll``).
        keypoints: float64 (6, 2), pixels: the eyes (left one of an upright picture first), nose tip, mouth, both ears.
        score: 0-1.
        roll: Degrees by which the view was turned clockwise against the picture.
    """

    box: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    score: float
    roll: float


@lru_cache(maxsize=1)
def anchors() -> FloatArray:
    """Centres of the anchors in the order of the network's outputs: float32 (896, 2), 0-1 of the view."""
    centres = []
    for stride, per_cell in _LAYERS:
        cells = SIDE // stride
        y, x = np.mgrid[0:cells, 0:cells]
        grid = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        centres.append(np.repeat(grid, per_cell, axis=0))
    table = np.concatenate(centres).astype(np.float32)
    table.setflags(write=False)
    return table


def decode(regressors: FloatArray, raw_scores: FloatArray, min_score: float = MIN_SCORE) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn raw outputs into boxes.

    Args:
        regressors: (896, 16), in pixels of the view, relative to the anchors: box centre, width, height, six keypoints.
        raw_scores: (896,), before the sigmoid.
        min_score: Detections below are dropped.

    Returns:
        float64 (K, 16) values in 0-1 of the view (centre x, centre y, width, height, 6 keypoints) and (K,) scores.
    """
    scores = 1.0 / (1.0 + np.exp(-np.clip(raw_scores.astype(np.float64), -_SCORE_LIMIT, _SCORE_LIMIT)))
    keep = np.flatnonzero(scores >= min_score)
    values = regressors[keep].astype(np.float64) / SIDE
    centres = anchors()[keep].astype(np.float64)
    values[:, 0:2] += centres
    values[:, 4:] += np.tile(centres, (1, 6))
    sound = (values[:, 2] > 0) & (values[:, 3] > 0)
    return values[sound], scores[keep][sound]


def overlap(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of one box with many; boxes are (centre x, centre y, width, height)."""
    low = np.maximum(box[:2] - box[2:4] / 2, boxes[:, :2] - boxes[:, 2:4] / 2)
    high = np.minimum(box[:2] + box[2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2)
    common = np.prod(np.maximum(high - low, 0.0), axis=1)
    return np.asarray(common / (box[2] * box[3] + boxes[:, 2] * boxes[:, 3] - common), np.float64)


def suppress(
    values: NDArray[np.float64], scores: NDArray[np.float64], max_overlap: float = MAX_OVERLAP
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted non-maximum suppression: overlapping detections become their mean, weighted by score.

    Args:
        values: (K, 16) as ``decode`` returns them.
        scores: (K,).
        max_overlap: Intersection over union with the best one above which detections are merged.

    Returns:
        (M, 16) merged values and (M,) the best score of each group, best first.
    """
    order = np.argsort(-scores, kind="stable")
    values, scores = values[order], scores[order]
    merged, best = [], []
    while len(values):
        same = overlap(values[0], values) > max_overlap
        same[0] = True  # rounding must not lose the best one itself
        merged.append(np.average(values[same], axis=0, weights=scores[same]))
        best.append(scores[0])
        values, scores = values[~same], scores[~same]
    return np.array(merged, np.float64).reshape(-1, 16), np.array(best, np.float64)


class Detector:
    """The short-range face detector; not safe for use by two threads at a time."""

    def __init__(self, model: bytes) -> None:
        self._network = Network(model)

    def detect(self, pyramid: Pyramid, centre: tuple[float, float], side: float, roll: float = 0.0) -> list[Detection]:
        """Find faces in a square view of a picture.

        Args:
            pyramid: The picture.
            centre: Centre of the view, pixels.
            side: Side of the view, pixels; it may reach outside the picture.
            roll: Degrees by which the view is turned clockwise: faces turned as far are upright in it.

        Returns:
            Detections in pixels of the picture, best score first.
        """
        to_picture = view_matrix(centre, side, roll, SIDE)
        view = pyramid.view(to_picture, SIDE, finer=2)
        regressors, raw_scores = self._network.run(view.astype(np.float32) / 127.5 - 1.0)
        values, scores = suppress(*decode(regressors[0], raw_scores[0, :, 0]))
        found = []
        for value, score in zip(values, scores, strict=True):
            points = np.concatenate([value[None, :2], value[4:].reshape(6, 2)]) * SIDE
            points = points @ to_picture[:, :2].T + to_picture[:, 2]
            box = np.concatenate([points[0], value[2:4] * side])
            found.append(Detection(box, points[1:], float(score), roll))
        return found


def view_matrix(centre: tuple[float, float], side: float, roll: float, size: int) -> NDArray[np.float64]:
    """Map from pixels of a square view to pixels of the picture.

    Args:
        centre: Centre of the view, pixels of the picture.
        side: Side of the view, pixels of the picture.
        roll: Degrees by which the view is turned clockwise against the picture.
        size: Side of the view in its own pixels.

    Returns:
        float64 (2, 3).
    """
    angle, scale = np.deg2rad(roll), side / size
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    half = size / 2
    return np.array([[c, -s, centre[0] - (c - s) * half], [s, c, centre[1] - (s + c) * half]], np.float64)
