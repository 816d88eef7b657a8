"""Marks that a picture already carries when it comes in: noticed in microseconds where there are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemeld.marks.containers import survey
from facemeld.marks.metadata import SOURCE_TYPE_BASE, ImplicitLabel, PacketReader, read_label

SYNTHETIC_TYPES = frozenset({"trainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic", "compositeWithTrainedAlgorithmicMedia"})
"""IPTC digital source types of what a camera has not seen."""

_LONGEST = 160
_LONGEST_JSON = 8192


@dataclass(frozen=True, slots=True)
class IncomingMark:
    """One mark of an input.

    Attributes:
        kind: ``aigc-label`` (of GB 45438-2025), ``source-type`` (of IPTC, one that says synthetic), ``manifest`` (of C2PA) or
            ``invisible-mark`` (this installation's own).
        detail: What it says: printable, at most 160 characters.
        synthetic: Whether it says that the picture was made or altered by a machine; a camera signs its pictures as well.
    """

    kind: str
    detail: str
    synthetic: bool = True


def notice(data: bytes, mime: str, *, rgb: NDArray[np.uint8] | None = None, key: bytes = b"") -> tuple[IncomingMark, ...]:
    """The marks in a file; a damaged one counts as one without.

    Args:
        data: a JPEG, PNG or WebP of anybody.
        mime: its content type.
        rgb: its pixels, uint8 (H, W, 3), to look for the invisible mark as well, which takes most of a second; None does not.
        key: key of the invisible mark.
    """
    blocks = survey(data)
    found = [*_in_packets(blocks.xmp), *_in_texts(blocks.texts)]
    if blocks.manifest:
        found.append(_manifest(data, mime))
    if rgb is not None and key:
        found += _invisible(rgb, key)
    # A file may say the same at several places.
    return tuple({mark.kind: mark for mark in reversed(found)}.values())[::-1]


def _in_packets(packets: list[bytes]) -> Iterator[IncomingMark]:
    for packet in packets:
        if b"AIGC" not in packet and b"DigitalSourceType" not in packet:
            continue
        reader = PacketReader()
        if not reader.read(packet):
            continue
        label = read_label(reader.aigc, None)
        if label is not None:
            yield _label(label)
        source = (reader.source_type or "").removeprefix(SOURCE_TYPE_BASE)
        if source in SYNTHETIC_TYPES:
            yield IncomingMark("source-type", source)


def _in_texts(texts: list[bytes]) -> Iterator[IncomingMark]:
    """Labels outside XMP, as some makers write them: ``{"AIGC": {...}}`` in a comment, or the object under the keyword ``AIGC``."""
    for text in texts:
        at = text.find(b"AIGC")
        if at < 0:
            continue
        start = text.find(b"{", at) if text.startswith(b"AIGC\x00") else text.rfind(b"{", 0, at)
        value = text[start : start + _LONGEST_JSON].decode("utf-8", "replace") if start >= 0 else ""
        try:
            fields, _ = json.JSONDecoder().raw_decode(value)
        except (ValueError, RecursionError):
            continue
        label = read_label(json.dumps(fields), None)
        if label is not None:
            yield _label(label)


def _label(label: ImplicitLabel) -> IncomingMark:
    parts = (f"Label {label.label}", f"producer {label.content_producer}", f"id {label.produce_id}")
    # 1 is made by AI, 2 may be, 3 is suspected to be; a reader must expect that others write nothing or more.
    return IncomingMark("aigc-label", _clean(", ".join(parts)), label.label not in {"", "0"})


def _manifest(data: bytes, mime: str) -> IncomingMark:
    # Imported here, because the library that reads manifests is needed for few pictures.
    from facemeld.marks.credentials import read_credentials

    read = read_credentials(data, mime)
    if read is None:
        return IncomingMark("manifest", "unreadable", synthetic=False)
    sources = [one.removeprefix(SOURCE_TYPE_BASE) for one in read.source_types]
    synthetic = not SYNTHETIC_TYPES.isdisjoint(sources)
    return IncomingMark("manifest", _clean(f"{read.state}, by {read.generator or 'unknown'}, {' '.join(sources)}"), synthetic)


def _invisible(rgb: NDArray[np.uint8], key: bytes) -> Iterator[IncomingMark]:
    # Imported here, because the process that takes calls imports this module and carries no imaging libraries.
    from facemeld.marks.detect import detect

    found = detect(rgb, key)
    if found is not None:
        yield IncomingMark("invisible-mark", f"{found.identifier:016x}")


def _clean(text: str) -> str:
    """A stranger's text as one that can be stored and shown."""
    return "".join(one if one.isprintable() else " " for one in text)[:_LONGEST].strip(" ,")
