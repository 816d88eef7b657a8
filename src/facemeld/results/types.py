"""The interface of every store of results, its value types and its errors."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, Protocol

from facemeld.db.errors import StateError

MEDIA_TYPES = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4"}
"""Media types of results and their file extensions."""

_TYPES_BY_EXTENSION = {extension: media_type for media_type, extension in MEDIA_TYPES.items()}
_RANDOM_BYTES = 20
_PATTERN = re.compile(rf"([0-9a-f]{{8,9}})-([0-9a-f]{{{2 * _RANDOM_BYTES}}})\.([a-z0-9]{{3}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ResultId:
    """Name of a result: its expiry in UNIX seconds, 160 bits that nobody can guess and its extension.

    The text form, such as ``6a12cd80-5b0c….jpg``, is safe in paths of addresses and of files.
    """

    expiry: int
    random: str
    extension: str

    def __str__(self) -> str:
        return f"{self.expiry:08x}-{self.random}.{self.extension}"

    @property
    def media_type(self) -> str:
        """Media type of the content, such as ``image/jpeg``."""
        return _TYPES_BY_EXTENSION[self.extension]

    @property
    def expires_at(self) -> datetime:
        """From this moment on the result is not served."""
        return datetime.fromtimestamp(self.expiry, UTC)

    @classmethod
    def new(cls, media_type: str, expires_at: datetime, secret: bytes | None = None) -> ResultId:
        """A fresh id.

        Args:
            media_type: One of ``MEDIA_TYPES``.
            expires_at: Aware; fractions of a second are cut off.
            secret: Bytes that nobody can guess, of which the first 20 are used; None for random ones.

        Raises:
            ValueError: another media type.
        """
        if media_type not in MEDIA_TYPES:
            raise ValueError(f"the media type of a result must be one of {', '.join(MEDIA_TYPES)}, got {media_type!r}")
        unguessable = secrets.token_bytes(_RANDOM_BYTES) if secret is None else secret[:_RANDOM_BYTES]
        return cls(int(expires_at.timestamp()), unguessable.hex(), MEDIA_TYPES[media_type])

    @classmethod
    def parse(cls, text: str) -> ResultId:
        """Read the text form; whatever is not exactly that form does not get near a file.

        Raises:
            ResultNotFound: the text is no id.
        """
        match = _PATTERN.fullmatch(text)
        if match is None or match[3] not in _TYPES_BY_EXTENSION or str(parsed := cls(int(match[1], 16), match[2], match[3])) != text:
            raise ResultNotFound("the id of a result must have the form EXPIRY-RANDOM.EXTENSION, got another one")
        return parsed


@dataclass(frozen=True, slots=True, eq=False)
class StoredResult:
    """An open result. The reader closes ``stream``; a purge meanwhile does not disturb it.

    Attributes:
        id: Its name.
        stream: The content, from its beginning: an open file whose ``name`` is its path.
        size: Bytes of the content.
    """

    id: ResultId
    stream: BinaryIO
    size: int

    @property
    def media_type(self) -> str:
        """Media type of the content."""
        return self.id.media_type

    @property
    def expires_at(self) -> datetime:
        """From this moment on the result is not served."""
        return self.id.expires_at


@dataclass(frozen=True, slots=True)
class ResultSummary:
    """A result in a list.

    Attributes:
        id: Its name.
        size: Bytes of the content.
        stored_at: When it was stored.
    """

    id: ResultId
    size: int
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class Erased:
    """A result that was deleted: SHA-256 of its content, hexadecimal, and its size in bytes."""

    sha256: str
    size: int


class ResultStore(Protocol):
    """Keeps results until they expire and gives them signed addresses."""

    def put(self, data: bytes, media_type: str, expires_at: datetime, request_id: str = "") -> ResultId:
        """Store a result; it survives a crash as soon as this returns.

        Args:
            data: The file.
            media_type: One of ``MEDIA_TYPES``.
            expires_at: From this moment on it is not served.
            request_id: Id of the call that made it, by which ``find`` finds it; a result without one cannot be found.

        Raises:
            ResultNotSaved: no room, or the store cannot be written.
            ValueError: another media type, or an expiry that has passed.
        """
        ...

    def open(self, result: ResultId) -> StoredResult:
        """Open a result for reading.

        Raises:
            ResultExpired: it is past its expiry, purged or not.
            ResultNotFound: there is none of this id.
        """
        ...

    def results(self, *, after: ResultId | None = None, limit: int = 100) -> tuple[ResultSummary, ...]:
        """Results that have not expired, in the order of their expiry; ``after`` is the last one of the page before."""
        ...

    def find(self, request_ids: Collection[str]) -> Mapping[str, tuple[ResultId, ...]]:
        """The results of calls by their RequestIds, also those that have expired but are not purged yet."""
        ...

    def erase(self, result: ResultId) -> Erased:
        """Delete a result as ``remove`` does, and say what it was.

        Raises:
            ResultNotFound: there is none of this id.
            ResultNotSaved: the store cannot be changed.
        """
        ...

    def remove(self, result: ResultId) -> None:
        """Delete a result before its time; it is gone for good when this returns.

        Raises:
            ResultNotFound: there is none of this id.
            ResultNotSaved: the store cannot be changed.
        """
        ...

    def purge(self, now: datetime) -> int:
        """Delete what had expired by ``now`` and return how many results that were.

        Raises:
            ResultNotSaved: the store cannot be changed.
        """
        ...

    def sign(self, result: ResultId, expires: datetime | None = None) -> str:
        """Path and query of an address that serves the result until ``expires``, at most until the result's own expiry."""
        ...

    def verify(self, path: str, query: str, now: datetime) -> ResultId:
        """The result that a signed address stands for.

        Raises:
            SignatureInvalid: the address was not made by ``sign``.
            ResultExpired: it was, but its time is over.
        """
        ...


class ResultError(StateError):
    """A result cannot be stored or served."""


class ResultNotSaved(ResultError):
    """The store has no room or cannot be written."""


class ResultNotFound(ResultError):
    """There is no such result, or it has been purged."""


class ResultExpired(ResultError):
    """The result or its address is past its expiry."""


class SignatureInvalid(ResultError):
    """The address of a result is malformed or was not signed by this service."""


PATH_PREFIX = "/results/"
