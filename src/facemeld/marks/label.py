"""Visible marks: the label (text on a plate in a corner that says how the picture was made) and a caller's logo.

Size and place of the label follow GB 45438-2025, 4.2: text at an edge or corner, letters at least 5 % of the picture's shorter side.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib import resources
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from facemeld.boxes import Rect
from facemeld.marks.errors import LabelImpossible, MarkError

Corner: TypeAlias = Literal["upper-left", "upper-right", "lower-left", "lower-right"]
"""Corner of the picture in which the label is drawn."""

LABEL_TEXTS: dict[str, str] = {"zh": "本图片为AI合成图片", "en": "Synthesized by AI"}
"""The API's default wording by language."""

LETTER_SHARE = 0.05
"""Least height of the letters as a share of the picture's shorter side."""

MAX_LOGO_SIDE = 2160
"""Longest side a logo may be stretched to, pixels (the API's limit of ``LogoRect``)."""

_FONT_PACKAGE = "cvttf_NotoSansCJK_Regular"
_FONT_FILE = "NotoSansCJKtc-Regular.otf"
# Letters below 7 pixels are hard to read and are used only where nothing else fits.
_GOOD_LETTER, _MIN_LETTER = 7, 4
_MAX_CHARACTERS = 64
# White on the plate has a contrast of at least 5.7:1, even over white (WCAG 2.2, 1.4.3, asks for 4.5:1).
_PLATE_OPACITY = np.float32(0.6)
_WHITE = np.float32(255)
# Pixels processed at a time, few enough for the processor's cache.
_STRIP = 8_000
# Difference, of 255 grey levels, that is visible at once side by side.
_CLEAR_DIFFERENCE = 32
# As shares of the letter height.
_PADDING, _MARGIN, _LINE_GAP = 0.35, 0.5, 0.3


def draw_label(
    rgb: NDArray[np.uint8], text: str, *, corner: Corner = "lower-right", alpha: NDArray[np.uint8] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, Rect]:
    """Draw the label on a copy of the picture.

    White letters on a translucent black plate are legible on any ground. The characters (capitals of a Latin text, ideographs of a
    Chinese text) are at least 5 % of the shorter side high. A text too long for one line is broken into several; if even that does
    not fit, the letters become smaller.

    Args:
        rgb: uint8 (H, W, 3), at least 16 pixels a side.
        text: one line, 1-64 characters.
        corner: the picture's corner for the label.
        alpha: uint8 (H, W), 0 = transparent, or None. The label is opaque everywhere.

    Returns:
        The labelled picture, its alpha (None if none was given) and the label's box; all pixels outside are unchanged.

    Raises:
        LabelImpossible: the text is empty, too long or not printable, or the picture is too small for letters.
    """
    patch, box = label_patch(rgb, text, corner=corner, alpha=alpha)
    labelled = rgb.copy()
    labelled[box.window] = patch
    if alpha is not None:
        alpha = alpha.copy()
        alpha[box.window] = 255
    return labelled, alpha, box


