"""The walk over JPEG segments and PNG and WebP chunks: it never leaves the file, and its blocks make the file again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facemeld.marks.metadata import insert
from facemeld.media.containers import (
    FRAME_HEADERS,
    MAX_CHUNKS,
    MAX_SCANS,
    MAX_SEGMENTS,
    PNG_SIGNATURE,
    START_OF_SCAN,
    Block,
    check_png_checksum,
    jpeg_segment,
    jpeg_segments,
    limit_jpeg_scans,
    png_chunk,
    png_chunks,
    sniff,
    walk,
    webp_chunks,
    webp_file,
    webp_picture,
)
from facemeld.media.errors import ContainerDamaged

PIXELS = np.random.default_rng(5).integers(0, 256, (21, 34, 4), np.uint8)
SCAN = jpeg_segment(START_OF_SCAN, b"\x01\x01\x00\x00\x3f\x00")
RIFF = b"RIFF\x00\x00\x00\x00WEBP"


def _file(file_format: str, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(out, file_format, **options)
    return out.getvalue()


FILES = {
    "jpeg": _file("JPEG"),
    "jpeg progressive": _file("JPEG", progressive=True),
    "jpeg with exif": _file("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "png": _file("PNG", "RGBA"),
    "webp": _file("WEBP"),
    "webp lossless": _file("WEBP", "RGBA", lossless=True),
    "webp lossy alpha": _file("WEBP", "RGBA"),
}


def again(data: bytes, blocks: Sequence[Block]) -> bytes:
    """Make a file of its blocks."""
    if sniff(data) == "jpeg":
        return data[:2] + b"".join(jpeg_segment(one.kind, one.content(data)) for one in blocks) + data[blocks[-1].end :]
    if sniff(data) == "png":
        return PNG_SIGNATURE + b"".join(png_chunk(one.kind, one.content(data)) for one in blocks)
    return webp_file((one.kind, one.content(data)) for one in blocks)


def blocks_before_damage(data: bytes) -> list[Block]:
    found: list[Block] = []
    with suppress(ContainerDamaged):
        for block in walk(data):
            found.append(block)  # noqa: PERF402  # a list of the walk would be lost where it raises
    return found


def check_places(data: bytes) -> None:
    position = 0
    for block in blocks_before_damage(data):
        assert position <= block.start < block.body <= block.stop <= block.end <= len(data)
        assert len(block.content(data)) == block.stop - block.body
        position = block.end


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([b"", b"\xff\xd8\xff", PNG_SIGNATURE, RIFF, b"RIFF\x30\x00\x00\x00WEBP"]), st.binary(max_size=80))
def test_no_bytes_lead_outside_the_file_or_raise_another_error(start: bytes, rest: bytes) -> None:
    data = start + rest
    check_places(data)
    for reader in (jpeg_segments, png_chunks, webp_chunks):
        with suppress(ContainerDamaged):
            list(reader(data))
    with suppress(ContainerDamaged):
        limit_jpeg_scans(data, 2)
    for kind in (b"VP8 ", b"VP8L", rest[:4]):
        with suppress(ContainerDamaged):
            webp_picture(kind, rest)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4), st.integers(0, 10**6))
def test_mangled_files_are_walked_or_refused(name: str, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(FILES[name])
    for place, value in changes:
        # Most lengths stand in the first bytes.
        data[place % min(len(data), 200)] = value
    check_places(bytes(data[: max(1, cut % (2 * len(data)))]))


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
def test_a_whole_file_is_made_again_from_its_blocks(data: bytes) -> None:
    blocks = list(walk(data))
    assert again(data, blocks) == data
    if sniff(data) == "png":
        for chunk in blocks:
            check_png_checksum(data, chunk)


segments = st.sampled_from([bytes([code]) for code in range(0xC0, 0xFF) if code not in {*range(0xD0, 0xDB)}])
letters = st.binary(min_size=4, max_size=4)


@settings(deadline=None)
@given(st.lists(st.tuples(segments, st.binary(max_size=40)), max_size=6), st.binary(max_size=30))
def test_segments_round_trip(parts: list[tuple[bytes, bytes]], pixels: bytes) -> None:
    data = b"\xff\xd8" + b"".join(jpeg_segment(*part) for part in parts) + SCAN + pixels
    blocks = list(jpeg_segments(data))
    assert [(one.kind, one.content(data)) for one in blocks[:-1]] == parts
    assert again(data, blocks) == data


@settings(deadline=None)
@given(st.lists(st.tuples(letters.filter(lambda kind: kind != b"IEND"), st.binary(max_size=40)), max_size=6))
def test_chunks_round_trip(parts: list[tuple[bytes, bytes]]) -> None:
    png = PNG_SIGNATURE + b"".join(png_chunk(*part) for part in [*parts, (b"IEND", b"")])
    assert [(one.kind, one.content(png)) for one in png_chunks(png)] == [*parts, (b"IEND", b"")]
    assert again(png, list(walk(png))) == png
    webp = webp_file(parts)
    assert [(one.kind, one.content(webp)) for one in webp_chunks(webp)] == parts
    assert again(webp, list(walk(webp))) == webp


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
def test_metadata_leaves_every_other_block_as_it_was(data: bytes) -> None:
    def kept(file: bytes) -> list[bytes]:
        # A WebP's VP8X chunk announces the packet.
        return [
            one.content(file) for one in walk(file) if b"<packet/>" not in one.content(file) and one.kind not in {b"VP8X", b"\xe1", b"iTXt"}
        ]

    marked = insert(data, b"<packet/>")
    assert kept(marked) == kept(data)
    assert any(b"<packet/>" in one.content(marked) for one in walk(marked))


def test_bytes_between_segments_are_skipped() -> None:
    comment = jpeg_segment(b"\xfe", b"comment")
    data = b"\xff\xd8" + b"\xff\xff\xff" + comment + b"garbage\xff\x00" + b"\xff\x01" + SCAN
    assert [(one.kind, one.content(data)) for one in jpeg_segments(data)] == [(b"\xfe", b"comment"), (START_OF_SCAN, SCAN[4:])]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "JPEG, PNG or WebP"),
        (b"GIF89a", "JPEG, PNG or WebP"),
        (b"\xff\xd8\xff", "ends before it"),
        (b"\xff\xd8\xff\xd9", "got its end first"),
        (b"\xff\xd8\xff\xe0", "longer than the file"),
        (b"\xff\xd8\xff\xe0\x00\x01", "shorter than its own header"),
        (b"\xff\xd8\xff\xe0\xff\xff", "longer than the file"),
        (b"\xff\xd8" + jpeg_segment(b"\xe0", b"") * MAX_SEGMENTS + SCAN, f"at most {MAX_SEGMENTS} segments"),
        (b"\xff\xd8\xff\x01" + b"\xff\x01" * MAX_SEGMENTS, f"at most {MAX_SEGMENTS} segments"),
        (PNG_SIGNATURE, "truncated"),
        (PNG_SIGNATURE + b"\xff\xff\xff\xffIHDR" + bytes(30), "truncated"),
        (PNG_SIGNATURE + png_chunk(b"IHDR", b""), "truncated"),
        (PNG_SIGNATURE + png_chunk(b"tEXt", b"") * MAX_CHUNKS, f"at most {MAX_CHUNKS} chunks"),
        (b"RIFF\xff\xff\xff\xffWEBP", "truncated"),
        (b"RIFF\x0c\x00\x00\x00WEBPVP8 \x01\x00\x00\x00", "truncated"),
        (webp_file([(b"VP8 ", b"")] * MAX_CHUNKS), f"at most {MAX_CHUNKS} chunks"),
    ],
    ids=range(16),
)
def test_damage_is_named(data: bytes, message: str) -> None:
    with pytest.raises(ContainerDamaged, match=message):
        list(walk(data))


def test_a_padding_byte_may_be_missing_at_the_end() -> None:
    data = b"RIFF\x0d\x00\x00\x00WEBPVP8 \x01\x00\x00\x00x"
    (chunk,) = webp_chunks(data)
    assert (chunk.content(data), chunk.end) == (b"x", len(data))


def test_scans_are_counted_up_to_the_end_of_the_picture() -> None:
    limit_jpeg_scans(b"\xff\xd8" + SCAN * MAX_SCANS + b"\xff\xd9" + SCAN, 2)
    with pytest.raises(ContainerDamaged, match=f"at most {MAX_SCANS} scans"):
        limit_jpeg_scans(b"\xff\xd8" + SCAN * (MAX_SCANS + 1) + b"\xff\xd9", 2)


def test_a_wrong_checksum_is_named() -> None:
    data = bytearray(FILES["png"])
    data[20] ^= 1
    with pytest.raises(ContainerDamaged, match="IHDR is damaged"):
        check_png_checksum(bytes(data), next(png_chunks(bytes(data))))


def test_the_picture_chunk_says_its_size() -> None:
    for name, alpha in (("webp", False), ("webp lossless", True)):
        data = FILES[name]
        chunk = next(one for one in walk(data) if one.kind in {b"VP8 ", b"VP8L"})
        assert webp_picture(chunk.kind, chunk.content(data)) == (34, 21, alpha)


def test_frame_headers_are_the_sixteen_of_the_standard_without_tables() -> None:
    assert len(FRAME_HEADERS) == 13
    assert FRAME_HEADERS.isdisjoint({b"\xc4", b"\xc8", b"\xcc"})
