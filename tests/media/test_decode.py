"""Pictures of every kind give the right pixels or the right error."""

from __future__ import annotations

import csv
import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from facemeld.media.decode import DecodedImage, DecodeLimits, decode
from facemeld.media.errors import (
    ContainerDamaged,
    EmptyImage,
    ImageTooLarge,
    ImageTooManyBytes,
    ImageTooSmall,
    MediaError,
    UndecodableImage,
)
from facemeld.media.headers import probe

from .pictures import file_of, jpeg_insert, jpeg_segment, orientation_exif, png16, png_chunk, png_insert, scene

SCENE = scene()
GREY = np.asarray(Image.fromarray(SCENE).convert("L"))
ALPHA = np.tile(np.linspace(0, 255, SCENE.shape[1]).astype(np.uint8), (SCENE.shape[0], 1))
ANY = DecodeLimits(min_side=1, max_side=10_000, formats=("jpeg", "png", "webp"))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

# What each orientation's stored picture must undergo to be upright (EXIF 2.32, tag 274), written with Pillow's own turns.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def close(image: DecodedImage, expected: NDArray[np.uint8], tolerance: float = 4) -> None:
    assert image.rgb.shape == expected.shape
    assert image.rgb.dtype == np.uint8
    assert image.rgb.flags.c_contiguous
    assert np.abs(image.rgb.astype(int) - expected).mean() <= tolerance


def as_rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[:, :, None], 3, axis=2)


def _with_alpha(mode: str) -> Image.Image:
    image = Image.fromarray(SCENE).convert(mode.removesuffix("A"))
    image.putalpha(Image.fromarray(ALPHA))
    return image


def _wide(array: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return array.astype(np.uint16) * 257


PIL = Image.fromarray(SCENE)
RGB_CASES = {
    "jpeg": file_of(PIL, "JPEG", quality=95),
    "jpeg progressive": file_of(PIL, "JPEG", quality=95, progressive=True),
    "jpeg restart markers": file_of(PIL, "JPEG", quality=95, restart_marker_blocks=1),
    "jpeg cmyk": file_of(PIL.convert("CMYK"), "JPEG", quality=95),
    "jpeg with a png behind it": file_of(PIL, "JPEG", quality=95) + file_of(PIL.rotate(90), "PNG"),
    "jpeg trailing html": file_of(PIL, "JPEG", quality=95) + b"<script>alert(1)</script>" * 50,
    "jpeg fill bytes": jpeg_insert(file_of(PIL, "JPEG", quality=95), b"\xff\xff\xff"),
    "jpeg with a zip in a comment": jpeg_insert(file_of(PIL, "JPEG", quality=95), jpeg_segment(0xFE, b"PK\x03\x04" * 50)),
    "jpeg srgb profile": file_of(PIL, "JPEG", quality=95, icc_profile=SRGB),
    "jpeg broken profile": file_of(PIL, "JPEG", quality=95, icc_profile=b"no profile" * 50),
    "jpeg profile of another kind": file_of(PIL.convert("CMYK"), "JPEG", quality=95, icc_profile=SRGB),
    "jpeg broken exif": file_of(PIL, "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
    "png": file_of(PIL, "PNG"),
    "png palette": file_of(PIL.quantize(256), "PNG"),
    "png 16-bit": png16(_wide(SCENE)),
    "png broken profile": file_of(PIL, "PNG", icc_profile=SRGB[:100] + b"\xff" * 300),
    "png damaged profile chunk": png_insert(file_of(PIL, "PNG"), png_chunk(b"iCCP", b"x\0\0not deflate")),
    "png broken exif": png_insert(file_of(PIL, "PNG"), png_chunk(b"eXIf", b"MM\0*\0\0")),
    "png wrong text checksum": png_insert(file_of(PIL, "PNG"), png_chunk(b"tEXt", b"a\0b")[:-1] + b"\0"),
    "png text bomb": png_insert(file_of(PIL, "PNG"), png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8), 9))),
    "png one-frame apng": png_insert(file_of(PIL, "PNG"), png_chunk(b"acTL", struct.pack(">II", 1, 0))),
    "png trailing jpeg": file_of(PIL, "PNG") + file_of(PIL.rotate(90), "JPEG"),
    "webp": file_of(PIL, "WEBP", quality=95),
    "webp lossless": file_of(PIL, "WEBP", lossless=True),
    "webp with exif and profile": file_of(PIL, "WEBP", lossless=True, exif=b"Exif\0\0" + orientation_exif(1), icc_profile=SRGB),
}


