"""What can go wrong with users, passwords and tokens."""

from __future__ import annotations

from facemeld.db import StateError
from facemeld.errors import FacemeldError


class UserError(StateError):
    """A user or token is not as the caller expected."""


class UserExists(UserError):
    """The name of a new user is taken."""


class UserInvalid(UserError):
    """A name, a password, a role or a duration is not allowed."""


class UserNotFound(UserError):
    """There is no such user."""


class TokenNotFound(UserError):
    """The user has no such token."""


class PasswordWrong(UserError):
    """Name and password do not belong together, or the user is disabled."""


class TokenInvalid(UserError):
    """The bearer token is unknown, expired or revoked, or its user is disabled."""


class RoleInsufficient(UserError):
    """The user's role does not allow the act."""


class TooManyAttempts(FacemeldError):
    """A name or an address has tried too many passwords.

    Attributes:
        seconds: When to try again.
    """

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds

    def __reduce__(self) -> tuple[type[TooManyAttempts], tuple[str, int]]:
        return type(self), (str(self), self.seconds)


class AttemptsUncounted(FacemeldError):
    """Attempts to sign in cannot be counted now, so none is let through."""
