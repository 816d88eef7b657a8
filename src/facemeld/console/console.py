"""Builds the console: NiceGUI behind the guard, the pages, the routes, and what runs while the server runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import nicegui
from fastapi import FastAPI
from nicegui import Client, ui
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from facemeld.accounts.types import AccountNotFound
from facemeld.console.context import Context, UseCases
from facemeld.console.files import StoredFiles
from facemeld.console.pages import PAGES
from facemeld.console.parts.shell import Page, shell
from facemeld.console.preferences import STATIC, problem
from facemeld.console.session import Guard, Nonces, SignInRoutes, guard_messages
from facemeld.errors import FacemeldError
from facemeld.materials.types import ActivityNotFound, MaterialDeleted, MaterialNotFound
from facemeld.users.types import RoleInsufficient, UserNotFound

logger = logging.getLogger("facemeld.console")

_MISSING = (AccountNotFound, ActivityNotFound, MaterialDeleted, MaterialNotFound, UserNotFound)
_SECONDS_TO_BUILD = 30.0
_SECONDS_TO_RECONNECT = 10.0


@dataclass(frozen=True, slots=True)
class Console:
    """The console of a server; ``asgi`` is to be mounted at ``PATH``."""

    asgi: ASGIApp
    _widgets: FastAPI
    _cases: UseCases

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run NiceGUI's background tasks; Starlette does not start the lifespan of mounted applications."""
        counting = asyncio.create_task(self._count())
        try:
            async with self._widgets.router.lifespan_context(self._widgets):
                yield
        finally:
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)

    async def _count(self) -> None:
        """Count the calls of the last weeks, to save the first visitor the wait."""
        while True:
            try:
                if await asyncio.to_thread(self._cases.overview.statistics.refresh, 1.0):
                    return
            except FacemeldError:
                logger.exception("The calls could not be counted; the home page will try again")
                return
            await asyncio.sleep(0.1)


def create_console(cases: UseCases) -> Console:
    """Build the console; only once per process, because NiceGUI has one application per process."""
    for page in PAGES:
        _register(page, cases)
    widgets = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    ui.run_with(
        widgets,
        title="Facemeld",
        binding_refresh_interval=None,
        reconnect_timeout=_SECONDS_TO_RECONNECT,
        message_history_length=200,
        gzip_middleware_factory=None,
        tailwind=False,
        show_welcome_message=False,
    )
    guard_messages()
    # Quasar's loading bar has no accessible name, and slow controls show their progress themselves.
    nicegui.app.config.quasar_config["loadingBar"]["skipHijack"] = True
    nicegui.app.exception_handler(404)(_not_found)
    logging.getLogger("nicegui").addFilter(_is_unexpected)
    inner = Starlette(
        routes=[
            *SignInRoutes(cases).routes(),
            *cases.uploads.routes(),
            *cases.temporary_files.routes(),
            *StoredFiles(cases.administration).routes(),
            Mount("/static", StaticFiles(directory=STATIC)),
            Mount("/", GZipMiddleware(Nonces(widgets), minimum_size=1024)),
        ]
    )
    return Console(Guard(inner, cases), widgets, cases)


def _register(page: Page, cases: UseCases) -> None:
    async def show(request: Request, client: Client) -> Response | None:
        context = Context.of(cases, request, client)
        if not context.may(page.act):
            return problem(request, 403, "forbidden")
        try:
            with shell(context, page, PAGES):
                await page.build(context)
        except _MISSING:
            return problem(request, 404, "missing")
        except RoleInsufficient:
            return problem(request, 403, "forbidden")
        except Exception:
            logger.exception("The console's page %s failed", page.path)
            return problem(request, 500, "failed")
        return None

    ui.page(page.path, response_timeout=_SECONDS_TO_BUILD)(show)


async def _not_found(request: Request, _: Exception) -> HTMLResponse:
    return problem(request, 404, "missing")


def _is_unexpected(record: logging.LogRecord) -> bool:
    """Keep errors of use cases out of the log, because the user sees their message."""
    return not (record.exc_info and isinstance(record.exc_info[1], FacemeldError)) and not isinstance(record.msg, FacemeldError)
