"""Value types of activities, materials and their faces, their ids in wire form, the statuses of a review, and errors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from typing import Generic, Literal, TypeAlias, TypeVar

from facemeld.boxes import Rect
from facemeld.db.errors import StateError
from facemeld.errors import FacemeldError


class CatalogError(StateError):
    """An activity, a material or a face is not as the caller expected."""


class IdInvalid(CatalogError):
    """A text has not the form of the id that it should be."""


class FieldInvalid(CatalogError):
    """A name, a degree or another field is outside its range."""


class ActivityNotFound(CatalogError):
    """The account has no such activity."""


class ActivityDisabled(CatalogError):
    """The activity has been disabled."""


class MaterialNotFound(CatalogError):
    """The activity never had such a material."""


class MaterialDeleted(CatalogError):
    """The material has been deleted, or its files are gone."""


class MaterialNotApproved(CatalogError):
    """The material has not passed its review."""


class FaceNotFound(CatalogError):
    """The material has no face of this number."""


class ReviewRefused(CatalogError):
    """The review of a material cannot go from its status to the wanted one."""


class MaterialNotSaved(CatalogError):
    """The store of material files has no room or cannot be written."""


class AddressForged(FacemeldError):
    """An address of a picture was not made by this service."""


class AddressExpired(FacemeldError):
    """The time of a signed address is over."""


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


class MaterialStatus(IntEnum):
    """``MaterialStatus`` of the API (specification 5.4)."""

    UNDER_REVIEW = 0
    MANUAL_PASSED = 1
    MANUAL_FAILED = 2
    UNDER_APPEAL = 3
    APPEAL_PASSED = 11
    APPEAL_FAILED = 12
    MACHINE_PASSED = 21
    MACHINE_FAILED = 22
    VIDEO_READY = 31
    VIDEO_FAILED = 32
    VIDEO_ROLE_MISSING = 33

    @property
    def usable(self) -> bool:
        """Whether a picture with this status may be fused."""
        return self in _USABLE


_USABLE = frozenset({MaterialStatus.MANUAL_PASSED, MaterialStatus.APPEAL_PASSED, MaterialStatus.MACHINE_PASSED})

TRANSITIONS = MappingProxyType(
    {
        MaterialStatus.UNDER_REVIEW: frozenset(
            {MaterialStatus.MANUAL_PASSED, MaterialStatus.MANUAL_FAILED, MaterialStatus.MACHINE_PASSED, MaterialStatus.MACHINE_FAILED}
        ),
        MaterialStatus.MACHINE_PASSED: frozenset({MaterialStatus.MANUAL_PASSED, MaterialStatus.MANUAL_FAILED}),
        MaterialStatus.MACHINE_FAILED: frozenset({MaterialStatus.MANUAL_PASSED, MaterialStatus.MANUAL_FAILED, MaterialStatus.UNDER_APPEAL}),
        MaterialStatus.MANUAL_PASSED: frozenset({MaterialStatus.MANUAL_FAILED}),
        MaterialStatus.MANUAL_FAILED: frozenset({MaterialStatus.UNDER_APPEAL}),
        MaterialStatus.UNDER_APPEAL: frozenset({MaterialStatus.APPEAL_PASSED, MaterialStatus.APPEAL_FAILED}),
        MaterialStatus.APPEAL_PASSED: frozenset({MaterialStatus.APPEAL_FAILED}),
    }
)
"""From a status to those that may follow. No path leads to an appeal twice; a given approval can always be withdrawn."""


def check_transition(current: MaterialStatus, wanted: MaterialStatus) -> None:
    """Refuse a change that the table does not hold.

    Raises:
        ReviewRefused: with the statuses that would be allowed.
    """
    allowed = TRANSITIONS.get(current, frozenset())
    if wanted not in allowed:
        choices = ", ".join(f"{status.value} ({status.name.lower()})" for status in sorted(allowed)) or "no other"
        raise ReviewRefused(
            f"the status after {current.value} ({current.name.lower()}) must be {choices}, got {wanted.value} ({wanted.name.lower()})"
        )


def decision(current: MaterialStatus, approve: bool) -> MaterialStatus:
    """The status that a reviewer's yes or no leads to.

    Raises:
        ReviewRefused: the material is in a status that a reviewer cannot decide.
    """
    appealed = current in {MaterialStatus.UNDER_APPEAL, MaterialStatus.APPEAL_PASSED, MaterialStatus.APPEAL_FAILED}
    if appealed:
        wanted = MaterialStatus.APPEAL_PASSED if approve else MaterialStatus.APPEAL_FAILED
    else:
        wanted = MaterialStatus.MANUAL_PASSED if approve else MaterialStatus.MANUAL_FAILED
    check_transition(current, wanted)
    return wanted


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Activity:
    """A group of materials.

    Attributes:
        number: Its snowflake.
        shape_degree: Default of ``FuseProfileDegree``, 0-100.
        feature_degree: Default of ``FuseFaceDegree``, 0-100.
        consent_required: Whether every fusion must bring a reference to the consent of the people shown.
        rate: Calls a second, as in ``20/second``; empty for the settings'.
    """

    number: int
    account_id: int
    name: str
    description: str
    published: bool
    disabled: bool
    shape_degree: int
    feature_degree: int
    created_at: datetime
    updated_at: datetime
    consent_required: bool = False
    rate: str = ""

    @property
    def id(self) -> str:
        """Wire form, ``at_<digits>``."""
        return activity_id(self.number)


@dataclass(frozen=True, slots=True)
class MaterialFace:
    """A face of a material; the plan holds it at index ``number - 1``."""

    material: int
    number: int
    box: Rect

    @property
    def id(self) -> str:
        """Wire form, ``mt_<digits>_<n>``."""
        return face_id(self.material, self.number)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the automatic review noticed.

    Attributes:
        code: What it is, such as ``face_turned``.
        failure: Whether it makes the picture unfit; else it is a warning.
        face: Number of the face it is about; None for the whole picture.
        value: What was measured, in the unit of the code.
        limit: What it should have kept to.
    """

    code: str
    failure: bool
    face: int | None = None
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """A template picture as the catalogue knows it.

    Attributes:
        number: Its snowflake.
        activity: Number of its activity.
        audit_result: Why the review ended as it did; text for people.
        format: ``jpeg`` or ``png``.
        size: Bytes of the picture's file.
        sha256: Of the picture's file, hexadecimal.
        shape_degree: Own default of ``FuseProfileDegree``; None takes the activity's.
        feature_degree: Own default of ``FuseFaceDegree``; None takes the activity's.
        deleted_at: None as long as it exists.
        findings: What the automatic review noticed when it was imported.
        incoming: Marks that the picture came with: each with ``kind`` and ``detail``.
    """

    number: int
    activity: int
    name: str
    status: MaterialStatus
    audit_result: str
    width: int
    height: int
    format: str
    size: int
    sha256: str
    shape_degree: int | None
    feature_degree: int | None
    faces: tuple[MaterialFace, ...]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    findings: tuple[Finding, ...] = ()
    incoming: tuple[Mapping[str, str], ...] = ()

    @property
    def id(self) -> str:
        """Wire form, ``mt_<digits>``."""
        return material_id(self.number)

    @property
    def activity_id(self) -> str:
        """Wire form of its activity, ``at_<digits>``."""
        return activity_id(self.activity)


