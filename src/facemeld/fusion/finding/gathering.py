"""Gather faces from detections: check the doubtful ones in closer views, fit landmarks, drop false and known faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np

from facemeld.boxes import Rect
from facemeld.fusion.finding.networks import (
    ENLARGE,
    Detection,
    Detector,
    Landmarker,
    Mesh,
    Pyramid,
    Region,
    region_of_detection,
    region_of_landmarks,
)
from facemeld.fusion.types import MESH_VERTICES, FloatArray

SURE_SCORE = 0.8
"""Score that upright faces of fair size exceed; upside-down faces seldom do."""

FAIR_SHARE = 0.15
"""Share of the view's side below which a face is found but placed only roughly."""

MIN_PRESENCE = 0.5
"""Presence score below which landmarks are not a face."""

STRICT_SCORE, STRICT_SUPPORT, STRICT_PRESENCE = 0.75, 0.7, 0.9
"""Closer-look score, support and presence that a doubtful face must reach in a strict look."""

STRICT_SIZE = 28.0
"""Longer side in pixels of the smallest face that a strict look accepts: faces below 34 are of no use, and false ones are common."""

SURE_LOGIT = 12.0
"""Logit that most true faces exceed; upside-down readings and false faces score less, so they get a closer look."""

FAIR_SCORE, FAIR_LOGIT, FAIR_SUPPORT = 0.84, 5.0, 0.78
"""Score, logit and closer-look score at which a less sure face needs no second opinion either."""

MAX_DRIFT = 0.05
"""Mean move (in face sizes) of a true face's landmarks when they are fitted again; those of a false face move farther."""

_OTHER_WAY = 45.0
"""Degrees of roll beyond which two readings disagree on which way is up."""

_CLOSE_SHARE = 0.4
"""Share of a closer look's side that the detected box fills."""

_LOGITS_PER_SCORE = 100.0
"""Logits that weigh as much as a detection score of 1."""

_MAX_SHIFT, _MAX_GROWTH, _MAX_TURN = 0.1, 1.25, 10.0
"""Largest shift (share of the side), growth (factor) and turn (degrees) of the region at which the landmarks are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Landmarks that may be a face.

    Attributes:
        mesh: The landmarks.
        support: Detection score of a closer look, turned as the landmarks say, 0-1; 1 if nothing was doubtful. Unlike the logit
            it tells a face from the same face read upside down.
        sure: Whether nothing else needs to be tried.
    """

    mesh: Mesh
    support: float
    sure: bool

    @property
    def standing(self) -> float:
        """Rank among several readings of one face."""
        return self.support + min(self.mesh.logit, SURE_LOGIT) / _LOGITS_PER_SCORE + float(self.sure)


