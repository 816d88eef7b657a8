"""Metadata of results: the implicit AI label, its digital source type and a caller's own entries, in an XMP packet beside the pixels.

No library writes these: exiftool and exempi are separate programs, and Pillow can add XMP only by encoding the pixels again.
Sources: GB 45438-2025, annex E, and TC260-PG-20252A for the ``AIGC`` property; the IPTC photo metadata standard and its digital source
type vocabulary; the XMP specification part 1 (2012) for the packet and part 3 (2020), sections 1.1.3 (JPEG) and 1.1.5 (PNG), for its
place in the file; PNG, third edition, 11.3.3.4 (iTXt); the WebP container specification (VP8X and XMP chunks).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args
from xml.parsers import expat
from xml.sax.saxutils import escape

from facemeld.marks.errors import ContainerInvalid, MetadataInvalid
from facemeld.media import containers
from facemeld.media.errors import ContainerDamaged

SourceType: TypeAlias = Literal["compositeSynthetic", "compositeWithTrainedAlgorithmicMedia"]
"""IPTC digital source types of results: made without or with pixels of a generative network."""

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
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_JPEG_MAX_BODY = 65_533
_PNG_XMP = "XML:com.adobe.xmp"
_WEBP_HAS_XMP, _WEBP_HAS_ALPHA = 0x04, 0x10
# A JPEG's JUMBF box (ISO/IEC 19566-5, annex D) and the label in the description box of a C2PA manifest store.
_JPEG_JUMBF, _C2PA_LABEL = b"JP", b"c2pa\x00"
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

    Attributes:
        content_producer, produce_id: The operator that ran the synthesis, and its id of the content.
        label: "1" for synthesised content, "2" for possibly and "3" for suspected to be synthesised.
        reserved_code1, reserved_code2: Free text of producer and propagator to protect content and label.
        content_propagator, propagate_id: The distributor of the file, and its id of the content.
        source_type: IPTC digital source type; None for none.
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
        """Return the value of the ``AIGC`` property."""
        return json.dumps({wire: getattr(self, name) for wire, name in _FIELDS.items()}, ensure_ascii=False, separators=(",", ":"))

    def merged(self, value: str) -> ImplicitLabel:
        """Return the label with the additions of a caller's ``aigc`` entry.

        The fields of a JSON object fill the empty fields of this label; any other text becomes the first reserved code. The label
        and the producer never change.
        """
        given = _json_object(value)
        if given is None:
            given = {"ReservedCode1": value}
        fields = {name: str(getattr(self, name) or given.get(wire, "")) for wire, name in _FIELDS.items()}
        return ImplicitLabel(**fields, source_type=self.source_type)


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """The implicit label of a file, if any, and the caller's entries."""

    label: ImplicitLabel | None = None
    entries: Mapping[str, str] = field(default_factory=dict)


def write_metadata(data: bytes, *, label: ImplicitLabel | None = None, entries: Mapping[str, str] | None = None) -> bytes:
    """Write label and entries into a JPEG, PNG or WebP without changing its pixels; an XMP packet in it is replaced.

    Entries go into the XMP packet under our own namespace and, in a PNG, into text chunks as well if PNG allows the key as
    keyword. The entry ``aigc`` is also merged into the label.

    Raises:
        MetadataInvalid: a key is empty or longer than 32 characters, a value is longer than 256, or either has characters that XML
            does not allow.
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
    """Read the label and the entries of any program's file; an unreadable packet is ignored.

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
    # XML parsers turn a bare carriage return into a line feed.
    return escape(_ILLEGAL_IN_XML.sub("\ufffd", value), {"\r": "&#13;"})


class PacketReader:
    """Collects the properties that we know from an XMP packet; refuses document types, so that entities cannot be declared."""

    def __init__(self) -> None:
        self.aigc: str | None = None
        self.source_type: str | None = None
        self.entries: dict[str, str] = {}
        self._key = ""
        self._characters: list[str] = []

    def read(self, packet: bytes) -> bool:
        """Read a packet; return whether it could be read to its end."""
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
    """Return the label in the value of an ``AIGC`` property, bare or inside an object of that name; None where there is none."""
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


@dataclass(slots=True)
class Blocks:
    """The metadata blocks of a file, as found in its container.

    Attributes:
        xmp: XMP packets.
        texts: EXIF blocks, comments and text chunks, as they lie in the file.
        entries: Keyword and text of a PNG's uncompressed international text chunks (iTXt), without XMP.
        manifest: Whether there is a C2PA manifest store.
    """

    xmp: list[bytes] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    entries: list[tuple[str, str]] = field(default_factory=list)
    manifest: bool = False


def survey(data: bytes) -> Blocks:
    """Return the metadata blocks of a JPEG, PNG or WebP; of a damaged or other file, those that can be found.

    Takes microseconds, because the encoded pixels are skipped.
    """
    blocks = Blocks()
    with suppress(ContainerDamaged):
        _collect(data, blocks)
    return blocks


def extract(data: bytes) -> tuple[bytes | None, list[tuple[str, str]]]:
    """Return the first XMP packet of a file (None where there is none), and a PNG's uncompressed international text chunks.

    Raises:
        ContainerInvalid: ``data`` is not a JPEG, PNG or WebP, or is damaged.
    """
    blocks = Blocks()
    try:
        _collect(data, blocks)
    except ContainerDamaged as error:
        raise ContainerInvalid(str(error)) from error
    return next(iter(blocks.xmp), None), blocks.entries


