"""Fixtures of the imaging tests: one analyser, one engine, both portraits analysed and planned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.finding.analysis import Analyser
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.shape.topology import CanonicalMesh
from facemeld.fusion.types import Assignment


@pytest.fixture(scope="session")
def analyser(bundle_path: Path) -> Analyser:
    """The analyser with the real networks."""
    return Analyser(bundle_path)


@pytest.fixture(scope="session")
def canonical(analyser: Analyser) -> CanonicalMesh:
    """The canonical face."""
    return analyser.mesh


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
