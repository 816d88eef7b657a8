"""Errors of the account's billing state."""

from facemeld.protocol.errors.base import INTL, V2018, V2022, ApiError, Text


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
