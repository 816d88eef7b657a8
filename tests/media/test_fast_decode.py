"""The fast way to decode a JPEG gives the same pixels as the other one, or leaves the file to it."""

from __future__ import annotations

import importlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from facemeld.media.decode import decode
from facemeld.media.errors import UndecodableImage
from facemeld.media.headers import probe
from tests.media.pictures import file_of, scene

module = importlib.import_module("facemeld.media.decode")


def jpeg(width: int, height: int, mode: str, **options: object) -> bytes:
    noise = np.random.default_rng(width * height).integers(0, 60, (height, width, 3), np.uint8)
    return file_of(Image.fromarray(scene(width, height) + noise).convert(mode), "JPEG", **options)


@settings(deadline=None)
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    mode=st.sampled_from(["RGB", "L"]),
    subsampling=st.sampled_from([0, 1, 2]),
    progressive=st.booleans(),
    quality=st.integers(10, 100),
    reduce_to=st.sampled_from([None, 30, 15, 8]),
)
def test_both_ways_give_the_same_pixels(
    width: int, height: int, mode: str, subsampling: int, progressive: bool, quality: int, reduce_to: int | None
) -> None:
    options = {"subsampling": subsampling} if mode == "RGB" else {}
    header = probe(jpeg(width, height, mode, progressive=progressive, quality=quality, **options))
    fast = module.decode_fast(header, reduce_to)
    slow, alpha = module.decode_any(header, reduce_to)
    assert alpha is None
    assert fast is not None
    # Of slivers, either way may leave more than was asked for.
    if reduce_to is None or min(width, height) >= 8:
        assert fast.shape == slow.shape
        assert np.array_equal(fast, slow)


def test_other_colours_are_left_to_the_other_way() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data in (jpeg(40, 30, "CMYK"), jpeg(40, 30, "RGB", icc_profile=profile), file_of(scene(), "PNG")):
        assert module.decode_fast(probe(data), None) is None
        assert decode(data, module.DecodeLimits(min_side=1)).rgb.shape[2] == 3


def test_what_the_codec_only_warns_of_is_decoded_as_ever() -> None:
    data = jpeg(64, 48, "RGB", quality=90)
    start = data.index(b"\xff\xda") + 14
    # Rubbish before the end marker: the codec says so and goes on.
    odd = data[:-2] + b"\x00\x01\x02\x03" + data[-2:]
    assert (
        np.abs(decode(odd, module.DecodeLimits(min_side=1)).rgb.astype(int) - decode(data, module.DecodeLimits(min_side=1)).rgb).max() <= 8
    )
    with pytest.raises(UndecodableImage):
        decode(data[: start + 40], module.DecodeLimits(min_side=1))


def test_the_pixels_can_be_written_to() -> None:
    rgb = decode(jpeg(64, 64, "RGB")).rgb
    rgb[0, 0] = 7
    assert rgb.flags.c_contiguous
    assert Image.open(io.BytesIO(file_of(rgb, "PNG"))).getpixel((0, 0)) == (7, 7, 7)