@pytest.mark.parametrize("data", RGB_CASES.values(), ids=RGB_CASES.keys())
def test_colour_pictures(data: bytes) -> None:
    image = decode(data, ANY)
    close(image, SCENE)
    assert image.alpha is None


GREY_CASES = {
    "jpeg": file_of(PIL.convert("L"), "JPEG", quality=95),
    "png": file_of(PIL.convert("L"), "PNG"),
    "png 16-bit": png16(_wide(GREY)),
}


@pytest.mark.parametrize("data", GREY_CASES.values(), ids=GREY_CASES.keys())
def test_grey_pictures(data: bytes) -> None:
    close(decode(data, ANY), as_rgb(GREY), 2)


def test_bilevel_picture() -> None:
    bilevel = PIL.convert("1")
    close(decode(file_of(bilevel, "PNG"), ANY), as_rgb(np.asarray(bilevel.convert("L"))), 0)


ALPHA_CASES = {
    "rgba": (file_of(_with_alpha("RGBA"), "PNG"), SCENE),
    "la": (file_of(_with_alpha("LA"), "PNG"), as_rgb(GREY)),
    "rgba 16-bit": (png16(_wide(np.dstack((SCENE, ALPHA)))), SCENE),
    "la 16-bit": (png16(_wide(np.dstack((GREY, ALPHA)))), as_rgb(GREY)),
    "webp": (file_of(_with_alpha("RGBA"), "WEBP", lossless=True, exact=True), SCENE),
}


@pytest.mark.parametrize(("data", "expected"), ALPHA_CASES.values(), ids=ALPHA_CASES.keys())
def test_alpha_is_kept_beside_the_colours(data: bytes, expected: NDArray[np.uint8]) -> None:
    image = decode(data, ANY)
    close(image, expected, 0)
    assert image.alpha is not None
    np.testing.assert_array_equal(image.alpha, ALPHA)


