"""Templates that come with a call: planned once for each content, in bounded memory; faces found by boxes."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facemeld.boxes import Rect
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.types import Assignment, Face, FuseOptions, Picture
from facemeld.media.decode import DecodeLimits
from facemeld.workers.pool.context import TemplateCache, WorkerContext
from facemeld.workers.pool.executor import kind_of
from facemeld.workers.tasks.fuse import CheckPhotos, SentTemplate, located, read_template
from facemeld.workers.tasks.inputs import FaceTooSmall, NoFaceFound, RectOutsidePicture, TemplateEmpty, TemplateTooLarge, TooManyPhotos
from facemeld.workers.tasks.photos import ImageSource, PhotoRules, UserPhoto, cut_out
from facemeld.workers.tasks.template import StoredTemplate, Template

LIMITS = DecodeLimits(max_side=7999)


class Counting(MeshEngine):
    """Counts the plans it makes."""

    plans = 0

    def plan(self, template: Picture, faces: Sequence[Face]) -> MeshPlan:
        self.plans += 1
        return super().plan(template, faces)


def context_with(engine: Counting, cache_bytes: int = 64 << 20) -> WorkerContext:
    return WorkerContext(engine=engine, templates=TemplateCache(cache_bytes))


@pytest.fixture
def engine(bundle_path: Path) -> Counting:
    return Counting(bundle_path)


def file_of(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def by_text(data: bytes) -> SentTemplate:
    return SentTemplate(ImageSource(text=base64.b64encode(data).decode(), max_text=10 << 20), LIMITS)


def by_file(data: bytes) -> SentTemplate:
    return SentTemplate(ImageSource(data=data), LIMITS)


def read(context: WorkerContext, template: SentTemplate) -> Template:
    return read_template(context, template.file(), template.limits)


def photo(rect: Rect | None = None) -> UserPhoto:
    return UserPhoto(ImageSource(data=b"photo"), None, rect)


def test_a_repeated_template_is_planned_once_whichever_way_it_comes(engine: Counting, hopper: Picture, astronaut: Picture) -> None:
    context = context_with(engine)
    data = file_of(hopper)
    first = read(context, by_text(data))
    assert read(context, by_file(data)) is first
    assert engine.plans == 1
    assert read(context, by_file(file_of(astronaut))) is not first
    assert read(context, by_text(data)) is first
    assert engine.plans == 2


def test_the_memory_for_templates_is_bounded(engine: Counting, hopper: Picture) -> None:
    limit = 12 << 20
    context = context_with(engine, limit)
    for shade in range(6):
        read(context, by_file(file_of(np.roll(hopper, shade, axis=1))))
        assert context.templates.size <= limit
    assert 1 <= len(context.templates) < 6
    none = context_with(engine, 1)
    read(none, by_file(file_of(hopper)))
    assert len(none.templates) == 0


def test_the_size_that_is_booked_covers_what_a_plan_holds(engine: Counting, hopper: Picture) -> None:
    context = context_with(engine)
    plan = read(context, by_file(file_of(hopper))).plan
    assert isinstance(plan, MeshPlan)
    held = plan.picture.nbytes + sum(array.nbytes for detail in plan.details for array in arrays_in(detail))
    assert held <= context.templates.size <= 6 * held


def arrays_in(value: object) -> list[np.ndarray]:
    """Every array in a value type and those inside it."""
    if isinstance(value, np.ndarray):
        return [value]
    slots = getattr(type(value), "__dataclass_fields__", {})
    return [array for name in slots for array in arrays_in(getattr(value, name))]


def test_what_is_wrong_with_a_template(engine: Counting) -> None:
    context = context_with(engine)
    for empty in (by_file(b""), by_text(b""), SentTemplate(ImageSource(text="data:image/png;base64,", max_text=99), LIMITS)):
        with pytest.raises(TemplateEmpty):
            read(context, empty)
    with pytest.raises(TemplateTooLarge, match="at most 299 pixels, got 300x100"):
        read(context, SentTemplate(ImageSource(data=file_of(np.zeros((100, 300, 3), np.uint8))), DecodeLimits(max_side=299)))
    with pytest.raises(NoFaceFound):
        read(context, by_file(file_of(np.zeros((100, 300, 3), np.uint8))))
    assert len(context.templates) == 0


def test_photos_meet_faces_by_box_and_by_size(engine: Counting, hopper: Picture, astronaut: Picture) -> None:
    couple = np.concatenate([hopper[:512], astronaut], axis=1)
    template = read(context_with(engine), by_file(file_of(couple)))
    rules = PhotoRules(LIMITS)
    larger, smaller = template.plan.faces
    assert located(engine, template, [photo()], rules)[1] == (0,)
    assert located(engine, template, [photo(), photo()], rules)[1] == (0, 1)
    assert located(engine, template, [photo(), photo(larger.box)], rules)[1] == (1, 0)
    assert located(engine, template, [photo(smaller.box), photo()], rules)[1] == (1, 0)
    assert located(engine, template, [photo(Rect(0, 0, 1024, 512))], rules)[1] == (0,)
    with pytest.raises(TooManyPhotos, match="may be meant once"):
        located(engine, template, [photo(larger.box), photo(larger.box)], rules)
    with pytest.raises(TooManyPhotos, match="2 faces, got 3 photos"):
        located(engine, template, [photo()] * 3, rules)
    with pytest.raises(RectOutsidePicture):
        located(engine, template, [photo(Rect(1000, 0, 40, 40))], rules)
    with pytest.raises(NoFaceFound):
        located(engine, template, [photo(Rect(0, 0, 40, 40))], rules)
    with pytest.raises(FaceTooSmall):
        located(engine, template, [photo()], PhotoRules(LIMITS, min_face=500))
    assert engine.plans == 1


def test_a_very_large_photo_is_cut_to_the_surroundings_of_its_face(engine: Counting, astronaut: Picture, hopper: Picture) -> None:
    wide = np.full((4096, 4096, 3), 90, np.uint8)
    wide[3000:3512, 1000:1512] = astronaut
    face = engine.analyse(wide, Rect(1000, 3000, 512, 512))[0]
    part, moved = cut_out(wide, face)
    assert part.nbytes < 0.1 * wide.nbytes
    assert part.base is None
    box = moved.box
    assert (part[box.y : box.bottom, box.x : box.right] == wide[face.box.y : face.box.bottom, face.box.x : face.box.right]).all()
    plan = engine.plan(hopper, engine.analyse(hopper))
    whole, cut = (engine.fuse(plan, [Assignment(0, *view)], FuseOptions(0, 0)) for view in ((wide, face), (part, moved)))
    assert np.abs(whole.astype(int) - cut).mean() < 0.01
    assert cut_out(astronaut, moved) == (astronaut, moved)


def test_work_on_stored_and_on_sent_templates_is_timed_apart() -> None:
    stored = StoredTemplate("key", Path("plan"), Path("picture"), LIMITS, "00")
    kinds = [kind_of(CheckPhotos(template, (), PhotoRules(LIMITS))) for template in (stored, by_file(b"a"), by_text(b"b"))]
    assert kinds[0] != kinds[1] == kinds[2]
