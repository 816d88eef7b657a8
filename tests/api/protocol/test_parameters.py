"""Parameters mean the same in every encoding, and refusing a body is cheap."""

from __future__ import annotations

import base64
import json
import time
from contextlib import suppress
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from facemeld.api.protocol.decoding import ProtocolLimits, decode_json, decode_multipart, flat_pairs, unflatten
from facemeld.api.protocol.errors.common import InvalidParameter, InvalidRequest, MissingParameter, UnknownParameter
from facemeld.api.protocol.messages import RequestModel, ResponseModel, to_model
from tests.tables import table

LIMITS = ProtocolLimits()
names = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ", min_size=1, max_size=8)
leaves = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
trees = st.dictionaries(
    names,
    st.recursive(
        leaves, lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(names, inner, min_size=1, max_size=4), max_leaves=8
    ),
    max_size=5,
)

BAD_JSON = {
    "cut short": b'{"A":',
    "trailing text": b'{"A":1} x',
    "two objects": b"{}{}",
    "single quotes": b"{'A':1}",
    "a list": b"[1]",
    "a text": b'"A"',
    "null": b"null",
    "not UTF-8": b'{"A":"\xff"}',
    "UTF-16": '{"A":1}'.encode("utf-16"),
    "surrogate in UTF-8": b'{"A":"\xed\xa0\x80"}',
    "half a surrogate pair": b'{"A":"\\ud800"}',
    "half a surrogate pair in a name": b'{"\\ud800":1}',
    "NUL": b'{"A":"\\u0000"}',
    "raw control character": b'{"A":"\n"}',
    "NaN": b'{"A":NaN}',
    "infinity": b'{"A":-Infinity}',
    "overflow": b'{"A":1e999}',
    "huge integer": b'{"A":' + b"9" * 5000 + b"}",
    "huge fraction": b'{"A":0.' + b"9" * 5000 + b"}",
    "repeated name": b'{"A":1,"A":2}',
    "repeated nested name": b'{"B":[{"A":1,"A":1}]}',
    "deep list": b'{"A":' + b"[" * 20 + b"]" * 20 + b"}",
    "very deep list": b'{"A":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deep object": b'{"A":' * 20 + b"1" + b"}" * 20,
    "many values": b'{"A":[' + b"1," * 20_000 + b"1]}",
    "many lists": b'{"A":[' + b"[]," * 5_000_000 + b"[]]}",
    "many escaped quotation marks": b'{"A":"' + b'\\"' * 5_000_000 + b'"}',
    "many strings": b'{"A":[' + b'"",' * 5_000_000 + b'""]}',
    "many backslashes": b'{"A":"' + b"\\" * 20_000_000 + b'"}',
    "many blanks": b'{"A":' + b" " * 20_000_000 + b"1}",
    "many long numbers": b'{"A":[' + b"9" * 4000 + (b"," + b"9" * 4000) * 9000 + b"]}",
    "open string": b'{"A":"' + b"a" * 20_000_000,
    "backslash outside a string": b'{"A":\\"a"}',
    "many names": json.dumps({f"n{index}": 1 for index in range(20_000)}).encode(),
}


@table("body", BAD_JSON.values(), ids=BAD_JSON.keys())
def test_malformed_json_is_refused_fast(body: bytes) -> None:
    start = time.perf_counter()
    with pytest.raises(InvalidParameter):
        decode_json(body, LIMITS)
    assert time.perf_counter() - start < 0.5


@table(
    ("body", "values"),
    [
        (b"", {}),
        (b"  \n", {}),
        (b"{}", {}),
        (b'\xef\xbb\xbf{"A":1}', {"A": 1}),
        (b'{"A":null,"B":{"C":null}}', {"B": {}}),
        (b'{"A":[1,2.5,true,"x"]}', {"A": [1, 2.5, True, "x"]}),
        (b'{"A":"\\ud83d\\ude00"}', {"A": "\U0001f600"}),
        (b'{"A":9223372036854775807}', {"A": 2**63 - 1}),
    ],
)
def test_json(body: bytes, values: dict[str, Any]) -> None:
    assert decode_json(body, LIMITS) == values


@given(values=trees)
def test_json_round_trip(values: dict[str, Any]) -> None:
    assert decode_json(json.dumps(values).encode(), LIMITS) == values
    assert decode_json(json.dumps(values, ensure_ascii=False).encode(), LIMITS) == values


def flatten(value: Any, path: str = "") -> dict[str, str]:
    """Flattened names, as clients write them."""
    if isinstance(value, str):
        return {path[1:]: value}
    members = value.items() if isinstance(value, dict) else enumerate(value)
    return {name: leaf for key, member in members for name, leaf in flatten(member, f"{path}.{key}").items()}


@given(values=trees)
def test_flattened_round_trip(values: dict[str, Any]) -> None:
    assert unflatten(flat_pairs(urlencode(flatten(values)).encode(), LIMITS), LIMITS) == values


@given(body=st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused_with_a_code(body: bytes) -> None:
    for decode in (
        lambda: decode_json(body, LIMITS),
        lambda: unflatten(flat_pairs(body, LIMITS), LIMITS),
        lambda: decode_multipart("multipart/form-data; boundary=b", b"--b" + body + b"\r\n--b--", LIMITS),
    ):
        with suppress(InvalidParameter, InvalidRequest):
            assert isinstance(decode(), dict)


BAD_QUERIES = {
    "no equals sign": "A",
    "broken UTF-8": "A=%ff",
    "NUL": "A=%00",
    "twice": "A=1&A=2",
    "twice, once escaped": "A=1&%41=2",
    "leaf and object": "A=1&A.B=2",
    "object and leaf": "A.B=1&A=2",
    "gap in a list": "A.0=1&A.2=2",
    "list not from 0": "A.1=1",
    "list and object": "A.0=1&A.B=2",
    "leading zero": "A.0=1&A.01=2",
    "index bomb": "A.999999999=1",
    "longer index bomb": "A." + "9" * 5000 + "=1",
    "index over the limit": "&".join(f"A.{index}=1" for index in range(101)),
    "negative index": "A.0=1&A.-1=1",
    "foreign digits": "A.0=1&A.١=1",
    "empty segment": "A..B=1",
    "empty name": "=1",
    "deep name": ".".join(["A"] * 20) + "=1",
    "many names": "&".join(f"n{index}=1" for index in range(20_000)),
}


@table("query", BAD_QUERIES.values(), ids=BAD_QUERIES.keys())
def test_malformed_query_is_refused(query: str) -> None:
    with pytest.raises(InvalidParameter):
        unflatten(flat_pairs(query.encode(), LIMITS), LIMITS)


def test_query_piece_without_equals_sign_has_the_documented_message() -> None:
    with pytest.raises(InvalidParameter, match="Url key and value should be splited by `=`"):
        flat_pairs(b"A=1&B", LIMITS)


def test_flattened_list_of_objects() -> None:
    pairs = flat_pairs(b"MergeInfos.0.Url=a+b%2Bc&MergeInfos.0.InputImageFaceRect.X=1&MergeInfos.1.Url=&N=%E8%84%B8", LIMITS)
    assert unflatten(pairs, LIMITS) == {"MergeInfos": [{"Url": "a b+c", "InputImageFaceRect": {"X": "1"}}, {"Url": ""}], "N": "脸"}


def part(name: str, content: bytes, more: str = "", kind: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\n' + (f"Content-Type: {kind}\r\n" if kind else "")
    return head.encode() + b"\r\n" + content


def multipart(*parts: bytes) -> bytes:
    return b"".join(b"--b\r\n" + one + b"\r\n" for one in parts) + b"--b--\r\n"


def test_multipart() -> None:
    picture = bytes(range(256)) + b"\r\n--c\r\n"
    body = multipart(
        part("ProjectId", "脸".encode()),
        part("MergeInfos", b'[{"Url":"u","Image":null}]', kind="application/json; charset=utf-8"),
        part("Image", picture, '; filename="a.jpg"', "image/jpeg"),
        part("LogoRect.X", b"1"),
        part("Absent", b"null", kind="application/json"),
    )
    assert decode_multipart('multipart/form-data; boundary="b"', body, LIMITS) == {
        "ProjectId": "脸",
        "MergeInfos": [{"Url": "u"}],
        "Image": base64.b64encode(picture).decode(),
        "LogoRect": {"X": "1"},
    }


BAD_MULTIPART = {
    "no boundary named": ("multipart/form-data", multipart(part("A", b"1"))),
    "another boundary": ("multipart/form-data; boundary=c", multipart(part("A", b"1"))),
    "empty": ("multipart/form-data; boundary=b", b""),
    "not closed": ("multipart/form-data; boundary=b", multipart(part("A", b"1"))[:-6]),
    "text before": ("multipart/form-data; boundary=b", b"x" + multipart(part("A", b"1"))),
    "text after": ("multipart/form-data; boundary=b", multipart(part("A", b"1")) + b"x"),
    "part without headers": ("multipart/form-data; boundary=b", multipart(b"1")),
    "part without a name": ("multipart/form-data; boundary=b", multipart(b"Content-Disposition: form-data\r\n\r\n1")),
    "name not UTF-8": ("multipart/form-data; boundary=b", multipart(b'Content-Disposition: form-data; name="\xff"\r\n\r\n1')),
    "text not UTF-8": ("multipart/form-data; boundary=b", multipart(part("A", b"\xff"))),
    "many parts": ("multipart/form-data; boundary=b", multipart(*[part("A", b"1")] * 10_001)),
}


@table(("kind", "body"), BAD_MULTIPART.values(), ids=BAD_MULTIPART.keys())
def test_malformed_multipart_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_multipart(kind, body, LIMITS)


def test_multipart_with_a_repeated_part_or_bad_json_is_refused() -> None:
    for parts in ([part("A", b"1")] * 2, [part("A", b"{", kind="application/json")]):
        with pytest.raises(InvalidParameter):
            decode_multipart("multipart/form-data; boundary=b", multipart(*parts), LIMITS)


class FaceRect(RequestModel):
    """A rectangle."""

    x: int
    width: int


class MergeInfo(RequestModel):
    """A user's picture."""

    url: str | None = None
    template_face_id: str | None = Field(default=None, alias="TemplateFaceID")
    input_image_face_rect: FaceRect | None = None


class FuseRequest(RequestModel):
    """A request with every kind of member."""

    project_id: str
    merge_infos: tuple[MergeInfo, ...]
    logo_add: int = 1
    offset: int = Field(default=0, ge=0)
    degree: float | None = None
    flag: bool | None = None
    tags: list[str] | None = None


GOOD: dict[str, Any] = {"ProjectId": "at_1", "MergeInfos": [{"Url": "u"}]}

# Name, parameters, and the outcome in lenient and in strict mode: values of the model, or an error with the path it names.
SCHEMA: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("all right", {}, {}, {}),
    ("integer as text", {"LogoAdd": "0"}, {"logo_add": 0}, (InvalidParameter, "LogoAdd")),
    ("whole number with a point", {"LogoAdd": 1.0}, {"logo_add": 1}, (InvalidParameter, "LogoAdd")),
    ("fraction for an integer", {"LogoAdd": 1.5}, (InvalidParameter, "LogoAdd"), (InvalidParameter, "LogoAdd")),
    ("fraction as text for an integer", {"LogoAdd": "1.5"}, (InvalidParameter, "LogoAdd"), (InvalidParameter, "LogoAdd")),
    ("boolean for an integer", {"LogoAdd": True}, (InvalidParameter, "LogoAdd"), (InvalidParameter, "LogoAdd")),
    ("words for an integer", {"LogoAdd": "x"}, (InvalidParameter, "LogoAdd"), (InvalidParameter, "LogoAdd")),
    ("integer for a float", {"Degree": 1}, {"degree": 1.0}, {"degree": 1.0}),
    ("float as text", {"Degree": "0.5"}, {"degree": 0.5}, (InvalidParameter, "Degree")),
    ("boolean for a float", {"Degree": False}, (InvalidParameter, "Degree"), (InvalidParameter, "Degree")),
    ("NaN as text", {"Degree": "nan"}, (InvalidParameter, "Degree"), (InvalidParameter, "Degree")),
    ("integer for a text", {"ProjectId": 300029}, {"project_id": "300029"}, (InvalidParameter, "ProjectId")),
    ("object for a text", {"ProjectId": {}}, (InvalidParameter, "ProjectId"), (InvalidParameter, "ProjectId")),
    ("list for a text", {"ProjectId": ["a"]}, (InvalidParameter, "ProjectId"), (InvalidParameter, "ProjectId")),
    ("bare object for a list", {"MergeInfos": {"Url": "u"}}, {}, (InvalidParameter, "MergeInfos")),
    ("text for a list", {"MergeInfos": "u"}, (InvalidParameter, "MergeInfos"), (InvalidParameter, "MergeInfos")),
    ("text for an object", {"MergeInfos": ["u"]}, (InvalidParameter, "MergeInfos.0"), (InvalidParameter, "MergeInfos.0")),
    ("null in a list", {"MergeInfos": [None]}, (InvalidParameter, "MergeInfos.0"), (InvalidParameter, "MergeInfos.0")),
    ("nested type", {"MergeInfos": [{"Url": []}]}, (InvalidParameter, "MergeInfos.0.Url"), (InvalidParameter, "MergeInfos.0.Url")),
    (
        "nested boolean",
        {"MergeInfos": [{"InputImageFaceRect": {"X": True, "Width": 1}}]},
        (InvalidParameter, "MergeInfos.0.InputImageFaceRect.X"),
        (InvalidParameter, "MergeInfos.0.InputImageFaceRect.X"),
    ),
    (
        "missing nested member",
        {"MergeInfos": [{"Url": "u"}, {"InputImageFaceRect": {"X": 1}}]},
        (MissingParameter, "MergeInfos.1.InputImageFaceRect.Width"),
        (MissingParameter, "MergeInfos.1.InputImageFaceRect.Width"),
    ),
    ("unknown parameter", {"Nonsense": 1}, {}, (UnknownParameter, "Nonsense")),
    ("unknown nested parameter", {"MergeInfos": [{"Url": "u", "X": 1}]}, {}, (UnknownParameter, "MergeInfos.0.X")),
    ("name in another case", {"logo_add": 5, "logoAdd": 5}, {"logo_add": 1}, (UnknownParameter, "logo_add")),
    ("negative paging", {"Offset": -1}, (InvalidParameter, "Offset"), (InvalidParameter, "Offset")),
    ("list of texts", {"Tags": ["a"]}, {"tags": ["a"]}, {"tags": ["a"]}),
    ("boolean", {"Flag": True}, {"flag": True}, {"flag": True}),
    ("type before missing", {"MergeInfos": [], "ProjectId": []}, (InvalidParameter, "ProjectId"), (InvalidParameter, "ProjectId")),
]


@table("strict", [False, True], ids=["lenient", "strict"])
@table(("values", "lenient", "exact"), [row[1:] for row in SCHEMA], ids=[row[0] for row in SCHEMA])
def test_schema(values: dict[str, Any], lenient: Any, exact: Any, strict: bool) -> None:
    expected = exact if strict else lenient
    if isinstance(expected, tuple):
        error, path = expected
        with pytest.raises(error, match=f"`{path}`"):
            to_model(FuseRequest, {**GOOD, **values}, strict=strict, strings=False)
    else:
        model = to_model(FuseRequest, {**GOOD, **values}, strict=strict, strings=False)
        assert model.merge_infos[0].url == "u"
        for name, value in expected.items():
            assert getattr(model, name) == value


def test_missing_comes_after_unknown() -> None:
    with pytest.raises(UnknownParameter, match="`Nonsense`"):
        to_model(FuseRequest, {"Nonsense": 1}, strict=True, strings=False)
    with pytest.raises(MissingParameter, match="`ProjectId`"):
        to_model(FuseRequest, {"Nonsense": 1}, strict=False, strings=False)


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
def test_text_values_are_read_by_type_in_both_modes(strict: bool) -> None:
    query = "ProjectId=300029&MergeInfos.0.InputImageFaceRect.X=1&MergeInfos.0.InputImageFaceRect.Width=40&LogoAdd=0&Degree=0.5&Tags.0=1"
    model = to_model(FuseRequest, unflatten(flat_pairs(query.encode(), LIMITS), LIMITS), strict=strict, strings=True)
    assert model.merge_infos[0].input_image_face_rect == FaceRect(X=1, Width=40)
    assert (model.project_id, model.logo_add, model.degree, model.tags) == ("300029", 0, 0.5, ["1"])


def test_wrong_type_names_the_right_one() -> None:
    with pytest.raises(InvalidParameter, match="input type should be `integer`"):
        to_model(FuseRequest, {**GOOD, "LogoAdd": "x"}, strict=False, strings=False)


def test_values_of_the_caller_are_not_shown() -> None:
    with pytest.raises(InvalidParameter) as refused:
        to_model(FuseRequest, {**GOOD, "LogoAdd": "SECRET"}, strict=False, strings=False)
    assert "SECRET" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_response_models_write_wire_names() -> None:
    class Response(ResponseModel):
        fused_image: str
        job_id: str | None = None

    assert Response(fused_image="u").model_dump(by_alias=True) == {"FusedImage": "u", "JobId": None}


@table("text", ["a b", "a+b", "a&b=c", "脸", "%41", "a;b"])
def test_query_text(text: str) -> None:
    assert flat_pairs(f"A={quote_plus(text)}".encode(), LIMITS) == {"A": text}
