"""Pictures written as files and read back."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from facemeld.media.containers import ImageFormat
from facemeld.media.decode import DecodeLimits, decode
from facemeld.media.encode import CONTENT_TYPES, EXTENSIONS, encode
from facemeld.media.errors import EncodingFailed
from facemeld.media.headers import probe
from facemeld.parallel import WORTH_SHARING, helped

from .pictures import scene

ANY = DecodeLimits(min_side=1, max_aspect=10_000, formats=("jpeg", "png", "webp"))
FORMATS: list[ImageFormat] = ["jpeg", "png", "webp"]


@pytest.mark.parametrize("image_format", FORMATS)
def test_encoded_pictures_are_what_they_say_and_deterministic(image_format: ImageFormat) -> None:
    rgb = scene(160, 120)
    data = encode(rgb, image_format)
    assert data == encode(rgb.copy(), image_format)
    header = probe(data, FORMATS)
    assert (header.format, header.width, header.height, header.icc) == (image_format, 160, 120, None)
    assert np.abs(decode(data, ANY).rgb.astype(int) - rgb).mean() < 3
    assert image_format in CONTENT_TYPES[image_format]
    assert EXTENSIONS[image_format]


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40).map(lambda shape: (*shape, 4))))
def test_png_and_lossless_webp_keep_every_value(pixels: NDArray[np.uint8]) -> None:
    rgb, alpha = np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])
    png = decode(encode(rgb, "png", alpha=alpha), ANY)
    assert png.alpha is not None
    np.testing.assert_array_equal(png.rgb, rgb)
    np.testing.assert_array_equal(png.alpha, alpha)
    np.testing.assert_array_equal(decode(encode(rgb, "png"), ANY).rgb, rgb)
    np.testing.assert_array_equal(decode(encode(rgb, "webp", alpha=alpha, quality=100), ANY).rgb, rgb)


def test_jpeg_leaves_alpha_out_and_keeps_full_colour_resolution() -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:, ::2] = (255, 0, 0)
    rgb[:, 1::2] = (0, 0, 255)
    image = decode(encode(rgb, "jpeg", alpha=np.zeros((64, 64), np.uint8), quality=100), ANY)
    assert image.alpha is None
    assert np.abs(image.rgb.astype(int) - rgb).mean() < 5


def test_quality_changes_the_size() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (128, 128, 3), np.uint8)
    for image_format in ("jpeg", "webp"):
        sizes = [len(encode(rgb, image_format, quality=quality)) for quality in (20, 60, 95)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[1] < sizes[2]


def test_a_strided_view_is_written_as_it_looks() -> None:
    rgb = scene(100, 80)
    np.testing.assert_array_equal(decode(encode(rgb[::-1, ::2], "png"), ANY).rgb, rgb[::-1, ::2])


@pytest.mark.parametrize(
    ("rgb", "alpha", "image_format", "quality", "message"),
    [
        (np.zeros((4, 4), np.uint8), None, "png", None, r"must be uint8 \(H, W, 3\)"),
        (np.zeros((4, 4, 3), np.float32), None, "png", None, "got float32"),
        (np.zeros((0, 4, 3), np.uint8), None, "png", None, r"got uint8 \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8), "png", None, "alpha must be"),
        (np.zeros((4, 4, 3), np.uint8), None, "gif", None, "got gif"),
        (np.zeros((4, 4, 3), np.uint8), None, "jpeg", 0, "quality must be 1-100, got 0"),
        (np.zeros((1, 16_384, 3), np.uint8), None, "webp", None, "at most 16383 pixels"),
    ],
)
def test_what_cannot_be_written(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, image_format: ImageFormat, quality: int | None, message: str
) -> None:
    with pytest.raises(EncodingFailed, match=message):
        encode(rgb, image_format, alpha=alpha, quality=quality)


def test_jpeg_is_written_with_the_exact_transform(astronaut: NDArray[np.uint8]) -> None:
    """A codec's fast one loses more than a decibel at high quality."""

    def quality(data: bytes) -> float:
        error = decode(data, ANY).rgb.astype(np.float64) - astronaut
        return float(10 * np.log10(255**2 / np.square(error).mean()))

    exact = io.BytesIO()
    Image.fromarray(astronaut).save(exact, "JPEG", quality=95, subsampling=0)
    assert quality(encode(astronaut, "jpeg")) > quality(exact.getvalue()) - 0.1


LARGE = [(1500, 1000), (1001, 1501), (1503, 1499), (30_001, 51), (51, 30_001), (23, 65_500), (2048, 737)]
"""Heights and widths that are worth sharing: with and without whole blocks at the edges, of one to eight parts."""


def large(height: int, width: int) -> NDArray[np.uint8]:
    """A picture with detail everywhere, so that no block is like another."""
    noise = np.random.default_rng(height).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize(("height", "width"), LARGE)
def test_a_large_jpeg_has_the_pixels_of_one_written_in_a_piece(height: int, width: int) -> None:
    """In every decoder, the strict one included that refuses whatever the codec warns of."""
    rgb = large(height, width)
    assert height * width >= WORTH_SHARING
    whole = io.BytesIO()
    Image.fromarray(rgb).save(whole, "JPEG", quality=95, subsampling=0)
    expected = np.asarray(Image.open(whole))
    data = encode(rgb, "jpeg")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), expected)
    np.testing.assert_array_equal(simplejpeg.decode_jpeg(data, "RGB", strict=True), expected)
    np.testing.assert_array_equal(np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))[..., ::-1], expected)
    assert (probe(data).width, probe(data).height) == (width, height)
    assert abs(len(data) / len(whole.getvalue()) - 1) < 0.001


@pytest.mark.parametrize(("height", "width"), LARGE)
def test_a_large_jpeg_restarts_in_order(height: int, width: int) -> None:
    """The numbers of the restarts go round without a gap, so that a damaged file loses no more than one interval."""
    restarts = [found[0][1] - 0xD0 for found in re.finditer(rb"\xff[\xd0-\xd7]", encode(large(height, width), "jpeg", quality=30))]
    assert restarts == [number % 8 for number in range(len(restarts))]
    assert (len(restarts) > 0) == (height > 64)


def test_a_large_jpeg_is_the_same_whoever_writes_it() -> None:
    rgb = large(1503, 1499)
    alone = encode(rgb, "jpeg")
    with ThreadPoolExecutor(1) as helper, helped(helper):
        assert encode(rgb, "jpeg") == alone


def test_a_small_jpeg_is_written_in_a_piece() -> None:
    """No restarts where nothing is shared: not a byte more."""
    rgb = large(1400, 1000)
    whole = io.BytesIO()
    Image.fromarray(rgb).save(whole, "JPEG", quality=95, subsampling=0)
    assert encode(rgb, "jpeg") == whole.getvalue()
