"""Conditions and ranges of requests for files that never change (RFC 9110, sections 13 and 14): what part is to be sent, if any."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


class Refusal(Enum):
    """Why nothing of a file is sent, with the HTTP status that says so."""

    NOT_MODIFIED = 304
    PRECONDITION_FAILED = 412
    RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a file from ``start`` up to but not including ``stop``.

    Attributes:
        partial: Whether the caller asked for a range, so that the status is 206.
    """

    start: int
    stop: int
    partial: bool

    @property
    def size(self) -> int:
        """How many bytes that are."""
        return self.stop - self.start


def decide(method: str, headers: Mapping[str, str], tag: str, size: int) -> Part | Refusal:
    """What to answer to a request for a file.

    A request for several ranges at once gets the whole file, which the standard allows; so does a range in another unit or form.

    Args:
        method: ``GET`` or ``HEAD``.
        headers: The request's, by lower-case names.
        tag: Strong entity tag of the file, with its quotes.
        size: Bytes of the file.
    """
    if (wanted := headers.get("if-match")) is not None and not _matches(wanted, tag, weak=False):
        return Refusal.PRECONDITION_FAILED
    if (known := headers.get("if-none-match")) is not None and _matches(known, tag, weak=True):
        return Refusal.NOT_MODIFIED
    whole = Part(0, size, partial=False)
    asked = _RANGE.fullmatch(headers.get("range", ""))
    if method != "GET" or asked is None or headers.get("if-range", tag).strip() != tag:
        return whole
    first, last = asked.groups()
    if not first and not last:
        return whole
    if first and last and int(last) < int(first):
        return whole
    start = int(first) if first else max(0, size - int(last))
    if start >= size or (not first and int(last) == 0):
        return Refusal.RANGE_NOT_SATISFIABLE
    return Part(start, min(int(last) + 1, size) if first and last else size, partial=True)


def _matches(field: str, tag: str, *, weak: bool) -> bool:
    if field.strip() == "*":
        return True
    return any(text == tag and (weak or not prefix) for prefix, text in _TAG.findall(field))
