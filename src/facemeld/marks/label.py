"""The visible label: a line of text on a plate in a corner of the picture that says how the picture was made.

Size and place follow GB 45438-2025, 4.2: text at an edge or corner, letters at least 5 % of the picture's shorter side.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib import resources
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from facemeld.marks.errors import LabelImpossible
from facemeld.marks.geometry import Rect

Corner: TypeAlias = Literal["upper-left", "upper-right", "lower-left", "lower-right"]
"""Where the label stands."""

LABEL_TEXTS: dict[str, str] = {"zh": "本图片为AI合成图片", "en": "Synthesized by AI"}
"""The API's default wording by language."""

LETTER_SHARE = 0.05
"""Least height of the letters as a share of the picture's shorter side."""

_FONT_PACKAGE = "cvttf_NotoSansCJK_Regular"
_FONT_FILE = "NotoSansCJKtc-Regular.otf"
# Below 7 pixels letters are hard to read; they are made smaller only where nothing else fits.
_GOOD_LETTER, _MIN_LETTER = 7, 4
_MAX_CHARACTERS = 64
# White on the plate has a contrast of at least 5.7:1, also over a white ground (WCAG 2.2, 1.4.3, asks for 4.5:1).
_PLATE_OPACITY = np.float32(0.6)
_WHITE = np.float32(255)
# Pixels worked on at a time, so that they stay in the processor's cache.
_STRIP = 8_000
# As shares of the letter height.
_PADDING, _MARGIN, _LINE_GAP = 0.35, 0.5, 0.3


def draw_label(
    rgb: NDArray[np.uint8], text: str, *, corner: Corner = "lower-right", alpha: NDArray[np.uint8] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, Rect]:
    """Put the label on a copy of the picture.

    White letters stand on a translucent black plate, so that they can be read on any ground. The characters are at least 5 %
    of the shorter side high: the capitals of a Latin text, the ideographs of a Chinese one. A text too long for one line is broken
    into several; only where even that does not fit are the letters made smaller.

    Args:
        rgb: uint8 (H, W, 3), at least 16 pixels a side.
        text: one line, 1-64 characters.
        corner: where the label stands.
        alpha: uint8 (H, W), 0 = transparent, or None. The label is opaque even where the picture is not.

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
    """The labelled part of the picture alone, uint8 (h, w, 3), and the box that it fills; see ``draw_label``."""
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
    """Some rows of the labelled part, whole numbers within 0-255."""
    patch = rgb.astype(np.float32)
    if alpha is not None:
        # Most viewers show what is transparent over white, and the hidden colour may be any: the plate stands on white there.
        opacity = alpha.astype(np.float32)[:, :, None] / _WHITE
        patch = patch * opacity + _WHITE * (1 - opacity)
    coverage = np.repeat(stencil, 3, axis=1).reshape(patch.shape)  # far quicker to multiply by than to broadcast
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
    """Distance of the plate from the picture's edges, pixels; less where the plate leaves no room for it."""
    wanted = round(_MARGIN * _letter_height(width, height))
    return max(0, min(wanted, (width - columns) // 2, (height - rows) // 2))


@lru_cache(maxsize=64)
def _fit(text: str, width: int, height: int) -> NDArray[np.float32]:
    """Coverage (H, W), 0-1, of the text on its plate: the largest letters up to the wanted height, then the fewest lines."""
    for letter in range(_letter_height(width, height), _MIN_LETTER - 1, -1):
        for lines in _breaks(text):
            stencil = _draw(lines, letter)
            if stencil.shape[1] <= width and stencil.shape[0] <= height / 2:
                return stencil
    raise LabelImpossible(f"the picture must have room for a label of {len(text)} characters, got {width}x{height}")


def _breaks(text: str) -> list[tuple[str, ...]]:
    """The text in one line, in two, in three ..., each time broken so that the longest line is as short as possible."""
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
    """Parts between which a line may be broken: after spaces, and around every character that is not ASCII."""
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
    """Draw the lines with characters ``letter`` pixels high."""
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
    """The font size at which a capital (of a Latin text) or an ideograph is at least ``letter`` pixels high."""
    size = letter
    while True:
        _, top, _, bottom = _font(size).getbbox("E" if latin else "图", anchor="ls")
        # The box counts the faint rows at the edges, too: one more makes the clearly visible part high enough.
        if bottom - top > letter:
            return size
        size += 1


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    with resources.as_file(resources.files(_FONT_PACKAGE) / _FONT_FILE) as path:
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def _extent(font: ImageFont.FreeTypeFont) -> tuple[int, int]:
    """Pixels above and below the baseline that Latin letters with descenders and Chinese characters need."""
    _, top, _, bottom = font.getbbox("Égy图", anchor="ls")
    return math.ceil(-top), math.ceil(bottom)
