"""Portraits with their faces, and fusions of one into the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.retouch.presets import FaceInResult
from facemeld.fusion.types import Face, FloatArray, Picture


@dataclass(frozen=True)
class Portrait:
    """A picture and its face."""

    picture: Picture
    face: Face

    @property
    def itself(self) -> FaceInResult:
        """The face as if it had been fused into its own picture."""
        return FaceInResult(self.face, self.face, self.face)

    @property
    def everywhere(self) -> FloatArray:
        """A mask that allows every pixel."""
        return np.ones(self.picture.shape[:2], np.float32)


@pytest.fixture(scope="session")
def engine(bundle_path: Path) -> MeshEngine:
    """The mesh engine."""
    return MeshEngine(bundle_path)


@pytest.fixture(scope="session")
def smiling(engine: MeshEngine, astronaut: NDArray[np.uint8]) -> Portrait:
    """A face with an open mouth and teeth."""
    return Portrait(astronaut, engine.analyse(astronaut)[0])


@pytest.fixture(scope="session")
def serious(engine: MeshEngine, hopper: NDArray[np.uint8]) -> Portrait:
    """A face with glasses and a closed mouth."""
    return Portrait(hopper, engine.analyse(hopper)[0])