def label_patch(
    rgb: NDArray[np.uint8], text: str, *, corner: Corner = "lower-right", alpha: NDArray[np.uint8] | None = None
) -> tuple[NDArray[np.uint8], Rect]:
    """Return the labelled part of the picture, uint8 (h, w, 3), and its box; see ``draw_label``."""
    height, width = rgb.shape[:2]
    stencil = _fit(_checked(text), width, height)
    rows, columns = stencil.shape
    margin = _margin(width, height, columns, rows)
    x = margin if corner.endswith("left") else width - margin - columns
    y = margin if corner.startswith("upper") else height - margin - rows
    box = Rect(x, y, columns, rows)
    ground, opaque = rgb[box.window], None if alpha is None else alpha[box.window]
    patch = np.empty_like(ground)
    most = max(1, _STRIP // columns)
    for first in range(0, rows, most):
        strip = slice(first, first + most)
        patch[strip] = _written(ground[strip], None if opaque is None else opaque[strip], stencil[strip])
    return patch, box


def _written(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, stencil: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return some rows of the labelled part: float32 whole numbers, 0-255."""
    patch = rgb.astype(np.float32)
    if alpha is not None:
        # Most viewers show transparent pixels over white, whatever their hidden colour, so the plate is drawn over white there.
        opacity = alpha.astype(np.float32)[:, :, None] / _WHITE
        patch = patch * opacity + _WHITE * (1 - opacity)
    coverage = np.repeat(stencil, 3, axis=1).reshape(patch.shape)  # multiplying is much faster than broadcasting
    patch *= 1 - _PLATE_OPACITY
    patch *= 1 - coverage
    patch += _WHITE * coverage
    return np.asarray(np.rint(patch, out=patch))


def _checked(text: str) -> str:
    text = " ".join(text.split())
    if not 1 <= len(text) <= _MAX_CHARACTERS:
        raise LabelImpossible(f"a label must have 1-{_MAX_CHARACTERS} characters, got {len(text)}")
    if not text.isprintable():
        raise LabelImpossible("a label must be printable, got a control character")
    return text


def _letter_height(width: int, height: int) -> int:
    return max(_GOOD_LETTER, math.ceil(LETTER_SHARE * min(width, height)))


def _margin(width: int, height: int, columns: int, rows: int) -> int:
    """Return the distance of the plate from the picture's edges in pixels; less where the plate leaves no room for it."""
    wanted = round(_MARGIN * _letter_height(width, height))
    return max(0, min(wanted, (width - columns) // 2, (height - rows) // 2))


@lru_cache(maxsize=64)
def _fit(text: str, width: int, height: int) -> NDArray[np.float32]:
    """Return the coverage (H, W), 0-1, of the text on its plate: the largest letters up to the wanted height and then the fewest lines."""
    for letter in range(_letter_height(width, height), _MIN_LETTER - 1, -1):
        for lines in _breaks(text):
            stencil = _draw(lines, letter)
            if stencil.shape[1] <= width and stencil.shape[0] <= height / 2:
                return stencil
    raise LabelImpossible(f"the picture must have room for a label of {len(text)} characters, got {width}x{height}")


def _breaks(text: str) -> list[tuple[str, ...]]:
    """Return the text broken into one line, two lines and so on, each time with the shortest possible longest line."""
    words = _words(text)
    best: dict[int, tuple[str, ...]] = {}
    for limit in range(1, len(text) + 1):
        lines = _wrap(words, limit)
        best.setdefault(len(lines), lines)
    return [best[count] for count in sorted(best)]


def _wrap(words: list[str], limit: int) -> tuple[str, ...]:
    lines = [""]
    for word in words:
        if lines[-1] and len((lines[-1] + word).strip()) > limit:
            lines.append("")
        lines[-1] += word
    return tuple(line.strip() for line in lines)


def _words(text: str) -> list[str]:
    """Split a text where a line may be broken: after spaces, and around every character that is not ASCII."""
    words = [""]
    for character in text:
        wide = not character.isascii()
        if words[-1] and (wide or not words[-1][-1].isascii()):
            words.append("")
        words[-1] += character
        if character == " ":
            words.append("")
    return [word for word in words if word]


def _draw(lines: tuple[str, ...], letter: int) -> NDArray[np.float32]:
    """Draw lines with characters ``letter`` pixels high; return their coverage (H, W), 0-1."""
    font = _font(_font_size("".join(lines).isascii(), letter))
    ascent, descent = _extent(font)
    line_height = ascent + descent
    gap, padding = round(_LINE_GAP * letter), max(1, round(_PADDING * letter))
    widths = [math.ceil(font.getlength(line)) for line in lines]
    columns = max(widths) + 2 * padding
    rows = len(lines) * line_height + (len(lines) - 1) * gap + 2 * padding
    image = Image.new("L", (columns, rows), 0)
    draw = ImageDraw.Draw(image)
    for index, line in enumerate(lines):
        baseline = padding + index * (line_height + gap) + ascent
        draw.text(((columns - widths[index]) // 2, baseline), line, fill=255, font=font, anchor="ls")
    stencil = np.asarray(image).astype(np.float32) / _WHITE
    stencil.setflags(write=False)
    return stencil


@lru_cache(maxsize=128)
def _font_size(latin: bool, letter: int) -> int:
    """Return the font size at which a capital (of a Latin text) or an ideograph is at least ``letter`` pixels high."""
    size = letter
    while True:
        _, top, _, bottom = _font(size).getbbox("E" if latin else "图", anchor="ls")
        # The box includes faint rows at the edges: one row more makes the clearly visible part high enough.
        if bottom - top > letter:
            return size
        size += 1


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    with resources.as_file(resources.files(_FONT_PACKAGE) / _FONT_FILE) as path:
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def _extent(font: ImageFont.FreeTypeFont) -> tuple[int, int]:
    """Return the pixels above and below the baseline that Latin letters with descenders and Chinese characters need."""
    _, top, _, bottom = font.getbbox("Égy图", anchor="ls")
    return math.ceil(-top), math.ceil(bottom)


def draw_logo(
    rgb: NDArray[np.uint8],
    logo: NDArray[np.uint8],
    rect: Rect,
    *,
    logo_alpha: NDArray[np.uint8] | None = None,
    alpha: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, Rect]:
    """Draw a logo on a copy of the picture, stretched into a rectangle and clipped to the picture.

    Args:
        rgb: the picture, uint8 (H, W, 3).
        logo: uint8 (h, w, 3).
        rect: the rectangle; a width or height of 0 means the logo's own. Its corner may lie outside the picture.
        logo_alpha: uint8 (h, w), 0 = transparent, or None for an opaque logo.
        alpha: the picture's alpha, uint8 (H, W), or None.

    Returns:
        The picture with the logo, its alpha (None if none was given), and the box that was drawn in (empty where the
        rectangle lies outside); all pixels outside the box are unchanged.

    Raises:
        MarkError: the rectangle has a negative size or is larger than 2160 pixels a side.
    """
    target = Rect(rect.x, rect.y, rect.width or logo.shape[1], rect.height or logo.shape[0])
    if not (0 < target.width <= MAX_LOGO_SIDE and 0 < target.height <= MAX_LOGO_SIDE):
        raise MarkError(f"a logo must be 1-{MAX_LOGO_SIDE} pixels a side, got {target.width}x{target.height}")
    box = target.clipped(rgb.shape[1], rgb.shape[0])
    drawn = rgb.copy()
    if box.width == 0 or box.height == 0:
        return drawn, None if alpha is None else alpha.copy(), box
    colours, opacity = _stretched(logo, logo_alpha, target.width, target.height)
    part = slice(box.y - target.y, box.y - target.y + box.height), slice(box.x - target.x, box.x - target.x + box.width)
    window = box.window
    colours, opacity = colours[part], opacity[part]
    below = np.float32(1) if alpha is None else alpha[window].astype(np.float32)[:, :, None] / np.float32(255)
    # Porter and Duff, "Compositing digital images" (1984): the "over" operator, colours premultiplied by their opacity.
    opaque = opacity + below * (1 - opacity)
    mixed = colours + rgb[window].astype(np.float32) * below * (1 - opacity)
    drawn[window] = np.rint(np.where(opaque > 0, mixed / np.maximum(opaque, np.float32(1e-6)), rgb[window])).clip(0, 255).astype(np.uint8)
    if alpha is not None:
        alpha = alpha.copy()
        alpha[window] = np.rint(opaque[:, :, 0] * 255).astype(np.uint8)
    return drawn, alpha, box


def _stretched(
    logo: NDArray[np.uint8], logo_alpha: NDArray[np.uint8] | None, width: int, height: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return colours times opacity, float32 (height, width, 3), 0-255, and opacity, float32 (height, width, 1), 0-1.

    Multiplying before scaling keeps the hidden colours of transparent pixels out of the edges.
    """
    opacity = np.ones(logo.shape[:2], np.float32) if logo_alpha is None else logo_alpha.astype(np.float32) / np.float32(255)
    planes = [logo[:, :, channel].astype(np.float32) * opacity for channel in range(3)] + [opacity]
    if (logo.shape[1], logo.shape[0]) != (width, height):
        planes = [np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)) for plane in planes]
    stacked = np.stack(planes, axis=-1)
    scaled_opacity = stacked[:, :, 3:].clip(0, 1)
    return stacked[:, :, :3].clip(0, 255 * scaled_opacity), scaled_opacity


def shows(before: NDArray[np.uint8], after: NDArray[np.uint8], box: Rect) -> bool:
    """Return whether a logo is visible enough to replace the label, neither a speck nor almost transparent.

    Both sides of its part inside the picture must be at least 5 % of the picture's shorter side, and at least half as many pixels
    as a square of that size has must differ clearly from the picture without the logo.

    Args:
        before: the picture without the logo, uint8 (H, W, 3).
        after: the picture with the logo, uint8 (H, W, 3).
        box: the box that it was drawn in.
    """
    least = LETTER_SHARE * min(before.shape[:2])
    if min(box.width, box.height) < least:
        return False
    difference = np.abs(after[box.window].astype(np.int16) - before[box.window]).max(axis=2)
    return bool(np.count_nonzero(difference >= _CLEAR_DIFFERENCE) >= least * least / 2)
