"""Activities, materials and faces: value types, ids in wire form, review statuses, and errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from facemeld.boxes import Rect
from facemeld.db.errors import StateError
from facemeld.errors import FacemeldError

Item = TypeVar("Item")

ActivityState: TypeAlias = Literal["published", "unpublished", "disabled"]
"""State of an activity; a disabled activity counts as neither published nor unpublished."""


class MaterialError(StateError):
    """A request about an activity, a material or a face cannot be carried out."""


class IdInvalid(MaterialError):
    """An id is malformed."""


class FieldInvalid(MaterialError):
    """A value of a field is not allowed."""


class ActivityNotFound(MaterialError):
    """The activity does not exist in the account."""


class ActivityDisabled(MaterialError):
    """The activity is disabled."""


class MaterialNotFound(MaterialError):
    """The material never existed in the activity."""


class MaterialDeleted(MaterialError):
    """The material is deleted, or its files are missing."""


class MaterialNotApproved(MaterialError):
    """The material has not passed its review."""


class FaceNotFound(MaterialError):
    """The material has no face of this number."""


class ReviewRefused(MaterialError):
    """The review does not allow this change of status."""


class MaterialNotSaved(MaterialError):
    """The store of material files is full or cannot be written."""


class AddressForged(FacemeldError):
    """The address of a picture was not signed by this service."""


class AddressExpired(FacemeldError):
    """A signed address has expired."""


_NUMBER = r"([1-9][0-9]{0,18})"
_ACTIVITY = re.compile(rf"at_{_NUMBER}", re.ASCII)
_MODEL = re.compile(rf"mt_{_NUMBER}(?:_([1-9][0-9]{{0,3}}))?", re.ASCII)
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ModelId:
    """A call's ``ModelId``: the number of a material and, in the form ``mt_<digits>_<n>``, of a face."""

    material: int
    face: int | None = None

    def __str__(self) -> str:
        return material_id(self.material) if self.face is None else face_id(self.material, self.face)


def activity_id(number: int) -> str:
    """Return the wire form of an activity's id, ``at_<digits>``."""
    return f"at_{number}"


def material_id(number: int) -> str:
    """Return the wire form of a material's id, ``mt_<digits>``."""
    return f"mt_{number}"


def face_id(material: int, number: int) -> str:
    """Return the wire form of a face's id, ``mt_<digits>_<n>``, n from 1."""
    return f"mt_{material}_{number}"


def parse_activity_id(text: str) -> int:
    """Return the number in ``at_<digits>``, or raise ``IdInvalid``."""
    match = _ACTIVITY.fullmatch(text)
    if match is None:
        raise IdInvalid(f"an activity id must have the form at_<digits>, got {text[:64]!r}")
    return _number(match[1])


def parse_model_id(text: str) -> ModelId:
    """Return the material and face of ``mt_<digits>`` or ``mt_<digits>_<n>``, or raise ``IdInvalid``."""
    match = _MODEL.fullmatch(text)
    if match is None:
        raise IdInvalid(f"a model id must have the form mt_<digits> or mt_<digits>_<n>, got {text[:64]!r}")
    return ModelId(_number(match[1]), int(match[2]) if match[2] else None)


def parse_material_id(text: str) -> int:
    """Return the number in ``mt_<digits>``, or raise ``IdInvalid``."""
    parsed = parse_model_id(text)
    if parsed.face is not None:
        raise IdInvalid(f"a material id must have the form mt_<digits>, got {text[:64]!r}")
    return parsed.material


def parse_face_id(text: str) -> tuple[int, int]:
    """Return the numbers of material and face in ``mt_<digits>_<n>``, or raise ``IdInvalid``."""
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
        """Whether a material with this status may be fused."""
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
"""Allowed next statuses. A material can be appealed once, and an approval can always be withdrawn."""


def check_transition(current: MaterialStatus, wanted: MaterialStatus) -> None:
    """Raise ``ReviewRefused``, with the allowed statuses, if ``TRANSITIONS`` does not allow a change."""
    allowed = TRANSITIONS.get(current, frozenset())
    if wanted not in allowed:
        choices = ", ".join(f"{status.value} ({status.name.lower()})" for status in sorted(allowed)) or "no other"
        raise ReviewRefused(
            f"the status after {current.value} ({current.name.lower()}) must be {choices}, got {wanted.value} ({wanted.name.lower()})"
        )


