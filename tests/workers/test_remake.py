"""A plan that does not fit the engine is made anew with the faces in the order that clients know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.mesh import MeshEngine
from facemeld.media.decode import DecodedImage, DecodeLimits
from facemeld.media.encode import encode
from facemeld.workers.tasks.inputs import FacesMoved
from facemeld.workers.tasks.template import StoredTemplate, load, make


@pytest.fixture
def couple(tmp_path: Path, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([hopper[:512], astronaut], axis=1)


@pytest.fixture
def engine(bundle_path: Path) -> MeshEngine:
    return MeshEngine(bundle_path)


def stored(tmp_path: Path, picture: NDArray[np.uint8], *boxes: Rect) -> StoredTemplate:
    """A template whose plan is gone, as good as outdated."""
    path = tmp_path / "picture"
    path.write_bytes(encode(picture, "png"))
    return StoredTemplate("key", tmp_path / "plan", path, DecodeLimits(), "00", boxes=boxes)


def boxes(engine: MeshEngine, picture: NDArray[np.uint8]) -> list[Rect]:
    template = make(engine, DecodedImage(picture, None, "png", picture.shape[1], picture.shape[0]))
    return [face.box for face in template.plan.faces]


def test_faces_keep_their_numbers(tmp_path: Path, engine: MeshEngine, couple: NDArray[np.uint8]) -> None:
    """Whatever order this engine finds them in, and when it finds more than were stored."""
    first, second = boxes(engine, couple)
    for known in ([second, first], [first, second], [second]):
        loaded, _ = load(engine, stored(tmp_path, couple, *known))
        assert [face.box for face in loaded.plan.faces] == known


def test_a_face_that_is_gone_is_said(tmp_path: Path, engine: MeshEngine, couple: NDArray[np.uint8]) -> None:
    """No user's face is put onto a neighbour instead."""
    first, second = boxes(engine, couple)
    moved = replace(second, x=second.x - second.width)
    with pytest.raises(FacesMoved, match=f"at {moved.x},{moved.y}"):
        load(engine, stored(tmp_path, couple, first, moved))
