"""Value types of activities, materials and their faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from facemeld.boxes import Rect
from facemeld.catalog.ids import activity_id, face_id, material_id
from facemeld.catalog.review import MaterialStatus

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
