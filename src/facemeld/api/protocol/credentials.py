"""What the protocol needs to know about an access key, and where it asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from facemeld.errors import FacemeldError


class CredentialsUnavailable(FacemeldError):
    """Keys cannot be looked up at the moment."""


class KeyKind(StrEnum):
    """What a key is for."""

    API = "api"
    """May call the API."""
    CONSOLE = "console"
    """Signs in to the console only; calls are refused with InvalidSecretId."""


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key.

    Attributes:
        secret_id: Public name of the key.
        secret_key: The secret that signs.
        account_id: The account that owns the key.
        token: Session token that must come with a temporary key; None for permanent keys.
        expires_at: UNIX seconds at which a temporary key ends; None for never.
        kind: What the key is for.
        enabled: False for a key that was disabled; it is answered like an unknown one.
        policy: Whatever the hooks need to know about the key and its account; the protocol passes it on with the call.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    account_id: int
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    kind: KeyKind = KeyKind.API
    enabled: bool = True
    policy: object = field(default=None, repr=False)


class Credentials(Protocol):
    """Where keys are looked up."""

    async def find(self, secret_id: str) -> Credential | None:
        """The key with this name, or None if there never was one or it was deleted.

        Raises:
            CredentialsUnavailable: They cannot be looked up at the moment.
        """
        ...
