"""Decodes parameters from JSON, a query string, a form or a multipart body into a nested dictionary, within fixed limits."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from pydantic_core import from_json

from facemeld.api.protocol.errors.base import ApiError, Text
from facemeld.api.protocol.errors.common import InvalidParameter, InvalidRequest, RequestSizeLimitExceeded

KIB = 1024
MIB = 1024 * KIB

Tree: TypeAlias = dict[str, Any]
"""Parameters by name: objects are dictionaries, lists are lists, leaves are str, int, float or bool; never None in an object."""

# The largest integer of the API has 19 digits; with a few more, the model can still name the field in its error.
_MAX_DIGITS = 24
_LONG_NUMBER = re.compile(rb"[0-9]{25}")
_STRUCTURE_BYTES = 32
_MAX_BACKSLASHES = 64
_BACKSLASH = ord("\\")
_BOM = b"\xef\xbb\xbf"
_NAMES = re.compile(rb'"[ \t\r\n]*:')
_INDEX = re.compile(r"0|[1-9][0-9]*")
_NOT_SPLIT = Text("参数的键和值应以 `=` 分隔。", "Url key and value should be splited by `=`.")
_PART_NAME = re.compile(r';\s*name="([^"\r\n]*)"', re.IGNORECASE)
_PART_FILE = re.compile(r";\s*filename\*?=", re.IGNORECASE)
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProtocolLimits:
    """Limits on the size of a request and its reply.

    Attributes:
        query_bytes: Query string of a GET.
        v1_body_bytes: Body of a POST with signature v1.
        body_bytes: Body of any other POST. The published limit of 10 MB is too small for the pictures of FuseFaceUltra.
        body_seconds: Time in which a body must arrive.
        reply_bytes: Largest reply.
        depth: Nesting of objects and lists.
        values: Objects, lists and members in one request.
        index: Largest list index in flattened parameters.
    """

    query_bytes: int = 32 * KIB
    v1_body_bytes: int = MIB
    body_bytes: int = 64 * MIB
    body_seconds: float = 120.0
    reply_bytes: int = 50 * MIB
    depth: int = 16
    values: int = 10_000
    index: int = 99


def _unparsable(detail: str | Text) -> ApiError:
    return InvalidParameter(detail=detail)


def decode_json(body: bytes, limits: ProtocolLimits) -> Tree:
    """Decode a JSON object without its null members; an empty body is an empty object.

    Raises:
        InvalidParameter: The body is not one JSON object in UTF-8, repeats a member, or exceeds a limit.
    """
    if not body.strip():
        return {}
    value = _loads(body, limits)
    if not isinstance(value, dict):
        raise _unparsable(f"The body must be a JSON object, got {_kind(value)}.")
    return value


def _loads(body: bytes, limits: ProtocolLimits) -> Any:
    body = body.removeprefix(_BOM)
    # Counted before parsing, because a few bytes such as "[],[],..." become objects of a hundred bytes each.
    structure = _structure(body, limits)
    if sum(structure.count(mark) for mark in (b",", b"[", b"{")) > limits.values:
        raise _unparsable(f"JSON must hold at most {limits.values} values.")
    if _LONG_NUMBER.search(structure):
        raise _unparsable(f"A number must have at most {_MAX_DIGITS} digits.")
    try:
        value = from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise _unparsable(f"The text must be JSON in UTF-8: {error}.") from None
    if len(_NAMES.findall(structure)) != _count_members(value):
        raise _unparsable("A member must be given once.")
    return _clean(value, limits.depth)


def _structure(body: bytes, limits: ProtocolLimits) -> bytes:
    """Return JSON with every string replaced by a quotation mark.

    Pictures are strings of megabytes; the search for quotation marks passes over them at the speed of memory.
    """
    pieces: list[bytes] = []
    begin, size = 0, 0
    marks = [*_quotation_marks(body, 4 * limits.values), len(body)]
    for opening, closing in zip_longest(marks[::2], marks[1::2], fillvalue=len(body)):
        size += opening - begin + 1
        if size > _STRUCTURE_BYTES * limits.values:
            raise _unparsable(f"JSON must have at most {_STRUCTURE_BYTES * limits.values} bytes outside strings.")
        pieces.append(body[begin:opening])
        begin = closing + 1
    return b'"'.join(pieces)


def _quotation_marks(body: bytes, limit: int) -> Iterator[int]:
    """Yield the positions of quotation marks that are not escaped."""
    at = -1
    for _ in range(limit):
        at = body.find(b'"', at + 1)
        if at < 0:
            return
        slashes = 0
        while at > slashes and body[at - 1 - slashes] == _BACKSLASH:
            slashes += 1
            if slashes > _MAX_BACKSLASHES:
                raise _unparsable(f"Text must have at most {_MAX_BACKSLASHES} backslashes before a quotation mark.")
        if slashes % 2 == 0:
            yield at
    raise _unparsable(f"JSON must hold at most {limit} quotation marks.")


def _count_members(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_count_members(member) for member in value.values())
    return sum(_count_members(item) for item in value) if isinstance(value, list) else 0


def _clean(value: Any, depth: int) -> Any:
    """Leave out null members, and refuse values that are nested too deep or not valid text."""
    if depth < 0:
        raise _unparsable("JSON is nested too deep.")
    if isinstance(value, dict):
        return {_text(name): _clean(member, depth - 1) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_clean(item, depth - 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise _unparsable("A number must be finite.")
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    """Refuse lone surrogates, which JSON can spell but UTF-8 cannot, and NUL, which databases refuse."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _unparsable("Text must be Unicode, got half a surrogate pair.") from None
    if "\0" in value:
        raise _unparsable("Text must not hold NUL.")
    return value


