"""Marks on results: the visible label, an operator's logo, and what the file's metadata says about its origin."""

from facemeld.marks.errors import ContainerInvalid, LabelImpossible, MarkError, MetadataInvalid
from facemeld.marks.geometry import Rect
from facemeld.marks.label import LABEL_TEXTS, Corner, draw_label
from facemeld.marks.logo import MAX_LOGO_SIDE, draw_logo

__all__ = [
    "LABEL_TEXTS",
    "MAX_LOGO_SIDE",
    "ContainerInvalid",
    "Corner",
    "LabelImpossible",
    "MarkError",
    "MetadataInvalid",
    "Rect",
    "draw_label",
    "draw_logo",
]
