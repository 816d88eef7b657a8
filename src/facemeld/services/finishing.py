"""What every fusion ends with: how it is marked, where it is stored, how it reads as text."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from facemeld.errors import FacemeldError
from facemeld.media.encode import CONTENT_TYPES
from facemeld.results import ResultNotFound, ResultStore
from facemeld.services.consents import Consents
from facemeld.services.errors import ConsentWithdrawn
from facemeld.services.requests import FuseRules, MarkRequest
from facemeld.timing import stage
from facemeld.workers.marking import FusedFile, Logo, Marking
from facemeld.workers.photos import ImageSource


@dataclass(frozen=True, slots=True)
class Finisher:
    """Marks and stores results by the operator's rules."""

    results: ResultStore
    consents: Consents
    rules: FuseRules
    clock: Callable[[], datetime]

    def marking(self, marks: MarkRequest, logo: ImageSource | FacemeldError | None) -> Marking:
        """How a worker marks a result.

        Args:
            marks: What the caller asked for.
            logo: The caller's own mark as it was fetched, or None.

        Raises:
            FacemeldError: what went wrong when the logo was fetched.
        """
        if isinstance(logo, FacemeldError):
            raise logo
        rules = self.rules
        mark = Logo(logo, marks.logo.rect, rules.logo_limits) if logo is not None and marks.logo is not None else None
        return rules.marks.marking(
            visible=marks.visible,
            language=marks.language,
            request_id=marks.request_id,
            logo=mark,
            metadata=marks.metadata,
            jpeg_quality=rules.jpeg_quality,
        )

    async def deliver(self, result: FusedFile, base_url: str | None, *, request_id: str, consent: str | None) -> str:
        """What a reply says of a result.

        Args:
            result: The finished picture.
            base_url: Address of the server, to store the result durably first and answer with its signed address, which leads
                to it until it expires; None answers with the picture as base64 text and stores nothing.
            request_id: Id of the call; the result can be found by it later.
            consent: Reference that the use case recorded, or None.

        Raises:
            ResultError: it could not be stored.
            ConsentWithdrawn: its deletion was demanded meanwhile.
        """
        if base_url is None:
            with stage("reply"):
                return base64.b64encode(result.data).decode("ascii")
        expires = self.clock() + self.rules.result_life
        with stage("store"):
            stored = await asyncio.to_thread(self.results.put, result.data, CONTENT_TYPES[result.format], expires, request_id)
            # A deletion that began before this moment may have looked for the file too early; one that begins later finds it.
            if await self.consents.withdrawn(consent, request_id):
                with suppress(ResultNotFound):
                    await asyncio.to_thread(self.results.remove, stored)
                raise ConsentWithdrawn("the consent must hold until the result is delivered; its deletion was demanded meanwhile")
        return base_url + self.results.sign(stored, expires)
