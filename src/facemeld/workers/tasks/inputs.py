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
    """The engine no longer finds the faces of a stored template where they were at its import."""


class PhotoError(FacemeldError):
    """A photo was decoded but cannot be used."""


class NoFaceFound(PhotoError):
    """The photo, or the given box in it, shows no face."""


class FaceTooSmall(PhotoError):
    """The face has too few pixels."""


class RectOutsidePicture(PhotoError):
    """The box around the face leaves the picture."""


class FaceOutsidePicture(PhotoError):
    """Too much of the face is beyond the edge of the picture."""


class LandmarksOutsideBox(PhotoError):
    """Most landmarks of the face are outside the box given for it."""


class TemplateError(FacemeldError):
    """A template sent with the call cannot be used."""


class TemplateEmpty(TemplateError):
    """The template has no bytes."""


class TemplateTooLarge(TemplateError):
    """A side of the template has too many pixels."""


class TooManyPhotos(TemplateError):
    """More photos than the template has faces, or two photos for one face."""


class InputSynthetic(FacemeldError):
    """A template or photo carries a mark of AI-made content, and the settings refuse such pictures.

    Attributes:
        marks: The marks of the picture in the form of usage records.
    """

    def __init__(self, message: str, marks: tuple[Mapping[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.marks = marks

    def __reduce__(self) -> tuple[type[InputSynthetic], tuple[str, tuple[Mapping[str, str], ...]]]:
        return type(self), (str(self), self.marks)


@dataclass(frozen=True, slots=True)
class IncomingRule:
    """How to treat marks that inputs already carry, from the settings.

    Attributes:
        refuse: Whether to refuse inputs with a mark of AI-made or AI-altered content.
        invisible: Whether to look for the invisible mark in inputs of calls, which takes 0.2 to 0.5 s per picture without one.
    """

    refuse: bool = False
    invisible: bool = False


@dataclass(frozen=True, slots=True)
class FoundMark:
    """A mark of one of a task's inputs.

    Attributes:
        place: The input: ``template``, or ``photo 1`` and so on in the order of the call.
    """

    place: str
    mark: IncomingMark

    def record(self) -> dict[str, str]:
        """Return the mark in the form of usage records."""
        return {"input": self.place, **describe(self.mark)}


def describe(mark: IncomingMark) -> dict[str, str]:
    """Return a mark in the form of materials and records."""
    return {"kind": mark.kind, "detail": mark.detail}


def look(data: bytes, picture: Picture, place: str, rule: IncomingRule, key: bytes) -> tuple[FoundMark, ...]:
    """Return the marks of an input.

    Args:
        data: Its file.
        picture: Its pixels.
        place: See ``FoundMark``.
        rule: How to treat marks.
        key: Key of the invisible mark; empty if there is none.

    Raises:
        InputSynthetic: it has a mark of AI-made or AI-altered content, and the rule refuses such pictures.
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
    """Return marks in the form of usage records."""
    return tuple(one.record() for one in found)


def from_records(place: str, records: Sequence[Mapping[str, str]]) -> tuple[FoundMark, ...]:
    """Return the marks that ``describe`` recorded when a material was imported."""
    return tuple(FoundMark(place, IncomingMark(one["kind"], one["detail"])) for one in records)
