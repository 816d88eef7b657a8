"""The catalogue of errors is complete, unique and readable in both languages."""

from __future__ import annotations

import string
import sys

import pytest

from facemeld.api.protocol.errors import BY_CODE, CATALOGUE, common, facefusion
from facemeld.api.protocol.errors.base import ANY, INTL, V2018, V2022, ApiError, Text
from tests.tables import table

COMMON = [
    "AuthFailure.InvalidAuthorization",
    "AuthFailure.InvalidSecretId",
    "AuthFailure.SecretIdNotFound",
    "AuthFailure.SignatureExpire",
    "AuthFailure.SignatureFailure",
    "AuthFailure.TokenFailure",
    "AuthFailure.MFAFailure",
    "AuthFailure.UnauthorizedOperation",
    "UnauthorizedOperation",
    "MissingParameter",
    "UnknownParameter",
    "InvalidParameter",
    "InvalidParameterValue",
    "UnsupportedRegion",
    "InvalidAction",
    "NoSuchVersion",
    "NoSuchProduct",
    "ActionOffline",
    "InvalidRequest",
    "RequestSizeLimitExceeded",
    "ResponseSizeLimitExceeded",
    "UnsupportedProtocol",
    "UnsupportedOperation",
    "RequestLimitExceeded",
    "RequestLimitExceeded.IPLimitExceeded",
    "RequestLimitExceeded.UinLimitExceeded",
    "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
    "IpInBlacklist",
    "IpNotInWhitelist",
    "LimitExceeded",
    "ResourceInUse",
    "ResourceInsufficient",
    "ResourceNotFound",
    "ResourceUnavailable",
    "ServiceUnavailable",
    "InternalError",
    "FailedOperation",
    "DryRunOperation",
]

# Published for versions 2022-09-27 (N), its international edition (I) and 2018-12-01 (O).
FAILED = [
    "BalanceInsufficient:NI",
    "FaceIdNotInVideo:I",
    "FaceBorderCheckFailed:O",
    "FaceExceedBorder:O",
    "FaceFusionError:O",
    "FaceRectInvalid:O",
    "FaceShapeFailed:O",
    "FaceSizeTooSmall:NIO",
    "FuseFreqCtrl:O",
    "FuseImageError:O",
    "FuseInnerError:O",
    "FuseMaterialNotAuth:NIO",
    "FuseMaterialNotAvailable:I",
    "FuseMaterialNotExist:NIO",
    "FuseSavePhotoFail:O",
    "ImageDecodeFailed:NIO",
    "ImageDownloadError:NIO",
    "ImagePixelExceed:NO",
    "ImageResolutionExceed:IO",
    "ImageResolutionTooSmall:NIO",
    "ImageSizeExceed:NIO",
    "ImageSizeInvalid:NIO",
    "InnerError:NIO",
    "JobHasBeenCanceled:I",
    "JobNotExist:I",
    "MediaDataError:N",
    "ModerationConfigError:N",
    "ModerationFailed:N",
    "ModerationResponseError:N",
    "ModerationResultConfigError:N",
    "NoFaceDetected:NIO",
    "ParameterValueError:NIO",
    "ProjectNotAuth:IO",
    "RequestEntityTooLarge:O",
    "RequestTimeout:NIO",
    "RpcFail:NIO",
    "ServerError:NO",
    "TemplateFaceIDNotExist:NIO",
    "UnKnowError:NIO",
    "Unknown:NIO",
]
VALUES = [
    "ActivityIdNotFound:NIO",
    "FaceRectParameterValueError:NIO",
    "ImageEmpty:O",
    "MaterialIdNotFound:NIO",
    "NoFaceInPhoto:O",
    "ParameterValueError:NO",
    "UrlIllegal:NI",
]
RESOURCES = [
    "Delivering:O",
    "Freeze:NIO",
    "GetAuthInfoError:O",
    "InArrears:NIO",
    "IsOpening:NI",
    "LowBalance:O",
    "NotExist:NIO",
    "NotReady:O",
    "Recover:NIO",
    "StopUsing:NIO",
    "UnknownStatus:O",
]
PUBLISHED = [
    *(f"FailedOperation.{row}" for row in FAILED),
    *(f"InvalidParameterValue.{row}" for row in VALUES),
    *(f"ResourceUnavailable.{row}" for row in RESOURCES),
    "ResourcesSoldOut.ChargeStatusException:O",
]
each_error = table("kind", CATALOGUE, ids=lambda kind: kind.code)


