"""Metrics of a server in the format of Prometheus, the address under which they are read, and the start of traces."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from facemeld import __version__
from facemeld.api.protocol.call import CLIENT_GONE, CallRecord, Observer
from facemeld.counts import Counts, Family
from facemeld.errors import FacemeldError
from facemeld.http.connections import ConnectionLimits, Guard
from facemeld.http.edge import Edge
from facemeld.http.server import SideServer, address_of, listen
from facemeld.observe.calls import UsageLog
from facemeld.settings.catalogue import Settings
from facemeld.timing import STAGES
from facemeld.workers.pool.executor import ExecutorStats
from facemeld.workers.pool.local import LocalExecutor

logger = logging.getLogger("facemeld")

REFUSALS = ("malformed", "slow head", "slow body", "slow reader", "connections", "address", "requests", "bodies")
"""Reasons for which the server refuses a request or closes a connection."""

Labels: TypeAlias = tuple[tuple[str, str], ...]
Numbers: TypeAlias = Mapping[Labels, float]

_CALL_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 25.0, 50.0)
_STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_PAGE = os.sysconf("SC_PAGE_SIZE")
_FAMILIES = (
    (Family.FETCHES, "facemeld_fetches", "Pictures fetched from addresses that callers named, by outcome."),
    (Family.FETCHED_BYTES, "facemeld_fetched_bytes", "Bytes of the pictures that were fetched."),
    (Family.RESULTS, "facemeld_results", "Results by what became of them."),
    (Family.RESULT_BYTES, "facemeld_result_bytes", "Bytes of results that were stored."),
    (Family.MATERIALS, "facemeld_materials_imported", "Materials by how their import ended."),
    (Family.SIGN_INS, "facemeld_sign_ins", "Attempts of operators to sign in."),
)
_METRICS_CONNECTIONS = 32


class TracingUnavailable(FacemeldError):
    """The settings ask for traces, but the libraries for them are not installed."""


class Telemetry:
    """Metrics and traces of one server, as the settings want them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry = CollectorRegistry()
        self._end_tracing: Callable[[], None] = lambda: None

    def observers(self, actions: Iterable[tuple[str, str]]) -> Iterator[Observer]:
        """Yield the observers of calls; call it only once.

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
        """Add the numbers that other parts of the server keep."""
        register_rooms(self._registry, sources)

    def routes(self) -> list[Route]:
        """Return the route of the metrics on the server itself; none if they are off or have an address of their own."""
        return [] if self._settings.metrics.bind else self._pages()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve the metrics under their own address, if they have one, until the block ends.

        Raises:
            OSError: the address cannot be listened on.
        """
        pages, (name, _, port) = self._pages(), self._settings.metrics.bind.rpartition(":")
        if not pages or not port:
            yield
            return
        host = name.strip("[]")
        with listen(host, int(port)) as listening:
            server = SideServer(Starlette(routes=pages), Guard(ConnectionLimits(connections=_METRICS_CONNECTIONS)), lifespan=False)
            running = asyncio.create_task(server.serve(sockets=[listening]))
            logger.info("Metrics are served on %s%s", address_of(listening, host), MetricsPage.path)
            try:
                yield
            finally:
                server.stop()
                await running

    async def close(self) -> None:
        """Send the traces that are still waiting."""
        await asyncio.to_thread(self._end_tracing)

    def _pages(self) -> list[Route]:
        settings = self._settings
        if not settings.metrics.enabled:
            return []
        token = settings.metrics.token.get_secret_value() if settings.metrics.token is not None else ""
        page = MetricsPage(self._registry, token, anyone=bool(settings.metrics.bind))
        return [Route(page.path, page.show, methods=["GET"])]


@dataclass(frozen=True, slots=True)
class Sources:
    """The objects that keep the numbers."""

    executor: LocalExecutor
    guard: Guard
    edge: Edge
    counts: Counts
    usage: UsageLog


