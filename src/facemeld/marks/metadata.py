"""What a result's file says about itself: the implicit AI label, its digital source type, and a caller's own entries.

Sources: GB 45438-2025, annex E, and TC260-PG-20252A for the ``AIGC`` property; the IPTC photo metadata standard and its
digital source type vocabulary; the XMP specification part 1 (2012) for the packet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args
from xml.parsers import expat
from xml.sax.saxutils import escape

from facemeld.marks.containers import extract, insert, is_text_keyword
from facemeld.marks.errors import MetadataInvalid

SourceType: TypeAlias = Literal["compositeSynthetic", "compositeWithTrainedAlgorithmicMedia"]
"""IPTC digital source types of results: made without, or with, pixels of a generative network."""

MAX_KEY_CHARS = 32
MAX_VALUE_CHARS = 256
AIGC_KEY = "aigc"

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TC260 = "http://www.tc260.org.cn/ns/AIGC/1.0/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_OWN = "urn:facemeld:metadata:1.0/"
SOURCE_TYPE_BASE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_ILLEGAL_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_PACKET = 1_000_000
_FIELDS = {
    "Label": "label",
    "ContentProducer": "content_producer",
    "ProduceID": "produce_id",
    "ReservedCode1": "reserved_code1",
    "ContentPropagator": "content_propagator",
    "PropagateID": "propagate_id",
    "ReservedCode2": "reserved_code2",
}


@dataclass(frozen=True, slots=True)
class ImplicitLabel:
    """The machine-readable label of a synthesised picture.

    ``label`` is "1" for content that is synthesised, "2" for what may be, "3" for what is suspected to be. The producer is
    who ran the synthesis, the propagator who distributes the file; the ids are theirs; the reserved codes are free text for
    their own protection of the content and the label.
    """

    content_producer: str
    produce_id: str
    label: str = "1"
    reserved_code1: str = ""
    content_propagator: str = ""
    propagate_id: str = ""
    reserved_code2: str = ""
    source_type: SourceType | None = "compositeSynthetic"

    def to_json(self) -> str:
        """The value of the ``AIGC`` property."""
        return json.dumps({wire: getattr(self, name) for wire, name in _FIELDS.items()}, ensure_ascii=False, separators=(",", ":"))

    def merged(self, value: str) -> ImplicitLabel:
        """The label with what a caller's ``aigc`` entry adds.

        Fields that a JSON object names are taken over where this label leaves them empty; any other text becomes the first
        reserved code. What says that and by whom the picture was synthesised never changes.
        """
        given = _json_object(value)
        if given is None:
            given = {"ReservedCode1": value}
        fields = {name: str(getattr(self, name) or given.get(wire, "")) for wire, name in _FIELDS.items()}
        return ImplicitLabel(**fields, source_type=self.source_type)


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """What was read from a file: the implicit label, if any, and the caller's entries."""

    label: ImplicitLabel | None = None
    entries: Mapping[str, str] = field(default_factory=dict)


def write_metadata(data: bytes, *, label: ImplicitLabel | None = None, entries: Mapping[str, str] | None = None) -> bytes:
    """Put label and entries into a JPEG, PNG or WebP without touching its pixels; an XMP packet in it is replaced.

    Entries are kept in the XMP packet under a namespace of our own and, in a PNG, as text chunks with the key as keyword
    where PNG allows it. The entry ``aigc`` is merged into the label as well.

    Raises:
        MetadataInvalid: a key is empty or longer than 32 characters, a value is longer than 256, or one of them has
            characters that XML cannot hold.
        ContainerInvalid: ``data`` is of another kind or damaged.
    """
    entries = entries or {}
    for key, value in entries.items():
        _check(key, value)
    if label is not None and AIGC_KEY in entries:
        label = label.merged(entries[AIGC_KEY])
    texts = [(key, value) for key, value in entries.items() if is_text_keyword(key)]
    return insert(data, _packet(label, entries), texts)


