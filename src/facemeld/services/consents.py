"""References to people's consent: required by settings or activities, recorded before a result leaves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from facemeld.privacy import PrivacyStore
from facemeld.services.errors import ConsentMissing
from facemeld.services.requests import Facts
from facemeld.timing import stage


@dataclass(frozen=True, slots=True)
class Consents:
    """The consents of calls.

    Attributes:
        store: The stored references.
        required: Whether every fusion needs one, regardless of its activity.
    """

    store: PrivacyStore
    required: bool = False

    def demand(self, reference: str | None, *, by_activity: bool = False) -> None:
        """Refuse a call that brings no reference where one is needed.

        Args:
            reference: The call's reference, or None.
            by_activity: Whether the call's activity requires one.

        Raises:
            ConsentMissing: a reference is needed and missing.
        """
        if reference is None and (self.required or by_activity):
            raise ConsentMissing("the call must bring a reference to the consent of the people shown, got none")

    async def keep(self, reference: str | None, facts: Facts, *, account_id: int, activity: int | None, request_id: str) -> None:
        """Record a reference durably; a call without one pays nothing.

        Raises:
            DatabaseUnavailable: it could not be recorded.
        """
        if reference is not None:
            with stage("store"):
                await asyncio.to_thread(self.store.keep, account_id, activity, request_id, reference)
            facts.consent = reference

    async def withdrawn(self, reference: str | None, request_id: str) -> bool:
        """Whether the deletion of a call's results was demanded while the call was still under way."""
        return reference is not None and await asyncio.to_thread(self.store.is_deleted, request_id)