class CallMetrics:
    """Counts calls.

    Args:
        registry: Registers the metrics.
        actions: Versions and names of the actions on offer; any other name counts as ``other``.
    """

    def __init__(self, registry: CollectorRegistry, actions: Iterable[tuple[str, str]]) -> None:
        self._known = frozenset(actions)
        names = ["version", "action"]
        self._calls = Counter("facemeld_calls", "Calls of the API by action and code.", [*names, "code"], registry=registry)
        self._seconds = Histogram(
            "facemeld_call_seconds", "Time of calls that were answered.", names, registry=registry, buckets=_CALL_BUCKETS
        )
        stages = Histogram("facemeld_stage_seconds", "Time of calls by stage.", ["stage"], registry=registry, buckets=_STAGE_BUCKETS)
        self._stages = {stage: stages.labels(stage) for stage in STAGES}
        self._bytes = Counter("facemeld_call_bytes", "Bytes of calls and replies.", ["direction"], registry=registry)
        self._faces = Counter("facemeld_faces_fused", "Faces that were fused.", registry=registry)
        self._gone = Counter("facemeld_hang_ups", "Calls whose client hung up before the reply.", registry=registry)
        for version, action in sorted(self._known):
            self._seconds.labels(version, action)
            self._calls.labels(version, action, "OK")
        for direction in ("in", "out"):
            self._bytes.labels(direction)

    def record(self, record: CallRecord) -> None:
        """Count a finished call."""
        call = record.call
        # The names are the caller's text, even after the call is verified.
        known = call is not None and (call.version, call.action) in self._known
        names = (record.version, record.action) if known else ("other", "other")
        self._bytes.labels("in").inc(record.bytes_in)
        self._bytes.labels("out").inc(record.bytes_out)
        self._calls.labels(*names, record.code or "OK").inc()
        if record.code == CLIENT_GONE:
            self._gone.inc()
        else:
            self._seconds.labels(*names).observe(record.seconds)
        if call is not None and not record.code:
            self._faces.inc(call.notes.faces)
        for stage, milliseconds in record.stages.items():
            if stage in self._stages:
                self._stages[stage].observe(milliseconds / 1000)


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The route of the metrics.

    Attributes:
        registry: The metrics.
        token: Bearer token that readers must send; empty for none.
        anyone: Without a token, also serve other machines; set where the metrics have an address of their own.
    """

    registry: CollectorRegistry
    token: str = ""
    anyone: bool = False

    path = "/metrics"

    async def show(self, request: Request) -> Response:
        """Return the metrics, 401 without the token, or 404 to other machines."""
        if self.token:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self.token.encode()):
                return PlainTextResponse("Unauthorized", 401, headers={"WWW-Authenticate": "Bearer"})
        elif not self.anyone and not _local(request):
            return PlainTextResponse("Not Found", 404)
        write, kind = choose_encoder(request.headers.get("accept", ""))
        headers = {"Content-Type": kind, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        # Runs in the event loop, which owns the numbers.
        return Response(write(self.registry), headers=headers)


def register_rooms(registry: CollectorRegistry, sources: Sources) -> None:
    """Add the numbers of the sources and of this process to a registry."""
    registry.register(_RoomMetrics(sources))
    ProcessCollector(registry=registry)


class _RoomMetrics(Collector):
    """Reads the numbers when the metrics are scraped."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Yield all numbers as they are now."""
        stats = self._sources.executor.stats
        yield _gauge("facemeld_info", "The version that runs.", _by("version", {__version__: 1}))
        yield from _queue(stats)
        yield from _workers(stats, self._sources.executor.pids)
        yield from _templates(stats)
        yield from self._http()
        yield from self._counted()

    def _http(self) -> Iterator[Metric]:
        edge, guard = self._sources.edge, self._sources.guard
        replies: dict[Labels, float] = {
            (("kind", kind), ("status", str(status))): count for (kind, status), count in edge.answered.copy().items()
        }
        text = "Replies by kind of address and status; status 0 is none, because the client was gone."
        yield _counter("facemeld_http_replies", text, replies)
        refused = _by("reason", {reason: guard.refused[reason] for reason in REFUSALS})
        yield _counter("facemeld_http_refusals", "Connections and requests refused or cut off, by reason.", refused)
        yield _gauge("facemeld_http_connections", "Open connections.", {(): guard.open})
        yield _gauge("facemeld_http_requests_running", "Requests that are being answered.", {(): edge.running})
        yield _gauge("facemeld_http_body_bytes", "Bytes of request bodies that are held.", {(): edge.held})

    def _counted(self) -> Iterator[Metric]:
        counts, usage = self._sources.counts, self._sources.usage
        for family, name, text in _FAMILIES:
            numbers = counts.of(family)
            yield _counter(name, text, {(): numbers[""]} if set(numbers) == {""} else _by("outcome", numbers))
        yield _counter("facemeld_usage_records_lost", "Usage records that could not be kept.", {(): usage.lost})
        yield _gauge("facemeld_usage_records_waiting", "Usage records that are not yet in the database.", {(): usage.waiting})


