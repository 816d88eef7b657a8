"""Which API error stands for which error of the use cases, for the versions of 2022."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from facemeld.protocol.errors import (
    ActivityIdNotFound,
    ApiError,
    FaceRectParameterValueError,
    FaceSizeTooSmall,
    FuseMaterialNotAuth,
    FuseMaterialNotExist,
    ImageDecodeFailed,
    ImageDownloadError,
    ImageResolutionTooSmall,
    ImageSizeExceed,
    ImageSizeInvalid,
    InnerError,
    IsOpening,
    MaterialIdNotFound,
    NoFaceDetected,
    ParameterValueError,
    RequestTimeout,
    ResourceInsufficient,
    RpcFail,
    TemplateFaceIDNotExist,
    UrlIllegal,
)
from facemeld.services.errors import (
    ActivityDisabled,
    ActivityNotFound,
    DatabaseUnavailable,
    DeadlineExceeded,
    DownloadFailed,
    EncodingFailed,
    FacemeldError,
    FaceNotFound,
    FaceRectInvalid,
    FaceTooSmall,
    FusionError,
    IllegalUrl,
    ImageTooLarge,
    ImageTooManyBytes,
    ImageTooSmall,
    MarkError,
    MaterialDeleted,
    MaterialNotApproved,
    MaterialNotFound,
    NoFaceFound,
    NotReady,
    OutOfMemory,
    QueueFull,
    RectOutsidePicture,
    ResultNotSaved,
    TemplateFaceNotFound,
    TooManyFaces,
    UndecodableImage,
    WorkerDied,
)

FAILURES_2022: Mapping[type[FacemeldError], type[ApiError]] = MappingProxyType(
    {
        ActivityNotFound: ActivityIdNotFound,
        ActivityDisabled: ActivityIdNotFound,
        MaterialNotFound: MaterialIdNotFound,
        MaterialDeleted: FuseMaterialNotExist,
        MaterialNotApproved: FuseMaterialNotAuth,
        TemplateFaceNotFound: TemplateFaceIDNotExist,
        FaceNotFound: TemplateFaceIDNotExist,
        TooManyFaces: ParameterValueError,
        FaceRectInvalid: FaceRectParameterValueError,
        RectOutsidePicture: FaceRectParameterValueError,
        IllegalUrl: UrlIllegal,
        DownloadFailed: ImageDownloadError,
        ImageTooManyBytes: ImageSizeExceed,
        UndecodableImage: ImageDecodeFailed,
        ImageTooSmall: ImageResolutionTooSmall,
        ImageTooLarge: ImageSizeInvalid,
        NoFaceFound: NoFaceDetected,
        FaceTooSmall: FaceSizeTooSmall,
        WorkerDied: RpcFail,
        DeadlineExceeded: RequestTimeout,
        QueueFull: ResourceInsufficient,
        OutOfMemory: ResourceInsufficient,
        NotReady: IsOpening,
        MarkError: ParameterValueError,
        FusionError: InnerError,
        EncodingFailed: InnerError,
        ResultNotSaved: InnerError,
        DatabaseUnavailable: InnerError,
    }
)
"""Errors of the rooms below and the code that a caller of 2022-09-27 gets; subclasses follow their nearest entry."""

_EXPLAINED = frozenset({TooManyFaces, FaceRectInvalid, RectOutsidePicture, MarkError})


@contextmanager
def translated(table: Mapping[type[FacemeldError], type[ApiError]]) -> Iterator[None]:
    """Turn errors of the use cases into the API's, by a table.

    Raises:
        ApiError: the entry of the nearest class; errors without an entry pass unchanged.
    """
    try:
        yield
    except ApiError:
        raise
    except FacemeldError as error:
        kind = next((base for base in type(error).__mro__ if base in table), None)
        if kind is None:
            raise
        detail = str(error) if kind in _EXPLAINED else ""
        raise table[kind](detail=detail) from error
