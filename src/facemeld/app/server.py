"""The HTTP server: its routes, the checks around a call, start, chores and orderly stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from facemeld import __version__
from facemeld.accounts import types as accounts
from facemeld.accounts.credit import BillingService
from facemeld.accounts.store import AccountStore
from facemeld.admin import api as admin
from facemeld.api import checks
from facemeld.api.actions import v2018, v2022
from facemeld.api.calls import DirectCalls
from facemeld.api.protocol import signature
from facemeld.api.protocol.call import Action, ActionRegistry, CallRecord, Hooks, Observer
from facemeld.api.protocol.decoding import MIB, ProtocolLimits
from facemeld.api.protocol.endpoint import ApiEndpoint
from facemeld.api.protocol.request import ProtocolOptions
from facemeld.app.composition import Application, Services, open_application
from facemeld.db.errors import StateError, utc_now
from facemeld.errors import FacemeldError
from facemeld.http.connections import ConnectionLimits, Guard, parse_proxies
from facemeld.http.edge import Edge, EdgeLimits
from facemeld.http.server import HttpServer, address_of, listen
from facemeld.materials.reconcile import remove_leftovers
from facemeld.observe.calls import CallLog, UsageLog, set_up_logging
from facemeld.observe.telemetry import Sources, Telemetry
from facemeld.public.routes import MaterialPictures, ResultFiles, VerifyPage
from facemeld.settings.catalogue import Settings
from facemeld.settings.groups import split_list
from facemeld.users.types import generate_password

logger = logging.getLogger("facemeld")


class Server:
    """The objects that live as long as the server runs."""

    def __init__(self, application: Application, announce: Callable[[str], None]) -> None:
        self._application = application
        self._announce = announce
        self._executor = application.executor()
        self._services = Services(application, self._executor)
        self._usage = UsageLog(application.usage, application.accounts, application.settings.log.clients)
        self._public_url = application.settings.server.public_url.rstrip("/")
        self.guard = Guard(connection_limits(application.settings))
        self.observing = Telemetry(application.settings)
        self.address = ""
        self.failure: FacemeldError | None = None
        self.gave_up = asyncio.Event()
        self._console_running: Callable[[], AbstractAsyncContextManager[None]] = nullcontext

    def asgi(self) -> ASGIApp:
        """Return the ASGI application; call it only once."""
        settings = self._application.settings
        registry = ActionRegistry([*self._actions(), *self._legacy_actions(), *v2022.VIDEO_ACTIONS], offline=v2018.OFFLINE)
        observers = self.observing.observers((action.version, action.name) for action in registry)
        options = protocol_options(settings)
        hooks = build_hooks(self._application, CallLog(settings.log.clients), self._usage, *observers)
        endpoint = ApiEndpoint(registry, StoredCredentials(self._application.accounts), options=options, hooks=hooks)
        calls = DirectCalls(registry, hooks, self._application.accounts.policy, options)
        files = ResultFiles(self._application.results, utc_now)
        pictures = MaterialPictures(self._application.material_addresses)
        routes = [
            Route("/healthz", self._health, methods=["GET"]),
            Route("/readyz", self._ready, methods=["GET"]),
            Route(files.path, files.serve, methods=["GET"]),
            Route(pictures.path, pictures.serve, methods=["GET"]),
            *self.observing.routes(),
            *self._verify_page(),
            _mount(admin.PATH, self._admin()),
            *self._console_mount(calls),
            Route("/", endpoint),
        ]
        edge = Edge(Starlette(routes=routes, lifespan=self._lifespan), edge_limits(settings), self.guard.refused)
        self.observing.read_from(Sources(self._executor, self.guard, edge, self._application.counts, self._usage))
        return edge

    def _verify_page(self) -> Iterator[Route]:
        settings = self._application.settings
        if settings.verify.page:
            page = VerifyPage(self._services.verifying, settings.verify.max_mb * MIB, settings.verify.per_minute)

            # One route, because the reply to a wrong method lists the methods of one route only.
            async def serve(request: Request) -> Response:
                return await (page.verify if request.method == "POST" else page.show)(request)

            yield Route(page.path, serve, methods=["GET", "POST"])

    def _actions(self) -> Iterator[Action[Any]]:
        """Yield the actions of 2022-09-27."""
        services = self._services
        yield v2022.FuseFace(services.fusing, self._public_url).action
        yield v2022.FuseFaceUltra(services.fusing_ultra, self._public_url).action
        yield v2022.DescribeMaterialList(services.listing, self._application.settings.api.strict).action

    def _admin(self) -> ASGIApp:
        """Return the operators' REST API."""
        upload_bytes = self._application.settings.materials.max_mb * MIB
        return admin.create_admin(self._services.administration, version=__version__, upload_bytes=upload_bytes)

    def _console_mount(self, calls: DirectCalls) -> Iterator[Mount | Route]:
        """Yield the routes of the operators' console, whose library is loaded only if the console is on."""
        services, settings = self._services, self._application.settings
        if not settings.console.enabled:
            return
        from facemeld.console.console import create_console
        from facemeld.console.context import UseCases
        from facemeld.console.preferences import PATH

        console = create_console(UseCases(services.administration, services.overview, services.previewing, settings, calls))
        self._console_running = console.running
        yield Route(PATH, _add_slash, methods=["GET"])
        yield Mount(PATH, console.asgi)

    def _legacy_actions(self) -> Iterator[Action[Any]]:
        """Yield the actions of 2018-12-01."""
        application, settings = self._application, self._application.settings
        service = self._services.legacy_fusing
        yield v2018.FuseFace(service, settings.photos.legacy_request_mb * MIB, self._public_url).action
        yield v2018.FaceFusion(service, settings.photos.legacy_request_mb * MIB, self._public_url).action
        sign = application.material_addresses.sign
        yield v2018.DescribeMaterialList(self._services.listing, sign, settings.api.strict, self._public_url).action

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work) for work in (self._warm_up(), self._purge(), self._usage.run())]
        try:
            async with self._console_running():
                yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._executor.stop(self._application.settings.server.drain_seconds)
            await self._usage.flush()
            await self.observing.close()

    async def _warm_up(self) -> None:
        try:
            await self._executor.start()
        except FacemeldError as error:
            self.failure = error
            self.gave_up.set()
            return
        # The 200,000 objects loaded so far stay; scanning them in each garbage collection would stop calls and pages for 100 ms.
        gc.collect()
        gc.freeze()
        self._announce(f"Facemeld is ready on {self.address}")
        try:
            await asyncio.to_thread(self._welcome)
        except FacemeldError:
            logger.exception("The first user could not be created; `facemeld user create NAME --role owner` does so")

    def _welcome(self) -> None:
        """On the first start, create an owner and show the password, except where the output may be a log."""
        policy, users = self._application.settings.console.first_owner, self._application.users
        if policy == "off" or users.users(limit=1):
            return
        if policy == "auto" and not sys.stdout.isatty():
            logger.info("There are no users yet: create one with `facemeld user create NAME --role owner`")
            return
        password = generate_password()
        if users.create_first("owner", password, actor="system") is not None:
            self._announce(f"First start: sign in as owner with the password {password} (it is shown only now)")

    async def _purge(self) -> None:
        while True:
            for what, delete in self._chores():
                try:
                    count = await asyncio.to_thread(delete)
                except (FacemeldError, OSError):
                    logger.exception("%s could not be purged; the next attempt follows later", what)
                else:
                    if count:
                        logger.info("%s purged: %d", what, count)
            await asyncio.sleep(self._application.settings.results.purge_minutes * 60)

    def _chores(self) -> Iterator[tuple[str, Callable[[], int]]]:
        """Yield the things to purge from time to time, and the functions that do it; each returns a count."""
        application, now = self._application, utc_now()
        kept = timedelta(days=application.settings.usage.days)
        yield "Expired results", partial(application.results.purge, now)
        yield (
            "Files that interrupted imports and deletions left",
            partial(remove_leftovers, application.database, application.materials.files),
        )
        yield "Charges of calls that never ended", application.charges.release_expired
        yield "Old usage records", partial(application.usage.purge, now - kept)
        yield "Tokens of users that have ended", application.users.purge
        yield "Temporary keys that have ended", partial(application.accounts.purge_temporary, now - timedelta(days=1))

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _: Request) -> Response:
        stats = self._executor.stats
        try:
            await asyncio.to_thread(self._application.database.revision)
        except FacemeldError as error:
            return JSONResponse({"status": "unavailable", "reason": str(error)}, 503)
        ready = stats.ready > 0
        body = {"status": "ready" if ready else "starting", "workers": stats.ready, "busy": stats.busy, "waiting": stats.waiting}
        return JSONResponse(body, 200 if ready else 503)


