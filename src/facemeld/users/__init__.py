"""Operators' users: who may administer the service, their passwords and bearer tokens."""

from facemeld.users.errors import (
    PasswordWrong,
    RoleInsufficient,
    TokenInvalid,
    TokenNotFound,
    UserError,
    UserExists,
    UserInvalid,
    UserNotFound,
)
from facemeld.users.passwords import generate_password
from facemeld.users.store import UserStore
from facemeld.users.types import NewToken, Principal, Role, Token, TokenKind, User

__all__ = [
    "NewToken",
    "PasswordWrong",
    "Principal",
    "Role",
    "RoleInsufficient",
    "Token",
    "TokenInvalid",
    "TokenKind",
    "TokenNotFound",
    "User",
    "UserError",
    "UserExists",
    "UserInvalid",
    "UserNotFound",
    "UserStore",
    "generate_password",
]
