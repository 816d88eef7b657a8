"""How much a face is retouched, and the six model types of FuseFaceUltra; imports no imaging library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from facemeld.fusion.types import Face, FuseOptions


@dataclass(frozen=True, slots=True)
class RetouchStrengths:
    """How much of each retouch is done, 0 (none) to 1.

    Attributes:
        smooth: Smoothing of the skin.
        enhance: Detail of eyes, brows and lips, and less of skin.
        sharpen: Detail of the whole face.
        teeth: Whitening of visible teeth.
        makeup: Colours of the template's lips, lids and brows.
        guard: How far doubtful eyes and covered skin go back to the template's.
    """

    smooth: float = 0.0
    enhance: float = 0.0
    sharpen: float = 0.0
    teeth: float = 0.0
    makeup: float = 0.0
    guard: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be 0 to 1, got {value}")


@dataclass(frozen=True, slots=True, eq=False)
class FaceInResult:
    """A face that was fused into a template.

    Attributes:
        face: The face as it is in the fused picture.
        model: The face as it was in the template.
        user: The user's face in the user's photo.
    """

    face: Face = field(repr=False)
    model: Face = field(repr=False)
    user: Face = field(repr=False)


@dataclass(frozen=True, slots=True)
class UltraStrengths:
    """Strengths that a caller of FuseFaceUltra may set, 0-1 each, with the defaults of spec 3.7.

    Attributes:
        warp: Outline of the face, 0 (the template's) to 1 (the user's).
        enhance: Sharpening and restoring.
        smooth: Smoothing of the skin.
        teeth: Repair of teeth.
        makeup: The template's make-up on the user's face.
    """

    warp: float = 0.7
    enhance: float = 0.5
    smooth: float = 0.5
    teeth: float = 1.0
    makeup: float = 0.0


@dataclass(frozen=True, slots=True)
class Preset:
    """One model type.

    Attributes:
        features: Share of the template's features and pixels, 0 (the user's) to 1.
        enhance: Factor on the caller's enhancement.
        smooth: Factor on the caller's smoothing.
        sharpen: Detail of the whole face, in addition.
        guard: How far doubtful eyes and covered skin go back to the template's.
        fixed: Values used instead of the caller's, or None.
    """

    features: float
    enhance: float = 1.0
    smooth: float = 1.0
    sharpen: float = 0.0
    guard: float = 0.0
    fixed: UltraStrengths | None = None

    def options(self, asked: UltraStrengths) -> FuseOptions:
        """Options of the engine."""
        return FuseOptions(shape=1 - (self.fixed or asked).warp, features=self.features)

    def strengths(self, asked: UltraStrengths) -> RetouchStrengths:
        """Strengths of the retouch."""
        used = self.fixed or asked
        return RetouchStrengths(
            smooth=used.smooth * self.smooth,
            enhance=used.enhance * self.enhance,
            sharpen=self.sharpen,
            teeth=used.teeth,
            makeup=used.makeup,
            guard=self.guard,
        )


PRESETS: Mapping[int, Preset] = MappingProxyType(
    {
        1: Preset(features=0.3, sharpen=0.8),
        2: Preset(features=0.35, enhance=0.5, smooth=0.8),
        3: Preset(features=0.35, sharpen=0.2),
        4: Preset(features=0.0, sharpen=0.15),
        5: Preset(features=0.45, sharpen=0.2, guard=1.0),
        6: Preset(features=0.0, sharpen=0.15, fixed=UltraStrengths(warp=1.0, enhance=0.4, smooth=0.35, teeth=0.0)),
    }
)
"""By SwapModelType: 1 sharper, 2 natural, 3 high resolution, 4 high likeness, 5 kinder to shut eyes and covers, 6 most alike."""
