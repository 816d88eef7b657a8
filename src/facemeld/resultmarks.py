"""How files are marked that are made without a server."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from facemeld.marks.authority import SigningIdentity
from facemeld.marks.label import LABEL_TEXTS, Corner
from facemeld.marks.metadata import ImplicitLabel
from facemeld.settings.catalogue import Settings
from facemeld.upkeep.installation import existing_mark_key, signing_identity
from facemeld.workers.tasks.incoming import IncomingRule
from facemeld.workers.tasks.marking import InvisibleScope, Marking


@dataclass(frozen=True, slots=True)
class ResultMarks:
    """What a result's file says about itself.

    Attributes:
        label: Text of the visible label; None for none.
        corner: Where it stands.
        producer: Producer named in the implicit label, which every file carries.
        invisible: Where the invisible mark goes.
        key: Its key, 32 bytes; empty writes none.
        identity: Who signs the content credentials; None leaves the file unsigned.
        incoming: What becomes of inputs that are marked as AI-made themselves.
        jpeg_quality: Quality of JPEG and WebP files, 1-100.
    """

    label: str | None = LABEL_TEXTS["en"]
    corner: Corner = "lower-right"
    producer: str = "facemeld"
    invisible: InvisibleScope = "auto"
    key: bytes = field(default=b"", repr=False)
    identity: SigningIdentity | None = None
    incoming: IncomingRule = field(default_factory=IncomingRule)
    jpeg_quality: int = 95

    @classmethod
    def of(cls, settings: Settings, *, label: bool = True, signed: bool = True, invisible: bool = True) -> ResultMarks:
        """The marks that an operator's settings ask for, with the keys of the data folder.

        Without a certificate in the settings the local authority of the data folder signs, which is made on first use. The invisible
        mark needs a master key, which ``facemeld serve`` makes on its first start.

        Args:
            settings: The operator's settings.
            label: Draw the visible label; drawn in any case where the settings require it.
            signed: Sign content credentials, where the settings allow it.
            invisible: Write the invisible mark, where the settings allow it.

        Raises:
            SigningUnavailable, VaultError: a key cannot be used, or the data folder cannot be written.
        """
        return cls(
            label=settings.label.text_en if label or settings.label.required else None,
            corner=settings.label.corner,
            producer=settings.label.producer,
            invisible=settings.marks.invisible if invisible else "off",
            key=existing_mark_key(settings),
            identity=signing_identity(settings) if signed else None,
            incoming=IncomingRule(settings.marks.incoming_synthetic == "refuse", settings.marks.incoming_invisible),
            jpeg_quality=settings.results.jpeg_quality,
        )

    def marking(self) -> Marking:
        """How one new result is marked; its id is drawn here."""
        return Marking(
            label=self.label,
            logo=None,
            implicit=ImplicitLabel(content_producer=self.producer, produce_id=str(uuid.uuid4())),
            metadata=None,
            jpeg_quality=self.jpeg_quality,
            corner=self.corner,
            invisible=self.invisible,
        )
