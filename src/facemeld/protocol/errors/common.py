"""Errors that every action of the API shares: parameters, versions, sizes, service state."""

from facemeld.protocol.errors.base import ApiError, Text


class MissingParameter(ApiError):
    """A required common parameter or parameter of the action is absent or null, or the header X-Facemeld-Consent where it is demanded."""

    code = "MissingParameter"
    text = Text("缺少必要参数 `{name}`。", "The request is missing a required parameter `{name}`.")


class UnknownParameter(ApiError):
    """Strict mode: a parameter is not in the schema of the action."""

    code = "UnknownParameter"
    text = Text("未知参数 `{name}`。", "The parameter `{name}` is not recognized.")


class InvalidParameter(ApiError):
    """A parameter has the wrong JSON type, the body cannot be parsed, or paging is negative."""

    code = "InvalidParameter"
    text = Text("参数 `{name}` 的值类型不合法。", "The value type of parameter `{name}` is not valid.")
    variants = (
        Text(
            "参数 `{name}` 的值类型不合法，应为 `{kind}`。",
            "The value type of parameter `{name}` is not valid, input type should be `{kind}`.",
        ),
        Text("请求参数无法解析。", "The request parameters cannot be parsed."),
    )


class InvalidParameterValue(ApiError):
    """The region or the header X-Facemeld-Consent is malformed, or (strict mode) the region is empty."""

    code = "InvalidParameterValue"
    text = Text("参数 `{name}` 的值不合法或不被支持。", "A value specified in `{name}` is not valid, is unsupported, or cannot be used.")


class UnsupportedRegion(ApiError):
    """Strict mode: the region is well formed but not among those of the service."""

    code = "UnsupportedRegion"
    text = Text("接口不支持所传地域。", "The service is not offered in the given region.")


class InvalidAction(ApiError):
    """The version has no such action."""

    code = "InvalidAction"
    text = Text(
        "请求的接口 `{action}` 在服务 `{service}` 版本 `{version}` 中不存在。",
        "The request action=`{action}` is invalid or not found in service=`{service}` and version=`{version}`.",
    )


class NoSuchVersion(ApiError):
    """The API version is unknown."""

    code = "NoSuchVersion"
    text = Text(
        "服务 `{service}` 不存在接口版本 `{version}`。", "The specified api version=`{version}` does not exist in service=`{service}`."
    )


class NoSuchProduct(ApiError):
    """Never raised."""

    code = "NoSuchProduct"
    text = Text("产品不存在。", "The product does not exist.")
    reserved = "The server offers one product and does not compare its name."


class ActionOffline(ApiError):
    """The action existed once and was removed, e.g. FaceFusionLite."""

    code = "ActionOffline"
    text = Text("接口已下线。", "The action has been taken offline.")


class InvalidRequest(ApiError):
    """A multipart body cannot be taken apart, or a body did not arrive in time."""

    code = "InvalidRequest"
    text = Text("请求体的 multipart 格式错误。", "The multipart body of the request is malformed.")
    variants = (Text("请求体未在 `{seconds}` 秒内完整到达。", "The body of the request did not arrive within `{seconds}` seconds."),)


class RequestSizeLimitExceeded(ApiError):
    """The body or the query is over its size limit."""

    code = "RequestSizeLimitExceeded"
    text = Text("请求包超过限制大小。", "The request exceeds the size limit.")


class ResponseSizeLimitExceeded(ApiError):
    """The reply would be larger than 50 MB."""

    code = "ResponseSizeLimitExceeded"
    text = Text("返回包超过限制大小。", "The response exceeds the size limit.")


class UnsupportedProtocol(ApiError):
    """The HTTP method is neither GET nor POST."""

    code = "UnsupportedProtocol"
    text = Text("HTTP(S)请求协议错误，只支持 GET 和 POST 请求。", "The HTTP method is not supported; use GET or POST.")


class UnsupportedOperation(ApiError):
    """The action is not offered in this installation, e.g. video is not enabled."""

    code = "UnsupportedOperation"
    text = Text("操作不支持。", "The operation is not supported.")


class UnauthorizedOperation(ApiError):
    """Never raised: the caller may not do this to the object."""

    code = "UnauthorizedOperation"
    text = Text("未授权操作。", "The operation is not authorized.")
    reserved = "AuthFailure.UnauthorizedOperation is answered, and objects of other accounts are not found."


class DryRunOperation(ApiError):
    """Never raised."""

    code = "DryRunOperation"
    text = Text("DryRun 操作，代表请求将会是成功的，只是多传了 DryRun 参数。", "Dry run: the request would have succeeded.")
    reserved = "No action of the service has a dry run."


class InternalError(ApiError):
    """Something failed that no other code names."""

    code = "InternalError"
    text = Text(
        "内部错误，请重试。如果问题持续存在，请联系我们。",
        "An internal error has occurred. Retry your request, but if the problem persists, contact us.",
    )


class ServiceUnavailable(ApiError):
    """The server is draining or has no worker."""

    code = "ServiceUnavailable"
    text = Text("当前服务暂时不可用。", "The service is temporarily unavailable.")
