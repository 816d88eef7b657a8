"""Fixtures of the imaging tests: one analyser and the canonical face."""

from __future__ import annotations

from pathlib import Path

import pytest

from facemeld.fusion.analysis import Analyser
from facemeld.fusion.bundle import CanonicalMesh


@pytest.fixture(scope="session")
def analyser(bundle_path: Path) -> Analyser:
    """The analyser with the real networks."""
    return Analyser(bundle_path)


@pytest.fixture(scope="session")
def canonical(analyser: Analyser) -> CanonicalMesh:
    """The canonical face."""
    return analyser.mesh
