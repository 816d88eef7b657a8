"""Labels and entries are written beside the pixels, survive hostile text, and are read back."""

from __future__ import annotations

import io
import json
import struct
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facemeld.marks.errors import ContainerInvalid, MarkError, MetadataInvalid
from facemeld.marks.metadata import FileMetadata, ImplicitLabel, extract, insert, read_metadata, write_metadata

PIXELS = np.random.default_rng(3).integers(0, 256, (33, 47, 4), np.uint8)
LABEL = ImplicitLabel("demo", "1a2e88a4-3614-48a0-96b9-d09bf6de2fe4")


def _file(file_format: str, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(out, file_format, **options)
    return out.getvalue()


FILES = {
    "jpeg": _file("JPEG"),
    "jpeg progressive grey": _file("JPEG", "L", progressive=True),
    "jpeg with exif": _file("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "png": _file("PNG"),
    "png alpha": _file("PNG", "RGBA"),
    "webp": _file("WEBP"),
    "webp lossless": _file("WEBP", lossless=True),
    "webp lossless alpha": _file("WEBP", "RGBA", lossless=True, exact=True),
    "webp lossy alpha": _file("WEBP", "RGBA"),
}


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGBA").tobytes()


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
def test_label_and_entries_are_read_back_and_pixels_stay(data: bytes) -> None:
    entries = {"source": "facefusion", "说明": "人脸融合", "markup": "</rdf:li><x a='\"'>&amp;]]>\r\n\t"}
    marked = write_metadata(data, label=LABEL, entries=entries)
    assert read_metadata(marked) == FileMetadata(LABEL, entries)
    assert pixels(marked) == pixels(data)
    assert write_metadata(data, label=LABEL, entries=entries) == marked


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
def test_another_library_finds_the_same_packet(data: bytes) -> None:
    with Image.open(io.BytesIO(write_metadata(data, label=LABEL))) as image:
        image.load()
        packet = image.info["xmp"]
    assert b"<TC260:AIGC>" in packet
    assert b"http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic" in packet
    assert packet == extract(write_metadata(data, label=LABEL))[0]


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
def test_a_second_writing_replaces_the_first(data: bytes) -> None:
    once = write_metadata(data, label=LABEL)
    assert write_metadata(write_metadata(data, label=ImplicitLabel("other", "2")), label=LABEL) == once
    assert write_metadata(once, label=LABEL) == once


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
def test_without_metadata_nothing_is_found(data: bytes) -> None:
    assert read_metadata(data) == FileMetadata()


def test_jpeg_packet_stands_behind_jfif() -> None:
    marked = write_metadata(FILES["jpeg"], label=LABEL)
    assert marked[2:4] == b"\xff\xe0"
    (length,) = struct.unpack(">H", marked[4:6])
    assert marked[4 + length : 6 + length] == b"\xff\xe1"


def test_png_entries_are_text_chunks_where_png_allows_the_key() -> None:
    entries = {"aigc": "人脸融合", "键": "v", " edge": "v", "XML:com.adobe.xmp": "<evil/>"}
    marked = write_metadata(FILES["png"], label=LABEL, entries=entries)
    with Image.open(io.BytesIO(marked)) as image:
        assert image.text["aigc"] == "人脸融合"  # type: ignore[attr-defined]  # only PNG pictures have it
        assert set(image.text) == {"aigc", "XML:com.adobe.xmp"}  # type: ignore[attr-defined]  # only PNG pictures have it
    assert read_metadata(marked).entries == entries


def test_the_label_is_the_json_of_the_rule() -> None:
    packet, _ = extract(write_metadata(FILES["jpeg"], label=LABEL))
    assert packet is not None
    text = packet.decode().partition("<TC260:AIGC>")[2].partition("</TC260:AIGC>")[0]
    assert json.loads(text) == {
        "Label": "1",
        "ContentProducer": "demo",
        "ProduceID": LABEL.produce_id,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    assert 'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"' in packet.decode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("人脸融合", {"reserved_code1": "人脸融合"}),
        ("[1]", {"reserved_code1": "[1]"}),
        ('{"ContentPropagator":"shop","PropagateID":7}', {"content_propagator": "shop", "propagate_id": "7"}),
        ('{"Label":"0","ContentProducer":"nobody","ProduceID":"x"}', {}),
        ('{"unknown":"x"}', {}),
    ],
)
def test_an_aigc_entry_adds_to_the_label_but_never_changes_it(value: str, expected: dict[str, Any]) -> None:
    found = read_metadata(write_metadata(FILES["jpeg"], label=LABEL, entries={"aigc": value}))
    assert found.label == replace(LABEL, **expected)
    assert found.entries == {"aigc": value}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("", "v", "MetaKey must have 1-32 characters, got 0"),
        ("k" * 33, "v", "MetaKey must have 1-32 characters, got 33"),
        ("k", "v" * 257, "MetaValue must have at most 256 characters, got 257"),
        ("k\0", "v", "control characters"),
        ("k", "\x1b[0m", "control characters"),
        ("k", "\ud800", "control characters"),
        ("k", "\ufffe", "control characters"),
    ],
)
def test_entries_that_cannot_be_written(key: str, value: str, message: str) -> None:
    with pytest.raises(MetadataInvalid, match=message):
        write_metadata(FILES["png"], entries={key: value})


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", FILES["png"][:60], FILES["jpeg"][:30]]
)
def test_other_and_damaged_files(data: bytes) -> None:
    with pytest.raises(ContainerInvalid):
        write_metadata(data, label=LABEL)


