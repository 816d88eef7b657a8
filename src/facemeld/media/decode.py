"""Bytes of strangers to pixels: everything is checked from the header before a decoder sees the file."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from facemeld.media.errors import EmptyImage, ImageTooLarge, ImageTooManyBytes, ImageTooSmall, ImageTooThin, UndecodableImage
from facemeld.media.headers import DEFAULT_FORMATS, ImageFormat, ImageHeader, probe

# The plug-in of the format is called by itself, never the guessing opener: no other decoder can be reached, and the
# opener's warning about large pictures cannot occur (our own limits have been checked before).
_PLUGINS: dict[ImageFormat, type[ImageFile]] = {"jpeg": JpegImageFile, "png": PngImageFile, "webp": WebPImageFile}
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, struct.error, OverflowError, MemoryError)
_STRIP_PIXELS = 4_000_000


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What a picture must fulfil; checked before its pixels are decoded. Sides in pixels, inclusive."""

    min_side: int = 64
    max_side: int = 4095
    max_pixels: int = 64_000_000
    max_aspect: float = 20.0
    max_bytes: int = 10 * 1024 * 1024
    formats: tuple[ImageFormat, ...] = DEFAULT_FORMATS


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """An upright picture in sRGB.

    ``rgb`` is uint8 (H, W, 3), contiguous, 0-255; ``alpha`` is uint8 (H, W), 0 = transparent, or None where the file has
    no transparency. ``source_width`` and ``source_height`` are the upright file's size; they differ from the array's
    when the picture was reduced while decoding.
    """

    rgb: NDArray[np.uint8] = field(repr=False)
    alpha: NDArray[np.uint8] | None = field(repr=False)
    format: ImageFormat
    source_width: int
    source_height: int

    @property
    def width(self) -> int:
        """Columns of ``rgb``."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Rows of ``rgb``."""
        return int(self.rgb.shape[0])

    def flattened(self, background: tuple[int, int, int] = (255, 255, 255)) -> NDArray[np.uint8]:
        """What a viewer shows: ``rgb`` over a plain background where it is transparent; ``rgb`` itself without alpha."""
        if self.alpha is None:
            return self.rgb
        weight = self.alpha[:, :, None].astype(np.uint16)
        blended = self.rgb * weight + np.array(background, np.uint16) * (255 - weight)
        return ((blended + 127) // 255).astype(np.uint8)


def decode(data: bytes, limits: DecodeLimits | None = None, *, reduce_to: int | None = None) -> DecodedImage:
    """Decode a still picture, turn it upright and convert it to sRGB.

    Args:
        data: the file, of any origin.
        limits: what it must fulfil; the defaults are those of a user picture of the API.
        reduce_to: the longer side, in pixels, that the caller can do with. A JPEG at least twice that size is decoded at
            1/2, 1/4 or 1/8 (its longer side stays at least this long), which saves time and memory.

    Raises:
        EmptyImage, ImageTooManyBytes: no bytes, or more than ``limits.max_bytes``.
        UndecodableImage: not a whole, still picture in one of ``limits.formats``.
        ImageTooSmall, ImageTooLarge: the header's size breaks ``limits``; no pixel has been decoded.
    """
    limits = limits or DecodeLimits()
    if not data:
        raise EmptyImage("a picture must have at least one byte, got 0")
    if len(data) > limits.max_bytes:
        raise ImageTooManyBytes(f"a picture must have at most {limits.max_bytes} bytes, got {len(data)}")
    header = probe(data, limits.formats)
    check_size(header, limits)
    try:
        rgb, alpha = _decode_fast(header, reduce_to), None
        if rgb is None:
            rgb, alpha = _decode(header, reduce_to)
    except _DECODER_ERRORS as error:
        raise UndecodableImage(f"the {header.format} picture is damaged or incomplete") from error
    upright = _turn(rgb, header.orientation)
    upright_alpha = None if alpha is None else _turn(alpha, header.orientation)
    return DecodedImage(upright, upright_alpha, header.format, header.width, header.height)


def check_size(header: ImageHeader, limits: DecodeLimits) -> None:
    """Compare a picture's size with the limits.

    Raises:
        ImageTooLarge: a side or the number of pixels is too large.
        ImageTooThin: the sides differ too much.
        ImageTooSmall: the shorter side is too short.
    """
    short, long = sorted((header.width, header.height))
    size = f"{header.width}x{header.height}"
    if short < limits.min_side:
        raise ImageTooSmall(f"the shorter side must have at least {limits.min_side} pixels, got {size}")
    if long > limits.max_side:
        raise ImageTooLarge(f"the longer side must have at most {limits.max_side} pixels, got {size}")
    if long > limits.max_aspect * short:
        raise ImageTooThin(f"the longer side must be at most {limits.max_aspect:g} times the shorter, got {size}")
    if short * long > limits.max_pixels:
        raise ImageTooLarge(f"the picture must have at most {limits.max_pixels} pixels, got {size}")


def _decode_fast(header: ImageHeader, reduce_to: int | None) -> NDArray[np.uint8] | None:
    """Pixels of a common JPEG, as ``_decode`` gives them; None for every other file.

    The same codec behind a thinner wrapper: it takes two thirds of the time for a picture of one megapixel, a third for twelve. It
    refuses what the codec warns of; such files, and those that need colours converted, are left to the other way.
    """
    if header.format != "jpeg" or header.icc is not None:
        return None
    data = header.pixels_only
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in {"YCbCr", "Gray"}:
            return None
        _match_size((width, height), header)
        factor = _factor(max(width, height), reduce_to)
        # Scaled sizes are rounded up (libjpeg, "DCT scaling").
        least = {"min_width": -(-width // factor), "min_height": -(-height // factor), "min_factor": factor} if factor > 1 else {}
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", **least), np.uint8)
    except ValueError:
        return None


def _decode(header: ImageHeader, reduce_to: int | None) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Pixels in sRGB and alpha (None where there is none) of any file of our formats."""
    with _PLUGINS[header.format](io.BytesIO(header.pixels_only)) as image:
        _match_size(image.size, header)
        factor = _factor(max(image.size), reduce_to)
        if factor > 1:
            image.draft(image.mode, (max(1, image.width // factor), max(1, image.height // factor)))
        image.load()
        return _to_srgb(image, header.icc)


def _match_size(size: tuple[int, int], header: ImageHeader) -> None:
    """Refuse a file in which the decoder found another size than we did: the limits were checked against ours."""
    expected = (header.height, header.width) if header.orientation >= 5 else (header.width, header.height)
    if size != expected:
        raise UndecodableImage(f"the header says {expected[0]}x{expected[1]}, the decoder {size[0]}x{size[1]}")


def _factor(longer: int, reduce_to: int | None) -> int:
    """By how much a side may be reduced: 8, 4, 2 or not at all."""
    return 1 if reduce_to is None else next((factor for factor in (8, 4, 2) if longer >= factor * reduce_to), 1)


def _to_srgb(image: Image.Image, icc: bytes | None) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Pixels in sRGB and alpha (None where there is none) of a loaded picture in any mode of our formats."""
    alpha: NDArray[np.uint8] | None = None
    if image.mode.startswith("I"):
        image, alpha = _from_16_bit(image)
    elif "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode in {"P", "1"}:
        image = image.convert("RGB" if image.mode == "P" else "L")
    if image.mode == "PA":
        image = image.convert("RGBA")
    if image.mode in {"RGBA", "LA"}:
        alpha = _pixels(image.getchannel("A"))
        image = image.convert(image.mode.removesuffix("A"))
    if icc is not None:
        image = _apply_profile(image, icc)
    if image.mode != "RGB":
        image = image.convert("RGB")
    return _pixels(image), alpha


def _from_16_bit(image: Image.Image) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    """A 16-bit grey picture as 8-bit; the library's own conversion would clip at 255 instead of scaling."""
    wide = np.asarray(image).astype(np.uint16)
    transparent = image.info.get("transparency")
    alpha = np.where(wide == transparent, 0, 255).astype(np.uint8) if isinstance(transparent, int) else None
    return Image.fromarray((wide >> 8).astype(np.uint8)), alpha


def _apply_profile(image: Image.Image, icc: bytes) -> Image.Image:
    """The picture converted from its embedded profile to sRGB; unchanged when the profile is damaged or of another kind."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if ImageCms.getProfileDescription(source).startswith("sRGB"):
            return image
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A picture with a broken profile is shown by every viewer as if it had none.
        return image
    return image if converted is None else converted


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """A new array with the picture's pixels, copied strip by strip so that a large picture exists only twice at a time."""
    channels = len(image.getbands())
    shape = (image.height, image.width, channels) if channels > 1 else (image.height, image.width)
    pixels = np.empty(shape, np.uint8)
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        strip = image if rows >= image.height else image.crop((0, top, image.width, bottom))
        pixels[top:bottom] = np.asarray(strip)
    return pixels


def _turn(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation (TIFF 6.0, tag 274): the returned array is upright and contiguous."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    # After the transposition of 5-8: 2, 3, 6, 7 are mirrored left-right, 3, 4, 7, 8 upside down.
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
