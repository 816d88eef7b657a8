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
from facemeld.catalog.errors import AddressExpired, AddressForged
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
from facemeld.privacy.errors import ConsentMissing, ConsentWithdrawn
from facemeld.results import ResultExpired, ResultNotFound, ResultNotSaved
from facemeld.services.requests import FaceRectEmpty, FaceRectInvalid, MaterialTooLarge, TemplateFaceNotFound, TooManyFaces
from facemeld.users.errors import (
    AttemptsUncounted,
    PasswordWrong,
    RoleInsufficient,
    TokenInvalid,
    TokenNotFound,
    TooManyAttempts,
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
