"""What a worker does to a fused picture at the end: which visible mark is drawn, and where the invisible one goes."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facemeld.boxes import Rect
from facemeld.fusing.requests import MarkRules
from facemeld.marks.detect import detect
from facemeld.marks.label import draw_label
from facemeld.marks.provenance import Ingredient
from facemeld.media.decode import DecodedImage, DecodeLimits, decode
from facemeld.workers.tasks.marking import Inputs, Logo, Marking, mark_identifier, write
from facemeld.workers.tasks.photos import ImageSource
from facemeld.workers.tasks.template import Template
from tests.tables import table

KEY = b"a key of 32 bytes for the tests."
REQUEST = "3b241101-e2bb-4255-8caf-4136c566a962"
INPUTS = Inputs(Ingredient(b"t" * 32), (Ingredient(b"u" * 32),))
GREY = np.full((400, 600, 3), 128, np.uint8)


def marking(rules: MarkRules, *, visible: bool = True, logo: Rect | None = None, language: str = "en-US") -> Marking:
    mark = None if logo is None else Logo(ImageSource(), logo, DecodeLimits())
    return rules.marking(visible=visible, language=language, request_id=REQUEST, logo=mark, metadata=None, jpeg_quality=95)


def finished(picture: NDArray[np.uint8], how: Marking, *, template: NDArray[np.uint8], kind: Any = "png") -> NDArray[np.uint8]:
    logo = DecodedImage(np.zeros((40, 150, 3), np.uint8), None, "png", 150, 40) if how.logo is not None else None
    context: Any = SimpleNamespace(mark_key=KEY, signer=None, engine=SimpleNamespace(name="mesh/1"))
    plan: Any = SimpleNamespace(picture=template)
    data = write(picture.copy(), Template(plan, None, kind), how, logo, inputs=INPUTS, context=context).data
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


CLEAR, SPECK, OUTSIDE = Rect(0, 0, 150, 40), Rect(3, 3, 1, 1), Rect(900, 900, 10, 10)


@table(
    ("required", "rule", "visible", "logo", "labelled"),
    [
        (False, "replaces", True, None, True),
        (False, "replaces", False, None, False),
        (True, "replaces", False, None, True),
        (False, "replaces", True, SPECK, False),
        (True, "replaces", True, CLEAR, False),
        (True, "replaces", True, SPECK, True),
        (True, "replaces", True, OUTSIDE, True),
        (False, "when-clear", True, OUTSIDE, True),
        (False, "when-clear", True, CLEAR, False),
        (False, "beside", True, CLEAR, True),
        (True, "beside", False, None, True),
    ],
)
def test_the_operator_decides_what_stands_for_the_label(
    required: bool, rule: Any, visible: bool, logo: Rect | None, labelled: bool
) -> None:
    rules = MarkRules("maker", required=required, logo_rule=rule, invisible="off")
    pixels = finished(GREY, marking(rules, visible=visible, logo=logo), template=GREY)
    _, _, box = draw_label(GREY, "Synthesized by AI")
    assert bool((pixels[box.y : box.y + box.height, box.x : box.x + box.width] != 128).any()) is labelled


def test_text_and_corner_are_the_operators() -> None:
    rules = MarkRules("maker", texts={"en": "Made here", "zh": "合成"}, corner="upper-left", invisible="off")
    for language, text in (("en-US", "Made here"), ("zh-CN", "合成")):
        expected, _, _ = draw_label(GREY, text, corner="upper-left")
        np.testing.assert_array_equal(finished(GREY, marking(rules, language=language), template=GREY), expected)


@pytest.mark.parametrize(
    ("scope", "kind", "outside"), [("auto", "png", False), ("auto", "webp", True), ("face", "png", False), ("whole", "png", True)]
)
def test_the_invisible_mark_goes_where_the_operator_wants_it(scope: Any, kind: Any, outside: bool, astronaut: NDArray[np.uint8]) -> None:
    template = np.asarray(cv2.resize(astronaut, (900, 900), interpolation=cv2.INTER_CUBIC), np.uint8)
    fused = template.copy()
    fused[100:600, 200:700] ^= 1
    how = marking(MarkRules("maker", invisible=scope), visible=False)
    context: Any = SimpleNamespace(mark_key=KEY, signer=None, engine=SimpleNamespace(name="mesh/1"))
    plan: Any = SimpleNamespace(picture=template)
    data = write(fused.copy(), Template(plan, None, kind), replace(how, jpeg_quality=100), None, inputs=INPUTS, context=context).data
    pixels = decode(data, DecodeLimits(formats=("png", "webp"))).rgb
    changed = (pixels != fused).any(axis=2)
    changed[100:600, 200:700] = False
    assert bool(changed.any()) is outside
    found = detect(pixels, KEY, regions=[Rect(180, 80, 540, 540)])
    assert found is not None
    assert found.identifier == mark_identifier(REQUEST) == 0x3B241101E2BB4255


def test_off_means_no_change_at_all(astronaut: NDArray[np.uint8]) -> None:
    how = marking(MarkRules("maker", invisible="off"), visible=False)
    np.testing.assert_array_equal(finished(astronaut, how, template=astronaut), astronaut)


def test_an_id_that_is_no_uuid_has_a_number_too() -> None:
    assert mark_identifier("r-1") != mark_identifier("r-2")
    assert 0 <= mark_identifier("") < 2**64
