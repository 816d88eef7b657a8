"""Landmarks and expression scores agree with the reference implementation's on the two portraits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.finding.analysis import Analyser

REFERENCE = Path(__file__).parents[2] / "data" / "reference_landmarks.npz"
"""Written by scripts/make_reference_landmarks.py."""


@pytest.mark.parametrize("name", ["astronaut", "hopper"])
def test_landmarks_within_a_pixel_and_scores_within_a_twentieth(analyser: Analyser, name: str, request: pytest.FixtureRequest) -> None:
    picture: NDArray[np.uint8] = request.getfixturevalue(name)
    with np.load(REFERENCE, allow_pickle=False) as reference:
        landmarks, scores = reference[f"{name}_landmarks"], reference[f"{name}_blendshapes"]
    (face,) = analyser.analyse(picture)
    assert np.linalg.norm(face.landmarks[:, :2] - landmarks[:, :2], axis=1).max() < 1.0
    assert np.abs(face.landmarks[:, 2] - landmarks[:, 2]).max() < 1.0
    assert np.abs(face.blendshapes - scores).max() < 0.05
