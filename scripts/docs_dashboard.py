"""The Grafana dashboard: its panels in a table, written out as the JSON that Grafana imports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_WIDTH = 24
_HEIGHT = 8
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_BY = "sum by ({label}) (rate({metric}[$__rate_interval]))"


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture.

    Attributes:
        title: Its heading.
        queries: PromQL queries by the legend's text.
        unit: Grafana's name of the unit.
        about: What to look for.
        kind: ``timeseries`` or ``stat``.
        stacked: Whether the lines add up.
    """

    title: str
    queries: dict[str, str]
    unit: str = "short"
    about: str = ""
    kind: str = "timeseries"
    stacked: bool = False


def _rate(metric: str, label: str) -> dict[str, str]:
    return {f"{{{{{label}}}}}": _BY.format(label=label, metric=metric)}


def _quantiles(metric: str, where: str = "", by: str = "") -> dict[str, str]:
    names = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return {
        f"p{share:g}{legend}": f"histogram_quantile({share / 100}, sum by ({names}) (rate({metric}_bucket{where}[$__rate_interval])))"
        for share in ((50, 95, 99) if not by else (95,))
    }


_FUSIONS = '{action=~"Fuse.*|FaceFusion"}'
_CALLS = "rate(facemeld_calls_total[$__rate_interval])"
_GOOD = 'rate(facemeld_calls_total{code="OK"}[$__rate_interval])'

ROWS: dict[str, list[Panel]] = {
    "Now": [
        Panel("Calls a second", {"calls": f"sum({_CALLS})"}, "reqps", kind="stat"),
        Panel("Answered without an error", {"share": f"sum({_GOOD}) / sum({_CALLS})"}, "percentunit", kind="stat"),
        Panel(
            "Fusion, 95th percentile",
            {"p95": _quantiles("facemeld_call_seconds", _FUSIONS)["p95"]},
            "s",
            kind="stat",
        ),
        Panel("Waiting for a worker", {"tasks": "sum(facemeld_queue_length)"}, kind="stat"),
        Panel("Workers ready", {"ready": "sum(facemeld_workers_ready)", "wanted": "sum(facemeld_workers_wanted)"}, kind="stat"),
        Panel("Faces fused a second", {"faces": "sum(rate(facemeld_faces_fused_total[$__rate_interval]))"}, kind="stat"),
    ],
    "Calls": [
        Panel("Calls by action", _rate("facemeld_calls_total", "action"), "reqps", stacked=True),
        Panel(
            "Errors by code",
            {"{{code}}": 'sum by (code) (rate(facemeld_calls_total{code!="OK"}[$__rate_interval]))'},
            "reqps",
            "NoFaceDetected and its like are the callers' pictures; RpcFail, RequestTimeout, InternalError, ResourceInsufficient are ours.",
        ),
        Panel("Time of fusions", _quantiles("facemeld_call_seconds", _FUSIONS), "s"),
        Panel(
            "Time by stage, 95th percentile",
            _quantiles("facemeld_stage_seconds", by="stage"),
            "s",
            "queue grows first when there are too few workers, fetch when the callers' hosts are slow, store when the disk is.",
        ),
        Panel("Bytes", _rate("facemeld_call_bytes_total", "direction"), "Bps"),
        Panel("Clients that hung up", {"hang-ups": "sum(rate(facemeld_hang_ups_total[$__rate_interval]))"}, "reqps"),
    ],
    "Workers": [
        Panel(
            "Queue",
            {
                "waiting": "sum(facemeld_queue_length)",
                "places": "sum(facemeld_queue_places)",
                "running": "sum(facemeld_tasks_running)",
            },
            about="A queue that stays above the number of workers means that calls come faster than they are done.",
        ),
        Panel("Tasks by how they ended", _rate("facemeld_tasks_total", "outcome"), "ops", stacked=True),
        Panel(
            "Workers started and recycled",
            {
                "started": "sum(rate(facemeld_workers_started_total[$__rate_interval]))",
                "recycled": "sum(rate(facemeld_workers_recycled_total[$__rate_interval]))",
            },
            "ops",
            "More starts than recycled ones are crashes, deadlines or processor-time limits.",
        ),
        Panel(
            "Memory of workers",
            {"all": "sum(facemeld_workers_resident_bytes)", "largest": "max(facemeld_worker_resident_bytes_max)"},
            "bytes",
        ),
        Panel(
            "Templates found in memory",
            {
                "share": 'sum(rate(facemeld_template_looks_total{outcome="hit"}[$__rate_interval]))'
                " / sum(rate(facemeld_template_looks_total[$__rate_interval]))"
            },
            "percentunit",
        ),
        Panel("Templates in memory", {"bytes": "sum(facemeld_templates_bytes)", "templates": "sum(facemeld_templates_held)"}),
    ],
    "Edge and storage": [
        Panel("Replies by kind", _rate("facemeld_http_replies_total", "kind"), "reqps", stacked=True),
        Panel("Refused at the edge", _rate("facemeld_http_refusals_total", "reason"), "reqps"),
        Panel(
            "Connections and requests",
            {"connections": "sum(facemeld_http_connections)", "requests": "sum(facemeld_http_requests_running)"},
        ),
        Panel("Bodies in memory", {"bytes": "sum(facemeld_http_body_bytes)"}, "bytes"),
        Panel("Fetches by outcome", _rate("facemeld_fetches_total", "outcome"), "ops", stacked=True),
        Panel("Bytes fetched", {"bytes": "sum(rate(facemeld_fetched_bytes_total[$__rate_interval]))"}, "Bps"),
        Panel("Results", _rate("facemeld_results_total", "outcome"), "ops"),
        Panel("Bytes of results stored", {"bytes": "sum(rate(facemeld_result_bytes_total[$__rate_interval]))"}, "Bps"),
        Panel("Materials imported", {"{{outcome}}": "sum by (outcome) (increase(facemeld_materials_imported_total[1h]))"}),
        Panel("Attempts to sign in", {"{{outcome}}": "sum by (outcome) (increase(facemeld_sign_ins_total[1h]))"}),
        Panel(
            "Usage records",
            {"waiting": "sum(facemeld_usage_records_waiting)", "lost": "sum(increase(facemeld_usage_records_lost_total[1h]))"},
        ),
        Panel("API process", {"memory": "sum(process_resident_memory_bytes)"}, "bytes"),
    ],
}