def flat_pairs(source: bytes, limits: ProtocolLimits) -> dict[str, str]:
    """Decode a query string or a form into names and values.

    Raises:
        InvalidParameter: A piece has no ``=``, is not UTF-8, or a name comes twice.
    """
    if source.count(b"&") >= limits.values:
        raise _unparsable(f"There must be at most {limits.values} parameters.")
    pairs: dict[str, str] = {}
    for piece in source.split(b"&"):
        if not piece:
            continue
        name, mark, value = piece.partition(b"=")
        if not mark:
            raise _unparsable(_NOT_SPLIT)
        key = _unquote(name)
        if key in pairs:
            raise InvalidParameter(name=_printable(key), detail="It must be given once.")
        pairs[key] = _unquote(value)
    return pairs


def _unquote(raw: bytes) -> str:
    try:
        return _text(unquote_to_bytes(raw.replace(b"+", b" ")).decode())
    except UnicodeDecodeError:
        raise _unparsable("Parameters must be UTF-8.") from None


def unflatten(pairs: Mapping[str, str] | Iterable[tuple[str, Any]], limits: ProtocolLimits) -> Tree:
    """Turn flattened names into objects and lists: ``MergeInfos.0.Url`` is member ``Url`` of the first item of ``MergeInfos``.

    Raises:
        InvalidParameter: A name is malformed, contradicts another, leaves a gap in a list, or exceeds a limit.
    """
    root: Tree = {}
    for name, value in pairs.items() if isinstance(pairs, Mapping) else pairs:
        segments = name.split(".")
        if len(segments) > limits.depth or "" in segments:
            raise InvalidParameter(name=_printable(name))
        node = root
        for segment in segments[:-1]:
            node = node.setdefault(segment, {})
            if not isinstance(node, dict):
                raise InvalidParameter(name=_printable(name))
        if segments[-1] in node:
            raise InvalidParameter(name=_printable(name), detail="It must be given once.")
        node[segments[-1]] = value
    return {name: _listed(value, name, limits) for name, value in root.items()}


def _listed(node: Any, path: str, limits: ProtocolLimits) -> Any:
    """Turn objects with numbered members into lists."""
    if not isinstance(node, dict):
        return node
    if not any(name[:1].isdigit() for name in node):
        return {name: _listed(value, f"{path}.{name}", limits) for name, value in node.items()}
    for name in node:
        if not _INDEX.fullmatch(name) or len(name) > 9 or int(name) > limits.index:
            raise InvalidParameter(name=_printable(f"{path}.{name}"), detail=f"A list index must be 0 to {limits.index}.")
    if f"{len(node) - 1}" not in node:
        raise InvalidParameter(name=_printable(path), detail="The items of a list must be numbered from 0 without a gap.")
    return [_listed(node[f"{index}"], f"{path}.{index}", limits) for index in range(len(node))]


def decode_multipart(content_type: str, body: bytes, limits: ProtocolLimits) -> Tree:
    """Decode a multipart body: a part is a parameter; JSON parts are decoded, parts with a file name become base64 text.

    Raises:
        InvalidRequest: The body does not follow the boundary or a part has no name.
        InvalidParameter: A part cannot be decoded.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise InvalidRequest(detail="The content type must name a boundary.")
    mark = b"--" + (found[1] or found[2]).encode("latin-1")
    delimiter = b"\r\n" + mark
    if body.count(delimiter) > limits.values:
        raise InvalidRequest(detail=f"There must be at most {limits.values} parts.")
    pieces = (b"\r\n" + body).split(delimiter)
    if len(pieces) < 2 or pieces[0].strip() or pieces[-1].strip() != b"--":
        raise InvalidRequest(detail="The body must begin with the boundary and end with the closing one.")
    parts = (_part(piece, limits) for piece in pieces[1:-1])
    return unflatten([(name, value) for name, value in parts if value is not None], limits)


def _part(piece: bytes, limits: ProtocolLimits) -> tuple[str, Any]:
    head, blank, content = piece.partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"\r\n") or len(head) > 4096:
        raise InvalidRequest(detail="A part must have headers, an empty line and content.")
    headers = {}
    for line in head[2:].split(b"\r\n"):
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    try:
        disposition = headers.get(b"content-disposition", b"").decode()
        named = _PART_NAME.search(disposition)
        if named is None:
            raise InvalidRequest(detail="A part must have a name.")
        if _PART_FILE.search(disposition):
            return named[1], b64encode(content).decode("ascii")
        if headers.get(b"content-type", b"").lower().startswith(b"application/json"):
            return named[1], _loads(content, limits)
        return named[1], _text(content.decode())
    except UnicodeDecodeError:
        raise InvalidRequest(detail="Parts must be UTF-8.") from None


def check_query_size(query: str, limits: ProtocolLimits) -> None:
    """Check the length of a query string.

    Raises:
        RequestSizeLimitExceeded: It is over the limit.
    """
    if len(query) > limits.query_bytes:
        raise RequestSizeLimitExceeded(detail=f"A query must have at most {limits.query_bytes} bytes, got {len(query)}.")


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name[:128])


def _kind(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), "object")