class Gathering:
    """The faces found so far in a picture, in the order in which they were found."""

    def __init__(self, pyramid: Pyramid, detector: Detector, landmarker: Landmarker, keep: Rect) -> None:
        """Start with none.

        Args:
            pyramid: The picture.
            detector: Detector for closer looks.
            landmarker: Landmark networks.
            keep: Only faces whose centre lies in this box are kept.
        """
        self._pyramid = pyramid
        self._detector = detector
        self._landmarker = landmarker
        self._keep = keep
        self.found: list[Reading] = []

    def look(self, centre: tuple[float, float], side: float, roll: float = 0.0, strict: bool = False) -> None:
        """Look for faces in one view and add those that are new.

        Args:
            centre: Centre of the view, pixels.
            side: Side of the view, pixels.
            roll: Degrees by which the view is turned clockwise.
            strict: Accept doubtful detections only if a closer look is sure: among many small views some always seem to show a face.
                Once a face is known, every look is strict.
        """
        for detection in self._detector.detect(self._pyramid, centre, side, roll):
            x, y = float(detection.box[0]), float(detection.box[1])
            # An upright look says nothing new about a known face; a turned look may show that the face was read upside down.
            if any((known.sure or not roll) and _inside(known.mesh.landmarks, x, y) for known in self.found):
                continue
            severe = strict or bool(self.found)
            reading = self._read(detection, float(max(detection.box[2:4])) / side, severe)
            if reading is not None and self._wanted(reading.mesh.landmarks, STRICT_SIZE if severe else 0.0):
                self._add(reading)

    def within_known(self, centre: tuple[float, float], side: float) -> bool:
        """Whether one known face holds all corners of an upright view."""
        half = side / 2
        corners = [(centre[0] + x, centre[1] + y) for x in (-half, half) for y in (-half, half)]
        return any(all(_inside(known.mesh.landmarks, *corner) for corner in corners) for known in self.found)

    def _read(self, detection: Detection, share: float, strict: bool) -> Reading | None:
        """Landmarks of a detection if it is a face; a doubtful detection is checked in closer views at every quarter turn."""
        candidates = [detection]
        if detection.score >= SURE_SCORE:
            if share < FAIR_SHARE:
                candidates = self._closer(detection, (0.0,))[:1] or candidates
            first = self._fit(candidates[0])
            if first.sure:
                return first
        closer = self._closer(detection, (0.0, 90.0, 180.0, 270.0))[:2]
        if strict and (not closer or closer[0].score < STRICT_SCORE):
            return None
        if share < FAIR_SHARE and closer:
            candidates = closer
        else:
            candidates += [other for other in closer if other.roll != detection.roll]
        readings = [self._fit(candidate) for candidate in candidates]
        best = reduce(_better, readings)
        return next((reading for reading in (best, readings[0]) if reading.sure or self._confirmed(reading, strict)), None)

    def _fit(self, detection: Detection) -> Reading:
        mesh = self._settle(region_of_detection(detection))
        if detection.score >= SURE_SCORE and mesh.logit >= SURE_LOGIT:
            return Reading(mesh, 1.0, True)
        if mesh.presence < MIN_PRESENCE:
            return Reading(mesh, 0.0, False)
        region = region_of_landmarks(mesh.landmarks)
        size = region.side / ENLARGE
        near = [
            seen.score
            for seen in self._detector.detect(self._pyramid, (region.x, region.y), size / _CLOSE_SHARE, region.roll)
            if math.hypot(seen.box[0] - region.x, seen.box[1] - region.y) < size / 4
        ]
        support = max(near, default=0.0)
        return Reading(mesh, support, detection.score >= FAIR_SCORE and mesh.logit >= FAIR_LOGIT and support >= FAIR_SUPPORT)

    def _closer(self, detection: Detection, turns: Sequence[float]) -> list[Detection]:
        """Detections at the same place in closer views, turned relative to the first one; best first."""
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
        """Landmarks in a region; if they call for a better region, fit them again in it, at most twice."""
        mesh = self._landmarker.mesh(self._pyramid, region)
        for _ in range(2):
            better = region_of_landmarks(mesh.landmarks)
            if mesh.presence < MIN_PRESENCE or _agree(region, better):
                break
            region, mesh = better, self._landmarker.mesh(self._pyramid, better)
        return mesh

    def _confirmed(self, reading: Reading, strict: bool) -> bool:
        """Whether a face is likely, and fitting again in the landmarks' own region finds it again."""
        if reading.mesh.presence < (STRICT_PRESENCE if strict else MIN_PRESENCE) or (strict and reading.support < STRICT_SUPPORT):
            return False
        region = region_of_landmarks(reading.mesh.landmarks)
        again = self._landmarker.mesh(self._pyramid, region)
        drift = float(np.linalg.norm(again.landmarks - reading.mesh.landmarks, axis=1).mean()) / (region.side / ENLARGE)
        return again.presence >= MIN_PRESENCE and drift <= MAX_DRIFT

    def _wanted(self, landmarks: FloatArray, smallest: float) -> bool:
        """Whether a face is large enough and lies in the box that is searched."""
        x, y = _middle(landmarks)
        if float(np.ptp(landmarks[:MESH_VERTICES, :2], axis=0).max()) < smallest:
            return False
        return self._keep.x <= x < self._keep.right and self._keep.y <= y < self._keep.bottom

    def _add(self, reading: Reading) -> None:
        """Add a face unless it is known."""
        for number, known in enumerate(self.found):
            if _same(known.mesh.landmarks, reading.mesh.landmarks):
                self.found[number] = _better(known, reading)
                return
        self.found.append(reading)


def _same(one: FloatArray, other: FloatArray) -> bool:
    """Whether two readings are of one face, because the middle of one lies in the other."""
    return _inside(one, *_middle(other)) or _inside(other, *_middle(one))


def _better(first: Reading, second: Reading) -> Reading:
    """The surer of two readings of one face if they disagree on which way is up, else the first, if it is a face at all."""
    if min(first.mesh.presence, second.mesh.presence) < MIN_PRESENCE:
        return max(first, second, key=lambda reading: reading.mesh.presence)
    turn = region_of_landmarks(first.mesh.landmarks).roll - region_of_landmarks(second.mesh.landmarks).roll
    alike = abs((turn + 180.0) % 360.0 - 180.0) < _OTHER_WAY
    return first if alike or first.standing >= second.standing else second


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
