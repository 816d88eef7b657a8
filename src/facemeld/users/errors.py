"""What can go wrong with users, passwords and tokens."""

from facemeld.db import StateError


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
