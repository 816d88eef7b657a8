"""Value types of operators' users and their tokens, and the errors of users."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from facemeld.db.errors import StateError
from facemeld.errors import FacemeldError


class Role(StrEnum):
    """What a user may do; each role may do everything that the ones below it may."""

    OWNER = "owner"
    """Users, accounts and their limits."""
    OPERATOR = "operator"
    """Keys, activities, materials, results; reading the audit log."""
    REVIEWER = "reviewer"
    """Decisions on materials and appeals."""
    VIEWER = "viewer"
    """Reading."""

    def allows(self, wanted: Role) -> bool:
        """Whether this role may do what ``wanted`` may."""
        return _RANKS.index(self) <= _RANKS.index(wanted)

    def limited_to(self, other: Role) -> Role:
        """The one of two roles that may do less."""
        return other if self.allows(other) else self


_RANKS = tuple(Role)


class TokenKind(StrEnum):
    """How a token came about: by signing in, or made for a program."""

    SESSION = "session"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class User:
    """A person who administers the service.

    Attributes:
        disabled: A disabled user cannot sign in, and none of the tokens is accepted.
        signed_in_at: When a password was last accepted; None for never.
    """

    id: int
    name: str
    role: Role
    disabled: bool
    created_at: datetime
    signed_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token as it may be shown: without its text.

    Attributes:
        role: The most that it may be used for; the user's own role limits it further.
    """

    id: int
    user: str
    kind: TokenKind
    label: str
    role: Role
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token at the only moment at which its text is shown."""

    id: int
    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request.

    Attributes:
        user_id: The user.
        name: The user's name.
        role: What this request may do: the lower of the user's and the token's role.
        token_id: The token that was shown.
    """

    user_id: int
    name: str
    role: Role
    token_id: int

    @property
    def actor(self) -> str:
        """The user as the audit log names actors."""
        return f"user:{self.name}"


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