def _mount(path: str, app: ASGIApp) -> Mount:
    """Return a mount for every path below its own; the framework's mount does not match paths with a line break."""
    mount = Mount(path, app)
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount


async def _add_slash(request: Request) -> Response:
    # Relative, so that it also works behind a proxy that adds a prefix.
    return RedirectResponse(request.url.path.rpartition("/")[2] + "/", 307)


async def run_server(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until a signal arrives.

    Args:
        settings: The operator's settings.
        announce: Called with a line of text once the server is ready, which names its address.

    Raises:
        OSError: the address cannot be listened on.
        FacemeldError: the data folder or the models cannot be used.
    """
    set_up_logging(settings)
    for warning in settings.warnings:
        logger.warning("settings: %s", warning)
    with open_application(settings) as application:
        server = Server(application, announce)
        with listen(settings.server.host, settings.server.port) as listening:
            server.address = address_of(listening, settings.server.host)
            http = HttpServer(
                server.asgi(),
                server.guard,
                keep_alive_seconds=settings.server.keep_alive_seconds,
                trusted_proxies=settings.server.trusted_proxies,
                drain_seconds=settings.server.drain_seconds,
                websockets=settings.console.enabled,
            )
            watch = asyncio.create_task(http.stop_when(server.gave_up))
            try:
                async with server.observing.serving():
                    await http.serve(sockets=[listening])
            finally:
                watch.cancel()
            if server.failure is not None:
                raise server.failure


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """Looks up access keys in the account store for the protocol."""

    store: AccountStore

    async def find(self, secret_id: str) -> signature.Credential | None:
        """Return the key with this name, or None.

        Raises:
            CredentialsUnavailable: the store cannot be read.
        """
        try:
            found = await asyncio.to_thread(self.store.credential, secret_id)
        except StateError as error:
            raise signature.CredentialsUnavailable(f"the account store must answer, got: {error}") from error
        if found is None:
            return None
        return signature.Credential(
            secret_id=found.secret_id,
            secret_key=found.secret_key,
            account_id=found.account_id,
            token=found.token,
            expires_at=None if found.expires_at is None else found.expires_at.timestamp(),
            kind=signature.KeyKind.CONSOLE if found.kind is accounts.KeyKind.CONSOLE else signature.KeyKind.API,
            enabled=found.enabled,
            policy=found.policy,
        )


@dataclass(frozen=True, slots=True)
class Observers:
    """Passes every call to several observers."""

    observers: tuple[Observer, ...]

    def record(self, record: CallRecord) -> None:
        """Pass a call to each observer."""
        for observer in self.observers:
            observer.record(record)


def build_hooks(application: Application, *observers: Observer) -> Hooks:
    """Return the hooks of every call.

    Raises:
        FacemeldError: a setting about rates, addresses or faults is not valid.
    """
    settings = application.settings
    with settings.naming("api.faults"):
        faults = checks.parse_faults(split_list(settings.api.faults))
    return Hooks(
        faults=checks.FaultGate(faults, settings.api.fault_header),
        permissions=checks.PermissionGate(),
        rate_limiter=checks.RateGate(application.limiter, application.rates),
        addresses=checks.AddressGate(accounts.parse_networks(settings.api.allow_ips), accounts.parse_networks(settings.api.deny_ips)),
        account=checks.StateGate(),
        billing=checks.CreditGate(BillingService(application.charges)),
        observer=Observers(observers),
    )


def protocol_options(settings: Settings) -> ProtocolOptions:
    """Return the operator's choices for the protocol."""
    return ProtocolOptions(
        strict=settings.api.strict,
        language=settings.api.language,
        clock_skew=settings.api.clock_skew_seconds,
        public_hosts=split_list(settings.api.extra_hosts),
        limits=ProtocolLimits(body_bytes=settings.api.max_body_mb * MIB, body_seconds=settings.server.body_seconds),
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the operator's limits on connections."""
    server = settings.server
    return ConnectionLimits(
        connections=server.max_connections,
        per_address=server.max_per_address,
        header_seconds=server.header_seconds,
        header_bytes=server.max_header_kb * 1024,
        headers=server.max_headers,
        slow_bytes=server.slow_bytes,
        slow_seconds=server.slow_seconds,
        proxies=parse_proxies(split_list(server.trusted_proxies)),
    )


def edge_limits(settings: Settings) -> EdgeLimits:
    """Return the operator's limits on requests of any kind."""
    return EdgeLimits(
        # A little more than the API allows, so that the API answers with its own error.
        body_seconds=settings.server.body_seconds + 5,
        slow_bytes=settings.server.slow_bytes,
        slow_seconds=settings.server.slow_seconds,
        bodies=settings.server.max_bodies_mb * MIB,
        per_address=settings.server.max_per_address,
    )
