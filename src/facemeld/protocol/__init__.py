"""Cloud API 3.0 on the wire: authentication, decoding, envelope, errors; it knows no action."""

from facemeld.protocol.call import CLIENT_GONE, Action, ActionRegistry, Call, CallInfo, CallRecord, Check, Hooks, Observer
from facemeld.protocol.credentials import Credential, Credentials, KeyKind
from facemeld.protocol.endpoint import ApiEndpoint
from facemeld.protocol.options import ProtocolLimits, ProtocolOptions
from facemeld.protocol.schema import RequestModel, ResponseModel

__all__ = [
    "CLIENT_GONE",
    "Action",
    "ActionRegistry",
    "ApiEndpoint",
    "Call",
    "CallInfo",
    "CallRecord",
    "Check",
    "Credential",
    "Credentials",
    "Hooks",
    "KeyKind",
    "Observer",
    "ProtocolLimits",
    "ProtocolOptions",
    "RequestModel",
    "ResponseModel",
]
