"""The API error for each error of the use cases, by version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TypeAlias

from facemeld.accounts.rates import TooFrequent
from facemeld.api.protocol.errors import common
from facemeld.api.protocol.errors import facefusion as codes
from facemeld.api.protocol.errors.base import ApiError
from facemeld.api.protocol.request import CONSENT_HEADER
from facemeld.db.errors import DatabaseUnavailable
from facemeld.errors import FacemeldError
from facemeld.fusing import requests as fusing
from facemeld.fusion.errors import FusionError
from facemeld.marks.errors import MarkError
from facemeld.materials import types as materials
from facemeld.media import errors as media
from facemeld.privacy import types as privacy
from facemeld.results.types import ResultNotSaved
from facemeld.workers.pool import executor as pool
from facemeld.workers.tasks import inputs as tasks

Failures: TypeAlias = Mapping[type[FacemeldError], type[ApiError]]
"""API errors by errors of the use cases; subclasses follow their nearest base class in the table."""

FAILURES_2022: Failures = MappingProxyType(
    {
        materials.ActivityNotFound: codes.ActivityIdNotFound,
        materials.ActivityDisabled: codes.ActivityIdNotFound,
        privacy.ConsentMissing: common.MissingParameter,
        privacy.ConsentWithdrawn: common.InvalidParameterValue,
        TooFrequent: common.RequestLimitExceeded,
        materials.MaterialNotFound: codes.MaterialIdNotFound,
        materials.MaterialDeleted: codes.FuseMaterialNotExist,
        tasks.TemplateMissing: codes.FuseMaterialNotExist,
        tasks.FacesMoved: codes.FuseMaterialNotExist,
        materials.MaterialNotApproved: codes.FuseMaterialNotAuth,
        fusing.TemplateFaceNotFound: codes.TemplateFaceIDNotExist,
        materials.FaceNotFound: codes.TemplateFaceIDNotExist,
        fusing.TooManyFaces: codes.ParameterValueError,
        fusing.FaceRectInvalid: codes.FaceRectParameterValueError,
        tasks.RectOutsidePicture: codes.FaceRectParameterValueError,
        media.IllegalUrl: codes.UrlIllegal,
        media.DownloadFailed: codes.ImageDownloadError,
        media.ImageTooManyBytes: codes.ImageSizeExceed,
        media.UndecodableImage: codes.ImageDecodeFailed,
        media.ImageTooSmall: codes.ImageResolutionTooSmall,
        media.ImageTooLarge: codes.ImageSizeInvalid,
        tasks.NoFaceFound: codes.NoFaceDetected,
        tasks.FaceTooSmall: codes.FaceSizeTooSmall,
        tasks.InputSynthetic: codes.ParameterValueError,
        pool.WorkerDied: codes.RpcFail,
        pool.DeadlineExceeded: codes.RequestTimeout,
        pool.QueueFull: common.ResourceInsufficient,
        pool.OutOfMemory: common.ResourceInsufficient,
        pool.NotReady: codes.IsOpening,
        MarkError: codes.ParameterValueError,
        FusionError: codes.InnerError,
        media.EncodingFailed: codes.InnerError,
        ResultNotSaved: codes.InnerError,
        DatabaseUnavailable: codes.InnerError,
    }
)
"""Errors of version 2022-09-27."""

FAILURES_ULTRA: Failures = MappingProxyType(
    {
        **FAILURES_2022,
        tasks.TemplateEmpty: codes.MediaDataError,
        tasks.TemplateTooLarge: codes.ImagePixelExceed,
        tasks.TooManyPhotos: codes.ParameterValueError,
        tasks.InputSynthetic: codes.ModerationFailed,
    }
)
"""Errors of FuseFaceUltra."""

FAILURES_2018: Failures = MappingProxyType(
    {
        **FAILURES_2022,
        TooFrequent: codes.FuseFreqCtrl,
        materials.ActivityDisabled: codes.ProjectNotAuth,
        fusing.MaterialTooLarge: codes.ImagePixelExceed,
        fusing.FaceRectEmpty: codes.FaceRectInvalid,
        media.IllegalUrl: codes.ImageDownloadError,
        media.ImageTooLarge: codes.ImageResolutionExceed,
        media.ImageTooThin: codes.ImageSizeInvalid,
        tasks.FaceOutsidePicture: codes.FaceExceedBorder,
        tasks.LandmarksOutsideBox: codes.FaceBorderCheckFailed,
        pool.NotReady: common.ServiceUnavailable,
        FusionError: codes.FaceFusionError,
        media.EncodingFailed: codes.FuseImageError,
        ResultNotSaved: codes.FuseSavePhotoFail,
        DatabaseUnavailable: codes.FuseInnerError,
    }
)
"""Errors of version 2018-12-01, which has some codes of its own and lacks a few."""

FACE_FUSION_FAILURES: Failures = MappingProxyType({**FAILURES_2018, tasks.NoFaceFound: codes.NoFaceInPhoto})
"""Errors of FaceFusion of 2018-12-01."""

LISTING_FAILURES: Failures = MappingProxyType({**FAILURES_2022, DatabaseUnavailable: codes.ServerError})
"""Errors of DescribeMaterialList of 2022-09-27."""

LISTING_FAILURES_2018: Failures = MappingProxyType({**FAILURES_2018, DatabaseUnavailable: codes.ServerError})
"""Errors of DescribeMaterialList of 2018-12-01."""

_NAMED: Mapping[type[FacemeldError], str] = MappingProxyType(
    {privacy.ConsentMissing: CONSENT_HEADER, privacy.ConsentWithdrawn: CONSENT_HEADER}
)
"""The parameter that the message of an error names, where it names one."""

_EXPLAINED = frozenset(
    {
        fusing.TooManyFaces,
        tasks.TooManyPhotos,
        tasks.TemplateTooLarge,
        fusing.FaceRectInvalid,
        fusing.FaceRectEmpty,
        tasks.RectOutsidePicture,
        MarkError,
        tasks.InputSynthetic,
    }
)


@contextmanager
def translated(table: Failures) -> Iterator[None]:
    """Turn errors of the use cases into API errors by a table.

    Raises:
        ApiError: the entry of the nearest base class; errors without an entry pass unchanged.
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
