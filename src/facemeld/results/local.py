"""Results as files in a local folder, one folder for each hour of expiry."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from facemeld.counts import Counts, Family
from facemeld.db.errors import Clock, utc_now
from facemeld.db.files import TEMPORARY_PREFIX, make_folder, replace_file, sync_folder
from facemeld.results import types

_HOUR = "%Y-%m-%dT%H"
_SECRET_PART = slice(-44, -4)
"""Position of the 40 random digits in a file name, between expiry and extension."""

_HOUR_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}", re.ASCII)
_QUERY = re.compile(r"expires=([1-9]\d{0,11})&signature=([0-9a-f]{64})", re.ASCII)


class LocalResultStore:
    """Stores results as files; see ``ResultStore`` for its methods.

    A folder holds the results that expire within one hour of UTC, so that a purge removes whole folders. Results that expire
    within the current hour are refused from then on, but purged later.

    Args:
        directory: Created when the first result is stored.
        secret: Key for signatures, at least 32 bytes, the same in all processes.
        clock: The present moment in UTC.
        counts: Numbers of stored and purged results, for metrics.
    """

    def __init__(self, directory: Path, secret: bytes, clock: Clock = utc_now, counts: Counts | None = None) -> None:
        if len(secret) < 32:
            raise ValueError(f"the key for result addresses must have at least 32 bytes, got {len(secret)}")
        self._directory = directory
        self._secret = secret
        self._clock = clock
        self._synced: frozenset[Path] = frozenset()
        self._counts = counts or Counts()

    def put(self, data: bytes, media_type: str, expires_at: datetime, request_id: str = "") -> types.ResultId:
        """Store a result."""
        if expires_at <= self._clock() + timedelta(seconds=1):
            raise ValueError(f"the expiry of a result must lie ahead, got {expires_at.isoformat()}")
        result = types.ResultId.new(media_type, expires_at, self._secret_of(request_id) if request_id else None)
        path = self._path(result)
        try:
            self._prepare(path.parent)
            replace_file(path, data)
        except OSError as error:
            self._counts.add(Family.RESULTS, "not stored")
            raise types.ResultNotSaved(f"the result must be written to {path.parent}, got: {error.strerror}") from error
        self._counts.add(Family.RESULTS, "stored")
        self._counts.add(Family.RESULT_BYTES, amount=len(data))
        return result

    def open(self, result: types.ResultId) -> types.StoredResult:
        """Open a result for reading."""
        if self._clock() >= result.expires_at:
            raise types.ResultExpired(f"the result must be fetched before {result.expires_at.isoformat()}, which has passed")
        try:
            stream = self._path(result).open("rb")
        except OSError as error:
            raise types.ResultNotFound(f"the result must be in the store, got: {error.strerror}") from error
        return types.StoredResult(result, stream, os.fstat(stream.fileno()).st_size)

    def results(self, *, after: types.ResultId | None = None, limit: int = 100) -> tuple[types.ResultSummary, ...]:
        """Return unexpired results in the order of expiry."""
        now = self._clock()
        earliest = max(now, after.expires_at) if after is not None else now
        found: list[types.ResultSummary] = []
        for hour in sorted(_names(self._directory)):
            if not _HOUR_PATTERN.fullmatch(hour) or hour < earliest.strftime(_HOUR):
                continue
            # Names sort by expiry, because they begin with it in a fixed number of digits. Only files of the page are read.
            for name in sorted(_names(self._directory / hour)):
                if after is not None and name <= str(after):
                    continue
                summary = _summary(self._directory / hour / name)
                if summary is None or summary.id.expires_at <= now:
                    continue
                found.append(summary)
                if len(found) == limit:
                    return tuple(found)
        return tuple(found)

    def find(self, request_ids: Collection[str]) -> Mapping[str, tuple[types.ResultId, ...]]:
        """Return the results of calls; lists the names of all files, once for all calls."""
        wanted = {self._secret_of(request_id)[:20].hex(): request_id for request_id in request_ids}
        found: dict[str, tuple[types.ResultId, ...]] = {}
        for hour in _names(self._directory) if wanted else ():
            for name in _names(self._directory / hour) if _HOUR_PATTERN.fullmatch(hour) else ():
                request_id = wanted.get(name[_SECRET_PART])
                if request_id is not None:
                    found[request_id] = (*found.get(request_id, ()), types.ResultId.parse(name))
        return found

    def erase(self, result: types.ResultId) -> types.Erased:
        """Delete a result and return its digest and size."""
        try:
            content = self._path(result).read_bytes()
        except OSError as error:
            raise types.ResultNotFound(f"the result must be in the store, got: {error.strerror}") from error
        self.remove(result)
        return types.Erased(hashlib.sha256(content).hexdigest(), len(content))

    def remove(self, result: types.ResultId) -> None:
        """Delete a result before its expiry."""
        path = self._path(result)
        try:
            path.unlink()
            sync_folder(path.parent)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise types.ResultNotFound(f"the result must be in the store, got: {error.strerror}") from error
        except OSError as error:
            raise types.ResultNotSaved(f"the result must be removable for good, got: {error.strerror}") from error

    def purge(self, now: datetime) -> int:
        """Delete the folders of past hours and return the number of results; several processes may do so at once."""
        try:
            return self._purge(now.astimezone(UTC).strftime(_HOUR))
        except OSError as error:
            raise types.ResultNotSaved(f"expired results must be removable for good, got: {error.strerror}") from error

    def _purge(self, current: str) -> int:
        folders = [entry for entry in _entries(self._directory) if _HOUR_PATTERN.fullmatch(entry.name) and entry.name < current]
        count = 0
        for folder in folders:
            for file in _entries(folder):
                count += not file.name.startswith(TEMPORARY_PREFIX)
                file.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                folder.rmdir()
        if folders:
            self._synced = self._synced.difference(folders)
            sync_folder(self._directory)
        self._counts.add(Family.RESULTS, "purged", count)
        return count

    def files(self, now: datetime) -> Iterator[Path]:
        """Yield the files of results that have not expired by ``now``."""
        for folder in _entries(self._directory):
            if _HOUR_PATTERN.fullmatch(folder.name):
                for file in _entries(folder):
                    if (summary := _summary(file)) is not None and summary.id.expires_at > now:
                        yield file

    def leftovers(self, now: datetime, before: datetime) -> Iterator[Path]:
        """Yield files of results that had expired by ``now``, and unfinished files last changed before ``before``."""
        for folder in _entries(self._directory):
            if not _HOUR_PATTERN.fullmatch(folder.name):
                continue
            for file in _entries(folder):
                if file.name.startswith(TEMPORARY_PREFIX):
                    if _changed_before(file, before):
                        yield file
                elif (summary := _summary(file)) is not None and summary.id.expires_at <= now:
                    yield file

    def remove_leftovers(self, now: datetime, before: datetime) -> int:
        """Delete the files that ``leftovers`` finds and return their number.

        Raises:
            ResultNotSaved: the store cannot be changed.
        """
        count = 0
        try:
            for file in self.leftovers(now, before):
                file.unlink(missing_ok=True)
                count += 1
        except OSError as error:
            raise types.ResultNotSaved(f"files of results must be removable, got: {error.strerror}") from error
        return count

    def sign(self, result: types.ResultId, expires: datetime | None = None) -> str:
        """Return path and query of a signed address."""
        until = result.expiry if expires is None else min(result.expiry, int(expires.timestamp()))
        path = f"{types.PATH_PREFIX}{result}"
        return f"{path}?expires={until}&signature={self._signature(path, until)}"

    def verify(self, path: str, query: str, now: datetime) -> types.ResultId:
        """Return the result of a signed address."""
        match = _QUERY.fullmatch(query)
        if match is None or not path.startswith(types.PATH_PREFIX):
            raise types.SignatureInvalid(
                f"the address must have the form {types.PATH_PREFIX}ID?expires=SECONDS&signature=DIGITS, got another one"
            )
        until = int(match[1])
        if not hmac.compare_digest(self._signature(path, until), match[2]):
            raise types.SignatureInvalid("the signature of the address must be this service's, got another one")
        if now.timestamp() >= until:
            raise types.ResultExpired(f"the address must be used before {datetime.fromtimestamp(until, UTC).isoformat()}, which has passed")
        return types.ResultId.parse(path.removeprefix(types.PATH_PREFIX))

    def _secret_of(self, request_id: str) -> bytes:
        """Return the unguessable part of a result's name, which the key derives from the RequestId."""
        return hmac.new(self._secret, f"facemeld-result-name/1\n{request_id}".encode(), hashlib.sha256).digest()

    def _signature(self, path: str, until: int) -> str:
        message = f"facemeld-result/1\n{path}\n{until}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()

    def _path(self, result: types.ResultId) -> Path:
        return self._directory / result.expires_at.strftime(_HOUR) / str(result)

    def _prepare(self, folder: Path) -> None:
        if folder in self._synced and folder.is_dir():
            return
        make_folder(folder)
        # Another process may have just created the folder without syncing it yet.
        sync_folder(self._directory)
        self._synced = self._synced.union([folder])


def _summary(file: Path) -> types.ResultSummary | None:
    """Return the summary of a result's file; None if it is none or has just been deleted."""
    try:
        status = file.stat()
        return types.ResultSummary(types.ResultId.parse(file.name), status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
    except (OSError, types.ResultNotFound):
        return None


def _changed_before(file: Path, moment: datetime) -> bool:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC) < moment
    except OSError:
        return False


def _entries(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder)]


def _names(folder: Path) -> list[str]:
    """Return the names in a folder as text, because there may be hundreds of thousands."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except FileNotFoundError:
        return []
