"""Hashes passwords with scrypt from the standard library."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from functools import cache
from typing import NamedTuple

from facemeld.users.types import UserInvalid

SHORTEST = 12
LONGEST = 256


class Cost(NamedTuple):
    """How much work a hash takes: scrypt's N as a power of two, its block size r and its lanes p."""

    log_n: int
    block: int
    lanes: int


COST = Cost(15, 8, 3)
"""Cost of new hashes: 32 MiB at a time, one of the settings that OWASP's Password Storage Cheat Sheet recommends."""

_SALT_BYTES = 16
_HASH_BYTES = 32
_MEMORY = 64 << 20


def hash_password(password: str) -> str:
    """A text from which ``matches`` can tell the password: method, cost, salt and hash.

    Raises:
        UserInvalid: the password is shorter than 12 or longer than 256 characters.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise UserInvalid(f"a password must have {SHORTEST}-{LONGEST} characters, got {len(password)}")
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(password, salt, COST)
    return f"scrypt${COST.log_n}${COST.block}${COST.lanes}${salt.hex()}${digest.hex()}"


def matches(password: str, stored: str | None) -> bool:
    """Whether a password belongs to a stored hash; takes as long when there is no hash to compare with."""
    if len(password) > LONGEST:
        return False
    _, log_n, block, lanes, salt, digest = (stored or _nobodys_hash()).split("$")
    found = _scrypt(password, bytes.fromhex(salt), Cost(int(log_n), int(block), int(lanes)))
    return hmac.compare_digest(found, bytes.fromhex(digest)) and stored is not None


def generate_password() -> str:
    """A password of 20 characters that nobody can guess: 120 bits."""
    return secrets.token_urlsafe(15)


@cache
def _nobodys_hash() -> str:
    return hash_password(generate_password())


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    # Keyboards compose letters differently; NFKC makes what looks the same the same (NIST SP 800-63B, 5.1.1.2).
    text = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=1 << cost.log_n, r=cost.block, p=cost.lanes, maxmem=_MEMORY, dklen=_HASH_BYTES)