@pytest.mark.parametrize(
    "data",
    [
        file_of(Image.fromarray(np.where(SCENE[..., :1] > 120, np.uint8(7), SCENE // 16 * 16 + 8)), "PNG", transparency=(7, 7, 7)),
        file_of(Image.fromarray(np.where(SCENE[..., 0] > 120, np.uint8(7), np.uint8(90))), "PNG", transparency=7),
        png_insert(png16(np.where(SCENE[..., 0] > 120, 700, 9000).astype(np.uint16)), png_chunk(b"tRNS", struct.pack(">H", 700))),
    ],
    ids=["rgb", "grey", "grey 16-bit"],
)
def test_a_transparent_colour_becomes_alpha(data: bytes) -> None:
    image = decode(data, ANY)
    assert image.alpha is not None
    np.testing.assert_array_equal(image.alpha == 0, SCENE[..., 0] > 120)


def test_palette_transparency_becomes_alpha() -> None:
    palette = PIL.quantize(4)
    image = decode(file_of(palette, "PNG", transparency=b"\x00\x80"), ANY)
    assert image.alpha is not None
    np.testing.assert_array_equal(image.alpha, np.array([0, 128, 255, 255], np.uint8)[np.asarray(palette)])


def test_flattened_shows_the_background_where_transparent() -> None:
    image = decode(ALPHA_CASES["rgba"][0], ANY)
    flat = image.flattened((10, 20, 30))
    np.testing.assert_array_equal(flat[:, 0], np.tile(np.array([10, 20, 30], np.uint8), (SCENE.shape[0], 1)))
    np.testing.assert_array_equal(flat[:, -1], SCENE[:, -1])
    opaque = decode(RGB_CASES["png"], ANY)
    assert opaque.flattened() is opaque.rgb


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_applied(orientation: int, order: str) -> None:
    upright = PIL.transpose(TURNS[orientation]) if orientation in TURNS else PIL
    exif = orientation_exif(orientation, order)
    files = {
        "jpeg": jpeg_insert(file_of(PIL, "JPEG", quality=95), jpeg_segment(0xE1, b"Exif\0\0" + exif)),
        "png": png_insert(file_of(PIL, "PNG"), png_chunk(b"eXIf", exif)),
        "webp": file_of(PIL, "WEBP", lossless=True, exif=exif),
    }
    for name, data in files.items():
        image = decode(data, ANY)
        close(image, np.asarray(upright))
        header = probe(data, ANY.formats)
        assert (header.width, header.height, header.format) == (*upright.size, name)
        assert (image.source_width, image.source_height) == upright.size


@pytest.mark.parametrize(
    "exif", [orientation_exif(9), orientation_exif(0), orientation_exif(6, kind=4), orientation_exif(6)[:12], b"", b"II*\0"]
)
def test_a_senseless_orientation_is_ignored(exif: bytes) -> None:
    close(decode(jpeg_insert(RGB_CASES["jpeg"], jpeg_segment(0xE1, b"Exif\0\0" + exif)), ANY), SCENE)


def test_alpha_turns_with_the_picture() -> None:
    data = png_insert(ALPHA_CASES["rgba"][0], png_chunk(b"eXIf", orientation_exif(6)))
    image = decode(data, ANY)
    assert image.alpha is not None
    np.testing.assert_array_equal(image.alpha, np.rot90(ALPHA, -1))
    assert image.alpha.flags.c_contiguous


def _swapped_profile() -> bytes:
    """An sRGB profile whose red and green primaries are exchanged, so that converting must exchange the channels."""
    return (
        SRGB.replace(b"rXYZ", b"????")
        .replace(b"gXYZ", b"rXYZ")
        .replace(b"????", b"gXYZ")
        .replace(b"s\0R\0G\0B", b"o\0t\0h\0r")
        .replace(b"sRGB", b"othr")
    )


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_an_embedded_profile_is_converted_to_srgb(file_format: str) -> None:
    options = {"quality": 95, "subsampling": 0} if file_format == "JPEG" else {"lossless": True} if file_format == "WEBP" else {}
    data = file_of(PIL, file_format, icc_profile=_swapped_profile(), **options)
    close(decode(data, ANY), np.ascontiguousarray(SCENE[..., [1, 0, 2]]))


def test_a_profile_keeps_alpha() -> None:
    image = decode(file_of(_with_alpha("RGBA"), "PNG", icc_profile=_swapped_profile()), ANY)
    assert image.alpha is not None
    np.testing.assert_array_equal(image.alpha, ALPHA)
    close(image, np.ascontiguousarray(SCENE[..., [1, 0, 2]]))


def _animated(file_format: str) -> bytes:
    return file_of(PIL, file_format, save_all=True, append_images=[PIL.rotate(90), PIL.rotate(180)])


def _two_frame_headers() -> bytes:
    data = RGB_CASES["jpeg"]
    start = data.index(b"\xff\xc0")
    (length,) = struct.unpack_from(">H", data, start + 2)
    return data[:start] + data[start : start + 2 + length] + data[start:]


def _many_scans() -> bytes:
    data = RGB_CASES["jpeg progressive"]
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 200 + data[-2:]


UNDECODABLE = {
    "text": b"not a picture",
    "html": b"<!doctype html><p>404",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "gif": file_of(PIL, "GIF"),
    "bmp": file_of(PIL, "BMP"),
    "tiff": file_of(PIL, "TIFF"),
    "gif with a jpeg behind it": file_of(PIL, "GIF") + RGB_CASES["jpeg"],
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
    "pdf": b"%PDF-1.7\n",
    "apng": _animated("PNG"),
    "animated webp": _animated("WEBP"),
    "jpeg magic only": b"\xff\xd8\xff",
    "jpeg start and end": b"\xff\xd8\xff\xd9",
    "jpeg without scan": RGB_CASES["jpeg"][: RGB_CASES["jpeg"].index(b"\xff\xda")],
    "jpeg half": RGB_CASES["jpeg"][: len(RGB_CASES["jpeg"]) // 2],
    "jpeg two frame headers": _two_frame_headers(),
    "jpeg hundreds of scans": _many_scans(),
    "jpeg zero height": RGB_CASES["jpeg"].replace(b"\x08\x00\x48\x00\x60", b"\x08\x00\x00\x00\x60"),
    "jpeg without tables": b"\xff\xd8" + RGB_CASES["jpeg"][RGB_CASES["jpeg"].index(b"\xff\xc0") :],
    "png magic only": b"\x89PNG\r\n\x1a\n",
    "png half": RGB_CASES["png"][: len(RGB_CASES["png"]) // 2],
    "png without end": RGB_CASES["png"][:-12],
    "png without pixels": RGB_CASES["png"][:33] + png_chunk(b"IEND", b""),
    "png bad header checksum": RGB_CASES["png"][:32] + bytes([RGB_CASES["png"][32] ^ 1]) + RGB_CASES["png"][33:],
    "png two headers": RGB_CASES["png"][:33] + RGB_CASES["png"][8:33] + RGB_CASES["png"][33:],
    "png header not first": RGB_CASES["png"][:8] + png_chunk(b"tEXt", b"a\0b") + RGB_CASES["png"][8:],
    "png zero width": png_insert(
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 2, 0, 0, 0)), png_chunk(b"IEND", b"")
    ),
    "webp half": RGB_CASES["webp"][: len(RGB_CASES["webp"]) // 2],
    "webp empty": b"RIFF\x04\0\0\0WEBP",
}


@pytest.mark.parametrize("data", UNDECODABLE.values(), ids=UNDECODABLE.keys())
def test_undecodable(data: bytes) -> None:
    with pytest.raises(UndecodableImage):
        decode(data, ANY)


def test_nothing_is_an_empty_image() -> None:
    with pytest.raises(EmptyImage):
        decode(b"")
    with pytest.raises(EmptyImage):
        probe(b"")


def test_webp_is_decoded_only_where_allowed() -> None:
    with pytest.raises(UndecodableImage, match="must be jpeg or png, got webp"):
        decode(RGB_CASES["webp"])


def _png_claiming(width: int, height: int) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"\0")) + png_chunk(b"IEND", b"")


SIZES = {
    (64, 64): None,
    (63, 64): ImageTooSmall,
    (64, 1280): None,
    (64, 1281): ImageTooLarge,
    (4095, 4095): None,
    (4096, 1000): ImageTooLarge,
    (1000, 4096): ImageTooLarge,
    (100_000, 100_000): ImageTooLarge,
    (2, 5000): ImageTooSmall,
}


@pytest.mark.parametrize(("size", "error"), SIZES.items())
def test_sizes_are_judged_from_the_header(size: tuple[int, int], error: type[MediaError] | None) -> None:
    # There are no pixels in these files: an error about their size proves that no decoder was asked.
    with pytest.raises(error or UndecodableImage, match="at (least|most)" if error else "damaged"):
        decode(_png_claiming(*size))


def test_pixels_are_capped_apart_from_sides() -> None:
    with pytest.raises(ImageTooLarge, match="at most 1000 pixels, got 96x72"):
        decode(RGB_CASES["png"], DecodeLimits(max_pixels=1000))


def test_bytes_are_capped() -> None:
    data = RGB_CASES["png"]
    close(decode(data, DecodeLimits(max_bytes=len(data))), SCENE, 0)
    with pytest.raises(ImageTooManyBytes):
        decode(data, DecodeLimits(max_bytes=len(data) - 1))


@pytest.mark.parametrize(
    ("reduce_to", "size"), [(801, (1600, 1200)), (800, (800, 600)), (401, (800, 600)), (400, (400, 300)), (1, (200, 150))]
)
def test_a_large_jpeg_can_be_decoded_smaller(reduce_to: int, size: tuple[int, int]) -> None:
    data = jpeg_insert(file_of(scene(1600, 1200), "JPEG", quality=95), jpeg_segment(0xE1, b"Exif\0\0" + orientation_exif(6)))
    image = decode(data, reduce_to=reduce_to)
    assert (image.height, image.width) == size
    assert (image.source_width, image.source_height) == (1200, 1600)
    expected = np.asarray(Image.fromarray(scene(1600, 1200)).resize(size, Image.Resampling.BOX).transpose(TURNS[6]))
    close(image, expected)


def test_decoding_is_deterministic_and_leaves_its_input_alone() -> None:
    data = RGB_CASES["jpeg"]
    first, second = decode(data), decode(data)
    np.testing.assert_array_equal(first.rgb, second.rgb)
    assert first.rgb.flags.owndata
    first.rgb[:] = 0
    close(second, SCENE)


SEEDS = [
    RGB_CASES["jpeg"],
    RGB_CASES["jpeg progressive"],
    RGB_CASES["png"],
    ALPHA_CASES["rgba 16-bit"][0],
    RGB_CASES["webp with exif and profile"],
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_mangled_files_give_a_picture_or_a_media_error(seed: bytes, changes: list[tuple[int, int]], cut: int, truncate: bool) -> None:
    data = bytearray(seed)
    for position, value in changes:
        data[position % len(data)] = value
    limits = DecodeLimits(min_side=1, max_side=4000, formats=ANY.formats)
    with suppress(MediaError):
        image = decode(bytes(data[: cut % len(data)] if truncate else data), limits)
        assert image.rgb.shape == (image.source_height, image.source_width, 3)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"RIFF\x40\0\0\0WEBP"]), st.binary(max_size=400))
