"""Ids on the wire: valid forms, and refusal of all others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemeld.materials.types import (
    IdInvalid,
    ModelId,
    activity_id,
    face_id,
    material_id,
    parse_activity_id,
    parse_face_id,
    parse_material_id,
    parse_model_id,
)
from tests.tables import table

NUMBERS = st.integers(1, 2**63 - 1)
FACES = st.integers(1, 9999)
PARSERS: list[Callable[[str], object]] = [parse_activity_id, parse_material_id, parse_model_id, parse_face_id]


@given(NUMBERS, FACES)
def test_ids_survive_their_wire_form(number: int, face: int) -> None:
    assert parse_activity_id(activity_id(number)) == number
    assert parse_material_id(material_id(number)) == number
    assert parse_face_id(face_id(number, face)) == (number, face)
    for model in (ModelId(number), ModelId(number, face)):
        assert parse_model_id(str(model)) == model


def test_both_documented_forms_of_a_model_id_are_read() -> None:
    assert parse_model_id("mt_1603586676924403712") == ModelId(1603586676924403712)
    assert parse_model_id("mt_1603586676924403712_1") == ModelId(1603586676924403712, 1)


@given(st.one_of(st.text(st.characters(exclude_categories=())), st.from_regex(r"(at|mt)_[0-9_./-]{0,25}")))
def test_whatever_is_read_is_exactly_the_wire_form(text: str) -> None:
    writers: list[Callable[[str], str]] = [
        lambda text: activity_id(parse_activity_id(text)),
        lambda text: material_id(parse_material_id(text)),
        lambda text: str(parse_model_id(text)),
        lambda text: face_id(*parse_face_id(text)),
    ]
    for write in writers:
        try:
            written = write(text)
        except IdInvalid:
            continue
        assert written == text


BAD = [
    "",
    "at_",
    "mt_",
    "at_0",
    "mt_0",
    "mt_01",
    "at_01",
    "AT_1",
    "MT_1",
    "mt_-1",
    "mt_1_",
    "mt_1_0",
    "mt_1_01",
    "mt_1_1_1",
    "mt_1_99999",
    "mt_1\n",
    "at_1\n",
    " mt_1",
    "mt_1 ",
    "mt_١",
    "at_１",
    "mt_1/../2",
    "mt_9223372036854775808",
    "at_9223372036854775808",
    "mt_99999999999999999999",
    "qc_300029_453345_1",
    "../../etc/passwd",
    "\udcff",
]


@table("text", BAD)
@table("parse", PARSERS, ids=lambda parse: parse.__name__)
def test_everything_else_is_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(IdInvalid):
        parse(text)


def test_a_face_is_no_material_and_a_material_no_face() -> None:
    with pytest.raises(IdInvalid, match="mt_<digits>,"):
        parse_material_id("mt_1_1")
    with pytest.raises(IdInvalid, match="mt_<digits>_<n>"):
        parse_face_id("mt_1")