def test_bytes_between_jpeg_segments_neither_hide_a_label_nor_get_lost() -> None:
    data = FILES["jpeg"]
    filled = data[:2] + b"\xff\xff\x00filler" + data[2:]
    marked = write_metadata(filled, label=LABEL)
    assert read_metadata(marked).label == LABEL
    assert b"\xff\xff\x00filler" in marked
    assert pixels(data) == pixels(marked.replace(b"\xff\xff\x00filler", b""))


def test_a_packet_too_long_for_a_jpeg() -> None:
    with pytest.raises(MetadataInvalid, match="at most 65504 bytes, got 65505"):
        insert(FILES["jpeg"], b"x" * 65_505)
    assert extract(insert(FILES["jpeg"], b"x" * 65_504))[0] == b"x" * 65_504


FOREIGN = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}</r:RDF></x:xmpmeta>'
NAMESPACES = 'xmlns:a="http://www.tc260.org.cn/ns/AIGC/1.0/" xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize(
    "description",
    [
        f'<r:Description {NAMESPACES} a:AIGC=\'{{"Label":"1","ProduceID":"p"}}\' i:DigitalSourceType=\'{IPTC}compositeSynthetic\'/>',
        (
            f'<r:Description {NAMESPACES}><a:AIGC>{{"AIGC":{{"Label":"1","ProduceID":"p"}}}}</a:AIGC>'
            f"<i:DigitalSourceType>{IPTC}compositeSynthetic</i:DigitalSourceType></r:Description>"
        ),
    ],
    ids=["attributes", "elements, nested"],
)
def test_labels_of_other_makers_are_read(description: str) -> None:
    found = read_metadata(insert(FILES["jpeg"], FOREIGN.format(description).encode()))
    assert found.label == ImplicitLabel("", "p")


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"not xml",
        b"<a>",
        b"\xff\xfe<\0a\0/\0>\0",
        b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>" * 20_000,
        FOREIGN.format(f"<r:Description {NAMESPACES}><a:AIGC>{'[' * 60_000}</a:AIGC></r:Description>").encode(),
    ],
    ids=["empty", "text", "open", "utf-16", "entity", "external", "deep", "deep json"],
)
def test_hostile_packets_count_as_none(packet: bytes) -> None:
    for name in ("jpeg", "webp"):
        assert read_metadata(insert(FILES[name], packet)).label is None


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(FILES)),
    st.dictionaries(st.text(min_size=1, max_size=32), st.text(max_size=256), max_size=3),
    st.text(max_size=40),
)
def test_any_text_round_trips_or_is_refused(name: str, entries: dict[str, str], producer: str) -> None:
    with suppress(MetadataInvalid):
        found = read_metadata(write_metadata(FILES[name], label=ImplicitLabel(producer or "p", "id"), entries=entries))
        assert found.entries == entries
        assert found.label is not None
        assert found.label.produce_id == "id"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 10**6), st.integers(0, 255), st.integers(0, 10**6))
def test_mangled_files_are_read_or_refused(name: str, position: int, value: int, cut: int) -> None:
    data = bytearray(write_metadata(FILES[name], label=LABEL, entries={"k": "v"}))
    data[position % len(data)] = value
    with suppress(MarkError):
        read_metadata(bytes(data[: max(1, cut % (2 * len(data)))]))
    with suppress(MarkError):
        write_metadata(bytes(data), label=LABEL)


def test_png_checksums_are_right() -> None:
    data = write_metadata(FILES["png"], label=LABEL, entries={"k": "v"})
    position = 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        body = data[position + 4 : position + 8 + length]
        assert struct.unpack_from(">I", data, position + 8 + length)[0] == zlib.crc32(body)
        position += 12 + length