def decision(current: MaterialStatus, approve: bool) -> MaterialStatus:
    """Return the status after a reviewer's decision, or raise ``ReviewRefused`` if none is possible."""
    appealed = current in {MaterialStatus.UNDER_APPEAL, MaterialStatus.APPEAL_PASSED, MaterialStatus.APPEAL_FAILED}
    if appealed:
        wanted = MaterialStatus.APPEAL_PASSED if approve else MaterialStatus.APPEAL_FAILED
    else:
        wanted = MaterialStatus.MANUAL_PASSED if approve else MaterialStatus.MANUAL_FAILED
    check_transition(current, wanted)
    return wanted


@dataclass(frozen=True, slots=True)
class Activity:
    """A group of materials.

    Attributes:
        number: Its snowflake number.
        shape_degree: Default of ``FuseProfileDegree``, 0-100.
        feature_degree: Default of ``FuseFaceDegree``, 0-100.
        consent_required: Whether every fusion needs a reference to the consent of the people shown.
        rate: Rate such as ``20/second``; empty for that of the settings.
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
    """A face of a material, at index ``number - 1`` of the plan."""

    material: int
    number: int
    box: Rect

    @property
    def id(self) -> str:
        """Wire form, ``mt_<digits>_<n>``."""
        return face_id(self.material, self.number)


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of the automatic review.

    Attributes:
        code: Kind of finding, such as ``face_turned``.
        failure: Whether it fails the review; otherwise it is a warning.
        face: Number of the face; None for the whole picture.
        value: Measured value, in the unit of the code.
        limit: The limit that the value exceeds.
    """

    code: str
    failure: bool
    face: int | None = None
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """A template picture.

    Attributes:
        number: Its snowflake number.
        activity: Number of its activity.
        audit_result: Reason for the outcome of the review, for people.
        format: ``jpeg`` or ``png``.
        size, sha256: Bytes and hexadecimal digest of the picture's file.
        shape_degree, feature_degree: Own default of ``FuseProfileDegree`` and ``FuseFaceDegree``; None for the activity's.
        deleted_at: Time of deletion, or None.
        findings: Findings of the automatic review.
        incoming: Marks of the picture as imported, each with ``kind`` and ``detail``.
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
    """A material and the settings of its activity, as one fusion needs them.

    Attributes:
        number: Its snowflake number, also in the path of its files.
        shape_degree, feature_degree: Default degrees, 0-100, of the material or else of its activity.
        published: Whether the activity is published.
        default_face: The face in a ``ModelId`` of the form ``mt_<digits>_<n>``, or None.
        consent_required: Whether the activity requires a reference to the consent of the people shown.
        rate: Calls a second on the activity; None for the rate of the settings.
        incoming: Marks of the picture as imported, see ``Material``.
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
        """Return the face of this wire id, or None."""
        return next((face for face in self.faces if face.id == text), None)


@dataclass(frozen=True, slots=True)
class NewMaterial:
    """An analysed picture to import; see ``Material``.

    Attributes:
        name: 1-255 characters, such as the file's name.
        picture: Bytes of the file to store.
        plan: The engine's plan.
        faces: Boxes in the order of the plan, largest first; the first becomes face 1.
        status: Outcome of the automatic review, or ``UNDER_REVIEW``.
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
    """A page of a list.

    Attributes:
        items: The items of the page.
        total: Number of items in the whole list.
        next: Value of ``after`` for the next page; None at the end.
    """

    items: tuple[Item, ...]
    total: int
    next: int | None


class Listing(Protocol[Item]):
    """A function that reads a list page by page."""

    def __call__(self, *, limit: int, after: int | None) -> Page[Item]:
        """Return the page after a number, or the first page."""
        ...


def every(listing: Listing[Item]) -> Iterator[Item]:
    """Yield all items of a list that is read page by page."""
    after: int | None = None
    while True:
        page = listing(limit=500, after=after)
        yield from page.items
        if page.next is None:
            return
        after = page.next