def dashboard() -> str:
    """The dashboard as JSON."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        panels.append(
            {"type": "row", "title": title, "gridPos": {"x": 0, "y": top, "w": _WIDTH, "h": 1}, "id": len(panels) + 1, "panels": []}
        )
        top += 1
        across = 6 if all(panel.kind == "stat" for panel in row) else 3
        height = _HEIGHT // 2 if across == 6 else _HEIGHT
        for number, panel in enumerate(row):
            width = _WIDTH // across
            place = {"x": number % across * width, "y": top + number // across * height, "w": width, "h": height}
            panels.append(_panel(panel, place, len(panels) + 1))
        top += -(-len(row) // across) * height
    return json.dumps(_frame(panels), indent=2) + "\n"


def _panel(panel: Panel, place: dict[str, int], number: int) -> dict[str, Any]:
    custom = {"stacking": {"mode": "normal" if panel.stacked else "none"}, "fillOpacity": 30 if panel.stacked else 5, "showPoints": "never"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, **({"custom": custom} if panel.kind == "timeseries" else {})},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
        if panel.kind == "timeseries"
        else {},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": query, "legendFormat": legend, "datasource": _SOURCE}
            for index, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def _frame(panels: list[dict[str, Any]]) -> dict[str, Any]:
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source", "hide": 0, "refresh": 1}
    return {
        "title": "Facemeld",
        "uid": "facemeld",
        "tags": ["facemeld"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [source]},
        "annotations": {"list": []},
        "panels": panels,
    }
