"""What a result's content credentials state; apart from the library that signs, which only workers load."""

from __future__ import annotations

from dataclasses import dataclass

from facemeld.marks.metadata import SourceType


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a result's manifest states.

    Attributes:
        software, version: Who made it.
        engine: Name and version of the imaging engine.
        produce_id: The result's own id, the one of the implicit label.
        template: SHA-256 of the template's file, 32 bytes.
        photos: SHA-256 of each user's photo, in order. The photos themselves are nowhere in the file.
        when: When it was made, RFC 3339.
        source_type: What kind of picture it is.
    """

    software: str
    version: str
    engine: str
    produce_id: str
    template: bytes
    photos: tuple[bytes, ...]
    when: str
    source_type: SourceType = "compositeSynthetic"