@dataclass(frozen=True, slots=True)
class MaterialRecord:
    """What one fusion needs to know about its material; read in one round trip.

    Attributes:
        number: Its snowflake; names its files too.
        default_face: Face that a ``ModelId`` of the form ``mt_<digits>_<n>`` names, else None.
        shape_degree: Default of ``FuseProfileDegree``, the material's own or its activity's, 0-100.
        feature_degree: Default of ``FuseFaceDegree``, likewise.
        published: Whether the activity is published.
        consent_required: Whether the activity demands a reference to the consent of the people shown.
        rate: Calls a second on the activity; None for the settings'.
        incoming: Marks that its picture came with, see ``Material``.
    """

    number: int
    activity: int
    status: MaterialStatus
    width: int
    height: int
    format: str
    sha256: str
    shape_degree: int
    feature_degree: int
    published: bool
    faces: tuple[MaterialFace, ...]
    default_face: int | None
    consent_required: bool = False
    rate: int | None = None
    incoming: tuple[Mapping[str, str], ...] = ()

    @property
    def id(self) -> str:
        """Wire form, ``mt_<digits>``."""
        return material_id(self.number)

    def face(self, text: str) -> MaterialFace | None:
        """The face of this wire id, or None."""
        return next((face for face in self.faces if face.id == text), None)


@dataclass(frozen=True, slots=True)
class NewMaterial:
    """A picture to be imported, already analysed.

    Attributes:
        name: 1-255 characters, such as the file's name.
        picture: The file's bytes as they shall be kept.
        plan: The engine's plan of it.
        format: ``jpeg`` or ``png``.
        width: Pixels.
        height: Pixels.
        faces: Boxes in the order of the plan, largest first; the first one becomes face 1.
        status: Outcome of the automatic review, or ``UNDER_REVIEW``.
        audit_result: Its reason.
        findings: What it noticed.
        incoming: Marks that the picture came with, see ``Material``.
        shape_degree: Own default, 0-100; None takes the activity's.
        feature_degree: Own default, 0-100; None takes the activity's.
    """

    name: str
    picture: bytes = field(repr=False)
    plan: bytes = field(repr=False)
    format: str
    width: int
    height: int
    faces: Sequence[Rect]
    status: MaterialStatus = MaterialStatus.UNDER_REVIEW
    audit_result: str = ""
    findings: tuple[Finding, ...] = ()
    incoming: tuple[Mapping[str, str], ...] = ()
    shape_degree: int | None = None
    feature_degree: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list.

    Attributes:
        items: The part.
        total: How many the whole list has.
        next: Pass it as ``after`` to get the next part; None at the end.
    """

    items: tuple[Item, ...]
    total: int
    next: int | None


ActivityState: TypeAlias = Literal["published", "unpublished", "disabled"]
"""What an activity is as a whole: one that is disabled counts as neither published nor unpublished."""
