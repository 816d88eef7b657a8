"""The networks that find a face and its landmarks, and the views of a picture that they see."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped]  # the package has no py.typed marker
from numpy.typing import NDArray

from facemeld.fusion.shape.topology import BLENDSHAPE_LANDMARKS, LEFT_EYE_CORNER, RIGHT_EYE_CORNER
from facemeld.fusion.types import LANDMARK_COUNT, FloatArray, Picture

DETECTOR_SIDE = 128
"""Side in pixels of the view that the detector sees."""

MIN_SCORE = 0.5
"""Detections below this score are dropped."""

MAX_OVERLAP = 0.5
"""Intersection over union above which two boxes are one face."""

_LAYERS = ((8, 2), (16, 6))
"""Feature maps: pixels between cells, and anchors in each cell."""

_SCORE_LIMIT = 100.0
"""Raw scores are clipped to this range so that the sigmoid cannot overflow."""

LANDMARKER_SIDE = 256
"""Side in pixels of the view that the landmark network sees."""

ENLARGE = 1.5
"""Factor by which the region is larger than the face's box."""

_LOGIT_LIMIT = 100.0
"""Raw presence scores are clipped to this range so that the exponential cannot overflow."""


class Network:
    """A TFLite network with one input, run on one thread; not safe for use by two threads at once."""

    def __init__(self, model: bytes) -> None:
        # Workers are processes, one per core, and one thread gives the same bytes every time.
        self._interpreter = Interpreter(model_content=model, num_threads=1)
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()[0]
        self._input: int = details["index"]
        self.input_shape: tuple[int, ...] = tuple(int(side) for side in details["shape"])
        self._outputs: list[int] = [output["index"] for output in self._interpreter.get_output_details()]

    def run(self, values: NDArray[np.float32]) -> list[FloatArray]:
        """Run the network on an input of ``input_shape`` and return its outputs in the network's order."""
        self._interpreter.set_tensor(self._input, values.reshape(self.input_shape))
        self._interpreter.invoke()
        return [np.asarray(self._interpreter.get_tensor(index), np.float32) for index in self._outputs]


class Pyramid:
    """A picture with its halves, quarters and so on, made on first use."""

    def __init__(self, picture: Picture) -> None:
        self._levels = [np.ascontiguousarray(picture)]

    @property
    def picture(self) -> Picture:
        """The picture itself."""
        return self._levels[0]

    @property
    def width(self) -> int:
        """Columns of the picture."""
        return int(self._levels[0].shape[1])

    @property
    def height(self) -> int:
        """Rows of the picture."""
        return int(self._levels[0].shape[0])

    def view(self, to_picture: NDArray[np.float64], size: int, finer: int = 0, border: int = cv2.BORDER_CONSTANT) -> Picture:
        """Cut out a square view.

        Args:
            to_picture: (2, 3), maps a pixel of the view (x, y, 1) to a pixel of the picture.
            size: Side of the view in pixels.
            finer: Halvings by which the level read is finer than smoothness asks for; at 0 nothing aliases. The networks were
                trained on views read straight from the picture, so their views are read finer.
            border: OpenCV border mode for what lies outside the picture; constant means black.
        """
        shrink = math.sqrt(abs(float(np.linalg.det(to_picture[:, :2]))))
        wanted = max(0, math.floor(math.log2(shrink)) - finer) if shrink > 0 else 0
        level = self._ensure(wanted)
        factor = 2.0**level
        # Pixel i of a level covers pixels factor*i ... factor*i + factor-1 of the picture, so its centre lies (factor-1)/2 further.
        matrix = np.array(to_picture, np.float64)
        matrix[:, 2] -= (factor - 1) / 2
        matrix /= factor
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(self._levels[level], matrix, (size, size), flags=flags, borderMode=border), np.uint8)

    def _ensure(self, level: int) -> int:
        """Make levels up to ``level`` while at least two rows and columns are left, and return the finest level up to it that exists."""
        while len(self._levels) <= level:
            last = self._levels[-1]
            height, width = last.shape[0] // 2, last.shape[1] // 2
            if min(height, width) < 1:
                return len(self._levels) - 1
            even = last[: height * 2, : width * 2]
            self._levels.append(np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8))
        return level

    def flat(self, centre: tuple[float, float], side: float, limit: float) -> bool:
        """Whether the picture hardly varies in a square.

        Args:
            centre: Centre of the square, pixels.
            side: Side of the square, pixels.
            limit: Standard deviation (of 0-255) that every channel must stay below.
        """
        level = self._ensure(max(0, math.floor(math.log2(max(side, 1.0) / 32.0))))
        factor = 2.0**level
        left, top = (max(0, math.floor((middle - side / 2) / factor)) for middle in centre)
        right, bottom = (max(0, math.ceil((middle + side / 2) / factor)) for middle in centre)
        part = self._levels[level][top:bottom, left:right]
        return not part.size or bool((cv2.meanStdDev(part)[1] < limit).all())


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face seen by the detector.

    Attributes:
        box: float64 (4,), centre x, centre y, width and height in pixels, in the axes of the view (turned by ``roll``).
        keypoints: float64 (6, 2), pixels: the eyes (left one of an upright picture first), nose tip, mouth, both ears.
        score: 0-1.
        roll: Degrees by which the view was turned clockwise relative to the picture.
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
        cells = DETECTOR_SIDE // stride
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
    values = regressors[keep].astype(np.float64) / DETECTOR_SIDE
    centres = anchors()[keep].astype(np.float64)
    values[:, 0:2] += centres
    values[:, 4:] += np.tile(centres, (1, 6))
    sound = (values[:, 2] > 0) & (values[:, 3] > 0)
    return values[sound], scores[keep][sound]


