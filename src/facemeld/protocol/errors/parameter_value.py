"""Errors of values that name something or fit nothing."""

from facemeld.protocol.errors.base import INTL, V2018, V2022, Text
from facemeld.protocol.errors.common import InvalidParameterValue


class ActivityIdNotFound(InvalidParameterValue):
    """The account has no activity with the given ProjectId or ActivityId."""

    code = "InvalidParameterValue.ActivityIdNotFound"
    text = Text("未查找到活动id。", "Activity ID is not found.")


class FaceRectParameterValueError(InvalidParameterValue):
    """A rectangle is narrower or lower than 30 pixels, begins below 0, or lies outside the picture."""

    code = "InvalidParameterValue.FaceRectParameterValueError"
    text = Text("人脸框参数有误或者人脸框太小。", "Face box parameters are invalid, or the face box is too small.")


class ImageEmpty(InvalidParameterValue):
    """Neither Image nor Url was given, or an empty text (2018-12-01)."""

    code = "InvalidParameterValue.ImageEmpty"
    versions = frozenset({V2018})
    text = Text("人脸检测-图片为空。", "The image is empty.")


class MaterialIdNotFound(InvalidParameterValue):
    """The activity never had a material with the given ModelId or MaterialId."""

    code = "InvalidParameterValue.MaterialIdNotFound"
    text = Text("未查找到素材Id。", "No material ID is found.")


class NoFaceInPhoto(InvalidParameterValue):
    """The picture given to FaceFusion (2018-12-01) has no face."""

    code = "InvalidParameterValue.NoFaceInPhoto"
    versions = frozenset({V2018})
    text = Text("人脸检测-图片没有人脸。", "There is no face in the picture.")


class InvalidParameterValueParameterValueError(InvalidParameterValue):
    """Strict mode: paging of DescribeMaterialList is out of range."""

    code = "InvalidParameterValue.ParameterValueError"
    versions = frozenset({V2022, V2018})
    text = Text("参数字段或者值有误。", "The parameter or value is invalid.")


class UrlIllegal(InvalidParameterValue):
    """A URL is not absolute http or https, has no host, or is over 2048 characters."""

    code = "InvalidParameterValue.UrlIllegal"
    versions = frozenset({V2022, INTL})
    text = Text("URL格式不合法。", "The URL format is invalid.")
