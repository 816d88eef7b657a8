"""What callers want of a result, and what the operator set about fusing: shared by all fusions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from facemeld.fusion.types import Rect
from facemeld.media.decode import DecodeLimits
from facemeld.services.marking import MarkRules
from facemeld.services.photos import ImageLimits, NamedImage
from facemeld.workers.photos import PhotoRules


@dataclass(frozen=True, slots=True)
class LogoRequest:
    """A caller's own mark: ``rect`` with width or height 0 means the logo's natural size."""

    image: NamedImage
    rect: Rect


@dataclass(frozen=True, slots=True)
class MarkRequest:
    """What a caller wants to see and to find in the result.

    Attributes:
        visible: Whether the result carries a visible mark.
        logo: Picture that replaces the text of the visible mark.
        metadata: Key and value to embed, or None.
        language: Language of the text.
        request_id: Id of the call; the implicit label carries it.
    """

    visible: bool = True
    logo: LogoRequest | None = None
    metadata: tuple[str, str] | None = None
    language: Literal["zh-CN", "en-US"] = "zh-CN"
    request_id: str = ""

    @property
    def shown_logo(self) -> LogoRequest | None:
        """The logo, unless the result carries no visible mark at all."""
        return self.logo if self.visible else None


@dataclass(frozen=True, slots=True)
class FuseRules:
    """What the operator set.

    Attributes:
        photos: Rules for users' photos.
        images: Sizes of photos and logos.
        material_limits: Limits for decoding a material's own picture.
        logo_limits: Limits for decoding a logo.
        seconds: Deadline of the pixel work.
        result_life: Life of a stored result.
        jpeg_quality: Quality of JPEG results.
        marks: How results are marked.
        material_max_side: Longest side of a material that may be used, in pixels; None for any.
    """

    photos: PhotoRules
    images: ImageLimits
    material_limits: DecodeLimits
    logo_limits: DecodeLimits
    seconds: float
    result_life: timedelta
    jpeg_quality: int
    marks: MarkRules
    material_max_side: int | None = None
