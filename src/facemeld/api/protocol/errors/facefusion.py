"""Errors of face fusion: pictures, faces, materials, jobs, workers, and the account's billing state."""

from __future__ import annotations

from facemeld.api.protocol.errors.base import ANY, INTL, V2018, V2022, ApiError, Text
from facemeld.api.protocol.errors.common import InvalidParameterValue


class FailedOperation(ApiError):
    """Never raised by itself; it groups the failures of the use cases."""

    code = "FailedOperation"
    versions = frozenset({V2022, V2018})
    text = Text("操作失败。", "Operation failed.")
    reserved = "Every failure of a use case has a narrower code."


class BalanceInsufficient(FailedOperation):
    """The account opens the service by itself when called, and its balance is used up."""

    code = "FailedOperation.BalanceInsufficient"
    versions = frozenset({V2022, INTL})
    text = Text("余额不足，开通失败，请充值后再开通。", "Insufficient balance, failed to open the service. Please top up and try again.")


class FaceIdNotInVideo(FailedOperation):
    """Never raised while video is not offered: the TemplateFaceID is not among the faces of the video material."""

    code = "FailedOperation.FaceIdNotInVideo"
    versions = frozenset({INTL})
    text = Text("视频中不存在指定ID对应的人脸。", "The face corresponding to the specified ID does not exist in the video.")
    reserved = "Video is not enabled: the video actions answer UnsupportedOperation."


class FaceBorderCheckFailed(FailedOperation):
    """More than half of the landmarks lie outside the detected box."""

    code = "FailedOperation.FaceBorderCheckFailed"
    versions = frozenset({V2018})
    text = Text("人脸配准点出框错误码。", "The face landmarks are outside the face box.")


class FaceExceedBorder(FailedOperation):
    """The chosen face leaves the picture by more than a fifth of its area."""

    code = "FailedOperation.FaceExceedBorder"
    versions = frozenset({V2018})
    text = Text("人脸出框，无法使用。", "The face exceeds the picture and cannot be used.")


class FaceFusionError(FailedOperation):
    """The engine gave no result for a valid face (2018-12-01)."""

    code = "FailedOperation.FaceFusionError"
    versions = frozenset({V2018})
    text = Text("人脸融合失败，请更换图片后重试。", "Face fusion failed. Please change the picture and try again.")


class FaceRectInvalid(FailedOperation):
    """A rectangle has no positive size (2018-12-01)."""

    code = "FailedOperation.FaceRectInvalid"
    versions = frozenset({V2018})
    text = Text("人脸框不合法。", "The face box is invalid.")


class FaceShapeFailed(FailedOperation):
    """Never raised: fitting the landmarks is part of finding a face."""

    code = "FailedOperation.FaceShapeFailed"
    versions = frozenset({V2018})
    text = Text("人脸配准失败。", "Fitting the face landmarks failed.")
    reserved = "A face whose landmarks cannot be fitted counts as not found: NoFaceDetected or NoFaceInPhoto."


class FaceSizeTooSmall(FailedOperation):
    """The chosen face is narrower or lower than 34 pixels."""

    code = "FailedOperation.FaceSizeTooSmall"
    versions = ANY
    text = Text(
        "人脸因太小被过滤，建议人脸分辨率不小于34*34。",
        "The face was filtered because it was too small. The recommended resolution is not less than 34x34 pixels.",
    )


class FuseFreqCtrl(FailedOperation):
    """The rate of the activity is used up (unpublished 1 a second, published 50)."""

    code = "FailedOperation.FuseFreqCtrl"
    versions = frozenset({V2018})
    text = Text("操作太频繁，触发频控。", "The operation is too frequent and was limited.")


class FuseImageError(FailedOperation):
    """Preparing or finishing a picture failed (2018-12-01)."""

    code = "FailedOperation.FuseImageError"
    versions = frozenset({V2018})
    text = Text("图像处理出错。", "Image processing error.")


