"""The six model types of FuseFaceUltra differ in the documented direction, on both portraits."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from facemeld.boxes import Rect
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.retouch.presets import PRESETS, RetouchStrengths, UltraStrengths
from facemeld.fusion.shape.masks import Stencil
from facemeld.fusion.types import Assignment, FuseOptions, Picture
from facemeld.workers.tasks.fuse import fuse_retouched
from facemeld.workers.tasks.template import Template
from tests.fusion.retouch.conftest import Portrait
from tests.fusion.retouch.test_retouch import covered

Fuse = Callable[..., Picture]
PAIRS = ("serious into smiling", "smiling into serious")


@pytest.fixture(scope="session", params=PAIRS)
def pair(request: pytest.FixtureRequest, smiling: Portrait, serious: Portrait) -> tuple[Portrait, Portrait]:
    """A user and a template."""
    return (serious, smiling) if request.param == PAIRS[0] else (smiling, serious)


@pytest.fixture(scope="session")
def fuse(engine: MeshEngine) -> Fuse:
    """Fuses a user into a template as a model type wants it."""

    def run(user: Portrait, template: Portrait, model_type: int, **asked: float) -> Picture:
        planned = Template(engine.plan(template.picture, [template.face]), None, "png")
        preset, strengths = PRESETS[model_type], UltraStrengths(**asked)
        assignment = Assignment(0, user.picture, user.face)
        return fuse_retouched(engine, planned, [assignment], preset.options(strengths), preset.strengths(strengths))

    return run


def detail(picture: Picture, portrait: Portrait) -> float:
    """Strength of the finest detail in the template's face."""
    box = portrait.face.box
    light = cv2.cvtColor(picture[box.y : box.bottom, box.x : box.right], cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.abs(light - cv2.GaussianBlur(light, (0, 0), 1.0)).mean())


def distance(one: Picture, other: Picture) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_type_1_is_the_sharpest_and_type_2_the_softest(fuse: Fuse, pair: tuple[Portrait, Portrait]) -> None:
    found = {number: detail(fuse(*pair, number), pair[1]) for number in PRESETS}
    assert found[1] == max(found.values())
    assert found[1] > 1.05 * found[3]
    assert found[2] < 0.98 * found[3]


def test_types_4_and_6_are_most_like_the_user(fuse: Fuse, pair: tuple[Portrait, Portrait], engine: MeshEngine) -> None:
    user, template = pair
    planned = engine.plan(template.picture, [template.face])
    most = engine.fuse(planned, [Assignment(0, user.picture, user.face)], FuseOptions(0, 0))
    plain = {"enhance": 0.0, "smooth": 0.0, "teeth": 0.0}
    away = {number: distance(fuse(*pair, number, **plain), most) for number in PRESETS}
    assert max(away[4], away[6]) < min(away[1], away[2], away[3], away[5])
    like_template = {number: distance(fuse(*pair, number, **plain), template.picture) for number in PRESETS}
    assert like_template[6] > like_template[4] > like_template[3] > like_template[5]


def test_type_5_shows_less_of_what_covers_the_user(fuse: Fuse, engine: MeshEngine, smiling: Portrait, serious: Portrait) -> None:
    hidden = Portrait(covered(smiling), smiling.face)
    clean = {number: fuse(smiling, serious, number) for number in (3, 5)}
    leaks = {number: np.abs(fuse(hidden, serious, number).astype(int) - clean[number]).max(axis=2) for number in (3, 5)}
    seen = leaks[3] > 25  # less comes from edges too: the two faces lie a fraction of a pixel apart
    assert seen.any()
    # The engine itself takes most of what is covered from the other half, in all types; this is about the rest.
    assert seen.mean() < 0.004
    assert leaks[5][seen].mean() < 0.95 * leaks[3][seen].mean()


@pytest.mark.parametrize("model_type", [1, 2, 3, 4, 5, 6])
def test_warp_bends_the_template_around_the_users_outline_except_in_type_6(
    fuse: Fuse, pair: tuple[Portrait, Portrait], model_type: int
) -> None:
    user, template = pair
    size = template.picture.shape[1], template.picture.shape[0]
    inside = Stencil(Rect(0, 0, *size)).area(template.face.landmarks, hull=True) > 0

    def moved(warp: float) -> float:
        different = np.abs(fuse(user, template, model_type, warp=warp).astype(int) - template.picture).sum(axis=2)
        return float(different[~inside].sum())

    ends = [moved(warp) for warp in (0.0, 1.0)]
    assert ends[0] == ends[1] if model_type == 6 else 2 * ends[0] < ends[1]


def test_a_preset_turns_what_is_asked_into_options_and_strengths() -> None:
    asked = UltraStrengths(warp=0.25, enhance=0.5, smooth=1.0, teeth=0.0, makeup=1.0)
    assert PRESETS[3].options(asked).shape == 0.75
    assert PRESETS[3].strengths(asked) == RetouchStrengths(smooth=1.0, enhance=0.5, sharpen=0.2, teeth=0.0, makeup=1.0, guard=0.0)
    assert PRESETS[6].options(asked) == PRESETS[6].options(UltraStrengths())
    assert PRESETS[6].strengths(asked) == PRESETS[6].strengths(UltraStrengths())


def test_there_are_six_types_and_the_table_cannot_be_changed() -> None:
    assert sorted(PRESETS) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(TypeError):
        PRESETS[7] = PRESETS[1]  # type: ignore[index]  # the mapping is read-only, which is what the test shows
