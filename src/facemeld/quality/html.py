"""Writes a quality report as a folder that a browser opens without a network: figures, distributions and contact sheets."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from facemeld.quality.metrics import METRICS, MONOTONY, Metric
from facemeld.quality.records import Degrees, Outcome
from facemeld.quality.report import QualityReport, aim_text, histogram
from facemeld.quality.sliders import OTHER, STEPS

_WORST = 12
_USERS = "users"
_TEMPLATES = "templates"
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 1.5rem auto; max-width: 110rem; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #8886; }
td:first-child, th:first-child { text-align: left; } .missed { color: #c33; } .reached { color: #293; }
figure { margin: 0 0 1.5rem; } figcaption { margin: .3rem 0; }
.trio { display: flex; gap: .4rem; align-items: flex-start; overflow-x: auto; }
.trio img { display: block; height: auto; max-width: none; } svg { width: 15rem; height: 4rem; } rect { fill: #57a; }
nav a { margin-right: 1rem; } .plots { display: flex; flex-wrap: wrap; gap: 1rem; } small { opacity: .75; }
"""


def write_html(report: QualityReport, users: Mapping[str, Path], templates: Mapping[str, Path], output: Path, pictures: str) -> None:
    """Write ``index.html``, one page for each setting with all results, the table and the JSON into a report's folder.

    Args:
        report: The figures; its outcomes name the kept results inside ``output``.
        users: The users' photos by file name; those that the report shows are copied.
        templates: The templates likewise.
        output: Folder of the report.
        pictures: Folder inside it for the copies.
    """
    for folder, sources in ((_USERS, users), (_TEMPLATES, templates)):
        (output / pictures / folder).mkdir(parents=True, exist_ok=True)
        for name in sorted({outcome.user if folder == _USERS else outcome.template for outcome in report.outcomes}):
            shutil.copyfile(sources[name], output / pictures / folder / name)
    (output / "table.txt").write_text(report.table() + "\n", encoding="utf-8")
    (output / "report.json").write_text(report.to_json() + "\n", encoding="utf-8")
    (output / "index.html").write_text(_index(report, pictures), encoding="utf-8")
    for degrees in report.settings:
        shown = "\n".join(_trio(outcome, pictures) for outcome in report.at(degrees))
        page = _page(f"All results at {degrees[0]}/{degrees[1]}", f'<nav><a href="index.html">Figures</a></nav>{shown}')
        (output / _all_name(degrees)).write_text(page, encoding="utf-8")


def _index(report: QualityReport, pictures: str) -> str:
    links = "".join(f'<a href="{_all_name(degrees)}">All results at {degrees[0]}/{degrees[1]}</a>' for degrees in report.settings)
    parts = [f"<nav>{links}</nav>"]
    for degrees in report.settings:
        parts += [_figures(report, degrees), _distributions(report, degrees), _failures(report, degrees)]
    parts.append(_sliders(report))
    for degrees in report.settings:
        parts += [_worst(report, metric, degrees, pictures) for metric in METRICS if metric.better != "info"]
    return _page(f"Fusion quality of {report.engine}", "\n".join(parts))


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>{body}</html>\n"
    )


def _figures(report: QualityReport, degrees: Degrees) -> str:
    rows = []
    for metric, summary in report.rows(degrees):
        if summary is None:
            rows.append(f"<tr><td>{escape(metric.title)}<td colspan=6>not measured</tr>")
            continue
        cells = "".join(f"<td>{value:.{metric.digits}f}" for value in (summary.mean, summary.median, summary.low, summary.high))
        aim = aim_text(metric, summary)
        target = "sliders" if metric in MONOTONY else _anchor(metric, degrees)
        title = escape(metric.title) if metric.better == "info" else f"<a href='#{target}'>{escape(metric.title)}</a>"
        rows.append(f"<tr><td>{title}{cells}<td>{summary.count}<td class='{aim.rpartition(' ')[2]}'>{escape(aim)}</tr>")
    outcomes = report.at(degrees)
    return (
        f"<h2>{degrees[0]}/{degrees[1]}</h2><p>FuseProfileDegree {degrees[0]}, FuseFaceDegree {degrees[1]}: {len(outcomes)} fusions, "
        f"{len(report.failures(degrees))} failed, {report.gallery} users to choose from.</p>"
        f"<table><tr><th>metric<th>mean<th>median<th>5 %<th>95 %<th>n<th>aim</tr>{''.join(rows)}</table>"
    )


