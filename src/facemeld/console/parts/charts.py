"""Charts with the same numbers as a table for those who cannot see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from facemeld.console.desk import Desk
from facemeld.console.parts.pieces import Tone, tag

_COLOURS = {"good": "var(--fm-chart-1)", "bad": "var(--fm-chart-bad)", "info": "var(--fm-chart-2)", "warn": "var(--fm-chart-3)"}


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart.

    Attributes:
        values: One for each label.
        tone: What its colour means.
    """

    name: str
    values: Sequence[float]
    tone: Tone = "good"


def bars(desk: Desk, summary: str, labels: Sequence[str], series: Sequence[Series]) -> None:
    """Bars stacked upon each other.

    Args:
        desk: The page's desk.
        summary: What the chart shows, in a sentence with its main numbers; it stands for the picture.
        labels: Below the bars.
        series: From the bottom up.
    """
    with tag("figure", classes="fm-chart"):
        with tag("div", role="img", aria_label=summary, classes="fm-chart-picture"):
            ui.echart(_options(labels, series), renderer="svg").classes("fm-chart-canvas").props("aria-hidden=true")
        tag("figcaption", summary, "fm-hint")
        with tag("details", classes="fm-chart-numbers"):
            tag("summary", desk.texts("parts.numbers"))
            with tag("div", classes="fm-scroll", tabindex="0", role="region", aria_label=summary), tag("table", classes="fm-small-table"):
                with tag("thead"), tag("tr"):
                    tag("td")
                    for one in series:
                        tag("th", one.name, scope="col")
                with tag("tbody"):
                    for number, label in enumerate(labels):
                        with tag("tr"):
                            tag("th", label, scope="row")
                            for one in series:
                                tag("td", f"{one.values[number]:g}")


def _options(labels: Sequence[str], series: Sequence[Series]) -> dict[str, Any]:
    muted = "var(--fm-muted)"
    return {
        "animation": False,
        "textStyle": {"fontFamily": "inherit"},
        "grid": {"left": 4, "right": 4, "top": 12, "bottom": 0, "containLabel": True},
        "tooltip": {
            "trigger": "axis",
            "axisPointer": {"type": "shadow", "shadowStyle": {"color": "rgba(128,128,128,0.14)"}},
            "className": "fm-chart-tip",
            "confine": True,
        },
        "xAxis": {
            "type": "category",
            "data": list(labels),
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": "var(--fm-line)"}},
            "axisLabel": {"color": muted, "hideOverlap": True},
        },
        "yAxis": {
            "type": "value",
            "minInterval": 1,
            "splitNumber": 3,
            "axisLabel": {"color": muted},
            "splitLine": {"lineStyle": {"color": "var(--fm-line)"}},
        },
        "series": [
            {
                "name": one.name,
                "type": "bar",
                "stack": "all",
                "barMaxWidth": 28,
                "barCategoryGap": "28%",
                "data": list(one.values),
                "itemStyle": {"color": _COLOURS.get(one.tone, muted), "borderRadius": 2},
                "emphasis": {"disabled": True},
            }
            for one in series
        ],
    }
