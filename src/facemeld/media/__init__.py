"""Untrusted bytes in and out: header checks, decoding with orientation, encoding; ``media.fetch`` fetches them, guarded."""

from facemeld.media.base64 import decode_base64
from facemeld.media.decode import DecodedImage, DecodeLimits, check_size, decode
from facemeld.media.encode import CONTENT_TYPES, EXTENSIONS, encode
from facemeld.media.errors import (
    DownloadFailed,
    EmptyImage,
    EncodingFailed,
    IllegalUrl,
    ImageTooLarge,
    ImageTooManyBytes,
    ImageTooSmall,
    MediaError,
    UndecodableImage,
)
from facemeld.media.headers import ImageFormat, ImageHeader, probe
from facemeld.media.urls import MAX_URL_CHARS, parse_url

__all__ = [
    "CONTENT_TYPES",
    "EXTENSIONS",
    "MAX_URL_CHARS",
    "DecodeLimits",
    "DecodedImage",
    "DownloadFailed",
    "EmptyImage",
    "EncodingFailed",
    "IllegalUrl",
    "ImageFormat",
    "ImageHeader",
    "ImageTooLarge",
    "ImageTooManyBytes",
    "ImageTooSmall",
    "MediaError",
    "UndecodableImage",
    "check_size",
    "decode",
    "decode_base64",
    "encode",
    "parse_url",
    "probe",
]
