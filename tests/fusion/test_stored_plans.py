"""A plan is stored field by field; plans of older formats are recognised and made anew."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from facemeld.fusion.codec import Damaged, Stock, dump
from facemeld.fusion.errors import PlanOutdated
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.types import Picture
from facemeld.media.decode import DecodeLimits
from facemeld.workers.tasks.template import HEAD, StoredTemplate, load, unpack


def old_plan(plan: MeshPlan, engine: str) -> bytes:
    """A plan as ``mesh/6`` stored it: arrays by hand-picked names, numbers in a table for each class."""
    done, png = cv2.imencode(".png", cv2.cvtColor(plan.picture, cv2.COLOR_RGB2BGR))
    assert done
    arrays: dict[str, NDArray[Any]] = {"picture": np.asarray(png)}
    heads = []
    for index, (face, detail) in enumerate(zip(plan.faces, plan.details, strict=True)):
        named = {"landmarks": face.landmarks, "blendshapes": face.blendshapes, "local": detail.landmarks, "matte": detail.matte}
        named |= {"texture": detail.skin.texture, "sclera": detail.parts.sclera, "palette": detail.finish.palette}
        arrays |= {f"{index}.{name}": value for name, value in named.items()}
        heads.append({"box": [face.box.x, face.box.y, face.box.width, face.box.height], "score": face.score})
    arrays["head"] = np.frombuffer(json.dumps({"format": "facemeld-plan", "engine": engine, "faces": heads}).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def test_a_plan_of_an_older_format_is_refused_as_outdated(engine: MeshEngine, hopper_plan: MeshPlan) -> None:
    for name in ("mesh/6", engine.name):
        with pytest.raises(PlanOutdated, match="expected a plan of"):
            engine.load_plan(old_plan(hopper_plan, name))


def test_a_template_stored_by_an_older_engine_is_made_anew(
    engine: MeshEngine, hopper_plan: MeshPlan, hopper: Picture, tmp_path: Path
) -> None:
    plan, picture = tmp_path / "old.plan", tmp_path / "old.png"
    with zipfile.ZipFile(plan, "w") as archive:
        archive.writestr(HEAD, json.dumps({"engine": "mesh/6", "format": "png"}))
        archive.writestr("plan", old_plan(hopper_plan, "mesh/6"))
    Image.fromarray(hopper).save(picture)
    with pytest.raises(PlanOutdated):
        unpack(engine, plan.read_bytes())
    template, _ = load(engine, StoredTemplate("key", plan, picture, DecodeLimits(), "digest", boxes=(hopper_plan.faces[0].box,)))
    assert template.plan.to_bytes() == hopper_plan.to_bytes()


@dataclass(frozen=True)
class Inner:
    number: float
    count: int
    name: str | None


@dataclass(frozen=True, eq=False)
class Outer:
    field: NDArray[np.float32]
    extra: NDArray[np.uint8] | None
    pair: tuple[float, float]
    parts: tuple[Inner, ...]
    sure: bool


@given(
    numbers=st.lists(st.floats(allow_nan=False, width=64), max_size=4),
    pair=st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
    extra=st.none() | st.binary(max_size=9),
    name=st.none() | st.text(max_size=5),
    sure=st.booleans(),
)
def test_every_value_comes_back(numbers: list[float], pair: tuple[float, float], extra: bytes | None, name: str | None, sure: bool) -> None:
    parts = tuple(Inner(number, count, name) for count, number in enumerate(numbers))
    field = np.arange(6, dtype=np.float32).reshape(2, 3)
    before = Outer(field, None if extra is None else np.frombuffer(extra, np.uint8), pair, parts, sure)
    stock = Stock(dump(before, {"format": "test"}, {"file": np.zeros(3, np.uint8)}))
    after = stock.value(Outer)
    assert stock.about["format"] == "test"
    assert not stock.arrays["file"].any()
    np.testing.assert_array_equal(after.field, field)
    assert (after.pair, after.parts, after.sure) == (pair, parts, sure)
    assert (None if after.extra is None else after.extra.tobytes()) == extra


@pytest.mark.parametrize("other", [Inner(1.0, 2, "name"), (1.0, 2.0), None, Outer(np.zeros(1, np.float64), None, (0, 0), (), True)])  # type: ignore[arg-type]
def test_a_value_of_another_type_is_refused(other: object) -> None:
    with pytest.raises(Damaged):
        Stock(dump(other, {}, {})).value(Outer)


@given(st.binary(max_size=200))
def test_bytes_of_anything_else_are_refused(data: bytes) -> None:
    with pytest.raises(Damaged):
        Stock(data)
