"""Everything that a use case may raise: its own errors, and those of the rooms below that pass through it."""

from __future__ import annotations

from facemeld.accounts.errors import AccountExists, AccountInvalid, AccountNotFound, KeyNotFound
from facemeld.catalog import (
    ActivityDisabled,
    ActivityNotFound,
    FaceNotFound,
    FieldInvalid,
    MaterialDeleted,
    MaterialNotApproved,
    MaterialNotFound,
    MaterialNotSaved,
    ReviewRefused,
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
    MediaError,
    UndecodableImage,
)
from facemeld.privacy import DeletionInvalid, NothingToDelete, ReceiptInvalid, ReceiptNotFound
from facemeld.results import ResultExpired, ResultNotFound, ResultNotSaved
from facemeld.users.errors import (
    PasswordWrong,
    RoleInsufficient,
    TokenInvalid,
    TokenNotFound,
    UserExists,
    UserInvalid,
    UserNotFound,
)
from facemeld.workers.errors import (
    FaceOutsidePicture,
    FacesMoved,
    FaceTooSmall,
    InputSynthetic,
    LandmarksOutsideBox,
    NoFaceFound,
    RectOutsidePicture,
    TemplateEmpty,
    TemplateMissing,
    TemplateTooLarge,
    TooManyPhotos,
)
from facemeld.workers.pool.executor import DeadlineExceeded, NotReady, OutOfMemory, QueueFull, WorkerDied, WorkerError


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


class ConsentMissing(ServiceError):
    """A call must bring a reference to the consent of the people shown, and brings none."""


class ConsentWithdrawn(ServiceError):
    """The deletion of a call's results was demanded before they were delivered."""


class AddressForged(ServiceError):
    """An address of a picture was not made by this service."""


class AddressExpired(ServiceError):
    """The time of a signed address is over."""


class TooManyAttempts(ServiceError):
    """A name or an address has tried too many passwords.

    Attributes:
        seconds: When to try again.
    """

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds

    def __reduce__(self) -> tuple[type[TooManyAttempts], tuple[str, int]]:
        return type(self), (str(self), self.seconds)


class AttemptsUncounted(ServiceError):
    """Attempts to sign in cannot be counted now, so none is let through."""


__all__ = [
    "AccountExists",
    "AccountInvalid",
    "AccountNotFound",
    "ActivityDisabled",
    "ActivityNotFound",
    "AddressExpired",
    "AddressForged",
    "AttemptsUncounted",
    "ConsentMissing",
    "ConsentWithdrawn",
    "DatabaseUnavailable",
    "DeadlineExceeded",
    "DeletionInvalid",
    "DownloadFailed",
    "EncodingFailed",
    "FaceNotFound",
    "FaceOutsidePicture",
    "FaceRectEmpty",
    "FaceRectInvalid",
    "FaceTooSmall",
    "FacemeldError",
    "FacesMoved",
    "FieldInvalid",
    "FusionError",
    "IllegalUrl",
    "ImageTooLarge",
    "ImageTooManyBytes",
    "ImageTooSmall",
    "ImageTooThin",
    "InputSynthetic",
    "KeyNotFound",
    "LandmarksOutsideBox",
    "MarkError",
    "MaterialDeleted",
    "MaterialNotApproved",
    "MaterialNotFound",
    "MaterialNotSaved",
    "MaterialTooLarge",
    "MediaError",
    "NoFaceFound",
    "NotReady",
    "NothingToDelete",
    "OutOfMemory",
    "PasswordWrong",
    "QueueFull",
    "ReceiptInvalid",
    "ReceiptNotFound",
    "RectOutsidePicture",
    "ResultExpired",
    "ResultNotFound",
    "ResultNotSaved",
    "ReviewRefused",
    "RoleInsufficient",
    "ServiceError",
    "TemplateEmpty",
    "TemplateFaceNotFound",
    "TemplateMissing",
    "TemplateTooLarge",
    "TokenInvalid",
    "TokenNotFound",
    "TooManyAttempts",
    "TooManyFaces",
    "TooManyPhotos",
    "UndecodableImage",
    "UserExists",
    "UserInvalid",
    "UserNotFound",
    "WorkerDied",
    "WorkerError",
]
