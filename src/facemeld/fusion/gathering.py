"""Gathers faces from detections: takes a closer look at the doubtful ones, fits landmarks, drops what is no face or known already."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facemeld.fusion.detector import Detection, Detector
from facemeld.fusion.landmarker import ENLARGE, Landmarker, Mesh, Region, region_of_detection, region_of_landmarks
from facemeld.fusion.pyramid import Pyramid
from facemeld.fusion.types import MESH_VERTICES, FloatArray, Rect

SURE_SCORE = 0.8
"""Upright faces of fair size score above; upside-down ones seldom do."""

FAIR_SHARE = 0.15
"""A face that fills less of the view's side is found, but placed roughly."""

MIN_PRESENCE = 0.5
"""Landmarks with a lower presence score are no face."""

MIN_FURTHER_PRESENCE = 0.9
"""The same once a face is known: a false face beside a true one does more harm than a missed profile."""

SURE_LOGIT = 5.0
"""Faces that the landmark network is less sure of have to be confirmed, as those of a low detection score."""

MAX_DRIFT = 0.05
"""Landmarks of a true face stay where they are when it is looked at again (mean move, in face sizes); imagined ones wander."""

_CLOSE_SHARE = 0.4
"""How much of the side of a closer look the detected box fills."""

_MAX_SHIFT, _MAX_GROWTH, _MAX_TURN = 0.1, 1.25, 10.0
"""Region of the landmarks against the one they were found in (share of its side, factor, degrees): beyond, look again."""


class Gathering:
    """The faces found so far in a picture, in the order of finding."""

    def __init__(self, pyramid: Pyramid, detector: Detector, landmarker: Landmarker, keep: Rect) -> None:
        """Start with none.

        Args:
            pyramid: The picture.
            detector: Detector for closer looks.
            landmarker: Landmark networks.
            keep: Faces whose centre lies outside are left out.
        """
        self._pyramid = pyramid
        self._detector = detector
        self._landmarker = landmarker
        self._keep = keep
        self.found: list[Mesh] = []

    def look(self, centre: tuple[float, float], side: float, roll: float = 0.0) -> None:
        """Look for faces in one view and add those that are new."""
        for detection in self._detector.detect(self._pyramid, centre, side, roll):
            if self._known(float(detection.box[0]), float(detection.box[1])):
                continue
            mesh = self._fit(detection, float(max(detection.box[2:4])) / side)
            if mesh is not None and self._new(mesh.landmarks):
                self.found.append(mesh)

    def within_known(self, centre: tuple[float, float], side: float) -> bool:
        """Whether all corners of an upright view lie in one face that is known."""
        half = side / 2
        corners = [(centre[0] + x, centre[1] + y) for x in (-half, half) for y in (-half, half)]
        return any(all(_inside(mesh.landmarks, *corner) for corner in corners) for mesh in self.found)

    def _fit(self, detection: Detection, share: float) -> Mesh | None:
        candidates = [detection]
        if detection.score < SURE_SCORE:
            closer = self._closer(detection, (0.0, 90.0, 180.0, 270.0))[:1]
            candidates += [other for other in closer if other.roll != detection.roll or share < FAIR_SHARE]
        elif share < FAIR_SHARE:
            candidates = self._closer(detection, (0.0,))[:1] or candidates
        meshes = [self._settle(region_of_detection(candidate)) for candidate in candidates]
        best = max(meshes, key=lambda mesh: mesh.logit)
        if best.presence < (MIN_FURTHER_PRESENCE if self.found else MIN_PRESENCE):
            return None
        sure = detection.score >= SURE_SCORE and best.logit >= SURE_LOGIT
        return best if sure or self._confirmed(best) else None

    def _closer(self, detection: Detection, turns: Sequence[float]) -> list[Detection]:
        """Detections at the same place in closer views, turned against the first one; best first."""
        x, y, size = float(detection.box[0]), float(detection.box[1]), float(max(detection.box[2:4]))
        seen = []
        for turn in turns:
            roll = (detection.roll + turn) % 360.0
            for other in self._detector.detect(self._pyramid, (x, y), size / _CLOSE_SHARE, roll):
                near = np.hypot(other.box[0] - x, other.box[1] - y) < size / 2
                if near and 0.5 < float(max(other.box[2:4])) / size < 2.0:
                    seen.append(other)
        return sorted(seen, key=lambda other: -other.score)

    def _settle(self, region: Region) -> Mesh:
        """Landmarks in a region; where they say that it was placed badly, once or twice more in the better one."""
        mesh = self._landmarker.mesh(self._pyramid, region)
        for _ in range(2):
            better = region_of_landmarks(mesh.landmarks)
            if mesh.presence < MIN_PRESENCE or _agree(region, better):
                break
            region, mesh = better, self._landmarker.mesh(self._pyramid, better)
        return mesh

    def _confirmed(self, mesh: Mesh) -> bool:
        """Whether a look at the landmarks' own region finds the same face again."""
        region = region_of_landmarks(mesh.landmarks)
        again = self._landmarker.mesh(self._pyramid, region)
        drift = float(np.linalg.norm(again.landmarks - mesh.landmarks, axis=1).mean()) / (region.side / ENLARGE)
        return again.presence >= MIN_PRESENCE and drift <= MAX_DRIFT

    def _known(self, x: float, y: float) -> bool:
        return any(_inside(mesh.landmarks, x, y) for mesh in self.found)

    def _new(self, landmarks: FloatArray) -> bool:
        """Whether landmarks belong to no known face and lie where faces are wanted."""
        x, y = _middle(landmarks)
        if not (self._keep.x <= x < self._keep.right and self._keep.y <= y < self._keep.bottom):
            return False
        return not self._known(x, y) and not any(_inside(landmarks, *_middle(mesh.landmarks)) for mesh in self.found)


def _agree(used: Region, better: Region) -> bool:
    shift = np.hypot(better.x - used.x, better.y - used.y) / used.side
    growth = better.side / used.side
    turn = abs((better.roll - used.roll + 180.0) % 360.0 - 180.0)
    return bool(shift <= _MAX_SHIFT and 1 / _MAX_GROWTH <= growth <= _MAX_GROWTH and turn <= _MAX_TURN)


def _middle(landmarks: FloatArray) -> tuple[float, float]:
    """Centre of the landmarks' box."""
    low, high = landmarks[:MESH_VERTICES, :2].min(axis=0), landmarks[:MESH_VERTICES, :2].max(axis=0)
    return float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2


def _inside(landmarks: FloatArray, x: float, y: float) -> bool:
    """Whether a point lies in the hull of the landmarks."""
    hull = cv2.convexHull(np.ascontiguousarray(landmarks[:MESH_VERTICES, :2]))
    return cv2.pointPolygonTest(hull, (x, y), False) >= 0
