"""Where pictures come from: marks that an input carries, and the statement about its inputs that a result's credentials make.

The C2PA library is imported only for inputs with a manifest, because only workers load it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facemeld.marks.metadata import SOURCE_TYPE_BASE, ImplicitLabel, PacketReader, SourceType, read_label, survey

SYNTHETIC_TYPES = frozenset({"trainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic", "compositeWithTrainedAlgorithmicMedia"})
"""IPTC digital source types of pictures that were made or altered by a machine."""

_LONGEST = 160
_LONGEST_JSON = 8192


@dataclass(frozen=True, slots=True)
class IncomingMark:
    """A mark that an input carries.

    Attributes:
        kind: ``aigc-label`` (GB 45438-2025), ``source-type`` (a synthetic IPTC source type), ``manifest`` (C2PA) or
            ``invisible-mark`` (this installation's).
        detail: Its content: printable, at most 160 characters.
        synthetic: Whether it declares that the picture was made or altered by a machine; cameras sign their pictures as well.
    """

    kind: str
    detail: str
    synthetic: bool = True


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A picture that a result was made from; the result does not contain its file.

    Attributes:
        digest: SHA-256 of its file, 32 bytes.
        carried: Kinds of its own marks, see ``IncomingMark``.
    """

    digest: bytes
    carried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """The statement of a result's manifest.

    Attributes:
        software, version: Name and version of the program.
        engine: Name and version of the imaging engine.
        produce_id: The result's own id, the same as in the implicit label.
        template: The template.
        photos: Each user's photo, in order.
        when: Time of the fusion, RFC 3339.
        source_type: Digital source type of the result.
    """

    software: str
    version: str
    engine: str
    produce_id: str
    template: Ingredient
    photos: tuple[Ingredient, ...]
    when: str
    source_type: SourceType = "compositeSynthetic"


def notice(data: bytes, mime: str, *, rgb: NDArray[np.uint8] | None = None, key: bytes = b"") -> tuple[IncomingMark, ...]:
    """Return the marks in a file, in microseconds where there are none; damaged marks are ignored.

    Args:
        data: a JPEG, PNG or WebP.
        mime: its content type.
        rgb: its pixels, uint8 (H, W, 3), in which to search the invisible mark, which takes most of a second; None skips that.
        key: key of the invisible mark.
    """
    blocks = survey(data)
    found = [*_in_packets(blocks.xmp), *_in_texts(blocks.texts)]
    if blocks.manifest:
        found.append(_manifest(data, mime))
    if rgb is not None and key:
        found += _invisible(rgb, key)
    # A file may carry the same mark in several places.
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
    """Yield labels outside XMP, which some programs write as ``{"AIGC": {...}}`` in a comment, or under the keyword ``AIGC``."""
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
    # 1 is made by AI, 2 possibly, 3 suspected; other programs may write nothing or other values.
    return IncomingMark("aigc-label", _clean(", ".join(parts)), label.label not in {"", "0"})


def _manifest(data: bytes, mime: str) -> IncomingMark:
    # Imported here, because few pictures need the library that reads manifests.
    from facemeld.marks.credentials import read_credentials

    read = read_credentials(data, mime)
    if read is None:
        return IncomingMark("manifest", "unreadable", synthetic=False)
    sources = [one.removeprefix(SOURCE_TYPE_BASE) for one in read.source_types]
    synthetic = not SYNTHETIC_TYPES.isdisjoint(sources)
    return IncomingMark("manifest", _clean(f"{read.state}, by {read.generator or 'unknown'}, {' '.join(sources)}"), synthetic)


def _invisible(rgb: NDArray[np.uint8], key: bytes) -> Iterator[IncomingMark]:
    # Imported here, because the API process imports this module and must not load OpenCV.
    from facemeld.marks.detect import detect

    found = detect(rgb, key)
    if found is not None:
        yield IncomingMark("invisible-mark", f"{found.identifier:016x}")


def _clean(text: str) -> str:
    """Make a stranger's text safe to store and show."""
    return "".join(one if one.isprintable() else " " for one in text)[:_LONGEST].strip(" ,")
