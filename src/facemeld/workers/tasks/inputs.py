"""The errors that pixel tasks raise about their inputs, and the marks that inputs already carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facemeld.errors import FacemeldError
from facemeld.fusion.types import Picture
from facemeld.marks.provenance import IncomingMark, notice
from facemeld.media.containers import sniff
from facemeld.media.encode import CONTENT_TYPES
from facemeld.workers.pool.executor import WorkerError


class TemplateMissing(WorkerError):
    """The stored files of a template are gone."""


class FacesMoved(WorkerError):
    """The engine finds the faces of a stored template elsewhere than when it was imported."""


class PhotoError(FacemeldError):
    """A photo could be decoded, but not used."""


class NoFaceFound(PhotoError):
    """There is no face in the photo, or none in the box that was given."""


class FaceTooSmall(PhotoError):
    """The face has too few pixels."""


class RectOutsidePicture(PhotoError):
    """The box around the face leaves the picture."""


class FaceOutsidePicture(PhotoError):
    """Too much of the face lies beyond the edge of the picture."""


class LandmarksOutsideBox(PhotoError):
    """Most landmarks of the face lie outside the box that was given for it."""


class TemplateError(FacemeldError):
    """A template that came with the call cannot be used."""


class TemplateEmpty(TemplateError):
    """The template has no bytes."""


class TemplateTooLarge(TemplateError):
    """A side of the template has too many pixels."""


class TooManyPhotos(TemplateError):
    """More photos than the template has faces, or two photos for one face."""


class InputSynthetic(FacemeldError):
    """A template or photo says of itself that a machine made it, and the operator refuses such pictures.

    Attributes:
        marks: The marks that the picture carries, as usage records keep them.
    """

    def __init__(self, message: str, marks: tuple[Mapping[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.marks = marks

    def __reduce__(self) -> tuple[type[InputSynthetic], tuple[str, tuple[Mapping[str, str], ...]]]:
        return type(self), (str(self), self.marks)


@dataclass(frozen=True, slots=True)
class IncomingRule:
    """What the operator set.

    Attributes:
        refuse: Whether inputs that say that a machine made or altered them are refused.
        invisible: Whether the invisible mark is looked for in what comes with a call, which takes most of a second a picture.
    """

    refuse: bool = False
    invisible: bool = False


@dataclass(frozen=True, slots=True)
class FoundMark:
    """A mark of one of a task's inputs.

    Attributes:
        place: Which input: ``template``, or ``photo 1`` and so on in the order of the call.
        mark: The mark.
    """

    place: str
    mark: IncomingMark

    def record(self) -> dict[str, str]:
        """As usage records keep it."""
        return {"input": self.place, **describe(self.mark)}


def describe(mark: IncomingMark) -> dict[str, str]:
    """A mark as materials and records keep it."""
    return {"kind": mark.kind, "detail": mark.detail}


def look(data: bytes, picture: Picture, place: str, rule: IncomingRule, key: bytes) -> tuple[FoundMark, ...]:
    """The marks of an input.

    Args:
        data: Its file.
        picture: Its pixels.
        place: Which input it is.
        rule: What the operator set.
        key: Key of the invisible mark; empty where there is none.

    Raises:
        InputSynthetic: it says that it was made or altered by a machine, and the operator refuses such pictures.
    """
    kind = sniff(data)
    if kind is None:
        return ()
    found = tuple(FoundMark(place, mark) for mark in notice(data, CONTENT_TYPES[kind], rgb=picture if rule.invisible else None, key=key))
    telling = next((one for one in found if one.mark.synthetic), None)
    if rule.refuse and telling is not None:
        raise InputSynthetic(
            f"pictures must not carry a mark of AI-made content, got {telling.mark.kind} in {place}",
            records(found),
        )
    return found


def records(found: Sequence[FoundMark]) -> tuple[dict[str, str], ...]:
    """Marks as usage records keep them."""
    return tuple(one.record() for one in found)


def from_records(place: str, records: Sequence[Mapping[str, str]]) -> tuple[FoundMark, ...]:
    """Marks that were found when a material was imported, see ``describe``."""
    return tuple(FoundMark(place, IncomingMark(one["kind"], one["detail"])) for one in records)
