"""The page of all metrics, from the metrics themselves."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from starlette.applications import Starlette

from facemeld.accounts.store import AccountStore
from facemeld.counts import Counts
from facemeld.http.connections import ConnectionLimits, Guard
from facemeld.http.edge import Edge, EdgeLimits
from facemeld.observe.calls import UsageLog
from facemeld.observe.telemetry import CallMetrics, Sources, register_rooms
from facemeld.timing import STAGES
from facemeld.usage.store import UsageStore
from facemeld.workers.pool.context import WorkerConfig
from facemeld.workers.pool.local import LocalExecutor, PoolLimits

_ACTIONS = [("2022-09-27", "FuseFace")]


def all_metrics() -> list[Metric]:
    """Every metric of the service as it is before the first call; nothing is opened or started for it."""
    registry = CollectorRegistry()
    guard, counts = Guard(ConnectionLimits()), Counts()
    edge = Edge(Starlette(), EdgeLimits(), guard.refused)
    edge.answered["api", 200] = 0
    # Neither store is used by a log that notes nothing.
    usage = UsageLog(object.__new__(UsageStore), object.__new__(AccountStore))
    CallMetrics(registry, _ACTIONS)
    register_rooms(registry, Sources(LocalExecutor(WorkerConfig(Path()), PoolLimits(workers=1)), guard, edge, counts, usage))
    return sorted(registry.collect(), key=lambda metric: metric.name)


def series_names(metric: Metric) -> list[str]:
    """The names under which a metric is asked for."""
    match metric.type:
        case "counter":
            return [f"{metric.name}_total"]
        case "histogram":
            return [f"{metric.name}_{part}" for part in ("bucket", "count", "sum")]
        case _:
            return [metric.name]


def metrics_page() -> str:
    """The page."""
    lines = [
        "# Metrics",
        "",
        "What `GET /metrics` tells. [Operations](operations.md) says who may read it, what to look at and when to worry;",
        "[dashboard.json](dashboard.json) shows it. This page is generated from the code by `make docs`.",
        "",
        "| name | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    for metric in all_metrics():
        own = [label for label in _labels(metric) if label != "le"]
        labels = ", ".join(f"`{label}`{_values(metric, label)}" for label in own) or "–"
        name = metric.name + ("_total" if metric.type == "counter" else "")
        lines.append(f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |")
    lines += ["", "## Stages", "", "| stage | what it covers |", "|---|---|"]
    lines += [f"| `{name}` | {text} |" for name, text in STAGES.items()]
    return "\n".join(lines) + "\n"


def _labels(metric: Metric) -> list[str]:
    return list(dict.fromkeys(label for sample in metric.samples for label in sample.labels))


def _values(metric: Metric, label: str) -> str:
    """The values of a label, where they are few and fixed."""
    if label not in ("outcome", "reason", "direction"):
        return ""
    values = dict.fromkeys(sample.labels[label] for sample in metric.samples if label in sample.labels)
    return f" ({', '.join(values)})" if values else ""
