"""Base64 as clients really send it, and everything that is not base64."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemeld.media.decode import decode_base64
from facemeld.media.errors import EmptyImage, ImageTooManyBytes, MediaError, UndecodableImage

DATA = bytes(range(256)) + b"\xfb\xff\xfe" * 5 + b"!"
TEXT = base64.b64encode(DATA).decode()

LENIENT = {
    "plain": TEXT,
    "data url": "data:image/png;base64," + TEXT,
    "upper-case data url": "DATA:image/jpeg;BASE64," + TEXT,
    "data url with charset": "data:image/jpeg;charset=utf-8;base64," + TEXT,
    "mime lines": base64.encodebytes(DATA).decode(),
    "windows lines": base64.encodebytes(DATA).decode().replace("\n", "\r\n"),
    "url-safe": base64.urlsafe_b64encode(DATA).decode(),
    "no padding": TEXT.rstrip("="),
    "too much padding": TEXT + "==",
    "white space around": f" \t{TEXT}\n ",
    "everything": " data:image/png;base64, " + base64.urlsafe_b64encode(DATA).decode().rstrip("=").replace("A", "A\n"),
}

MALFORMED = {
    "one character": "A",
    "five characters": "AAAAA",
    "illegal characters": "AAA*",
    "non-ascii": "AAAé",
    "full-width": "ＡＡＡＡ",
    "nul": "AA\x00A",
    "padding inside": "AA==AAAA",
    "json": '{"a": 1}',
    "percent-encoded": "AA%3D%3D",
    "lone surrogate": "AAA\ud800",
    "data url twice": "data:a/b;base64,data:a/b;base64,AAAA",
}


@pytest.mark.parametrize("text", LENIENT.values(), ids=LENIENT.keys())
def test_lenient_takes_what_clients_send(text: str) -> None:
    assert decode_base64(text, max_chars=10_000) == DATA


@pytest.mark.parametrize(
    "text", [text for name, text in LENIENT.items() if name != "plain"], ids=[name for name in LENIENT if name != "plain"]
)
def test_strict_takes_only_the_plain_form(text: str) -> None:
    with pytest.raises(UndecodableImage):
        decode_base64(text, max_chars=10_000, strict=True)
    assert decode_base64(TEXT, max_chars=10_000, strict=True) == DATA


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_is_undecodable(text: str, strict: bool) -> None:
    with pytest.raises(UndecodableImage):
        decode_base64(text, max_chars=10_000, strict=strict)


@pytest.mark.parametrize("text", ["", " ", "\n", "====", "data:image/png;base64,"])
def test_nothing_is_an_empty_image(text: str) -> None:
    with pytest.raises(EmptyImage):
        decode_base64(text, max_chars=100)


def test_the_cap_counts_the_text_before_decoding() -> None:
    assert decode_base64("AAAA", max_chars=4) == b"\0\0\0"
    with pytest.raises(ImageTooManyBytes, match="at most 4 characters, got 5"):
        decode_base64("*" * 5, max_chars=4)


@given(st.binary(min_size=1), st.booleans(), st.booleans(), st.booleans())
def test_round_trip(data: bytes, urlsafe: bool, padded: bool, lines: bool) -> None:
    text = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(data).decode()
    text = text if padded else text.rstrip("=")
    text = "\r\n".join(text[i : i + 7] for i in range(0, len(text), 7)) if lines else text
    assert decode_base64(text, max_chars=10**6) == data


@given(st.text())
def test_any_text_gives_bytes_or_a_media_error(text: str) -> None:
    with suppress(MediaError):
        assert decode_base64(text, max_chars=50)
