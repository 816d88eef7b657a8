"""Find the faces of a picture, with landmarks, expression and pose."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from facemeld.boxes import Rect
from facemeld.fusion.finding.gathering import MIN_PRESENCE, Gathering, Reading
from facemeld.fusion.finding.networks import Detector, Landmarker, Mesh, Pyramid
from facemeld.fusion.shape.pose import head_pose, levelled
from facemeld.fusion.shape.topology import CanonicalMesh, read_bundle
from facemeld.fusion.types import Face, FloatArray, Picture, Search

SMALLEST_VIEW = 200.0
"""Side of the smallest view in pixels: a face of 34 pixels fills 17 % of it, enough for the detector to find nearly all of them."""

OVERLAP = 0.3
"""Share of its side by which a view overlaps the next one: a face too small for the larger views lies whole in one of these."""

Point = tuple[float, float]

DOMINANT_SHARE = 0.15
"""Share of the picture that a face's box fills in a portrait, where the tiny faces behind it do not matter."""

_WIDE = 1.6
"""Factor by which the view is enlarged when the picture seems to be all face."""

_TURNS = (180.0, 90.0, 270.0)
"""Rolls to try after upright, the likeliest first."""

_FLAT = 2.0
"""Standard deviation (of 0-255) below which a view is empty, if all channels stay below it."""


def centre_of(frame: Rect) -> Point:
    """Centre of a box, pixels."""
    return frame.x + frame.width / 2, frame.y + frame.height / 2


def view_sides(frame: Rect) -> list[float]:
    """Sides of the views after that of the whole frame, largest first, each about half the previous one."""
    longest = float(max(frame.width, frame.height))
    steps = math.ceil(math.log2(longest / SMALLEST_VIEW)) if longest > SMALLEST_VIEW else 0
    return [longest * (SMALLEST_VIEW / longest) ** (step / steps) for step in range(1, steps + 1)]


def views(frame: Rect, side: float) -> list[Point]:
    """Centres of overlapping square views that cover the frame, row by row.

    Args:
        frame: The part of the picture to cover.
        side: Side of each view, pixels.
    """
    across = _centres(frame.x, frame.width, side)
    down = _centres(frame.y, frame.height, side)
    return [(x, y) for y in down for x in across]


def _centres(start: float, length: float, side: float) -> list[float]:
    if length <= side:
        return [start + length / 2]
    count = math.ceil((length - side) / (side * (1 - OVERLAP))) + 1
    step = (length - side) / (count - 1)
    return [start + side / 2 + step * number for number in range(count)]


class Analyser:
    """Find faces, with the same result for the same picture every time; not safe for use by two threads at once."""

    def __init__(self, bundle: Path) -> None:
        """Load the networks.

        Args:
            bundle: The landmark bundle ``face_landmarker.task``.

        Raises:
            facemeld.fusion.errors.ModelMissing: the bundle does not exist.
            facemeld.fusion.errors.FusionError: the file is not a landmark bundle.
        """
        parts = read_bundle(bundle)
        self._mesh = parts.mesh
        self._detector = Detector(parts.detector)
        self._landmarker = Landmarker(parts.landmarker, parts.blendshapes)

    @property
    def mesh(self) -> CanonicalMesh:
        """The canonical face."""
        return self._mesh

    def analyse(self, picture: Picture, within: Rect | None = None, search: Search = "prominent") -> tuple[Face, ...]:
        """Find faces at any roll, down to 34 pixels.

        Args:
            picture: uint8 (H, W, 3) RGB.
            within: Search only around this box and return the faces whose centre lies in it; the box may fit the face tightly.
            search: ``largest`` stops at the first view that surely shows a face, because that view would have shown a larger one too;
                ``prominent`` stops when one face fills much of the picture; ``every`` always looks for small faces.

        Returns:
            The faces, largest box first, then from left to right, then downwards.

        Raises:
            ValueError: the picture is not uint8 (H, W, 3) or has no pixels.
        """
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise ValueError(f"picture must be uint8 (H, W, 3) with pixels, got {picture.dtype} {picture.shape}")
        pyramid = Pyramid(picture)
        whole = Rect.of(picture)
        keep = whole if within is None else within.intersect(whole)
        if not keep.area:
            return ()
        frame = whole if within is None else _surroundings(keep).intersect(whole)
        gathering = Gathering(pyramid, self._detector, self._landmarker, keep)
        self._search(gathering, pyramid, frame, search)
        faces = [self._face(reading.mesh, whole) for reading in gathering.found]
        return tuple(sorted(faces, key=lambda face: (-face.box.area, face.box.x, face.box.y)))

    def landmarks(self, view: Picture) -> FloatArray | None:
        """Find the landmarks of a face that fills the view as the landmark network expects.

        Args:
            view: uint8 (LANDMARKER_SIDE, LANDMARKER_SIDE, 3) RGB; see ``networks.region_of_landmarks``.

        Returns:
            float32 (478, 3), pixels of the view; None if the network sees no face.
        """
        mesh = self._landmarker.look(view)
        return mesh.landmarks if mesh.presence >= MIN_PRESENCE else None

    def blendshapes(self, landmarks: FloatArray) -> FloatArray:
        """Read the expression off any landmarks, such as those of a moved face.

        Args:
            landmarks: float32 (478, 3), pixels, with irises; the network knows upright heads only.

        Returns:
            float32 (52,), 0-1.
        """
        return self._landmarker.blendshapes(landmarks)

    def _search(self, gathering: Gathering, pyramid: Pyramid, frame: Rect, search: Search) -> None:
        centre, longest = centre_of(frame), float(max(frame.width, frame.height))
        gathering.look(centre, longest)
        enough = gathering.found if search == "largest" else _dominant(gathering, frame)
        if search != "every" and any(reading.sure for reading in enough):
            return
        for roll in _TURNS:
            gathering.look(centre, longest, roll)
        if search != "every" and _dominant(gathering, frame):
            return
        if not gathering.found:
            for roll in (0.0, *_TURNS):
                gathering.look(centre, _WIDE * longest, roll)
        for side in view_sides(frame):
            for middle in views(frame, side):
                if pyramid.flat(middle, side, _FLAT) or gathering.within_known(middle, side):
                    continue
                gathering.look(middle, side, strict=True)
        if not gathering.found:
            for side in view_sides(frame)[:2]:
                for middle in views(frame, side):
                    for roll in _TURNS:
                        gathering.look(middle, side, roll, strict=True)

    def _face(self, mesh: Mesh, whole: Rect) -> Face:
        pose = head_pose(mesh.landmarks, self._mesh)
        return Face(
            box=Rect.around(mesh.landmarks).intersect(whole),
            landmarks=mesh.landmarks,
            blendshapes=self.blendshapes(levelled(mesh.landmarks, pose.roll)),
            pose=pose,
            score=mesh.presence,
        )


def _dominant(gathering: Gathering, frame: Rect) -> list[Reading]:
    return [reading for reading in gathering.found if Rect.around(reading.mesh.landmarks).area > DOMINANT_SHARE * frame.area]


def _surroundings(box: Rect) -> Rect:
    """The box with a margin of half its longer side on every side."""
    return box.grown(max(box.width, box.height) // 2)
