"""Errors of authentication and permission."""

from facemeld.protocol.errors.base import ApiError, Text


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