def test_rubbish_behind_a_signature_is_undecodable_or_a_header(magic: bytes, rest: bytes) -> None:
    with suppress(UndecodableImage):
        assert probe(magic + rest, ANY.formats).width > 0


# Every file of the development data that must not give a picture under the limits of a user photo (WebP allowed).
ODD_ERRORS: dict[str, type[MediaError]] = {
    **dict.fromkeys(
        ("1x1.png", "2x5000.png", "5000x2.png", "lowres_016.png", "lowres_024.png", "lowres_032.png", "lowres_048.png"), ImageTooSmall
    ),
    **dict.fromkeys(
        (
            "huge_108MP.jpg",
            "panorama_30000x400.jpg",
            "png_claims_100000x100000.png",
            "png_claims_30000x30000_gray_bomb.png",
            "tiny_face_24MP.jpg",
        ),
        ImageTooLarge,
    ),
    "empty.jpg": EmptyImage,
    **dict.fromkeys(
        ("animated.gif", "animated.png", "animated.webp", "webp_animated_named.jpg", "gif_named.jpg", "palette16.gif"), UndecodableImage
    ),
    **dict.fromkeys(
        ("plain.avif", "plain.bmp", "plain.jp2", "plain.tiff", "html_named.png", "svg_named.jpg", "text_named.jpg"), UndecodableImage
    ),
    **dict.fromkeys(("png_bad_crc.png", "trunc50.png", "trunc50.webp", "trunc_header.jpg"), ContainerDamaged),
    **dict.fromkeys(("trunc50.jpg", "trunc99.jpg"), UndecodableImage),
}


