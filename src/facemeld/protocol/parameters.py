"""Parameters of the action, wherever the request carries them."""

from __future__ import annotations

from dataclasses import dataclass

from facemeld.protocol.common import V1_NAMES, Common
from facemeld.protocol.decoding import Tree, decode_json, decode_multipart, flat_pairs, unflatten
from facemeld.protocol.options import ProtocolLimits
from facemeld.protocol.request import FORM, MULTIPART, RawRequest


@dataclass(frozen=True, slots=True)
class Parameters:
    """Decoded parameters.

    Attributes:
        values: Nested values by wire name, without common parameters.
        strings: Whether every value is text, so that types must be read from it.
    """

    values: Tree
    strings: bool


def read_parameters(request: RawRequest, common: Common, limits: ProtocolLimits, *, dotted: bool = False) -> Parameters:
    """Decode the action's parameters.

    Args:
        request: The raw request.
        common: Its common parameters.
        limits: Bounds on names, nesting and counts.
        dotted: Underscores in names mean dots, because the signature covers them as dots (v1 only).

    Raises:
        InvalidParameter: The parameters cannot be decoded.
        InvalidRequest: A multipart body is malformed.
    """
    if common.scheme == "v1":
        pairs = {name.replace("_", ".") if dotted else name: value for name, value in common.parameters.items()}
        return _flat(pairs, limits)
    if request.method == "GET":
        return _flat(flat_pairs(request.query.encode("latin-1"), limits), limits)
    if request.media_type == MULTIPART:
        return Parameters(decode_multipart(request.headers["content-type"], request.body, limits), strings=True)
    if request.media_type == FORM:
        return _flat(flat_pairs(request.body, limits), limits)
    return Parameters(decode_json(request.body, limits), strings=False)


def _flat(pairs: dict[str, str], limits: ProtocolLimits) -> Parameters:
    return Parameters(unflatten({name: value for name, value in pairs.items() if name not in V1_NAMES}, limits), strings=True)
