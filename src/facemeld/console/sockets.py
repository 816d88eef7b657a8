"""Keeps the connection of a page to its server with the session that the page was made for, message by message."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

from nicegui import Client, core

from facemeld.services.signin import Principal

logger = logging.getLogger("facemeld.console")

_LIFE = frozenset({"connect", "disconnect"})
_REFUSED = False


def guard_messages() -> None:
    """Let messages reach a page only over connections of its own session.

    Every message says which page it is for, and the widget library believes it. The connection itself was let through by the guard,
    for some session; here the two are compared. Messages whose page is unknown, or that name none, go nowhere.
    """
    handlers: dict[str, Callable[..., Any]] = core.sio.handlers["/"]
    for name, handler in list(handlers.items()):
        if name not in _LIFE:
            core.sio.on(name, _guarded(name, handler))


def page_is_of(page: str, principal: Principal | None) -> bool:
    """Whether a page was made for a session; one that is not known is everybody's, which tells its browser to load it anew.

    Args:
        page: The page's id.
        principal: Who asks, with the session.
    """
    client = Client.instances.get(page)
    if client is None:
        return True
    owner: Principal | None = client.request.scope["state"]["principal"]
    return _same(owner, principal)


def connection_is_of(connection: str, principal: Principal) -> bool:
    """Whether a connection that is made of several requests was begun by a session; one that is not known fails by itself.

    Args:
        connection: The transport's id of the connection.
        principal: Who asks, with the session.
    """
    began: dict[str, Any] | None = core.sio.environ.get(connection)
    return began is None or _same(_principal_of(began), principal)


def _guarded(name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    def allowed(connection: str, told: object) -> bool:
        page = told.get("client_id") if isinstance(told, dict) else None
        if isinstance(page, str) and page_is_of(page, _principal_of(core.sio.get_environ(connection) or {})):
            return True
        logger.warning("A message %r for a page of another session was refused", name)
        return False

    async def handle_later(connection: str, told: Any = None) -> Any:
        return await handler(connection, told) if allowed(connection, told) else _REFUSED

    def handle(connection: str, told: Any = None) -> Any:
        # Not asynchronous where the library's is not: messages must be handled in the order in which they came.
        return handler(connection, told) if allowed(connection, told) else _REFUSED

    return handle_later if inspect.iscoroutinefunction(handler) else handle


def _principal_of(environ: dict[str, Any]) -> Principal | None:
    found: Principal | None = environ.get("asgi.scope", {}).get("state", {}).get("principal")
    return found


def _same(one: Principal | None, other: Principal | None) -> bool:
    return one is not None and other is not None and one.token_id == other.token_id
