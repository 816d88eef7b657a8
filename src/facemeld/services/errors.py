"""Everything that a use case may raise: its own errors, and those of the rooms below that pass through it."""

from facemeld.catalog import (
    ActivityDisabled,
    ActivityNotFound,
    FaceNotFound,
    MaterialDeleted,
    MaterialNotApproved,
    MaterialNotFound,
)
from facemeld.db import DatabaseUnavailable
from facemeld.errors import FacemeldError
from facemeld.fusion.errors import FusionError
from facemeld.marks.errors import MarkError
from facemeld.media.errors import (
    DownloadFailed,
    EncodingFailed,
    IllegalUrl,
    ImageTooLarge,
    ImageTooManyBytes,
    ImageTooSmall,
    ImageTooThin,
    UndecodableImage,
)
from facemeld.results import ResultNotSaved
from facemeld.workers.errors import (
    DeadlineExceeded,
    FaceOutsidePicture,
    FaceTooSmall,
    LandmarksOutsideBox,
    NoFaceFound,
    NotReady,
    OutOfMemory,
    QueueFull,
    RectOutsidePicture,
    TemplateMissing,
    WorkerDied,
)


class ServiceError(FacemeldError):
    """A request makes no sense for the objects it names."""


class TemplateFaceNotFound(ServiceError):
    """A material has no face with that id."""


class TooManyFaces(ServiceError):
    """More photos than the template has faces, or two photos for one face."""


class FaceRectInvalid(ServiceError):
    """The box around a user's face is too small or lies outside any picture."""


class FaceRectEmpty(FaceRectInvalid):
    """The box around a user's face has no area."""


class MaterialTooLarge(ServiceError):
    """The stored picture of a material is larger than the caller's version of the API allows."""


class AddressForged(ServiceError):
    """An address of a picture was not made by this service."""


class AddressExpired(ServiceError):
    """The time of a signed address is over."""


__all__ = [
    "ActivityDisabled",
    "ActivityNotFound",
    "AddressExpired",
    "AddressForged",
    "DatabaseUnavailable",
    "DeadlineExceeded",
    "DownloadFailed",
    "EncodingFailed",
    "FaceNotFound",
    "FaceOutsidePicture",
    "FaceRectEmpty",
    "FaceRectInvalid",
    "FaceTooSmall",
    "FacemeldError",
    "FusionError",
    "IllegalUrl",
    "ImageTooLarge",
    "ImageTooManyBytes",
    "ImageTooSmall",
    "ImageTooThin",
    "LandmarksOutsideBox",
    "MarkError",
    "MaterialDeleted",
    "MaterialNotApproved",
    "MaterialNotFound",
    "MaterialTooLarge",
    "NoFaceFound",
    "NotReady",
    "OutOfMemory",
    "QueueFull",
    "RectOutsidePicture",
    "ResultNotSaved",
    "ServiceError",
    "TemplateFaceNotFound",
    "TemplateMissing",
    "TooManyFaces",
    "UndecodableImage",
    "WorkerDied",
]
