"""How the operator wants results to be marked, and what that leaves of a caller's wishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from facemeld.marks.label import LABEL_TEXTS, Corner
from facemeld.marks.metadata import ImplicitLabel
from facemeld.workers.marking import InvisibleScope, Logo, LogoRule, Marking


@dataclass(frozen=True, slots=True)
class MarkRules:
    """What the operator set.

    Attributes:
        producer: Producer named in the implicit label.
        required: Whether the visible label cannot be switched off.
        logo_rule: Whether a caller's logo stands for the label.
        texts: Text of the label by language, ``zh`` and ``en``.
        corner: Where the label stands.
        invisible: Where the invisible mark goes.
    """

    producer: str
    required: bool = False
    logo_rule: LogoRule = "replaces"
    texts: Mapping[str, str] = field(default_factory=lambda: LABEL_TEXTS)
    corner: Corner = "lower-right"
    invisible: InvisibleScope = "auto"

    def marking(
        self, *, visible: bool, language: str, request_id: str, logo: Logo | None, metadata: tuple[str, str] | None, jpeg_quality: int
    ) -> Marking:
        """How a worker marks one result.

        Args:
            visible: Whether the caller wants a visible mark.
            language: Language tag of the label's text.
            request_id: Id of the call, which becomes the result's.
            logo: The caller's own mark, or None.
            metadata: The caller's own key and value, or None.
            jpeg_quality: Quality of a JPEG result.
        """
        # A caller who may not go without the label may not hide it behind a speck of a logo either.
        rule: LogoRule = "when-clear" if self.required and self.logo_rule == "replaces" else self.logo_rule
        return Marking(
            label=self.texts[language[:2]] if visible or self.required else None,
            logo=logo,
            implicit=ImplicitLabel(content_producer=self.producer, produce_id=request_id),
            metadata=metadata,
            jpeg_quality=jpeg_quality,
            corner=self.corner,
            logo_rule=rule,
            invisible=self.invisible,
        )
