"""Operators' users, their roles, tokens and passwords, and the errors about them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from facemeld.db.errors import StateError
from facemeld.errors import FacemeldError


class UserError(StateError):
    """A request about a user or token cannot be carried out."""


class UserExists(UserError):
    """A user of this name exists."""


class UserInvalid(UserError):
    """A name, a password, a role or a duration is not allowed."""


class UserNotFound(UserError):
    """There is no such user."""


class TokenNotFound(UserError):
    """The user has no such token."""


class PasswordWrong(UserError):
    """The name and password do not match, or the user is disabled."""


class TokenInvalid(UserError):
    """The bearer token is unknown, expired or revoked, or its user is disabled."""


class RoleInsufficient(UserError):
    """The user's role does not allow the act."""


class TooManyAttempts(FacemeldError):
    """Too many passwords were tried for a name or from an address; try again after ``seconds``."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds

    def __reduce__(self) -> tuple[type[TooManyAttempts], tuple[str, int]]:
        return type(self), (str(self), self.seconds)


class AttemptsUncounted(FacemeldError):
    """Attempts to sign in cannot be counted at present, so all are refused."""


class Role(StrEnum):
    """A user's role; each role includes the permissions of those listed below it."""

    OWNER = "owner"
    """Users, accounts and their limits."""
    OPERATOR = "operator"
    """Keys, activities, materials, results; reading the audit log."""
    REVIEWER = "reviewer"
    """Decisions on materials and appeals."""
    VIEWER = "viewer"
    """Reading."""

    def allows(self, wanted: Role) -> bool:
        """Whether this role includes the permissions of ``wanted``."""
        return _RANKS.index(self) <= _RANKS.index(wanted)

    def limited_to(self, other: Role) -> Role:
        """Return the lower of two roles."""
        return other if self.allows(other) else self


_RANKS = tuple(Role)


class TokenKind(StrEnum):
    """How a token was created: by signing in, or for a program."""

    SESSION = "session"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class User:
    """A person who administers the service.

    Attributes:
        disabled: A disabled user cannot sign in, and their tokens are refused.
        signed_in_at: Time of the last sign-in, or None.
    """

    id: int
    name: str
    role: Role
    disabled: bool
    created_at: datetime
    signed_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token without its text; ``role`` is the highest role it grants, limited further by the user's."""

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
    """A new token with its text, which is not shown again."""

    id: int
    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """The user who makes a request; ``role`` is the lower of the user's and the token's."""

    user_id: int
    name: str
    role: Role
    token_id: int

    @property
    def actor(self) -> str:
        """Name of the user in the audit log."""
        return f"user:{self.name}"


SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256


class Cost(NamedTuple):
    """Cost of a hash: log2 of scrypt's N, its block size r and its parallelism p."""

    log_n: int
    block: int
    lanes: int


PASSWORD_COST = Cost(15, 8, 3)
"""Cost of new hashes (32 MiB of memory), as OWASP's Password Storage Cheat Sheet recommends."""

_SALT_BYTES = 16
_HASH_BYTES = 32
_MEMORY = 64 << 20


def hash_password(password: str) -> str:
    """Return the scrypt hash of a password as text: method, cost, salt and hash, for ``password_matches``.

    Raises:
        UserInvalid: the password is shorter than 12 or longer than 256 characters.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UserInvalid(f"a password must have {SHORTEST_PASSWORD}-{LONGEST_PASSWORD} characters, got {len(password)}")
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(password, salt, PASSWORD_COST)
    return f"scrypt${PASSWORD_COST.log_n}${PASSWORD_COST.block}${PASSWORD_COST.lanes}${salt.hex()}${digest.hex()}"


def password_matches(password: str, stored: str | None) -> bool:
    """Whether a password matches a stored hash. Without a hash, it takes as long and returns False."""
    if len(password) > LONGEST_PASSWORD:
        return False
    _, log_n, block, lanes, salt, digest = (stored or _unused_hash()).split("$")
    found = _scrypt(password, bytes.fromhex(salt), Cost(int(log_n), int(block), int(lanes)))
    return hmac.compare_digest(found, bytes.fromhex(digest)) and stored is not None


def generate_password() -> str:
    """Return a random password of 20 characters (120 bits)."""
    return secrets.token_urlsafe(15)


@cache
def _unused_hash() -> str:
    return hash_password(generate_password())


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    # Keyboards compose letters differently; NFKC unifies them (NIST SP 800-63B, 5.1.1.2).
    text = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=1 << cost.log_n, r=cost.block, p=cost.lanes, maxmem=_MEMORY, dklen=_HASH_BYTES)