class FuseInnerError(FailedOperation):
    """Something unexpected failed in an action of 2018-12-01."""

    code = "FailedOperation.FuseInnerError"
    versions = frozenset({V2018})
    text = Text("服务内部错误，请重试。", "Internal service error. Please try again.")


class FuseMaterialNotAuth(FailedOperation):
    """The material has not passed review."""

    code = "FailedOperation.FuseMaterialNotAuth"
    versions = ANY
    text = Text("素材未经过审核。", "The material has not been reviewed.")


class FuseMaterialNotAvailable(FailedOperation):
    """Never raised while video is not offered: the video material is not ready."""

    code = "FailedOperation.FuseMaterialNotAvailable"
    versions = frozenset({INTL})
    text = Text("该状态下的素材无法使用。", "The material in this state cannot be used.")
    reserved = "Video is not enabled: the video actions answer UnsupportedOperation."


class FuseMaterialNotExist(FailedOperation):
    """The material was deleted, or its picture is gone."""

    code = "FailedOperation.FuseMaterialNotExist"
    versions = ANY
    text = Text("素材不存在。", "The material does not exist.")


class FuseSavePhotoFail(FailedOperation):
    """The result could not be stored (2018-12-01)."""

    code = "FailedOperation.FuseSavePhotoFail"
    versions = frozenset({V2018})
    text = Text("保存结果图片出错。", "Saving the result picture failed.")


class ImageDecodeFailed(FailedOperation):
    """The base64 text is invalid, or the bytes are not a whole JPEG or PNG picture."""

    code = "FailedOperation.ImageDecodeFailed"
    versions = ANY
    text = Text("人脸检测-图片解码失败。", "Image decoding failed.")


class ImageDownloadError(FailedOperation):
    """A URL could not be fetched: name, connection, TLS, time, status, no bytes, or an address that is refused."""

    code = "FailedOperation.ImageDownloadError"
    versions = ANY
    text = Text("图片下载失败。", "Image download failed.")


class ImagePixelExceed(FailedOperation):
    """2018-12-01: the material is wider or higher than 1080; FuseFaceUltra: a side of the template reaches 8000."""

    code = "FailedOperation.ImagePixelExceed"
    versions = frozenset({V2022, V2018})
    text = Text("素材尺寸超过1080*1080像素。", "The material exceeds 1080x1080 pixels.")


class ImageResolutionExceed(FailedOperation):
    """A side of the user's picture is over the limit of the version."""

    code = "FailedOperation.ImageResolutionExceed"
    versions = frozenset({INTL, V2018})
    text = Text(
        "图片分辨率过大。建议您resize压缩到3k*3k以内。",
        "The resolution of the image is too high. Please resize the image to below 3,000x3,000.",
    )


class ImageResolutionTooSmall(FailedOperation):
    """The shorter side of a picture is under 64 pixels."""

    code = "FailedOperation.ImageResolutionTooSmall"
    versions = ANY
    text = Text("图片短边分辨率小于64。", "The short edge resolution of the image is lower than 64 pixels.")


class ImageSizeExceed(FailedOperation):
    """The base64 text or the downloaded file is over its size limit."""

    code = "FailedOperation.ImageSizeExceed"
    versions = ANY
    text = Text("输入图片base64数据大小超过5M。", "The image after Base64 encoding exceeds 5 MB in size.")


class ImageSizeInvalid(FailedOperation):
    """A side of a picture is over the limit, or its sides differ by more than 20 to 1."""

    code = "FailedOperation.ImageSizeInvalid"
    versions = ANY
    text = Text("图片尺寸过大或者过小；不满足算法要求。", "The image is too large or too small and does not meet algorithm requirements.")


class InnerError(FailedOperation):
    """Something unexpected failed in an action of 2022-09-27."""

    code = "FailedOperation.InnerError"
    versions = ANY
    text = Text("服务内部错误。", "Internal service error.")


class JobHasBeenCanceled(FailedOperation):
    """Never raised while video is not offered: the video job was cancelled by an operator."""

    code = "FailedOperation.JobHasBeenCanceled"
    versions = frozenset({INTL})
    text = Text("任务已被取消，请重新提交。", "The task has been canceled. Please submit the task again.")
    reserved = "Video is not enabled: the video actions answer UnsupportedOperation."


