"""Finds the faces of a picture with landmarks, expression and pose."""

from __future__ import annotations

from pathlib import Path

from facemeld.fusion.bundle import CanonicalMesh, read_bundle
from facemeld.fusion.detector import Detector
from facemeld.fusion.landmarker import Landmarker, region_of_detection
from facemeld.fusion.pose import head_pose
from facemeld.fusion.pyramid import Pyramid
from facemeld.fusion.types import Face, Picture, Rect


class Analyser:
    """Finds faces; one object is for one thread at a time, and gives the same result for the same picture every time."""

    def __init__(self, bundle: Path) -> None:
        """Load the networks.

        Args:
            bundle: The landmark bundle ``face_landmarker.task``.

        Raises:
            facemeld.fusion.errors.ModelMissing: the bundle is not there.
            facemeld.fusion.errors.FusionError: the file is not such a bundle.
        """
        parts = read_bundle(bundle)
        self._mesh = parts.mesh
        self._detector = Detector(parts.detector)
        self._landmarker = Landmarker(parts.landmarker, parts.blendshapes)

    @property
    def mesh(self) -> CanonicalMesh:
        """The canonical face."""
        return self._mesh

    def analyse(self, picture: Picture, within: Rect | None = None) -> tuple[Face, ...]:
        """Find faces, largest first."""
        pyramid = Pyramid(picture)
        frame = Rect(0, 0, pyramid.width, pyramid.height)
        faces = []
        side = float(max(frame.width, frame.height))
        for detection in self._detector.detect(pyramid, ((frame.width - 1) / 2, (frame.height - 1) / 2), side):
            found = self._landmarker.mesh(pyramid, region_of_detection(detection))
            if found.presence < 0.5:
                continue
            faces.append(
                Face(
                    box=Rect.around(found.landmarks).intersect(frame),
                    landmarks=found.landmarks,
                    blendshapes=self._landmarker.blendshapes(found.landmarks),
                    pose=head_pose(found.landmarks, self._mesh),
                    score=found.presence,
                )
            )
        return tuple(sorted(faces, key=lambda face: (-face.box.area, face.box.x, face.box.y)))
