"""What a result's content credentials state; apart from the library that signs, which only workers load."""

from __future__ import annotations

from dataclasses import dataclass

from facemeld.marks.metadata import SourceType


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A picture that a result was made from, which itself is nowhere in the file.

    Attributes:
        digest: SHA-256 of its file, 32 bytes.
        carried: Kinds of marks that it carried when it came in, see ``marks.incoming``.
    """

    digest: bytes
    carried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a result's manifest states.

    Attributes:
        software, version: Who made it.
        engine: Name and version of the imaging engine.
        produce_id: The result's own id, the one of the implicit label.
        template: The template.
        photos: Each user's photo, in order.
        when: When it was made, RFC 3339.
        source_type: What kind of picture it is.
    """

    software: str
    version: str
    engine: str
    produce_id: str
    template: Ingredient
    photos: tuple[Ingredient, ...]
    when: str
    source_type: SourceType = "compositeSynthetic"
