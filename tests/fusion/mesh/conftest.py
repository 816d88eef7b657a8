"""Fixtures of the mesh engine's tests: one engine, both portraits analysed and planned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.bundle import CanonicalMesh
from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.mesh.engine import MeshEngine
from facemeld.fusion.mesh.plan import MeshPlan
from facemeld.fusion.types import Assignment


@pytest.fixture(scope="session")
def engine(bundle_path: Path) -> MeshEngine:
    """The engine with the real networks."""
    return MeshEngine(bundle_path)


@pytest.fixture(scope="session")
def atlas(canonical: CanonicalMesh) -> Atlas:
    """The canonical face unrolled."""
    return Atlas.of(canonical)


@pytest.fixture(scope="session")
def hopper_plan(engine: MeshEngine, hopper: NDArray[np.uint8]) -> MeshPlan:
    """Grace Hopper's portrait as a template."""
    return engine.plan(hopper, engine.analyse(hopper))


@pytest.fixture(scope="session")
def collins(engine: MeshEngine, astronaut: NDArray[np.uint8]) -> Assignment:
    """Eileen Collins as the user of the first template face."""
    return Assignment(0, astronaut, engine.analyse(astronaut)[0])
