"""The recorded figures of the benches, written into README.md, docs/performance.md and docs/quality.md between their markers."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.quality.report import METRICS, MONOTONY

from bench import report

ROOT = Path(__file__).resolve().parents[1]


def recorded(name: str) -> dict[str, Any]:
    """Return the figures of a run: ``performance`` (``make bench``) or ``quality`` (``make quality``)."""
    found: dict[str, Any] = json.loads((ROOT / "docs" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def between(text: str, name: str, content: str) -> str:
    """Return a page with the lines between ``<!-- name -->`` and ``<!-- /name -->`` replaced.

    Raises:
        ValueError: the page does not have these markers exactly once.
    """
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    filled, count = pattern.subn(lambda match: f"{match[1]}{content}{match[2]}", text)
    if count != 1:
        raise ValueError(f"the page must have the markers <!-- {name} --> and <!-- /{name} --> once, got {count}")
    return filled


NUMBERS = """\
On {cores} cores of a rented server, a call (template of 1080×1080, one face, photo of one megapixel, all marks) takes {median:.0f} ms
at the median; the server sustains {most:.0f} calls a second, in {server} MiB for the server and {worker} MiB for each worker. The
processor time of a call is {multiple:.1f} times what decoding and encoding the same pictures takes alone, and 1/{share:.0f} of the time
of a neural swapper's network. `make bench` measures this; the [performance](docs/performance.md) page has the rest.

On {pairs} pairs of portraits at degrees 0/0, a recognition network that the engine never sees takes the result for the user among
{users} in {retrieval:.0f} %; the head's pose is off by {pose:.1f}° at the median; {changed} outside the mask changes. `make quality`
measures this; the [quality](docs/quality.md) page has the rest, and the faults that still show.
"""


def readme(text: str) -> str:
    """Return README.md with the section "Numbers" made from the recorded figures."""
    speed, quality = recorded("performance"), recorded("quality")
    case, memory, metrics = speed["cases"][0], speed["base"]["memory_mb"], quality["settings"]["0/0"]["metrics"]
    changed = metrics["background"]["mean"]
    filled = NUMBERS.format(
        cores=speed["machine"]["cores"],
        median=case["p50_ms"],
        most=max(row["per_second"] for row in speed["closed"]),
        server=memory["server"][0],
        worker=max(memory["workers"]),
        multiple=case["multiple"],
        share=speed["network"]["processor_s"] * 1000 / sum(case["processor_ms"].values()),
        pairs=quality["pairs"],
        users=quality["users"],
        retrieval=100 * metrics["retrieval"]["mean"],
        pose=metrics["pose"]["median"],
        changed=f"a mean of {changed:g} pixels" if changed else "no pixel",
    )
    paragraphs = [textwrap.fill(paragraph, 138, break_on_hyphens=False) for paragraph in filled.split("\n\n")]
    return between(text, "numbers", "\n\n".join(paragraphs) + "\n")


ROWS: tuple[tuple[str, str, Callable[[Mapping[str, float]], str]], ...] = (
    ("normalised_gain", "normalised identity gain, mean (median)", lambda one: f"{one['mean']:.3f} ({one['median']:.3f})"),
    ("retrieval", "top-1 retrieval among {users} users", lambda one: f"{100 * one['mean']:.0f} %"),
    ("recall_60", "face found again, both faces under 60° of yaw", lambda one: f"{100 * one['mean']:.0f} %"),
    ("pose", "pose error, median", lambda one: f"{one['median']:.1f}°"),
    ("expression", "expression error, mean sum (median)", lambda one: f"{one['mean']:.2f} ({one['median']:.2f})"),
    ("background", "changed pixels outside the mask, mean", lambda one: f"{one['mean']:.0f}"),
    ("seam", "seam ratio, median", lambda one: f"{one['median']:.2f}"),
    ("tone", "tone ΔE00, median (mean)", lambda one: f"{one['median']:.1f} ({one['mean']:.1f})"),
    ("sharpness", "sharpness ratio, mean", lambda one: f"{one['mean']:.2f}"),
    ("monotony_features", "Spearman of `FuseFaceDegree`, mean (median)", lambda one: f"{one['mean']:.2f} ({one['median']:.1f})"),
    ("monotony_shape", "Spearman of `FuseProfileDegree`, mean (median)", lambda one: f"{one['mean']:.2f} ({one['median']:.1f})"),
)
"""Rows of the table in docs/quality.md: metric, title, and how a summary is shown."""


def quality_page(text: str) -> str:
    """Return docs/quality.md with its table made from the recorded figures."""
    found, metrics = recorded("quality"), {metric.name: metric for metric in METRICS + MONOTONY}
    settings = found["settings"]
    lines = [f"| metric | {' | '.join(settings)} | aim at 0/0 | |", "|---|" + "---|" * (len(settings) + 2)]
    for name, title, shown in ROWS:
        summaries = [found["sliders"][name]] if name in found["sliders"] else [one["metrics"][name] for one in settings.values()]
        cells = [shown(summary) for summary in summaries] + [""] * (len(settings) - len(summaries))
        aim, _, verdict = metrics[name].verdict(summaries[0]).rpartition(" ")
        aim = aim.replace(">=", "≥").replace("<=", "≤")
        lines.append(f"| {title.format(users=found['users'])} | {' | '.join(cells)} | {aim or '–'} | {verdict} |")
    return between(text, "quality", "\n".join(lines) + "\n")


def performance_page(text: str) -> str:
    """Return docs/performance.md with its tables made from the recorded figures."""
    return report.page(text, recorded("performance"))


FILLED: Mapping[str, Callable[[str], str]] = {
    "README.md": readme,
    "docs/performance.md": performance_page,
    "docs/quality.md": quality_page,
}
"""Pages with generated parts: each function takes the page and returns it with the recorded figures."""