@pytest.mark.data
def test_every_odd_file_gives_the_right_picture_or_error(shared_data: Path) -> None:
    folder = shared_data / "odd"
    limits = DecodeLimits(formats=ANY.formats)
    upright = decode((folder / "exif_orient_1.jpg").read_bytes(), limits).rgb
    with (folder / "manifest.csv").open(encoding="utf-8") as manifest:
        rows = list(csv.DictReader(manifest))
    assert len(rows) > 100
    for row in rows:
        name = row["file"]
        data = (folder / name).read_bytes()
        if name in ODD_ERRORS:
            with pytest.raises(MediaError) as caught:
                decode(data, limits)
            assert type(caught.value) is ODD_ERRORS[name], name
            continue
        image = decode(data, limits)
        stored = {int(row["width"]), int(row["height"])}
        assert {image.width, image.height} == stored, name
        assert image.format.upper() == row["format"], name
        assert (image.alpha is not None) == (row["mode"] in {"RGBA", "LA"}), name
        if name.startswith("exif_orient"):
            assert np.abs(image.rgb.astype(int) - upright).mean() < 5, name
        reference = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) if row["mode"] in {"RGB", "L", "P", "1", "CMYK"} else None
        if reference is not None and not name.startswith("exif"):
            np.testing.assert_array_equal(image.rgb, reference, name)
