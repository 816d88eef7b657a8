"""Result files with an expiry and signed addresses."""

from facemeld.results.errors import ResultError, ResultExpired, ResultNotFound, ResultNotSaved, SignatureInvalid
from facemeld.results.local import PATH_PREFIX, LocalResultStore
from facemeld.results.store import MEDIA_TYPES, Erased, ResultId, ResultStore, ResultSummary, StoredResult

__all__ = [
    "MEDIA_TYPES",
    "PATH_PREFIX",
    "Erased",
    "LocalResultStore",
    "ResultError",
    "ResultExpired",
    "ResultId",
    "ResultNotFound",
    "ResultNotSaved",
    "ResultStore",
    "ResultSummary",
    "SignatureInvalid",
    "StoredResult",
]
