"""What the operator sees of the service from outside: metrics and traces, as the settings want them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Route

from facemeld.api.protocol.call import Observer
from facemeld.errors import FacemeldError
from facemeld.http.connections import ConnectionLimits, Guard
from facemeld.http.server import SideServer, address_of, listen
from facemeld.observe.metrics import CallMetrics, MetricsPage, Sources, register_rooms
from facemeld.settings.catalogue import Settings

logger = logging.getLogger("facemeld")

_CONNECTIONS = 32


class TracingUnavailable(FacemeldError):
    """Traces are to be sent, but the libraries for it are not installed."""


class Observing:
    """Metrics and traces of one server.

    Args:
        settings: What the operator set.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry = CollectorRegistry()
        self._end_tracing: Callable[[], None] = lambda: None

    def observers(self, actions: Iterable[tuple[str, str]]) -> Iterator[Observer]:
        """Who learns of every call; to be asked once.

        Args:
            actions: Versions and names of the actions on offer.

        Raises:
            TracingUnavailable: the extra ``otel`` is needed and not installed.
        """
        names = tuple(actions)
        if self._settings.metrics.enabled:
            yield CallMetrics(self._registry, names)
        if self._settings.trace.endpoint:
            try:
                from facemeld.observe.tracing import CallTracer, open_tracing
            except ImportError as error:
                raise TracingUnavailable("FACEMELD_TRACE_ENDPOINT needs the extra otel: install facemeld[otel]") from error
            provider = open_tracing(self._settings.trace.endpoint, self._settings.trace.share)
            self._end_tracing = provider.shutdown
            yield CallTracer(provider, names)

    def read_from(self, sources: Sources) -> None:
        """Add the numbers that the rooms keep."""
        register_rooms(self._registry, sources)

    def routes(self) -> list[Route]:
        """The address of the metrics on the server itself; none when they are switched off or have an address of their own."""
        return [] if self._settings.metrics.bind else self._pages()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve the metrics under an address of their own, if they have one, for the length of a block.

        Raises:
            OSError: the address cannot be listened on.
        """
        pages, (name, _, port) = self._pages(), self._settings.metrics.bind.rpartition(":")
        if not pages or not port:
            yield
            return
        host = name.strip("[]")
        with listen(host, int(port)) as listening:
            server = SideServer(Starlette(routes=pages), Guard(ConnectionLimits(connections=_CONNECTIONS)), lifespan=False)
            running = asyncio.create_task(server.serve(sockets=[listening]))
            logger.info("Metrics are served on %s%s", address_of(listening, host), MetricsPage.path)
            try:
                yield
            finally:
                server.stop()
                await running

    async def close(self) -> None:
        """Send the traces that still wait."""
        await asyncio.to_thread(self._end_tracing)

    def _pages(self) -> list[Route]:
        settings = self._settings
        if not settings.metrics.enabled:
            return []
        token = settings.metrics.token.get_secret_value() if settings.metrics.token is not None else ""
        page = MetricsPage(self._registry, token, anyone=bool(settings.metrics.bind))
        return [Route(page.path, page.show, methods=["GET"])]