def _local(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _queue(stats: ExecutorStats) -> Iterator[Metric]:
    yield _gauge("facemeld_queue_length", "Tasks that wait for a worker.", {(): stats.waiting})
    yield _gauge(
        "facemeld_queue_places",
        "Tasks that may wait for a worker now, by the expected length of those that run and wait.",
        {(): stats.places},
    )
    yield _gauge("facemeld_tasks_running", "Tasks in a worker.", {(): stats.busy})
    ends = {"finished": stats.finished, "died": stats.died, "overran": stats.overran, "refused": stats.refused, "left": stats.left}
    text = "Tasks by how they ended: answered, lost with their worker, past the deadline, refused by a full queue, left by the caller."
    yield _counter("facemeld_tasks", text, _by("outcome", ends))


def _workers(stats: ExecutorStats, pids: Iterable[int]) -> Iterator[Metric]:
    yield _gauge("facemeld_workers_ready", "Workers that have loaded their models.", {(): stats.ready})
    yield _gauge("facemeld_workers_wanted", "Workers that there should be.", {(): stats.workers})
    yield _counter("facemeld_workers_started", "Workers that have come up.", {(): stats.started})
    yield _counter("facemeld_workers_recycled", "Workers replaced after their share of tasks.", {(): stats.recycled})
    sizes = [_resident(pid) for pid in pids]
    yield _gauge("facemeld_workers_resident_bytes", "Memory of all workers; pages that they share count in each.", {(): sum(sizes)})
    yield _gauge("facemeld_worker_resident_bytes_max", "Memory of the largest worker.", {(): max(sizes, default=0)})


def _templates(stats: ExecutorStats) -> Iterator[Metric]:
    found = stats.templates
    looks = _by("outcome", {"hit": found.hits, "miss": found.misses})
    yield _counter("facemeld_template_looks", "Templates looked for in the workers' memories.", looks)
    yield _gauge("facemeld_templates_held", "Templates in the workers' memories.", {(): found.held})
    yield _gauge("facemeld_templates_bytes", "Bytes of templates in the workers' memories.", {(): found.size})


def _resident(pid: int) -> int:
    """Return the resident memory of a process in bytes; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _by(name: str, numbers: Mapping[str, float]) -> Numbers:
    """Return numbers by the values of one label."""
    return {((name, value.replace(" ", "-")),): number for value, number in numbers.items()}


def _gauge(name: str, text: str, numbers: Numbers) -> Metric:
    return _filled(GaugeMetricFamily(name, text, labels=_names(numbers)), numbers)


def _counter(name: str, text: str, numbers: Numbers) -> Metric:
    return _filled(CounterMetricFamily(name, text, labels=_names(numbers)), numbers)


def _names(numbers: Numbers) -> list[str]:
    return [name for name, _ in next(iter(numbers), ())]


def _filled(family: GaugeMetricFamily | CounterMetricFamily, numbers: Numbers) -> Metric:
    for labels, number in numbers.items():
        family.add_metric([value for _, value in labels], number)
    return family
