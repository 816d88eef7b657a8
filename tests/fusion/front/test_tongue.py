"""Tongues: the template's stays in front, and no other mouth is made of a user's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.arrays import lab_of
from facemeld.fusion.front.reading import tongue_out
from facemeld.fusion.likeness import read_likeness
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.plan import FacePlan, MeshPlan
from facemeld.fusion.shape.atlas import GRID, Atlas
from facemeld.fusion.types import Assignment, Face, FloatArray, FuseOptions
from tests.fusion.painting import drawn_on, portrait

Pixels = NDArray[np.uint8]
PINK, PALE = (60.0, 28.0, 8.0), (74.0, 4.0, 12.0)
USER_LIKE = FuseOptions(0.0, 0.0)


def hanging(plan: FacePlan, atlas: Atlas, colour: tuple[float, ...], below: float, mouth: float) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Where a tongue is found on a face with an open mouth, and where one was painted: so many cells long, from the lower lip on."""
    skin = plan.skin
    rows, columns = np.arange(GRID)[:, None], np.arange(GRID)[None, :]
    top = atlas.cells[14, 1]
    painted = (rows > top) & (rows < top + below) & (np.abs(columns - (GRID - 1) / 2) < 10)
    texture = skin.texture.copy()
    texture[painted] = colour
    return tongue_out(replace(skin, texture=texture), replace(plan.parts, mouth_open=mouth), atlas), painted


def test_a_tongue_over_the_chin_is_found(hopper_plan: MeshPlan, atlas: Atlas) -> None:
    found, painted = hanging(hopper_plan.details[0], atlas, PINK, 22, 0.5)
    assert found[painted].mean() > 0.9
    far = np.abs(np.arange(GRID) - (GRID - 1) / 2)[None, :] > 24
    assert not found[np.broadcast_to(far, found.shape)].any()


@pytest.mark.parametrize(
    ("colour", "below", "mouth"),
    [
        pytest.param(PINK, 5, 0.5, id="within the lip"),
        pytest.param(PINK, 22, 0.1, id="mouth nearly shut"),
        pytest.param(PALE, 22, 0.5, id="another colour"),
        pytest.param((12.0, 28.0, 8.0), 22, 0.5, id="too dark to have one"),
    ],
)
def test_nothing_else_is_a_tongue(hopper_plan: MeshPlan, atlas: Atlas, colour: tuple[float, ...], below: float, mouth: float) -> None:
    found, _ = hanging(hopper_plan.details[0], atlas, colour, below, mouth)
    assert not found.any()


def planned(engine: MeshEngine, picture: Pixels) -> tuple[Face, MeshPlan]:
    face = engine.analyse(picture)[0]
    return face, engine.plan(picture, [face])


@pytest.mark.data
@pytest.mark.parametrize(("name", "out"), [("p042", 1.0), ("p057", 1.0), ("p073", 1.0), ("p002", 0.0), ("p036", 0.0), ("p037", 0.0)])
def test_of_open_mouths_some_show_a_tongue(engine: MeshEngine, shared_data: Path, name: str, out: float) -> None:
    _, plan = planned(engine, portrait(shared_data, name))
    assert plan.details[0].mouth == pytest.approx(out, abs=0.05)


@pytest.mark.data
def test_the_template_s_tongue_stays_in_front(engine: MeshEngine, shared_data: Path, atlas: Atlas) -> None:
    template, user = (portrait(shared_data, name) for name in ("p042", "p021"))
    face, plan = planned(engine, template)
    out = engine.fuse(plan, [Assignment(0, user, engine.analyse(user)[0])], USER_LIKE)
    detail = plan.details[0]
    where = drawn_on(tongue_out(detail.skin, detail.parts, atlas), face, template.shape, atlas) > 0.95
    assert where.sum() > 1000
    colours = [np.median(lab_of(picture)[where], axis=0) for picture in (template, out)]
    np.testing.assert_allclose(colours[0], colours[1], atol=4.0)


@pytest.mark.data
@pytest.mark.parametrize("name", [pytest.param("p042", id="tongue"), pytest.param("p036", id="laughter")])
def test_lips_that_cannot_be_closed_are_the_template_s(engine: MeshEngine, shared_data: Path, atlas: Atlas, name: str) -> None:
    template, user = (portrait(shared_data, one) for one in ("p013", name))
    face, plan = planned(engine, template)
    seen = engine.analyse(user)[0]
    assert read_likeness(user, seen, plan.details[0], atlas).lips > 0.95
    out = engine.fuse(plan, [Assignment(0, user, seen)], USER_LIKE)
    lips = drawn_on(atlas.lips, face, template.shape, atlas) > 0.95
    moved = np.abs(lab_of(out) - lab_of(template)).max(axis=2)[lips]
    assert float(np.median(moved)) < 8.0
