"""Signing in with a limit on attempts, and the roles that administrative acts need."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from facemeld.counts import Counts, Family
from facemeld.users import types
from facemeld.users.store import UserStore

_ADDRESS_FACTOR = 5
"""An address, such as that of an office, gets this many times the attempts of a name."""


class Act(StrEnum):
    """Administrative acts, the same for the REST API and the console."""

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
    """Read the settings."""
    ACCOUNTS = "accounts"
    """Create accounts and change their state, credit and limits."""
    USERS = "users"
    """See, create and change users and their tokens."""


NEEDED_ROLES = MappingProxyType(
    {
        Act.READ: types.Role.VIEWER,
        Act.DECIDE: types.Role.REVIEWER,
        Act.EDIT: types.Role.OPERATOR,
        Act.KEYS: types.Role.OPERATOR,
        Act.AUDIT: types.Role.OPERATOR,
        Act.SETTINGS: types.Role.OPERATOR,
        Act.ACCOUNTS: types.Role.OWNER,
        Act.USERS: types.Role.OWNER,
    }
)
"""The lowest role that each act needs."""


def require(principal: types.Principal, act: Act) -> None:
    """Raise ``RoleInsufficient`` if the role of the principal does not allow the act."""
    needed = NEEDED_ROLES[act]
    if not principal.role.allows(needed):
        raise types.RoleInsufficient(f"the role must be at least {needed.value}, {principal.name}'s is {principal.role.value}")


class SignIn:
    """Exchanges passwords for session tokens.

    Args:
        users: The users.
        attempts: Passwords that may be tried for one name within ``window``; five times as many from one address.
        window: Time in which attempts are counted, and for which a name is locked out.
        session: Life of a token.
        storage: ``memory://``, or the URL of a Redis that several servers share, to count attempts in.
        counts: Outcomes of attempts, for metrics.
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

    def sign_in(self, name: str, password: str, address: str) -> tuple[types.User, types.NewToken]:
        """Return the user and a new session token; arguments and errors are those of ``check``."""
        user = self.check(name, password, address)
        token = self._users.create_token(user.name, life=self._session, kind=types.TokenKind.SESSION, actor=f"user:{user.name}")
        return user, token

    def check(self, name: str, password: str, address: str) -> types.User:
        """Return the user with this name and password; ``address`` is the caller's.

        Raises:
            TooManyAttempts: too many recent attempts for this name or from this address; the password was not checked.
            PasswordWrong: the name and password do not match.
            AttemptsUncounted: the storage of the counts does not answer.
        """
        name = name[:80]
        try:
            self._count(name, address)
            user = self._users.check_password(name, password)
        except types.TooManyAttempts:
            self._counts.add(Family.SIGN_INS, "too many")
            raise
        except types.PasswordWrong:
            self._counts.add(Family.SIGN_INS, "wrong")
            raise
        self._counts.add(Family.SIGN_INS, "ok")
        try:
            self._limiter.clear(self._by_name, name)
        except StorageError as error:
            raise types.AttemptsUncounted("the storage of the sign-in counts must answer, got an error") from error
        return user

    def _count(self, name: str, address: str) -> None:
        try:
            # Counted before the password is checked, so that concurrent attempts cannot exceed the limit.
            allowed = self._limiter.hit(self._by_address, address) and self._limiter.hit(self._by_name, name)
        except StorageError as error:
            raise types.AttemptsUncounted("the storage of the sign-in counts must answer, got an error") from error
        if not allowed:
            raise types.TooManyAttempts(f"too many attempts to sign in: wait {self._window} seconds", self._window)
