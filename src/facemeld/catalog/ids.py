"""The ids of activities, materials and faces in their wire form, parsed strictly.

Nothing that a caller sends reaches a query or a file name before it went through here and became a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from facemeld.catalog.errors import IdInvalid

_NUMBER = r"([1-9][0-9]{0,18})"
_ACTIVITY = re.compile(rf"at_{_NUMBER}", re.ASCII)
_MODEL = re.compile(rf"mt_{_NUMBER}(?:_([1-9][0-9]{{0,3}}))?", re.ASCII)
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ModelId:
    """A ``ModelId`` of a call: a material's number and, for ``mt_<digits>_<n>``, the face that it names."""

    material: int
    face: int | None = None

    def __str__(self) -> str:
        return material_id(self.material) if self.face is None else face_id(self.material, self.face)


def activity_id(number: int) -> str:
    """Wire form of an activity's id: ``at_<digits>``."""
    return f"at_{number}"


def material_id(number: int) -> str:
    """Wire form of a material's id: ``mt_<digits>``."""
    return f"mt_{number}"


def face_id(material: int, number: int) -> str:
    """Wire form of a face's id: ``mt_<digits>_<n>``, n from 1."""
    return f"mt_{material}_{number}"


def parse_activity_id(text: str) -> int:
    """The number in ``at_<digits>``.

    Raises:
        IdInvalid: the text has another form.
    """
    match = _ACTIVITY.fullmatch(text)
    if match is None:
        raise IdInvalid(f"an activity id must have the form at_<digits>, got {text[:64]!r}")
    return _number(match[1])


def parse_model_id(text: str) -> ModelId:
    """The material, and the face if there is one, in ``mt_<digits>`` or ``mt_<digits>_<n>``.

    Raises:
        IdInvalid: the text has another form.
    """
    match = _MODEL.fullmatch(text)
    if match is None:
        raise IdInvalid(f"a model id must have the form mt_<digits> or mt_<digits>_<n>, got {text[:64]!r}")
    return ModelId(_number(match[1]), int(match[2]) if match[2] else None)


def parse_material_id(text: str) -> int:
    """The number in ``mt_<digits>``.

    Raises:
        IdInvalid: the text has another form.
    """
    parsed = parse_model_id(text)
    if parsed.face is not None:
        raise IdInvalid(f"a material id must have the form mt_<digits>, got {text[:64]!r}")
    return parsed.material


def parse_face_id(text: str) -> tuple[int, int]:
    """The material's number and the face's in ``mt_<digits>_<n>``.

    Raises:
        IdInvalid: the text has another form.
    """
    parsed = parse_model_id(text)
    if parsed.face is None:
        raise IdInvalid(f"a face id must have the form mt_<digits>_<n>, got {text[:64]!r}")
    return parsed.material, parsed.face


def _number(digits: str) -> int:
    number = int(digits)
    if number > _LARGEST:
        raise IdInvalid(f"the number of an id must be at most {_LARGEST}, got {digits}")
    return number
