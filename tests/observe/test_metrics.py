"""The metrics after calls, and access to them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Route

from facemeld.accounts.store import AccountStore
from facemeld.api.protocol.call import CLIENT_GONE
from facemeld.counts import OUTCOMES, Counts, Family
from facemeld.db.errors import DatabaseUnavailable
from facemeld.http.connections import ConnectionLimits, Guard
from facemeld.http.edge import Edge, EdgeLimits
from facemeld.media.errors import DownloadFailed, IllegalUrl
from facemeld.media.fetch import Fetcher, FetchPolicy
from facemeld.observe.calls import UsageLog
from facemeld.observe.telemetry import REFUSALS, CallMetrics, MetricsPage, Sources, register_rooms
from facemeld.timing import STAGES
from facemeld.usage.store import UsageStore
from facemeld.workers.pool.context import WorkerConfig
from facemeld.workers.pool.local import LocalExecutor, PoolLimits
from tests.observe.records import NAMES, call_of, record_of
from tests.tables import table


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    found = registry.get_sample_value(name, labels)
    assert found is not None, (name, labels)
    return found


def test_calls_are_counted_by_action_and_code() -> None:
    registry = CollectorRegistry()
    metrics = CallMetrics(registry, NAMES)
    for code in ("", "", "FailedOperation.RpcFail"):
        metrics.record(record_of(call_of(faces=2), code))
    metrics.record(record_of(call_of(version="2018-12-01"), "LimitExceeded"))
    for version, code, count in [
        ("2022-09-27", "OK", 2),
        ("2022-09-27", "FailedOperation.RpcFail", 1),
        ("2018-12-01", "LimitExceeded", 1),
        ("2018-12-01", "OK", 0),
    ]:
        assert value(registry, "facemeld_calls_total", version=version, action="FuseFace", code=code) == count
    assert value(registry, "facemeld_call_seconds_count", version="2022-09-27", action="FuseFace") == 3
    assert value(registry, "facemeld_call_seconds_sum", version="2022-09-27", action="FuseFace") == pytest.approx(0.6)
    assert value(registry, "facemeld_call_bytes_total", direction="in") == 4000
    assert value(registry, "facemeld_faces_fused_total") == 4


def test_a_client_that_hung_up_does_not_count_as_fast() -> None:
    registry = CollectorRegistry()
    metrics = CallMetrics(registry, NAMES)
    metrics.record(record_of(call_of(), CLIENT_GONE))
    assert value(registry, "facemeld_hang_ups_total") == 1
    assert value(registry, "facemeld_call_seconds_count", version="2022-09-27", action="FuseFace") == 0


@table("call", [None, call_of("Fuse\nFace{evil}"), call_of("DescribeMaterialList", "2018-12-01"), call_of("FuseFace", "1")])
def test_names_that_callers_make_up_do_not_become_labels(call: Any) -> None:
    registry = CollectorRegistry()
    CallMetrics(registry, NAMES).record(record_of(call, "InvalidAction"))
    assert value(registry, "facemeld_calls_total", version="other", action="other", code="InvalidAction") == 1
    assert "evil" not in str(list(registry.collect()))


def test_stages_are_observed_in_seconds() -> None:
    registry = CollectorRegistry()
    CallMetrics(registry, NAMES).record(record_of(call_of(), stages={"decode": 12.5, "queue": 0.4, "unheard of": 5.0}))
    assert value(registry, "facemeld_stage_seconds_sum", stage="decode") == pytest.approx(0.0125)
    assert value(registry, "facemeld_stage_seconds_bucket", stage="queue", le="0.0005") == 1
    assert {sample.labels["stage"] for metric in registry.collect() for sample in metric.samples if "stage" in sample.labels} == set(STAGES)


@pytest.fixture
def sources(bundle_path: Path) -> Sources:
    executor = LocalExecutor(WorkerConfig(bundle_path), PoolLimits(workers=3, queue=17))
    guard = Guard(ConnectionLimits())
    counts = Counts()
    usage = UsageLog(object.__new__(UsageStore), object.__new__(AccountStore))
    return Sources(executor, guard, Edge(Starlette(), EdgeLimits(), guard.refused), counts, usage)


def test_the_rooms_numbers_are_read_when_they_are_asked_for(sources: Sources) -> None:
    registry = CollectorRegistry()
    register_rooms(registry, sources)
    assert value(registry, "facemeld_results_total", outcome="stored") == 0
    sources.counts.add(Family.RESULTS, "stored")
    sources.counts.add(Family.RESULT_BYTES, amount=12_345)
    sources.counts.add(Family.FETCHES, "too slow", 2)
    sources.guard.refused["slow body"] += 3
    sources.edge.answered["api", 200] += 4
    for name, labels, expected in [
        ("facemeld_results_total", {"outcome": "stored"}, 1),
        ("facemeld_result_bytes_total", {}, 12_345),
        ("facemeld_fetches_total", {"outcome": "too-slow"}, 2),
        ("facemeld_http_refusals_total", {"reason": "slow-body"}, 3),
        ("facemeld_http_replies_total", {"kind": "api", "status": "200"}, 4),
        ("facemeld_workers_wanted", {}, 3),
        ("facemeld_workers_ready", {}, 0),
        ("facemeld_queue_places", {}, 17),
    ]:
        assert value(registry, name, **labels) == expected, name


def test_what_has_not_happened_yet_is_there_as_zero(sources: Sources) -> None:
    registry = CollectorRegistry()
    register_rooms(registry, sources)
    for reason in REFUSALS:
        assert value(registry, "facemeld_http_refusals_total", reason=reason.replace(" ", "-")) == 0
    for outcome in OUTCOMES[Family.SIGN_INS]:
        assert value(registry, "facemeld_sign_ins_total", outcome=outcome.replace(" ", "-")) == 0
    assert value(registry, "process_open_fds") > 0


def test_counts_are_exact_with_many_threads() -> None:
    counts = Counts()

    def count() -> None:
        for _ in range(5000):
            counts.add(Family.RESULTS, "stored")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.of(Family.RESULTS) == {"stored": 20_000, "not stored": 0, "purged": 0}


def test_outcomes_that_do_not_exist_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="must end as one of stored, not stored, purged, got 'lost'"):
        Counts().add(Family.RESULTS, "lost")


@table(
    ("url", "outcome"),
    [
        ("ftp://192.0.2.1/", "illegal"),
        ("http://127.0.0.1/", "refused"),
        ("http://8.8.8.8:22/", "refused"),
        ("http://nowhere.example/", "failed"),
        ("http://slow.example/", "too slow"),
    ],
)
def test_fetches_are_counted_by_outcome(url: str, outcome: str) -> None:
    async def resolve(host: str, _: int) -> list[str]:
        if host == "slow.example":
            await asyncio.sleep(5)
        return []

    counts = Counts()
    fetcher = Fetcher(FetchPolicy(total_seconds=0.05), resolver=resolve, counts=counts)
    with pytest.raises((DownloadFailed, IllegalUrl)):
        asyncio.run(fetcher.fetch(url, max_bytes=10))
    assert {name: number for name, number in counts.of(Family.FETCHES).items() if number} == {outcome: 1}


def test_lost_usage_records_are_counted() -> None:
    class Broken(UsageStore):
        def __init__(self, error: Exception) -> None:
            self.error = error

        def add(self, records: Any) -> None:
            raise self.error

    async def main(error: Exception) -> UsageLog:
        log = UsageLog(Broken(error), object.__new__(AccountStore), most_waiting=3)
        for _ in range(5):
            log.record(record_of(call_of()))
        try:
            await log.flush()
        except ValueError:
            assert isinstance(error, ValueError)
        return log

    waiting = asyncio.run(main(DatabaseUnavailable("away")))
    assert (waiting.lost, waiting.waiting) == (2, 3)
    lost = asyncio.run(main(ValueError("refused for good")))
    assert (lost.lost, lost.waiting) == (5, 0)


def read(page: MetricsPage, address: str = "127.0.0.1", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=[Route(page.path, page.show)]), client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(page.path, headers=headers)

    return asyncio.run(ask())


@table(
    ("token", "anyone", "address", "authorization", "status"),
    [
        ("", False, "127.0.0.1", "", 200),
        ("", False, "::1", "", 200),
        ("", False, "192.0.2.7", "", 404),
        ("", False, "not-an-address", "", 404),
        ("", True, "192.0.2.7", "", 200),
        ("secret", False, "192.0.2.7", "Bearer secret", 200),
        ("secret", False, "192.0.2.7", "bearer secret", 200),
        ("secret", False, "127.0.0.1", "", 401),
        ("secret", True, "192.0.2.7", "Bearer secre", 401),
        ("secret", True, "192.0.2.7", "Basic secret", 401),
        ("secret", True, "192.0.2.7", "secret", 401),
    ],
)
def test_who_may_read(token: str, anyone: bool, address: str, authorization: str, status: int) -> None:
    page = MetricsPage(CollectorRegistry(), token, anyone)
    headers = {"Authorization": authorization} if authorization else {}
    assert read(page, address, **headers).status_code == status


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
def test_the_format_is_prometheus(sources: Sources, accept: str) -> None:
    registry = CollectorRegistry()
    CallMetrics(registry, NAMES).record(record_of(call_of()))
    register_rooms(registry, sources)
    reply = read(MetricsPage(registry), Accept=accept)
    assert reply.headers["content-type"].startswith(accept.partition(";")[0])
    names = {family.name for family in text_string_to_metric_families(reply.text.replace("# EOF\n", ""))}
    assert {"facemeld_calls", "facemeld_queue_length"} <= names or {"facemeld_calls_total", "facemeld_queue_length"} <= names
