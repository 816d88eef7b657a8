"""The dashboard, the alerts and the page of metrics name existing metrics, and all limits of the edge are documented."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from scripts.docs_dashboard import ROWS
from scripts.docs_metrics import all_metrics, series_names

from facemeld.observe.telemetry import REFUSALS
from facemeld.settings.catalogue import SETTINGS
from tests.tables import table

DOCS = Path(__file__).resolve().parents[2] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()
DASHBOARD = json.loads((DOCS / "dashboard.json").read_text())
SERIES = {name: metric for metric in all_metrics() for name in series_names(metric)}
QUERY = re.compile(r"\b((?:facemeld|process)_[a-z_]+)(?:\{([^}]*)\})?")


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def alerts() -> list[str]:
    block = next(block for block in re.findall(r"```yaml\n(.*?)```", OPERATIONS, re.DOTALL) if "alert:" in block)
    return re.findall(r"expr: (.*?)\n\s+(?:for|annotations):", block, re.DOTALL)


def test_there_are_queries_and_alerts() -> None:
    assert len(queries()) >= 40
    assert len(alerts()) == 8
    assert len(panels()) == sum(len(row) for row in ROWS.values())


@table("query", [*queries(), *alerts()])
def test_queries_ask_for_what_exists(query: str) -> None:
    found = QUERY.findall(query)
    assert found
    for name, filters in found:
        assert name in SERIES, name
        labels = {label for sample in SERIES[name].samples for label in sample.labels}
        for label, _, values in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', filters):
            assert label in labels, (name, label)
            if label in ("outcome", "reason"):
                known = {sample.labels[label] for sample in SERIES[name].samples if label in sample.labels}
                assert set(values.split("|")) <= known, (name, values)
    for label in re.findall(r"by \(([^)]*)\)", query):
        assert set(label.replace(" ", "").split(",")) <= {
            name for metric in SERIES.values() for s in metric.samples for name in s.labels
        } | {
            "code",
        }


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert() -> None:
    asked = {name for query in [*queries(), *alerts()] for name, _ in QUERY.findall(query)}
    unseen = {metric.name for metric in all_metrics() if metric.name.startswith("facemeld") and not asked & set(series_names(metric))}
    assert unseen == {"facemeld_info"}


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_settings_of_the_operations_page_exist() -> None:
    named = set(re.findall(r"FACEMELD_[A-Z_]+", OPERATIONS))
    assert named <= {setting.variable for setting in SETTINGS.values()}


EXPLAINED = """
SERVER_MAX_CONNECTIONS SERVER_MAX_PER_ADDRESS SERVER_HEADER_SECONDS SERVER_MAX_HEADER_KB SERVER_MAX_HEADERS SERVER_BODY_SECONDS
SERVER_SLOW_BYTES SERVER_SLOW_SECONDS SERVER_MAX_BODIES_MB API_MAX_BODY_MB SERVER_KEEP_ALIVE_SECONDS METRICS_ENABLED METRICS_TOKEN
METRICS_BIND TRACE_ENDPOINT TRACE_SHARE WORKERS_CPU_SECONDS WORKERS_MEMORY_MB WORKERS_TASKS WORKERS_TASK_SECONDS WORKERS_QUEUE_LIMIT
SERVER_DRAIN_SECONDS LOG_FORMAT
"""


@table("setting", EXPLAINED.split())
def test_limits_are_explained(setting: str) -> None:
    assert f"FACEMELD_{setting}" in OPERATIONS


def test_reasons_of_refusals_are_those_that_the_edge_gives() -> None:
    source = "".join((DOCS.parent / "src" / "facemeld" / "http" / f"{name}.py").read_text() for name in ("connections", "edge"))
    given = set(re.findall(r'refused\["([^"]+)"\]', source)) | set(re.findall(r'_Refusal\("([^"]+)"', source))
    assert given == set(REFUSALS)
