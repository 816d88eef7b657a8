"""Which API error stands for which error of the use cases, in each version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from facemeld.protocol.errors import (
    ActivityIdNotFound,
    ApiError,
    FaceBorderCheckFailed,
    FaceExceedBorder,
    FaceFusionError,
    FaceRectParameterValueError,
    FaceSizeTooSmall,
    FuseFreqCtrl,
    FuseImageError,
    FuseInnerError,
    FuseMaterialNotAuth,
    FuseMaterialNotExist,
    FuseSavePhotoFail,
    ImageDecodeFailed,
    ImageDownloadError,
    ImagePixelExceed,
    ImageResolutionExceed,
    ImageResolutionTooSmall,
    ImageSizeExceed,
    ImageSizeInvalid,
    InnerError,
    InvalidParameterValue,
    IsOpening,
    MaterialIdNotFound,
    MissingParameter,
    NoFaceDetected,
    NoFaceInPhoto,
    ParameterValueError,
    ProjectNotAuth,
    RequestLimitExceeded,
    RequestTimeout,
    ResourceInsufficient,
    RpcFail,
    ServerError,
    ServiceUnavailable,
    TemplateFaceIDNotExist,
    UrlIllegal,
)
from facemeld.protocol.errors import FaceRectInvalid as FaceRectInvalidCode
from facemeld.protocol.request import CONSENT_HEADER
from facemeld.services.errors import (
    ActivityDisabled,
    ActivityNotFound,
    ConsentMissing,
    ConsentWithdrawn,
    DatabaseUnavailable,
    DeadlineExceeded,
    DownloadFailed,
    EncodingFailed,
    FacemeldError,
    FaceNotFound,
    FaceOutsidePicture,
    FaceRectEmpty,
    FaceRectInvalid,
    FacesMoved,
    FaceTooSmall,
    FusionError,
    IllegalUrl,
    ImageTooLarge,
    ImageTooManyBytes,
    ImageTooSmall,
    ImageTooThin,
    InputSynthetic,
    LandmarksOutsideBox,
    MarkError,
    MaterialDeleted,
    MaterialNotApproved,
    MaterialNotFound,
    MaterialTooLarge,
    NoFaceFound,
    NotReady,
    OutOfMemory,
    QueueFull,
    RectOutsidePicture,
    ResultNotSaved,
    TemplateFaceNotFound,
    TemplateMissing,
    TemplateTooLarge,
    TooManyFaces,
    TooManyPhotos,
    UndecodableImage,
    WorkerDied,
)
from facemeld.services.rates import TooFrequent

FAILURES_2022: Mapping[type[FacemeldError], type[ApiError]] = MappingProxyType(
    {
        ActivityNotFound: ActivityIdNotFound,
        ActivityDisabled: ActivityIdNotFound,
        ConsentMissing: MissingParameter,
        ConsentWithdrawn: InvalidParameterValue,
        TooFrequent: RequestLimitExceeded,
        MaterialNotFound: MaterialIdNotFound,
        MaterialDeleted: FuseMaterialNotExist,
        TemplateMissing: FuseMaterialNotExist,
        FacesMoved: FuseMaterialNotExist,
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
        InputSynthetic: ParameterValueError,
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

FAILURES_2018: Mapping[type[FacemeldError], type[ApiError]] = MappingProxyType(
    {
        **FAILURES_2022,
        TooFrequent: FuseFreqCtrl,
        ActivityDisabled: ProjectNotAuth,
        MaterialTooLarge: ImagePixelExceed,
        FaceRectEmpty: FaceRectInvalidCode,
        IllegalUrl: ImageDownloadError,
        ImageTooLarge: ImageResolutionExceed,
        ImageTooThin: ImageSizeInvalid,
        FaceOutsidePicture: FaceExceedBorder,
        LandmarksOutsideBox: FaceBorderCheckFailed,
        NotReady: ServiceUnavailable,
        FusionError: FaceFusionError,
        EncodingFailed: FuseImageError,
        ResultNotSaved: FuseSavePhotoFail,
        DatabaseUnavailable: FuseInnerError,
    }
)
"""The same for 2018-12-01, whose lists have codes of their own and lack a few."""

FACE_FUSION_FAILURES: Mapping[type[FacemeldError], type[ApiError]] = MappingProxyType({**FAILURES_2018, NoFaceFound: NoFaceInPhoto})
"""The same for FaceFusion of 2018-12-01."""

LISTING_FAILURES: Mapping[type[FacemeldError], type[ApiError]] = MappingProxyType({**FAILURES_2022, DatabaseUnavailable: ServerError})
"""The same for DescribeMaterialList of 2022-09-27."""

LISTING_FAILURES_2018: Mapping[type[FacemeldError], type[ApiError]] = MappingProxyType({**FAILURES_2018, DatabaseUnavailable: ServerError})
"""The same for DescribeMaterialList of 2018-12-01."""

_NAMED: Mapping[type[FacemeldError], str] = MappingProxyType({ConsentMissing: CONSENT_HEADER, ConsentWithdrawn: CONSENT_HEADER})
"""The parameter that an error is about, where the message of its code names one."""

_EXPLAINED = frozenset(
    {TooManyFaces, TooManyPhotos, TemplateTooLarge, FaceRectInvalid, FaceRectEmpty, RectOutsidePicture, MarkError, InputSynthetic}
)


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
        values = {"name": _NAMED[kind]} if kind in _NAMED else {}
        raise table[kind](detail=detail, **values) from error
