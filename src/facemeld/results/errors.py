"""What can go wrong with stored results."""

from facemeld.db import StateError


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