def _distributions(report: QualityReport, degrees: Degrees) -> str:
    plots = []
    for metric in METRICS:
        values = [outcome.values[metric.name] for outcome in report.at(degrees) if metric.name in outcome.values]
        if values:
            plots.append(f"<div><small>{escape(metric.title)}</small><br>{_plot(values, metric.digits)}</div>")
    return f"<div class='plots'>{''.join(plots)}</div>"


def _plot(values: Sequence[float], digits: int) -> str:
    counts, low, high = histogram(values, 24)
    top = max(counts)
    bars = "".join(f'<rect x="{i * 10}" y="{50 - 50 * n / top:.1f}" width="9" height="{50 * n / top:.1f}"/>' for i, n in enumerate(counts))
    return f'<svg viewBox="0 0 240 50" preserveAspectRatio="none">{bars}</svg><br><small>{low:.{digits}f} to {high:.{digits}f}</small>'


def _failures(report: QualityReport, degrees: Degrees) -> str:
    failed = report.failures(degrees)
    if not failed:
        return ""
    items = "".join(f"<li>{escape(one.user)} into {escape(one.template)}: {escape(one.error or '')}</li>" for one in failed)
    return f"<h3>Failures at {degrees[0]}/{degrees[1]}</h3><ul>{items}</ul>"


def _sliders(report: QualityReport) -> str:
    """Every pair on which the sliders were tried, the worst first."""
    if not report.sliders:
        return ""
    rows = []
    for one in sorted(report.sliders, key=lambda one: min(one.features or 0.0, one.shape or 0.0)):
        rhos = "".join(f"<td>{'failed' if rho is None else f'{rho:.2f}'}" for rho in (one.features, one.shape))
        steps = "".join(f"<td>{', '.join(f'{value:.3f}' for value in values)}" for values in (one.identities, one.contours))
        rows.append(f"<tr><td>{escape(one.user)} into {escape(one.template)}{rhos}{steps}</tr>")
    degrees = ", ".join(str(step) for step in STEPS)
    return (
        f"<h2 id='sliders'>Sliders</h2><p>Each slider at {degrees}, the other one at {OTHER}.</p><table><tr><th>pair"
        "<th>Spearman FuseFaceDegree<th>Spearman FuseProfileDegree<th>cosines to the user<th>contour distances</tr>"
        f"{''.join(rows)}</table>"
    )


def _worst(report: QualityReport, metric: Metric, degrees: Degrees, pictures: str) -> str:
    shown = "\n".join(_trio(outcome, pictures, metric) for outcome in report.worst(metric, degrees, _WORST))
    return f"<h2 id='{_anchor(metric, degrees)}'>Worst {escape(metric.title)} at {degrees[0]}/{degrees[1]}</h2>{shown}"


def _trio(outcome: Outcome, pictures: str, metric: Metric | None = None) -> str:
    """User, template and result side by side at full size, with the figures underneath."""
    title = f"{outcome.user} into {outcome.template} at {outcome.degrees[0]}/{outcome.degrees[1]}"
    if metric is not None:
        title += f": {metric.title} {outcome.values[metric.name]:.{metric.digits}f}"
    files = [
        f"{pictures}/{_USERS}/{outcome.user}",
        f"{pictures}/{_TEMPLATES}/{outcome.template}",
        *([outcome.picture] if outcome.picture else []),
    ]
    images = "".join(f'<img loading="lazy" src="{escape(quote(file))}" alt="{escape(file)}">' for file in files)
    known = [(one, outcome.values[one.name]) for one in METRICS if one.name in outcome.values]
    figures = " · ".join(f"{one.title} {value:.{one.digits}f}" for one, value in known)
    note = escape(outcome.error) if outcome.error else escape(figures)
    return f"<figure><figcaption><b>{escape(title)}</b></figcaption><div class='trio'>{images}</div><small>{note}</small></figure>"


def _anchor(metric: Metric, degrees: Degrees) -> str:
    return f"{metric.name}-{degrees[0]}-{degrees[1]}"


def _all_name(degrees: Degrees) -> str:
    return f"all-{degrees[0]}-{degrees[1]}.html"