class JobNotExist(FailedOperation):
    """Never raised while video is not offered: the JobId is unknown, expired or of another account."""

    code = "FailedOperation.JobNotExist"
    versions = frozenset({INTL})
    text = Text("任务不存在。", "The task does not exist.")
    reserved = "Video is not enabled: the video actions answer UnsupportedOperation."


class MediaDataError(FailedOperation):
    """FuseFaceUltra has neither ModelUrl nor ModelImage, or an empty picture."""

    code = "FailedOperation.MediaDataError"
    versions = frozenset({V2022})
    text = Text("素材数据为空。", "The material data is empty.")


class ModerationConfigError(FailedOperation):
    """Never raised: moderation would be on without a policy."""

    code = "FailedOperation.ModerationConfigError"
    versions = frozenset({V2022})
    text = Text("审核配置为空。", "The review configuration is empty.")
    reserved = "Pictures that come in a call are not moderated; stored materials pass a review instead."


class ModerationFailed(FailedOperation):
    """A template or photo of FuseFaceUltra says of itself that it is AI-made, and the operator refuses such pictures."""

    code = "FailedOperation.ModerationFailed"
    versions = frozenset({V2022})
    text = Text("素材审核失败。", "The material failed the review.")


class ModerationResponseError(FailedOperation):
    """Never raised: moderation would give no answer."""

    code = "FailedOperation.ModerationResponseError"
    versions = frozenset({V2022})
    text = Text("素材审核结果为空。", "The review result of the material is empty.")
    reserved = "Pictures that come in a call are not moderated; stored materials pass a review instead."


class ModerationResultConfigError(FailedOperation):
    """Never raised: the answer of moderation would have no mapping in the policy."""

    code = "FailedOperation.ModerationResultConfigError"
    versions = frozenset({V2022})
    text = Text("审核结果配置为空。", "The review result configuration is empty.")
    reserved = "Pictures that come in a call are not moderated; stored materials pass a review instead."


class NoFaceDetected(FailedOperation):
    """No face is found in the picture or inside the given rectangle."""

    code = "FailedOperation.NoFaceDetected"
    versions = ANY
    text = Text("无法检测出人脸, 人脸框配准分低于阈值。", "The face cannot be detected because the face box is too small.")


class ParameterValueError(FailedOperation):
    """A parameter of the action is out of its range; with the name of the parameter where one is at fault."""

    code = "FailedOperation.ParameterValueError"
    versions = ANY
    text = Text("参数字段或者值有误。", "The parameter or value is invalid.")
    variants = (Text("{name}值不合法。", "The value of {name} is invalid."),)


class ProjectNotAuth(FailedOperation):
    """The activity is disabled."""

    code = "FailedOperation.ProjectNotAuth"
    versions = frozenset({INTL, V2018})
    text = Text("活动未支付授权费或已停用。", "The authorization fee is not paid for the activity, or the activity has been disabled.")


class RequestEntityTooLarge(FailedOperation):
    """The decoded request is over the limit of 2018-12-01."""

    code = "FailedOperation.RequestEntityTooLarge"
    versions = frozenset({V2018})
    text = Text("请求实体太大。", "The request entity is too large.")


class RequestTimeout(FailedOperation):
    """The work did not end before its deadline."""

    code = "FailedOperation.RequestTimeout"
    versions = ANY
    text = Text("后端服务超时。", "The backend service timed out.")


class RpcFail(FailedOperation):
    """A worker died or refused the task."""

    code = "FailedOperation.RpcFail"
    versions = ANY
    text = Text("RPC请求失败，一般为算法微服务故障。", "RPC request failed, typically due to algorithm service malfunction.")


class ServerError(FailedOperation):
    """The database cannot be reached."""

    code = "FailedOperation.ServerError"
    versions = frozenset({V2022, V2018})
    text = Text("系统内部错误。", "System internal error.")


