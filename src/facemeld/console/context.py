"""What a page works with: the use cases behind the user's role, the user's preferences, texts and addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TypeVar
from urllib.parse import urlencode

from nicegui import Client
from starlette.requests import Request

from facemeld.console.session.guard import session_of
from facemeld.console.session.preferences import Preferences, base_of, preferences_of
from facemeld.console.texts import Texts
from facemeld.console.usecases import UseCases
from facemeld.users.signin import NEEDED_ROLES, Act, require
from facemeld.users.types import Principal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """One open page of one user.

    The use cases are reached through ``run`` and ``call`` only. Both ask the database again whether the session is in force and
    what its user may do now, because a page stays open for hours; so a control that was drawn for an operator does nothing for
    someone who has become a viewer.

    Attributes:
        principal: Who opened the page, for what is drawn; never for what is done.
        client: The page in the browser.
    """

    cases: UseCases
    request: Request
    client: Client
    principal: Principal
    preferences: Preferences

    @classmethod
    def of(cls, cases: UseCases, request: Request, client: Client) -> Context:
        """The context of a request that the guard let through."""
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
        """Who acts, for the audit log."""
        return self.principal.actor

    @property
    def query(self) -> Mapping[str, str]:
        """The page's query."""
        return self.request.query_params

    @property
    def parameters(self) -> Mapping[str, str]:
        """The variable parts of the page's path."""
        return self.request.path_params

    def may(self, act: Act) -> bool:
        """Whether to draw a control for an act."""
        return self.principal.role.allows(NEEDED_ROLES[act])

    def url(self, path: str, **query: str | int | None) -> str:
        """Address of a page or file of the console, as the browser must ask for it."""
        wanted = {name: value for name, value in query.items() if value is not None}
        return base_of(self.request) + path + (f"?{urlencode(wanted)}" if wanted else "")

    def go(self, address: str) -> None:
        """Lead the browser to another page; ``address`` comes from ``url``."""
        # The library puts the console's own path before what it is given.
        self.client.open(address.removeprefix(base_of(self.request)))

    def now(self) -> datetime:
        """The present moment in UTC."""
        return self.cases.administration.clock()

    async def run(self, act: Act, work: Callable[[UseCases], T]) -> T:
        """Do something with the use cases, in a thread, if the user may do this kind of act now.

        Args:
            act: What kind of act it is.
            work: Gets the use cases; must not touch the page.

        Raises:
            TokenInvalid: the session has ended.
            RoleInsufficient: the user may not do it.
            FacemeldError: whatever ``work`` raises.
        """

        def checked() -> T:
            self._check(act)
            return work(self.cases)

        return await asyncio.to_thread(checked)

    async def call(self, act: Act, work: Callable[[UseCases], Awaitable[T]]) -> T:
        """Like ``run``, for use cases that are asynchronous themselves."""
        await asyncio.to_thread(self._check, act)
        return await work(self.cases)

    def _check(self, act: Act) -> None:
        require(self.cases.administration.users.authenticate(session_of(self.request)), act)
