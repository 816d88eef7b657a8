"""The context that pages are drawn in: use cases behind the user's role, preferences, texts and addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TypeVar
from urllib.parse import urlencode

from nicegui import Client
from starlette.requests import Request

from facemeld.api.calls import DirectCalls
from facemeld.console.files import TemporaryFiles, Uploads
from facemeld.console.preferences import Preferences, base_of, preferences_of, session_of
from facemeld.console.texts import Texts
from facemeld.fusing.service import PreviewService
from facemeld.settings.catalogue import Settings
from facemeld.upkeep.administration import Administration
from facemeld.upkeep.overview import Overview
from facemeld.users.signin import NEEDED_ROLES, Act, require
from facemeld.users.types import Principal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UseCases:
    """The use cases behind the console, the settings, and the files of open pages; ``app/server.py`` builds it."""

    administration: Administration
    overview: Overview
    previews: PreviewService
    settings: Settings
    calls: DirectCalls
    uploads: Uploads = field(default_factory=Uploads)
    temporary_files: TemporaryFiles = field(default_factory=TemporaryFiles)


@dataclass(frozen=True, slots=True)
class Context:
    """An open page of a user.

    Pages reach the use cases only through ``run`` and ``call``, which read session and role from the database each time, because
    a page stays open for hours. A control that was drawn for an operator fails once the operator has become a viewer.

    Attributes:
        principal: The user when the page was opened; decides what is drawn, never what is done.
        client: The page in the browser.
    """

    cases: UseCases
    request: Request
    client: Client
    principal: Principal
    preferences: Preferences

    @classmethod
    def of(cls, cases: UseCases, request: Request, client: Client) -> Context:
        """Return the context of a request that the guard let through."""
        return cls(cases, request, client, request.scope["state"]["principal"], preferences_of(request))

    @property
    def texts(self) -> Texts:
        """The texts in the user's language."""
        return self.preferences.texts

    @property
    def zone(self) -> tzinfo:
        """The browser's time zone."""
        return self.preferences.zone

    @property
    def actor(self) -> str:
        """The user's name in the audit log."""
        return self.principal.actor

    @property
    def query(self) -> Mapping[str, str]:
        """The query of the page's address."""
        return self.request.query_params

    @property
    def parameters(self) -> Mapping[str, str]:
        """The variable parts of the page's path."""
        return self.request.path_params

    def may(self, act: Act) -> bool:
        """Return whether to draw a control for an act."""
        return self.principal.role.allows(NEEDED_ROLES[act])

    def url(self, path: str, **query: str | int | None) -> str:
        """Return the address of a page or file of the console as the browser must request it."""
        wanted = {name: value for name, value in query.items() if value is not None}
        return base_of(self.request) + path + (f"?{urlencode(wanted)}" if wanted else "")

    def go(self, address: str) -> None:
        """Open another page in the browser; ``address`` comes from ``url``."""
        # NiceGUI adds the console's own path.
        self.client.open(address.removeprefix(base_of(self.request)))

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return self.cases.administration.clock()

    async def run(self, act: Act, work: Callable[[UseCases], T]) -> T:
        """Call ``work`` in a thread if the user's role allows the act now; ``work`` must not touch the page.

        Raises:
            TokenInvalid: The session has ended.
            RoleInsufficient: The role does not allow the act.
            FacemeldError: Raised by ``work``.
        """

        def checked() -> T:
            self._check(act)
            return work(self.cases)

        return await asyncio.to_thread(checked)

    async def call(self, act: Act, work: Callable[[UseCases], Awaitable[T]]) -> T:
        """Like ``run``, for asynchronous use cases."""
        await asyncio.to_thread(self._check, act)
        return await work(self.cases)

    def _check(self, act: Act) -> None:
        require(self.cases.administration.users.authenticate(session_of(self.request)), act)