def read_metadata(data: bytes) -> FileMetadata:
    """Read the label and the entries of a file, of our own making or of others'; an unreadable packet counts as none.

    Raises:
        ContainerInvalid: ``data`` is not a JPEG, PNG or WebP, or is damaged.
    """
    packet, texts = extract(data)
    reader = PacketReader()
    if packet is None or not reader.read(packet):
        return FileMetadata(None, dict(texts))
    return FileMetadata(read_label(reader.aigc, reader.source_type), {**dict(texts), **reader.entries})


def _check(key: str, value: str) -> None:
    if not 1 <= len(key) <= MAX_KEY_CHARS:
        raise MetadataInvalid(f"MetaKey must have 1-{MAX_KEY_CHARS} characters, got {len(key)}")
    if len(value) > MAX_VALUE_CHARS:
        raise MetadataInvalid(f"MetaValue must have at most {MAX_VALUE_CHARS} characters, got {len(value)}")
    if _ILLEGAL_IN_XML.search(key + value):
        raise MetadataInvalid("MetaKey and MetaValue must not have control characters, got some")


def _packet(label: ImplicitLabel | None, entries: Mapping[str, str]) -> bytes:
    properties: list[str] = []
    if label is not None:
        properties.append(f"<TC260:AIGC>{_text(label.to_json())}</TC260:AIGC>")
        if label.source_type is not None:
            properties.append(f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE_BASE}{label.source_type}</Iptc4xmpExt:DigitalSourceType>")
    if entries:
        items = (
            f'<rdf:li rdf:parseType="Resource"><fm:key>{_text(key)}</fm:key><fm:value>{_text(value)}</fm:value></rdf:li>'
            for key, value in entries.items()
        )
        properties.append(f"<fm:metadata><rdf:Seq>{''.join(items)}</rdf:Seq></fm:metadata>")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" xmlns:TC260="{_TC260}" xmlns:Iptc4xmpExt="{_IPTC}" xmlns:fm="{_OWN}">'
        f'{"".join(properties)}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def _text(value: str) -> str:
    # A parser turns a bare carriage return into a line feed.
    return escape(_ILLEGAL_IN_XML.sub("\ufffd", value), {"\r": "&#13;"})


class PacketReader:
    """Collects what we know from an XMP packet; refuses document types, so that entities cannot be declared."""

    def __init__(self) -> None:
        self.aigc: str | None = None
        self.source_type: str | None = None
        self.entries: dict[str, str] = {}
        self._key = ""
        self._characters: list[str] = []

    def read(self, packet: bytes) -> bool:
        """Whether the packet could be read to its end."""
        if len(packet) > _MAX_PACKET:
            return False
        parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters.append
        try:
            parser.Parse(packet, True)
        except (expat.ExpatError, MetadataInvalid):
            return False
        return True

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._characters.clear()
        # XMP allows simple properties to be written as attributes.
        for attribute, value in attributes.items():
            self._take(attribute, value)

    def _end(self, name: str) -> None:
        self._take(name, "".join(self._characters))
        self._characters.clear()

    def _take(self, name: str, value: str) -> None:
        if name == f"{_TC260} AIGC":
            self.aigc = value
        elif name == f"{_IPTC} DigitalSourceType":
            self.source_type = value
        elif name == f"{_OWN} key":
            self._key = value
        elif name == f"{_OWN} value":
            self.entries[self._key] = value


def _refuse_doctype(*_: object) -> None:
    raise MetadataInvalid("an XMP packet must not declare a document type")


def read_label(aigc: str | None, source_type: str | None) -> ImplicitLabel | None:
    """The label in the value of an ``AIGC`` property, by itself or inside an object of that name; None where there is none."""
    if aigc is None or (fields := _json_object(aigc)) is None:
        return None
    inner = fields.get("AIGC")
    fields = inner if isinstance(inner, dict) else fields
    values = {name: str(fields.get(wire, "")) for wire, name in _FIELDS.items()}
    names: tuple[SourceType, ...] = get_args(SourceType)
    known = {SOURCE_TYPE_BASE + name: name for name in names}
    return ImplicitLabel(**values, source_type=known.get(source_type or ""))


def _json_object(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
