"""Cloud API 3.0 on the wire: authentication, decoding, envelope, errors; it knows no action."""

from facemeld.protocol.call import CLIENT_GONE, Action, ActionRegistry, Billing, Call, CallInfo, CallRecord, Check, Hooks, Notes, Observer
from facemeld.protocol.credentials import Credential, Credentials, CredentialsUnavailable, KeyKind
from facemeld.protocol.endpoint import ApiEndpoint
from facemeld.protocol.options import ProtocolLimits, ProtocolOptions
from facemeld.protocol.schema import RequestModel, ResponseModel

__all__ = [
    "CLIENT_GONE",
    "Action",
    "ActionRegistry",
    "ApiEndpoint",
    "Billing",
    "Call",
    "CallInfo",
    "CallRecord",
    "Check",
    "Credential",
    "Credentials",
    "CredentialsUnavailable",
    "Hooks",
    "KeyKind",
    "Notes",
    "Observer",
    "ProtocolLimits",
    "ProtocolOptions",
    "RequestModel",
    "ResponseModel",
]
