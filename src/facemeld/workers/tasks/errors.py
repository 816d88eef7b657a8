"""What pixel tasks refuse: photos, templates, marks of inputs."""

from __future__ import annotations

from collections.abc import Mapping

from facemeld.errors import FacemeldError
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
