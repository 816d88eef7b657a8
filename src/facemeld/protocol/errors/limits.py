"""Errors of rates, address lists, quotas and resources."""

from facemeld.protocol.errors.base import ApiError, Text


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
