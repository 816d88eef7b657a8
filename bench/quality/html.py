"""Writes a quality report as a folder that a browser opens without a network: figures, distributions and worst cases."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench.quality.report import METRICS, MONOTONY, STEPS, Metric, Outcome, QualityReport
from jinja2 import Environment

PICTURES = "pictures"
"""Folder of the pictures inside the report's folder."""

_WORST = 12
_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 1.5rem auto; max-width: 110rem; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #8886; }
td:first-child, th:first-child { text-align: left; } .missed { color: #c33; } .reached { color: #293; }
figure { margin: 0 0 1.5rem; } figcaption { margin: .3rem 0; }
.trio { display: flex; gap: .4rem; align-items: flex-start; overflow-x: auto; }
.trio img { display: block; height: auto; max-width: none; } svg { width: 15rem; height: 4rem; } rect { fill: #57a; }
nav a { margin-right: 1rem; } .plots { display: flex; flex-wrap: wrap; gap: 1rem; } small { opacity: .75; }
</style><h1>{{ title }}</h1>
{%- macro trio(outcome, metric=None) %}
<figure><figcaption><b>{{ outcome.user }} into {{ outcome.template }} at {{ outcome.degrees | join("/") }}
{%- if metric %}: {{ metric.title }} {{ figure(metric, outcome.values[metric.name]) }}{% endif %}</b></figcaption><div class="trio">
{%- for file in files(outcome) %}<img loading="lazy" src="{{ file | urlencode }}" alt="{{ file }}">{% endfor %}</div>
<small>{{ outcome.error or caption(outcome) }}</small></figure>
{%- endmacro %}
"""
_INDEX = """<nav>{% for degrees in report.settings %}<a href="{{ all_name(degrees) }}">All results at {{ degrees | join("/") }}</a>
{%- endfor %}</nav>
{% for degrees in report.settings %}{% set at = degrees | join("/") %}
<h2>{{ at }}</h2><p>FuseProfileDegree {{ degrees[0] }}, FuseFaceDegree {{ degrees[1] }}: {{ report.at(degrees) | length }} fusions,
{{ report.failures(degrees) | length }} failed, {{ report.gallery }} users to choose from.</p>
<table><tr><th>metric<th>mean<th>median<th>5 %<th>95 %<th>n<th>aim</tr>
{% for metric in metrics + monotony %}{% set summary = report.summary(metric, degrees) %}<tr><td>
{%- if metric in monotony %}<a href="#sliders">{{ metric.title }}</a>
{%- elif metric.better == "info" %}{{ metric.title }}{% else %}<a href="#{{ metric.name }}-{{ at }}">{{ metric.title }}</a>{% endif %}
{%- if summary %}{% for key in ("mean", "median", "p5", "p95") %}<td>{{ figure(metric, summary[key]) }}{% endfor %}<td>{{ summary.count }}
{%- set verdict = metric.verdict(summary) %}<td class="{{ verdict.split(" ")[-1] }}">{{ verdict }}
{%- else %}<td colspan="6">not measured{% endif %}</tr>
{% endfor %}</table><div class="plots">{% for metric in metrics if report.values(metric, degrees) %}
<div><small>{{ metric.title }}</small><br>
{%- set values = report.values(metric, degrees) %}<svg viewBox="0 0 240 50" preserveAspectRatio="none">
{%- for height in bars(values) %}<rect x="{{ loop.index0 * 10 }}" y="{{ 50 - height }}" width="9" height="{{ height }}"/>
{%- endfor %}</svg><br><small>{{ figure(metric, values | min) }} to {{ figure(metric, values | max) }}</small></div>{% endfor %}</div>
{% for outcome in report.failures(degrees) %}{{ "<h3>Failures</h3><ul>" | safe if loop.first }}
<li>{{ outcome.user }} into {{ outcome.template }}: {{ outcome.error }}</li>{{ "</ul>" | safe if loop.last }}{% endfor %}
{% endfor %}{% if report.sliders %}
<h2 id="sliders">Sliders</h2><p>Each slider at {{ steps | join(", ") }}, the other one at 50.</p><table><tr><th>pair
<th>Spearman FuseFaceDegree<th>Spearman FuseProfileDegree<th>cosines to the user<th>contour distances</tr>
{% for pair in sliders %}<tr><td>{{ pair.user }} into {{ pair.template }}
{%- for rho in (pair.features, pair.shape) %}<td>{{ "failed" if rho is none else "%.2f" % rho }}{% endfor %}
{%- for values in (pair.identities, pair.contours) %}<td>{% for value in values %}{{ "%.3f" % value }} {% endfor %}{% endfor %}</tr>
{% endfor %}</table>{% endif %}
{% for degrees in report.settings %}{% set at = degrees | join("/") %}{% for metric in metrics if metric.better != "info" %}
<h2 id="{{ metric.name }}-{{ at }}">Worst {{ metric.title }} at {{ at }}</h2>
{% for outcome in report.worst(metric, degrees, worst) %}{{ trio(outcome, metric) }}{% endfor %}{% endfor %}{% endfor %}</html>
"""
_ALL = """<nav><a href="index.html">Figures</a></nav>{% for outcome in outcomes %}{{ trio(outcome) }}{% endfor %}</html>
"""


def write_html(report: QualityReport, users: Mapping[str, Path], templates: Mapping[str, Path], output: Path) -> None:
    """Write ``index.html``, one page of all results for each setting, the table and the JSON into a report's folder.

    Args:
        report: The figures; its outcomes name the kept results inside ``output``.
        users: The users' photos by file name; the ones that the report shows are copied.
        templates: The templates likewise.
        output: Folder of the report.
    """
    for folder, sources in (("users", users), ("templates", templates)):
        (output / PICTURES / folder).mkdir(parents=True, exist_ok=True)
        for name in {outcome.user if folder == "users" else outcome.template for outcome in report.outcomes}:
            shutil.copyfile(sources[name], output / PICTURES / folder / name)
    (output / "table.txt").write_text(report.table() + "\n", encoding="utf-8")
    (output / "report.json").write_text(report.to_json() + "\n", encoding="utf-8")
    environment = Environment(autoescape=True)
    environment.globals |= {"figure": _figure, "files": _files, "caption": _caption, "bars": _bars, "all_name": _all_name, "worst": _WORST}

    def write(name: str, title: str, body: str, **values: Any) -> None:
        (output / name).write_text(environment.from_string(_HEAD + body).render(title=title, **values), encoding="utf-8")

    sliders = sorted(report.sliders, key=lambda one: min(one.features or 0.0, one.shape or 0.0))
    known = {"report": report, "metrics": METRICS, "monotony": MONOTONY, "steps": STEPS, "sliders": sliders}
    write("index.html", f"Fusion quality of {report.engine}", _INDEX, **known)
    for degrees in report.settings:
        write(_all_name(degrees), f"All results at {degrees[0]}/{degrees[1]}", _ALL, outcomes=report.at(degrees))


def _figure(metric: Metric, value: float) -> str:
    return f"{value:.{metric.digits}f}"


def _files(outcome: Outcome) -> list[str]:
    """Return the pictures of user, template and result, as far as they are in the folder."""
    inputs = [f"{PICTURES}/users/{outcome.user}", f"{PICTURES}/templates/{outcome.template}"]
    return inputs + ([outcome.picture] if outcome.picture else [])


def _caption(outcome: Outcome) -> str:
    return " · ".join(f"{one.title} {_figure(one, outcome.values[one.name])}" for one in METRICS if one.name in outcome.values)


def _bars(values: Sequence[float]) -> list[float]:
    """Return the heights of a histogram's 24 bars, the highest 50."""
    counts, _ = np.histogram(values, 24)
    return [round(50 * count / counts.max(), 1) for count in counts.tolist()]


def _all_name(degrees: tuple[int, int]) -> str:
    return f"all-{degrees[0]}-{degrees[1]}.html"