def _collect(data: bytes, blocks: Blocks) -> None:
    """Add the metadata blocks of a file to ``blocks``, up to any damage, which raises ``ContainerDamaged``."""
    for block in containers.walk(data):
        match block.kind:
            case containers.APP1 if _holds_xmp(data, block):
                blocks.xmp.append(data[block.body + len(_JPEG_XMP) : block.stop])
            case containers.APP11 if data.startswith(_JPEG_JUMBF, block.body):
                blocks.manifest |= _C2PA_LABEL in data[block.start : min(block.start + 80, block.end)]
            case b"iTXt":
                _collect_text(block.content(data), blocks)
            case b"XMP ":
                blocks.xmp.append(block.content(data))
            case b"caBX" | b"C2PA":
                blocks.manifest = True
            case containers.APP1 | containers.COMMENT | b"tEXt" | b"eXIf" | b"EXIF":
                blocks.texts.append(block.content(data))


def _collect_text(content: bytes, blocks: Blocks) -> None:
    """Add an iTXt chunk; its text is read unless it is compressed or damaged."""
    keyword, separator, rest = content.partition(b"\x00")
    fields = rest[2:].split(b"\x00", 2)
    readable = separator and rest[:1] == b"\x00" and len(fields) == 3
    if readable and keyword == _PNG_XMP.encode():
        blocks.xmp.append(fields[2].decode("utf-8", "replace").encode())
        return
    blocks.texts.append(content)
    if readable:
        blocks.entries.append((keyword.decode("latin-1"), fields[2].decode("utf-8", "replace")))


def _holds_xmp(data: bytes, segment: containers.Block) -> bool:
    return segment.kind == containers.APP1 and data.startswith(_JPEG_XMP, segment.body)


def is_text_keyword(keyword: str) -> bool:
    """Return whether a PNG text chunk may have this keyword: 1-79 printable Latin-1 characters, no outer or double spaces."""
    try:
        encoded = keyword.encode("latin-1")
    except UnicodeEncodeError:
        return False
    printable = all(32 <= code <= 126 or code >= 161 for code in encoded)
    return 1 <= len(encoded) <= 79 and printable and keyword == keyword.strip(" ") and "  " not in keyword and keyword != _PNG_XMP


def insert(data: bytes, xmp: bytes, texts: Sequence[tuple[str, str]] = ()) -> bytes:
    """Return the file with an XMP packet, which replaces an existing packet, and in a PNG with text chunks; all else stays.

    Args:
        data: a JPEG, PNG or WebP.
        xmp: the packet, UTF-8.
        texts: pairs of a Latin-1 keyword and a text; ignored for formats other than PNG.

    Raises:
        ContainerInvalid: ``data`` is of another kind or damaged.
        MetadataInvalid: the packet is too long for the format.
    """
    try:
        match containers.sniff(data):
            case "jpeg":
                return _insert_jpeg(data, xmp)
            case "png":
                return _insert_png(data, xmp, texts)
            case "webp":
                return _insert_webp(data, xmp)
    except ContainerDamaged as error:
        raise ContainerInvalid(str(error)) from error
    raise ContainerInvalid("metadata can be put into JPEG, PNG and WebP files, got something else")


def _insert_jpeg(data: bytes, xmp: bytes) -> bytes:
    if len(_JPEG_XMP) + len(xmp) > _JPEG_MAX_BODY:
        raise MetadataInvalid(f"an XMP packet in a JPEG must have at most {_JPEG_MAX_BODY - len(_JPEG_XMP)} bytes, got {len(xmp)}")
    parts = [data[:2]]
    inserted = False
    position = 2
    for segment in containers.jpeg_segments(data):
        # JFIF requires its own segment first. The last segment is the start of scan, so the packet is always inserted.
        if segment.kind != containers.APP0 and not inserted:
            parts.append(containers.jpeg_segment(containers.APP1, _JPEG_XMP + xmp))
            inserted = True
        if not _holds_xmp(data, segment):
            parts.append(data[position : segment.end])
        position = segment.end
    return b"".join([*parts, data[position:]])


def _insert_png(data: bytes, xmp: bytes, texts: Sequence[tuple[str, str]]) -> bytes:
    parts = [containers.PNG_SIGNATURE]
    for chunk in containers.png_chunks(data):
        if chunk.kind == b"iTXt" and data.startswith(_PNG_XMP.encode() + b"\x00", chunk.body):
            continue
        parts.append(data[chunk.start : chunk.end])
        if chunk.kind == b"IHDR":
            for keyword, text in [(_PNG_XMP, xmp.decode()), *texts]:
                parts.append(containers.png_chunk(b"iTXt", keyword.encode("latin-1") + b"\x00\x00\x00\x00\x00" + text.encode()))
    return b"".join(parts)


def _insert_webp(data: bytes, xmp: bytes) -> bytes:
    chunks = [(chunk.kind, chunk.content(data)) for chunk in containers.webp_chunks(data) if chunk.kind != b"XMP "]
    if not chunks:
        raise ContainerInvalid("a WebP must have a picture chunk, got none")
    kind, content = chunks[0]
    if kind != b"VP8X":
        width, height, alpha = containers.webp_picture(kind, content)
        if width < 1 or height < 1:
            raise ContainerInvalid(f"the picture must have pixels, got {width}x{height}")
        flags = _WEBP_HAS_XMP | (_WEBP_HAS_ALPHA if alpha else 0)
        extended = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif content:
        extended = bytes([content[0] | _WEBP_HAS_XMP]) + content[1:]
        chunks.pop(0)
    else:
        raise ContainerInvalid("the webp header is incomplete")
    return containers.webp_file([(b"VP8X", extended), *chunks, (b"XMP ", xmp)])
