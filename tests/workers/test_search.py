"""Very large pictures are searched quickly, and their faces are read exactly."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.types import Face, Picture, Search
from facemeld.workers.tasks.fuse import LARGE, find_faces


class Counting(MeshEngine):
    """Remembers the sizes of the pictures it searched."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(bundle)
        self.sizes: list[tuple[int, int, bool]] = []

    def analyse(self, picture: Picture, within: Rect | None = None, search: Search = "prominent") -> tuple[Face, ...]:
        self.sizes.append((picture.shape[1], picture.shape[0], within is not None))
        return super().analyse(picture, within, search)


@pytest.fixture
def engine(bundle_path: Path) -> Counting:
    return Counting(bundle_path)


def scene(width: int, *pastes: tuple[NDArray[np.uint8], int, int, int]) -> Picture:
    """A grey picture 1200 high with portraits at x, y and height."""
    picture = np.full((1200, width, 3), 90, np.uint8)
    for portrait, x, y, height in pastes:
        small = cv2.resize(portrait, (round(portrait.shape[1] * height / portrait.shape[0]), height), interpolation=cv2.INTER_AREA)
        picture[y : y + small.shape[0], x : x + small.shape[1]] = small
    return picture


def test_both_faces_of_a_wide_picture_are_read_at_full_size(engine: Counting, astronaut: Picture, hopper: Picture) -> None:
    picture = scene(5000, (astronaut, 400, 100, 1000), (hopper, 3900, 300, 500))
    faces = find_faces(engine, picture)
    assert engine.sizes[0] == (2048, 492, False)
    assert all(within for _, _, within in engine.sizes[1:])
    assert len(faces) == 2
    for face, (portrait, x, y, height) in zip(faces, ((astronaut, 400, 100, 1000), (hopper, 3900, 300, 500)), strict=True):
        scale = height / portrait.shape[0]
        alone = engine.analyse(portrait)[0].landmarks * scale + (x, y, 0)
        distances = np.linalg.norm(face.landmarks[:, :2] - alone[:, :2], axis=1)
        assert np.median(distances) < 0.02 * face.box.width


def test_pictures_of_common_size_and_boxes_are_searched_as_they_are(engine: Counting, astronaut: Picture) -> None:
    find_faces(engine, astronaut)
    box = Rect(4000, 0, 1000, 1200)
    found = find_faces(engine, scene(5000, (astronaut, 4200, 200, 500)), box)
    assert engine.sizes == [(512, 512, False), (5000, 1200, True)]
    assert len(found) == 1
    assert LARGE < 5000


def test_a_picture_whose_copy_shows_nothing_is_searched_as_a_whole(engine: Counting, astronaut: Picture) -> None:
    faces = find_faces(engine, scene(5000, (astronaut, 2000, 500, 230)))
    assert engine.sizes[-1] == (5000, 1200, False)
    assert len(faces) == 1
