"""Large photos are read at the scale that a fusion can use."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facemeld.boxes import Rect
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.types import Assignment, Face, FuseOptions
from facemeld.media.decode import DecodeLimits
from facemeld.workers.pool.context import TemplateCache, WorkerContext
from facemeld.workers.tasks.inputs import FaceTooSmall, IncomingRule, NoFaceFound, RectOutsidePicture
from facemeld.workers.tasks.photos import ImageSource, PhotoReader, PhotoRules, UserPhoto

Portrait: TypeAlias = Callable[[float], ImageSource]
RULES = PhotoRules(DecodeLimits())
WIDTH, HEIGHT = 4000, 3000


@pytest.fixture(scope="module")
def context(bundle_path: Path) -> WorkerContext:
    return WorkerContext(MeshEngine(bundle_path), TemplateCache(0))


@pytest.fixture(scope="module")
def portrait(astronaut: NDArray[np.uint8]) -> Portrait:
    """A photo of twelve megapixels with a portrait that takes a share of its height."""

    def make(share: float) -> ImageSource:
        side = round(HEIGHT * share)
        ground = Image.new("RGB", (WIDTH, HEIGHT), (90, 92, 96))
        person = Image.fromarray(astronaut).resize((side, side), Image.Resampling.LANCZOS)
        ground.paste(person, ((WIDTH - side) // 2, (HEIGHT - side) // 2))
        buffer = io.BytesIO()
        ground.save(buffer, "JPEG", quality=90)
        return ImageSource(data=buffer.getvalue())

    return make


def face_of(context: WorkerContext, picture: NDArray[np.uint8]) -> Face:
    return context.engine.analyse(picture, None, "largest")[0]


def read(
    context: WorkerContext, source: ImageSource, template: Face | None, rect: Rect | None = None, rules: PhotoRules = RULES
) -> tuple[NDArray[np.uint8], Face]:
    return PhotoReader(context, rules).read(UserPhoto(source, rect, 0), template)


def test_a_large_face_for_a_small_template_comes_at_half_scale(
    context: WorkerContext, portrait: Portrait, hopper: NDArray[np.uint8]
) -> None:
    source, template = portrait(1.0), face_of(context, hopper)
    picture, face = read(context, source, template)
    assert picture.shape == (HEIGHT // 2, WIDTH // 2, 3)
    whole, exact = read(context, source, None)
    assert whole.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(face.landmarks * 2 - exact.landmarks).max() < 0.01 * exact.box.width


def test_nothing_is_lost_that_the_fusion_could_use(context: WorkerContext, portrait: Portrait, hopper: NDArray[np.uint8]) -> None:
    template = face_of(context, hopper)
    plan = context.engine.plan(hopper, [template])
    half, whole = (
        context.engine.fuse(plan, [Assignment(0, *read(context, portrait(1.0), given))], FuseOptions(0.5, 0.5)).astype(float)
        for given in (template, None)
    )
    error = np.mean((half - whole) ** 2)
    assert 10 * np.log10(255**2 / error) > 40


@pytest.mark.parametrize(("share", "enlarge"), [(0.35, 1), (1.0, 6)])
def test_a_face_that_would_become_too_small_comes_in_full(
    context: WorkerContext, portrait: Portrait, hopper: NDArray[np.uint8], share: float, enlarge: int
) -> None:
    template = face_of(context, hopper)
    box = Rect(0, 0, template.box.width * enlarge, template.box.height * enlarge)
    picture, _ = read(context, portrait(share), replace(template, box=box))
    assert picture.shape == (HEIGHT, WIDTH, 3)


def test_a_face_that_was_read_well_is_not_searched_again(context: WorkerContext, portrait: Portrait, hopper: NDArray[np.uint8]) -> None:
    template, source = face_of(context, hopper), portrait(1.0)
    large = replace(template, box=Rect(0, 0, 6 * template.box.width, 6 * template.box.height))
    picture, face = read(context, source, large)
    _, exact = read(context, source, None)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert face.landmarks.dtype == np.float32
    assert np.abs(face.landmarks - exact.landmarks).max() < 0.01 * exact.box.width
    assert abs(face.box.x - exact.box.x) <= 8
    assert abs(face.box.bottom - exact.box.bottom) <= 8
    assert face.blendshapes is not exact.blendshapes


class Blind(MeshEngine):
    """Sees no face at reduced scale."""

    def analyse(self, picture: NDArray[np.uint8], *more: Any) -> tuple[Face, ...]:
        return () if picture.shape[0] < HEIGHT else super().analyse(picture, *more)


def test_a_face_that_is_missed_at_half_scale_is_found_in_full(
    context: WorkerContext, portrait: Portrait, hopper: NDArray[np.uint8], bundle_path: Path
) -> None:
    template = face_of(context, hopper)
    picture, _ = read(WorkerContext(Blind(bundle_path), TemplateCache(0)), portrait(1.0), template)
    assert picture.shape == (HEIGHT, WIDTH, 3)


def test_boxes_and_limits_are_those_of_the_file(context: WorkerContext, portrait: Portrait, hopper: NDArray[np.uint8]) -> None:
    template, source = face_of(context, hopper), portrait(1.0)
    _, whole = read(context, source, None)
    picture, half = read(context, source, template, whole.box)
    assert picture.shape == (HEIGHT // 2, WIDTH // 2, 3)
    assert np.abs(half.landmarks * 2 - whole.landmarks).max() < 0.02 * whole.box.width
    with pytest.raises(NoFaceFound):
        read(context, source, template, Rect(0, 0, 400, 400))
    with pytest.raises(RectOutsidePicture, match="4000x3000 pixels, got 400x400 at 3700,0"):
        read(context, source, template, Rect(3700, 0, 400, 400))
    least = max(whole.box.width, whole.box.height) + 1
    with pytest.raises(FaceTooSmall, match=f"at least {least}x{least} pixels, got {whole.box.width}x"):
        read(context, source, template, rules=replace(RULES, min_face=least))


def test_where_the_invisible_mark_is_looked_for_every_pixel_is_read(
    context: WorkerContext, portrait: Portrait, hopper: NDArray[np.uint8]
) -> None:
    rules = replace(RULES, incoming=IncomingRule(invisible=True))
    picture, _ = read(context, portrait(1.0), face_of(context, hopper), rules=rules)
    assert picture.shape == (HEIGHT, WIDTH, 3)


def test_a_photo_that_is_used_twice_is_decoded_once(context: WorkerContext, portrait: Portrait, hopper: NDArray[np.uint8]) -> None:
    source, template, reader = portrait(1.0), face_of(context, hopper), PhotoReader(context, RULES)
    first, face = reader.read(UserPhoto(source, None, 0), template)
    second, same = reader.read(UserPhoto(source, None, 1), template)
    assert second is first
    assert same is face
