"""How much a face is retouched, and which face; no imaging library is needed to say so."""

from __future__ import annotations

from dataclasses import dataclass, field

from facemeld.fusion.types import Face


@dataclass(frozen=True, slots=True)
class RetouchStrengths:
    """How much of each retouch is done, 0 (none) to 1.

    Attributes:
        smooth: Smoothing of the skin.
        enhance: Detail of eyes, brows, lips and, less, skin.
        sharpen: Detail of the whole face alike.
        teeth: Whitening of teeth that can be seen.
        makeup: Colours of the template's lips, lids and brows.
        guard: How far the template gets back doubtful eyes and covered skin.
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
