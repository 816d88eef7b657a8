"""Ids, numbers and reviews of 2018-12-01, and the paging of both versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemeld.api.actions.types import paging
from facemeld.api.actions.v2018 import DescribeMaterialListRequest, activity_id, check_size, face_id, iso_time, model_id, review
from facemeld.api.actions.v2022 import china_time
from facemeld.api.protocol.errors.common import InvalidParameter
from facemeld.api.protocol.errors.facefusion import InvalidParameterValueParameterValueError, RequestEntityTooLarge
from facemeld.api.protocol.messages import to_model
from facemeld.materials.types import parse_activity_id, parse_face_id, parse_model_id
from tests.tables import table

NUMBERS = st.integers(1, 2**63 - 1)
FACES = st.integers(1, 9999)


@settings(deadline=None)
@given(NUMBERS)
def test_digits_stand_for_the_id_and_the_id_for_itself(number: int) -> None:
    assert parse_activity_id(activity_id(str(number))) == number
    assert activity_id(f"at_{number}") == f"at_{number}"
    assert parse_model_id(model_id(str(number))).material == number
    assert model_id(f"mt_{number}") == f"mt_{number}"


@settings(deadline=None)
@given(NUMBERS, FACES, FACES)
def test_a_face_may_be_named_in_three_ways(number: int, face: int, other: int) -> None:
    expected = (number, face)
    assert parse_face_id(face_id(f"mt_{number}_{face}", "mt_1")) == expected
    assert parse_face_id(face_id(f"{number}_{face}", "mt_1")) == expected
    for model in (f"mt_{number}", f"mt_{number}_{other}"):
        assert parse_face_id(face_id(str(face), model)) == expected


@settings(deadline=None)
@given(st.text(max_size=30))
def test_other_texts_stay_as_they_are(text: str) -> None:
    if not any(character.isdigit() for character in text):
        assert activity_id(text) == model_id(text) == face_id(text, "mt_1") == text


@table("text", ["qc_300029_453345_1", "300232_24_1", "0", "-1", "01", "１２３", "1" * 20, "at_1 "])
def test_ids_of_another_form_are_not_made_into_ours(text: str) -> None:
    assert activity_id(text) == text
    assert model_id(text) == text


@table("strict", [False, True])
@table(("value", "number"), [(10, 10), ("10", 10), ("-3", -3), (0, 0)])
def test_numbers_may_come_as_texts(value: Any, number: int, strict: bool) -> None:
    request = to_model(DescribeMaterialListRequest, {"ActivityId": 7, "Limit": value}, strict=strict, strings=False)
    assert (request.activity_id, request.limit) == ("7", number)


@table("value", ["ten", "1.5", "", "１０", "9" * 19, [], {}, True])
def test_other_texts_are_no_numbers(value: Any) -> None:
    with pytest.raises(InvalidParameter, match="`Limit`"):
        to_model(DescribeMaterialListRequest, {"ActivityId": 7, "Limit": value}, strict=True, strings=False)


@table("value", [True, [], {}, 1.5])
def test_an_id_is_a_number_or_a_text(value: Any) -> None:
    with pytest.raises(InvalidParameter, match="`ActivityId`"):
        to_model(DescribeMaterialListRequest, {"ActivityId": value}, strict=True, strings=False)


@table(("identify", "pictures", "items"), [(None, 2, 0), (0, 2, 0), (1, 2, 2), (1, 1, 1), (2, 1, 0)])
def test_a_review_has_an_item_for_each_picture_when_asked_for(identify: int | None, pictures: int, items: int) -> None:
    assert len(review(identify, pictures)) == items


def test_pictures_may_have_a_size_together() -> None:
    check_size(("a" * 6, "b" * 4), 10)
    with pytest.raises(RequestEntityTooLarge, match="at most 10 characters together, got 11"):
        check_size(("a" * 6, "b" * 5), 10)


@settings(deadline=None)
@given(st.none() | st.integers(0, 2**40), st.none() | st.integers(0, 2**40))
def test_lenient_paging_is_always_a_page(limit: int | None, offset: int | None) -> None:
    size, skip = paging(limit, offset, strict=False)
    assert 1 <= size <= 20
    assert skip == (offset or 0)
    if limit is not None and 1 <= limit <= 20:
        assert size == limit


@settings(deadline=None)
@given(st.integers(-(2**40), 2**40))
def test_strict_paging_refuses_what_is_out_of_range(limit: int) -> None:
    if limit < 0:
        with pytest.raises(InvalidParameter):
            paging(limit, 0, strict=True)
    elif not 1 <= limit <= 20:
        with pytest.raises(InvalidParameterValueParameterValueError):
            paging(limit, 0, strict=True)
    else:
        assert paging(limit, None, strict=True) == (limit, 0)


MOMENTS = st.datetimes(datetime(2010, 11, 5), datetime(2060, 1, 1), timezones=st.just(UTC))


@settings(deadline=None)
@given(MOMENTS)
def test_times_can_be_read_back(moment: datetime) -> None:
    assert timedelta(0) <= moment - datetime.fromisoformat(iso_time(moment)) < timedelta(milliseconds=1)
    read = datetime.strptime(f"{china_time(moment)} +0800", "%Y-%m-%d %H:%M:%S %z")
    assert abs(read - moment) <= timedelta(seconds=0.5)


def test_the_documented_time_of_a_documented_id() -> None:
    # mt_1597542526641664000 was made at 18:46:33.9 in China and is listed with 18:46:34.
    assert china_time(datetime(2022, 11, 29, 10, 46, 33, 900_000, UTC)) == "2022-11-29 18:46:34"
    assert iso_time(datetime(2022, 11, 29, 10, 46, 33, 900_000, UTC)) == "2022-11-29T10:46:33.900Z"