def test_catalogue_is_exactly_the_published_codes() -> None:
    assert {kind.code for kind in CATALOGUE} == {*COMMON, *(row.partition(":")[0] for row in PUBLISHED)}
    assert len(BY_CODE) == len(CATALOGUE)


@table("row", PUBLISHED)
def test_versions_are_the_published_ones(row: str) -> None:
    code, _, letters = row.partition(":")
    assert BY_CODE[code].versions == {{"N": V2022, "I": INTL, "O": V2018}[letter] for letter in letters}


@table("code", COMMON)
def test_common_codes_belong_to_every_version(code: str) -> None:
    if code != "FailedOperation":
        assert BY_CODE[code].versions == ANY


@each_error
def test_texts_are_whole_in_both_languages(kind: type[ApiError]) -> None:
    for text in (kind.text, *kind.variants):
        names = {name for _, name, _, _ in string.Formatter().parse(text.zh) if name}
        assert names == text.placeholders
        assert text.en.endswith((".", "permission"))
        assert text.zh.endswith(("。", "permission"))
        assert text.en.isascii()
        assert not text.zh.isascii()
    assert len({text.placeholders for text in (kind.text, *kind.variants)}) == 1 + len(kind.variants)


@each_error
def test_trigger_or_reason_is_documented(kind: type[ApiError]) -> None:
    assert kind.trigger.endswith(".")
    assert ("Never raised" in kind.trigger) == bool(kind.reserved)


@each_error
def test_example_has_a_message(kind: type[ApiError]) -> None:
    example = kind.example()
    assert example.message("zh-CN")
    assert str(example) == f"{kind.code}: {example.message('en-US')}"
    assert "{" not in example.message("en-US")


@each_error
def test_class_is_public_and_follows_the_code(kind: type[ApiError]) -> None:
    assert getattr(sys.modules[kind.__module__], kind.__name__) is kind
    assert kind.__module__ in {common.__name__, facefusion.__name__}
    assert kind.__name__ in (kind.code.rpartition(".")[2], kind.code.replace(".", ""))
    parent = kind.code.rpartition(".")[0]
    if parent in BY_CODE:
        assert issubclass(kind, BY_CODE[parent])


def test_values_choose_the_message() -> None:
    assert facefusion.ParameterValueError().message("zh-CN") == "参数字段或者值有误。"
    assert facefusion.ParameterValueError(name="FusionParam").message("zh-CN") == "FusionParam值不合法。"
    with pytest.raises(TypeError, match=r"ParameterValueError has no message with the values \['path'\]"):
        facefusion.ParameterValueError(path="x")


def test_detail_follows_the_message() -> None:
    error = facefusion.FaceRectParameterValueError(detail="FaceRect.Width must be at least 30, got 12.")
    assert error.message("zh-CN") == "人脸框参数有误或者人脸框太小。 FaceRect.Width must be at least 30, got 12."
    error = facefusion.NoFaceDetected(detail=Text("请换一张。", "Take another."))
    assert error.message("zh-CN").endswith("请换一张。")
    assert error.message("en-US").endswith("Take another.")


def test_values_from_the_caller_are_cut_and_never_read_as_templates() -> None:
    assert len(common.MissingParameter(name="x" * 10_000).message("en-US")) < 300
    assert "{action}" in common.MissingParameter(name="{action}").message("en-US")


def test_rate_message_is_the_documented_one() -> None:
    error = common.RequestLimitExceeded(count=6, limit=5)
    assert error.message("zh-CN") == "您当前每秒请求 `6` 次，超过了每秒频率上限 `5`，请稍后重试。"
    assert error.message("en-US").startswith("Your current request times equals to `6` in a second, which exceeds the frequency limit `5`")
