"""Trying the API out from within the server: what a signed-in user asks, and what a program would have got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

CONSOLE = "console"
"""What records of such calls have as their caller's address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One call.

    Attributes:
        account_id: Whose call it is: its state, credit and rates count, and the record names it.
        action: Name of the action, of version 2022-09-27.
        parameters: As a program would send them.
        consent: Reference to the consent of the people shown, or None.
        language: Language of messages and of texts in results.
        base_url: Address under which the result can be fetched, without a slash at its end.
    """

    account_id: int
    action: str
    parameters: Mapping[str, Any] = field(repr=False)
    consent: str | None = None
    language: Literal["zh-CN", "en-US"] = "en-US"
    base_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of it.

    Attributes:
        request_id: RequestId of the call, under which its record is found.
        code: Code of the error; empty for success.
        reply: The envelope as a program gets it.
        milliseconds: How long it took.
        stages: How long the parts of the work took, in milliseconds by their names.
    """

    request_id: str
    code: str
    reply: Mapping[str, Any] = field(repr=False)
    milliseconds: float
    stages: Mapping[str, float]


class Caller(Protocol):
    """Makes calls without a signature: whoever uses it must have checked who asks."""

    async def call(self, trial: Trial) -> Tried:
        """Do a call as the API does: the same checks, charges, marks and records. Errors of the API are part of the reply.

        Raises:
            AccountNotFound: there is no such account.
        """
        ...