class TemplateFaceIDNotExist(FailedOperation):
    """The TemplateFaceID is not among the faces of the material."""

    code = "FailedOperation.TemplateFaceIDNotExist"
    versions = ANY
    text = Text("素材人脸ID不存在。", "The material face ID does not exist.")


class UnKnowError(FailedOperation):
    """Never raised."""

    code = "FailedOperation.UnKnowError"
    versions = ANY
    text = Text("内部错误。", "Internal error.")
    reserved = "The published lists reserve it; a narrower code is always known here."


class Unknown(FailedOperation):
    """Never raised."""

    code = "FailedOperation.Unknown"
    versions = ANY
    text = Text("未知错误。", "Unknown error.")
    reserved = "The published lists reserve it; a narrower code is always known here."


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


class ResourceUnavailable(ApiError):
    """Never raised by itself; it groups the states of an account."""

    code = "ResourceUnavailable"
    text = Text("资源不可用。", "The resource is unavailable.")
    reserved = "Every state of an account has a narrower code."


class Delivering(ResourceUnavailable):
    """The account is marked as being delivered."""

    code = "ResourceUnavailable.Delivering"
    versions = frozenset({V2018})
    text = Text("资源正在发货中。", "The resource is being delivered.")


class Freeze(ResourceUnavailable):
    """The account is frozen."""

    code = "ResourceUnavailable.Freeze"
    text = Text("账号已被冻结。", "The account has been frozen.")


class GetAuthInfoError(ResourceUnavailable):
    """The store of the accounts cannot be reached (2018-12-01)."""

    code = "ResourceUnavailable.GetAuthInfoError"
    versions = frozenset({V2018})
    text = Text("获取认证信息失败。", "The authentication information could not be obtained.")


class InArrears(ResourceUnavailable):
    """The account is in arrears."""

    code = "ResourceUnavailable.InArrears"
    text = Text("账号已欠费。", "The account is in arrears.")


class IsOpening(ResourceUnavailable):
    """The account's service is being opened, or the models are still loading."""

    code = "ResourceUnavailable.IsOpening"
    versions = frozenset({V2022, INTL})
    text = Text("服务正在开通中，请稍等。", "The service is being opened, please wait.")


class LowBalance(ResourceUnavailable):
    """The account is marked as low in balance (2018-12-01)."""

    code = "ResourceUnavailable.LowBalance"
    versions = frozenset({V2018})
    text = Text("余额不足。", "The balance is insufficient.")


class NotExist(ResourceUnavailable):
    """The service is not activated for the account."""

    code = "ResourceUnavailable.NotExist"
    text = Text(
        "计费状态未知，请确认是否已在控制台开通服务。",
        "The billing status is unknown. Check whether the service has been activated in the console.",
    )


class NotReady(ResourceUnavailable):
    """The service is not activated for the account (2018-12-01)."""

    code = "ResourceUnavailable.NotReady"
    versions = frozenset({V2018})
    text = Text("服务未开通。", "The service has not been activated.")


class Recover(ResourceUnavailable):
    """The account's service was reclaimed."""

    code = "ResourceUnavailable.Recover"
    text = Text("资源已被回收。", "The resource has been possessed.")


class StopUsing(ResourceUnavailable):
    """The account's service is stopped."""

    code = "ResourceUnavailable.StopUsing"
    text = Text("账号已停服。", "Services for the account has been stopped.")


class UnknownStatus(ResourceUnavailable):
    """The billing status of the account is unknown (2018-12-01)."""

    code = "ResourceUnavailable.UnknownStatus"
    versions = frozenset({V2018})
    text = Text("计费状态未知。", "The billing status is unknown.")


class ResourcesSoldOut(ApiError):
    """Groups the errors of sold out resources."""


class ChargeStatusException(ResourcesSoldOut):
    """The account is in arrears (2018-12-01)."""

    code = "ResourcesSoldOut.ChargeStatusException"
    versions = frozenset({V2018})
    text = Text("账号已欠费。", "The account is in arrears.")
