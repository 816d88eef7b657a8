"""The use case of signing in: a password for a token, with a limit on attempts."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from facemeld.counts import Counts, Family
from facemeld.users.passwords import generate_password
from facemeld.users.store import UserStore
from facemeld.users.types import (
    AttemptsUncounted,
    NewToken,
    PasswordWrong,
    Principal,
    Role,
    RoleInsufficient,
    TokenKind,
    TooManyAttempts,
    User,
)

__all__ = ["NEEDED_ROLES", "Act", "NewToken", "Principal", "Role", "SignIn", "User", "generate_password", "require"]

_ADDRESS_FACTOR = 5
"""How many users may fail from one address, such as that of an office, before all of them must wait."""


class Act(StrEnum):
    """Kinds of administrative acts; the REST API and the console allow the same."""

    READ = "read"
    """See accounts, keys without secrets, activities, materials, usage and results."""
    DECIDE = "decide"
    """Approve and reject materials and appeals, and see their history."""
    EDIT = "edit"
    """Create, change and delete activities, materials and results; appeal."""
    KEYS = "keys"
    """Create, enable and disable access keys."""
    AUDIT = "audit"
    """Read the audit log."""
    SETTINGS = "settings"
    """Read what the operator set."""
    ACCOUNTS = "accounts"
    """Create accounts and change their state, credit and limits."""
    USERS = "users"
    """See, create and change users and their tokens."""


NEEDED_ROLES = MappingProxyType(
    {
        Act.READ: Role.VIEWER,
        Act.DECIDE: Role.REVIEWER,
        Act.EDIT: Role.OPERATOR,
        Act.KEYS: Role.OPERATOR,
        Act.AUDIT: Role.OPERATOR,
        Act.SETTINGS: Role.OPERATOR,
        Act.ACCOUNTS: Role.OWNER,
        Act.USERS: Role.OWNER,
    }
)
"""The lowest role that may do each."""


def require(principal: Principal, act: Act) -> None:
    """Refuse an act that a role does not allow.

    Raises:
        RoleInsufficient: the role is too low.
    """
    needed = NEEDED_ROLES[act]
    if not principal.role.allows(needed):
        raise RoleInsufficient(f"the role must be at least {needed.value}, {principal.name}'s is {principal.role.value}")


class SignIn:
    """Gives tokens for passwords.

    Args:
        users: The users.
        attempts: Passwords that may be tried for one name within ``window``; five times as many from one address.
        window: The time in which attempts are counted; also how long a name is locked out.
        session: Life of a token.
        storage: Where attempts are counted: ``memory://``, or the URL of a Redis that several servers share.
        counts: Where attempts are counted by outcome, for metrics.
    """

    def __init__(
        self,
        users: UserStore,
        *,
        attempts: int = 10,
        window: timedelta = timedelta(minutes=5),
        session: timedelta = timedelta(hours=12),
        storage: str = "memory://",
        counts: Counts | None = None,
    ) -> None:
        self._users = users
        self._counts = counts or Counts()
        self._session = session
        self._window = int(window.total_seconds())
        self._by_name = RateLimitItemPerSecond(attempts, self._window, namespace="sign-in-name")
        self._by_address = RateLimitItemPerSecond(attempts * _ADDRESS_FACTOR, self._window, namespace="sign-in-address")
        self._limiter = MovingWindowRateLimiter(storage_from_string(storage, wrap_exceptions=True))

    def sign_in(self, name: str, password: str, address: str) -> tuple[User, NewToken]:
        """A session for a user; arguments and errors are those of ``check``."""
        user = self.check(name, password, address)
        token = self._users.create_token(user.name, life=self._session, kind=TokenKind.SESSION, actor=f"user:{user.name}")
        return user, token

    def check(self, name: str, password: str, address: str) -> User:
        """The user whom name and password belong to.

        Args:
            name: The user's name.
            password: The password as typed.
            address: Where the caller is.

        Raises:
            TooManyAttempts: too many attempts lately for this name or from this address; nothing was checked.
            PasswordWrong: name and password do not belong together.
            AttemptsUncounted: the storage of the counts does not answer.
        """
        name = name[:80]
        try:
            self._count(name, address)
            user = self._users.check_password(name, password)
        except TooManyAttempts:
            self._counts.add(Family.SIGN_INS, "too many")
            raise
        except PasswordWrong:
            self._counts.add(Family.SIGN_INS, "wrong")
            raise
        self._counts.add(Family.SIGN_INS, "ok")
        try:
            self._limiter.clear(self._by_name, name)
        except StorageError as error:
            raise AttemptsUncounted("the storage of the sign-in counts must answer, got an error") from error
        return user

    def _count(self, name: str, address: str) -> None:
        try:
            # Counted before the password is looked at: attempts side by side must not slip through.
            allowed = self._limiter.hit(self._by_address, address) and self._limiter.hit(self._by_name, name)
        except StorageError as error:
            raise AttemptsUncounted("the storage of the sign-in counts must answer, got an error") from error
        if not allowed:
            raise TooManyAttempts(f"too many attempts to sign in: wait {self._window} seconds", self._window)
