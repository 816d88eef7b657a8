"""The interface of result stores, its value types and errors."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, Protocol

from facemeld.db.errors import StateError

PATH_PREFIX = "/results/"
"""Path of the addresses of results."""

MEDIA_TYPES = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4"}
"""File extensions by media type of results."""

_TYPES_BY_EXTENSION = {extension: media_type for media_type, extension in MEDIA_TYPES.items()}
_RANDOM_BYTES = 20
_PATTERN = re.compile(rf"([0-9a-f]{{8,9}})-([0-9a-f]{{{2 * _RANDOM_BYTES}}})\.([a-z0-9]{{3}})", re.ASCII)


class ResultError(StateError):
    """A result cannot be stored or served."""


class ResultNotSaved(ResultError):
    """The store has no room or cannot be written."""


class ResultNotFound(ResultError):
    """The result does not exist or has been purged."""


class ResultExpired(ResultError):
    """The result or its address is past its expiry."""


class SignatureInvalid(ResultError):
    """The address of a result is malformed or was not signed by this service."""


@dataclass(frozen=True, slots=True)
class ResultId:
    """Id of a result: its expiry in UNIX seconds, 160 random bits and its extension.

    The text form, such as ``6a12cd80-5b0c….jpg``, is safe in URLs and file names.
    """

    expiry: int
    random: str
    extension: str

    def __str__(self) -> str:
        return f"{self.expiry:08x}-{self.random}.{self.extension}"

    @property
    def media_type(self) -> str:
        """Media type such as ``image/jpeg``."""
        return _TYPES_BY_EXTENSION[self.extension]

    @property
    def expires_at(self) -> datetime:
        """The moment from which the result is no longer served."""
        return datetime.fromtimestamp(self.expiry, UTC)

    @classmethod
    def new(cls, media_type: str, expires_at: datetime, secret: bytes | None = None) -> ResultId:
        """Return a new id.

        Args:
            media_type: One of ``MEDIA_TYPES``.
            expires_at: Aware; fractions of a second are dropped.
            secret: At least 20 unguessable bytes that replace the random ones.

        Raises:
            ValueError: the media type is another one.
        """
        if media_type not in MEDIA_TYPES:
            raise ValueError(f"the media type of a result must be one of {', '.join(MEDIA_TYPES)}, got {media_type!r}")
        unguessable = secrets.token_bytes(_RANDOM_BYTES) if secret is None else secret[:_RANDOM_BYTES]
        return cls(int(expires_at.timestamp()), unguessable.hex(), MEDIA_TYPES[media_type])

    @classmethod
    def parse(cls, text: str) -> ResultId:
        """Parse the text form, or raise ``ResultNotFound`` if the text is not exactly in that form."""
        match = _PATTERN.fullmatch(text)
        if match is None or match[3] not in _TYPES_BY_EXTENSION or str(parsed := cls(int(match[1], 16), match[2], match[3])) != text:
            raise ResultNotFound("the id of a result must have the form EXPIRY-RANDOM.EXTENSION, got another one")
        return parsed


@dataclass(frozen=True, slots=True, eq=False)
class StoredResult:
    """An open result, which stays readable during a purge.

    Attributes:
        stream: The open file, whose ``name`` is its path; the reader closes it.
        size: In bytes.
    """

    id: ResultId
    stream: BinaryIO
    size: int

    @property
    def media_type(self) -> str:
        """Media type such as ``image/jpeg``."""
        return self.id.media_type

    @property
    def expires_at(self) -> datetime:
        """The moment from which the result is no longer served."""
        return self.id.expires_at


@dataclass(frozen=True, slots=True)
class ResultSummary:
    """A result in a list, with its size in bytes."""

    id: ResultId
    size: int
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class Erased:
    """A deleted result: hexadecimal SHA-256 and size in bytes of its content."""

    sha256: str
    size: int


class ResultStore(Protocol):
    """Stores results until they expire and signs their addresses."""

    def put(self, data: bytes, media_type: str, expires_at: datetime, request_id: str = "") -> ResultId:
        """Store a result durably.

        Args:
            data: The content.
            media_type: One of ``MEDIA_TYPES``.
            expires_at: The moment from which it is no longer served.
            request_id: Id of the call, for ``find``; a result without one cannot be found.

        Raises:
            ResultNotSaved: the store is full or cannot be written.
            ValueError: the media type is another one, or the expiry has passed.
        """
        ...

    def open(self, result: ResultId) -> StoredResult:
        """Open a result for reading.

        Raises:
            ResultExpired: it has expired, purged or not.
            ResultNotFound: it does not exist.
        """
        ...

    def results(self, *, after: ResultId | None = None, limit: int = 100) -> tuple[ResultSummary, ...]:
        """Return unexpired results in the order of expiry; ``after`` is the last result of the previous page."""
        ...

    def find(self, request_ids: Collection[str]) -> Mapping[str, tuple[ResultId, ...]]:
        """Return the results of calls by RequestId, including expired ones not purged yet."""
        ...

    def erase(self, result: ResultId) -> Erased:
        """Delete a result as ``remove`` does and return its digest and size."""
        ...

    def remove(self, result: ResultId) -> None:
        """Delete a result durably before its expiry.

        Raises:
            ResultNotFound: it does not exist.
            ResultNotSaved: the store cannot be changed.
        """
        ...

    def purge(self, now: datetime) -> int:
        """Delete the results that had expired by ``now`` and return their number.

        Raises:
            ResultNotSaved: the store cannot be changed.
        """
        ...

    def sign(self, result: ResultId, expires: datetime | None = None) -> str:
        """Return path and query of an address that serves the result until ``expires``, at most until its own expiry."""
        ...

    def verify(self, path: str, query: str, now: datetime) -> ResultId:
        """Return the result of a signed address.

        Raises:
            SignatureInvalid: the address was not made by ``sign``.
            ResultExpired: the address has expired.
        """
        ...