def overlap(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of one box with many, float64 (N,); boxes are (centre x, centre y, width, height)."""
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
        max_overlap: Intersection over union with the best detection above which detections are merged.

    Returns:
        (M, 16) merged values and (M,) the best score of each group, best first.
    """
    order = np.argsort(-scores, kind="stable")
    values, scores = values[order], scores[order]
    merged, best = [], []
    while len(values):
        same = overlap(values[0], values) > max_overlap
        same[0] = True  # rounding must not lose the best detection itself
        merged.append(np.average(values[same], axis=0, weights=scores[same]))
        best.append(scores[0])
        values, scores = values[~same], scores[~same]
    return np.array(merged, np.float64).reshape(-1, 16), np.array(best, np.float64)


class Detector:
    """The short-range face detector; not safe for use by two threads at once.

    The network and its output layout are published in V. Bazarevsky et al., "BlazeFace: Sub-millisecond neural face detection on
    mobile GPUs", 2019 (arXiv:1907.05047).
    """

    def __init__(self, model: bytes) -> None:
        self._network = Network(model)

    def detect(self, pyramid: Pyramid, centre: tuple[float, float], side: float, roll: float = 0.0) -> list[Detection]:
        """Find faces in a square view of a picture.

        Args:
            pyramid: The picture.
            centre: Centre of the view, pixels.
            side: Side of the view, pixels; it may reach outside the picture.
            roll: Degrees by which the view is turned clockwise; faces turned by as much are upright in it.

        Returns:
            Detections in pixels of the picture, best score first.
        """
        to_picture = view_matrix(centre, side, roll, DETECTOR_SIDE)
        view = pyramid.view(to_picture, DETECTOR_SIDE, finer=2)
        regressors, raw_scores = self._network.run(view.astype(np.float32) / 127.5 - 1.0)
        values, scores = suppress(*decode(regressors[0], raw_scores[0, :, 0]))
        found = []
        for value, score in zip(values, scores, strict=True):
            points = np.concatenate([value[None, :2], value[4:].reshape(6, 2)]) * DETECTOR_SIDE
            points = points @ to_picture[:, :2].T + to_picture[:, 2]
            box = np.concatenate([points[0], value[2:4] * side])
            found.append(Detection(box, points[1:], float(score), roll))
        return found


def view_matrix(centre: tuple[float, float], side: float, roll: float, size: int) -> NDArray[np.float64]:
    """The map from pixels of a square view to pixels of the picture.

    Args:
        centre: Centre of the view, pixels of the picture.
        side: Side of the view, pixels of the picture.
        roll: Degrees by which the view is turned clockwise relative to the picture.
        size: Side of the view in its own pixels.

    Returns:
        float64 (2, 3).
    """
    angle, scale = np.deg2rad(roll), side / size
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    half = size / 2
    return np.array([[c, -s, centre[0] - (c - s) * half], [s, c, centre[1] - (s + c) * half]], np.float64)


@dataclass(frozen=True, slots=True)
class Region:
    """A turned rectangle around a face: centre, size in pixels, and roll in degrees clockwise."""

    x: float
    y: float
    side: float
    roll: float


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Output of the landmark network for a region.

    Attributes:
        landmarks: float32 (478, 3), pixels of the picture; z in the same unit, away from the camera.
        logit: Confidence that the region shows a face, before the sigmoid, which hides how sure the surest are.
    """

    landmarks: FloatArray
    logit: float

    @property
    def presence(self) -> float:
        """Confidence that the region shows a face, 0-1."""
        return 1.0 / (1.0 + math.exp(-max(-_LOGIT_LIMIT, min(_LOGIT_LIMIT, self.logit))))


def region_of_detection(detection: Detection) -> Region:
    """The region around a detected face, turned so that its eyes are level."""
    right, left = detection.keypoints[0], detection.keypoints[1]
    roll = float(np.rad2deg(np.arctan2(left[1] - right[1], left[0] - right[0])))
    x, y, width, height = (float(value) for value in detection.box)
    return Region(x, y, ENLARGE * max(width, height), roll)


def region_of_landmarks(landmarks: FloatArray) -> Region:
    """The region around known landmarks: their box in the axes of the face, turned so that the eyes are level."""
    points = landmarks[:, :2].astype(np.float64)
    across = points[LEFT_EYE_CORNER] - points[RIGHT_EYE_CORNER]
    angle = float(np.arctan2(across[1], across[0]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    level = points @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    x, y = turn.T @ ((low + high) / 2)
    return Region(float(x), float(y), ENLARGE * float((high - low).max()), float(np.rad2deg(angle)))


class Landmarker:
    """The landmark and blendshape networks; not safe for use by two threads at once.

    The networks are published in Y. Kartynnik et al., "Real-time facial surface geometry from monocular video on mobile GPUs", 2019
    (arXiv:1907.06724), and I. Grishchenko et al., "Attention Mesh", 2020 (arXiv:2006.10962).
    """

    def __init__(self, landmarker: bytes, blendshapes: bytes) -> None:
        self._mesh = Network(landmarker)
        self._blendshapes = Network(blendshapes)

    def mesh(self, pyramid: Pyramid, region: Region) -> Mesh:
        """Landmarks of the face in a region of a picture."""
        to_picture = view_matrix((region.x, region.y), region.side, region.roll, LANDMARKER_SIDE)
        seen = self.look(pyramid.view(to_picture, LANDMARKER_SIDE, finer=1, border=cv2.BORDER_REPLICATE))
        points = seen.landmarks.astype(np.float64)
        landmarks = np.empty((LANDMARK_COUNT, 3), np.float32)
        landmarks[:, :2] = points[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        landmarks[:, 2] = points[:, 2] * (region.side / LANDMARKER_SIDE)
        return Mesh(landmarks, seen.logit)

    def look(self, view: Picture) -> Mesh:
        """Landmarks of the face in a view, uint8 (LANDMARKER_SIDE, LANDMARKER_SIDE, 3) RGB, in pixels of the view."""
        raw, presence = self._mesh.run(view.astype(np.float32) / 255.0)[:2]
        return Mesh(raw.reshape(LANDMARK_COUNT, 3).copy(), float(presence.ravel()[0]))

    def blendshapes(self, landmarks: FloatArray) -> FloatArray:
        """Expression scores: float32 (52,), 0-1."""
        return self._blendshapes.run(np.ascontiguousarray(landmarks[BLENDSHAPE_LANDMARKS, :2]))[0].reshape(-1)
