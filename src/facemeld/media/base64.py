"""Base64 text to bytes, with a cap on the text before anything is decoded."""

from __future__ import annotations

import binascii
import re

from facemeld.media.errors import EmptyImage, ImageTooManyBytes, UndecodableImage

_DATA_URL = re.compile(r"\s*data:[^,]{0,256},", re.IGNORECASE)
_STANDARD = str.maketrans({"-": "+", "_": "/", " ": None, "\t": None, "\r": None, "\n": None, "\f": None, "\v": None})
_DATA_URL_LOOKAHEAD = 512


def decode_base64(text: str, *, max_chars: int, strict: bool = False) -> bytes:
    """Decode the base64 text of a picture.

    The lenient form takes what clients really send: a ``data:`` prefix, white space, the URL-safe alphabet and missing
    padding. The strict form takes only the standard alphabet with full padding (RFC 4648, section 4).

    Args:
        text: the base64 text.
        max_chars: longest text accepted, in characters, prefix and white space included.
        strict: whether to refuse everything but the plain form.

    Raises:
        ImageTooManyBytes: the text is longer than ``max_chars``; nothing has been decoded.
        EmptyImage: the text holds no data.
        UndecodableImage: the text is not base64.
    """
    if len(text) > max_chars:
        raise ImageTooManyBytes(f"base64 text must have at most {max_chars} characters, got {len(text)}")
    if not strict:
        text = _plain(text)
    if not text:
        raise EmptyImage("base64 text must hold a picture, got none")
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise UndecodableImage("the text must be base64, got characters or a length that base64 does not have") from error
    if not data:
        raise EmptyImage("base64 text must hold a picture, got none")
    return data


def _plain(text: str) -> str:
    """The text in the standard alphabet with its padding, without prefix and white space."""
    prefix = _DATA_URL.match(text, 0, min(len(text), _DATA_URL_LOOKAHEAD))
    if prefix is not None:
        text = text[prefix.end() :]
    text = text.translate(_STANDARD).rstrip("=")
    # One character more than a multiple of four carries six bits only: no padding makes that a byte, the decoder refuses it.
    return text + "=" * (-len(text) % 4)
