"""Errors that every action shares: authentication, parameters, versions, sizes, rates, quotas and service state."""

from __future__ import annotations

from facemeld.api.protocol.errors.base import ApiError, Text


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


class AuthFailure(ApiError):
    """Groups the errors of authentication."""


class InvalidAuthorization(AuthFailure):
    """The `Authorization` header has another algorithm, lacks a part, or has a bad scope or a scope date that is not the timestamp's."""

    code = "AuthFailure.InvalidAuthorization"
    text = Text("认证失败。", "The request `Authorization` header does not conform to tencentcloud standards.")
    variants = (
        Text(
            "认证失败：`Authorization`中的 {part} 不合法。",
            "The request `Authorization` header does not conform to tencentcloud standards: {part} not valid.",
        ),
    )


class InvalidSecretId(AuthFailure):
    """The key exists but is of a kind that may not call the API."""

    code = "AuthFailure.InvalidSecretId"
    text = Text("密钥非法（不是云API密钥类型）。", "The SecretId is not a cloud API key type.")


class SecretIdNotFound(AuthFailure):
    """The key is unknown, deleted or disabled."""

    code = "AuthFailure.SecretIdNotFound"
    text = Text("SecretId不存在，请输入正确的密钥。", "The SecretId is not found, please ensure that your SecretId is correct.")


class SignatureExpire(AuthFailure):
    """The timestamp is more than 300 seconds away from the time of the server."""

    code = "AuthFailure.SignatureExpire"
    text = Text(
        "签名过期。Timestamp和服务器时间相差不得超过五分钟，请检查本地时间是否和标准时间同步。",
        "Signature expired. Timestamp and server time may differ by at most five minutes; check that the local time is correct.",
    )


class SignatureFailure(AuthFailure):
    """The signature does not match the request, or a body too large for signature v1 was sent with it."""

    code = "AuthFailure.SignatureFailure"
    text = Text(
        "请求签名验证失败，请检查您的签名计算是否正确。",
        "The provided credentials could not be validated. Please check your signature is correct.",
    )
    variants = (
        Text(
            "由于请求包大小超过限制，请求签名验证失败，请使用新的签名方法 `{method}`。",
            "The provided credentials could not be validated because of exceeding request size limit, "
            "please use new signature method `{method}`.",
        ),
    )


class TokenFailure(AuthFailure):
    """A temporary key came without its token, with another or after its end, or a token came with a permanent key."""

    code = "AuthFailure.TokenFailure"
    text = Text("token 错误。", "The token is missing, wrong or expired.")


class MFAFailure(AuthFailure):
    """Never raised."""

    code = "AuthFailure.MFAFailure"
    text = Text("MFA 错误。", "Multi-factor authentication failed.")
    reserved = "Keys are not bound to a second factor."


class AuthFailureUnauthorizedOperation(AuthFailure):
    """The key is valid, but its permissions do not hold the action."""

    code = "AuthFailure.UnauthorizedOperation"
    text = Text("请求未授权。请检查密钥的权限。", "You are not authorized to perform this operation. Check the permissions of the key.")
    variants = (
        Text(
            "您没有权限执行操作 ({service}:{action})。",
            "you are not authorized to perform operation ({service}:{action})\nresource (*) has no permission",
        ),
    )


class RequestLimitExceeded(ApiError):
    """The rate of the key for this action is used up."""

    code = "RequestLimitExceeded"
    text = Text("请求的次数超过了频率限制。", "The number of requests exceeded the rate limit.")
    variants = (
        Text(
            "您当前每秒请求 `{count}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。",
            "Your current request times equals to `{count}` in a second, which exceeds the frequency limit `{limit}` for a second. "
            "Please reduce the frequency of calls.",
        ),
    )


class IPLimitExceeded(RequestLimitExceeded):
    """The rate of the source address is used up."""

    code = "RequestLimitExceeded.IPLimitExceeded"
    text = Text("IP 限频。", "The number of requests from this IP address exceeded the rate limit.")
    variants = (
        Text(
            "您的 IP 地址当前每秒请求 `{count}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。",
            "Your current request times from this IP address equals to `{count}` in a second, "
            "which exceeds the frequency limit `{limit}` for a second. Please reduce the frequency of calls.",
        ),
    )


class UinLimitExceeded(RequestLimitExceeded):
    """The rate of the account is used up."""

    code = "RequestLimitExceeded.UinLimitExceeded"
    text = Text("主账号限频。", "The number of requests of the account exceeded the rate limit.")
    variants = (
        Text(
            "您的主账号当前每秒请求 `{count}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。",
            "Your current request times of the account equals to `{count}` in a second, "
            "which exceeds the frequency limit `{limit}` for a second. Please reduce the frequency of calls.",
        ),
    )


class GlobalRegionUinLimitExceeded(RequestLimitExceeded):
    """The rate of the account over all regions is used up."""

    code = "RequestLimitExceeded.GlobalRegionUinLimitExceeded"
    text = Text("主账号超过全局限频。", "The number of requests of the account over all regions exceeded the rate limit.")
    variants = (
        Text(
            "您的主账号在所有地域当前每秒请求 `{count}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。",
            "Your current request times of the account over all regions equals to `{count}` in a second, "
            "which exceeds the frequency limit `{limit}` for a second. Please reduce the frequency of calls.",
        ),
    )


class IpInBlacklist(ApiError):
    """The source address is blocked."""

    code = "IpInBlacklist"
    text = Text("IP 地址在黑名单中。", "The IP address is on the block list.")


class IpNotInWhitelist(ApiError):
    """There is an allow list and the source address is not on it."""

    code = "IpNotInWhitelist"
    text = Text("IP 地址不在白名单中。", "The IP address is not on the allow list.")


class LimitExceeded(ApiError):
    """Never raised: a quota of objects would be used up."""

    code = "LimitExceeded"
    text = Text("超过配额限制。", "A quota is exceeded.")
    reserved = "No action creates objects; activities and materials are made by the operator."


class ResourceInUse(ApiError):
    """Never raised: an object could not be changed because another uses it."""

    code = "ResourceInUse"
    text = Text("资源被占用。", "The resource is in use.")
    reserved = "No action changes objects."


class ResourceInsufficient(ApiError):
    """The work queue is full, or an accelerator is out of memory."""

    code = "ResourceInsufficient"
    text = Text("资源不足。", "Resources are insufficient.")


class ResourceNotFound(ApiError):
    """Never raised: a stored object would be missing."""

    code = "ResourceNotFound"
    text = Text("资源不存在。", "The resource does not exist.")
    reserved = "Narrower codes name what is missing: ActivityIdNotFound, MaterialIdNotFound, FuseMaterialNotExist."
