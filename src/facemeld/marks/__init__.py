"""Marks on results: the visible label, an operator's logo, and what the file's metadata says about its origin."""

from facemeld.marks.errors import ContainerInvalid, LabelImpossible, MarkError, MetadataInvalid
from facemeld.marks.geometry import Rect
from facemeld.marks.label import LABEL_TEXTS, Corner, draw_label
from facemeld.marks.logo import MAX_LOGO_SIDE, draw_logo
from facemeld.marks.metadata import (
    MAX_KEY_CHARS,
    MAX_VALUE_CHARS,
    FileMetadata,
    ImplicitLabel,
    SourceType,
    read_metadata,
    write_metadata,
)

__all__ = [
    "LABEL_TEXTS",
    "MAX_KEY_CHARS",
    "MAX_LOGO_SIDE",
    "MAX_VALUE_CHARS",
    "ContainerInvalid",
    "Corner",
    "FileMetadata",
    "ImplicitLabel",
    "LabelImpossible",
    "MarkError",
    "MetadataInvalid",
    "Rect",
    "SourceType",
    "draw_label",
    "draw_logo",
    "read_metadata",
    "write_metadata",
]
