"""Figures of a run as JSON, as tables and as plots; keeps the pages of the documentation true."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from facemeld.timing import STAGES

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, FIGURES, PLOTS = DOCS / "performance.md", DOCS / "performance.json", DOCS / "images"

_BLOCK = re.compile(r"(<!-- bench:([a-z]+) -->\n).*?(<!-- /bench:\2 -->)", re.DOTALL)
Found = Mapping[str, Any]


def rounded(value: Any) -> Any:
    """The same figures to four significant digits, whole from a thousand on: more would be noise."""
    if isinstance(value, float):
        return round(value) if abs(value) >= 1000 else float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list | tuple) else value


def _number(value: float) -> str:
    """A figure as people read it."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    lines += [[_number(cell) if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def _machine(found: Found) -> str:
    what = found["machine"]
    return (
        f"{what['processor']}, {what['cores']} cores, {what['memory']} of memory, {what['system']}, Python {what['python']}; "
        f"{found['workers']} workers, {found['calls']} calls of each kind.\n"
    )


def _summary(found: Found) -> str:
    base, case, closed = found["base"], found["cases"][0], max(found["closed"], key=lambda row: row["per_second"])
    used = sum(case["processor_ms"].values())
    memory = base["memory_mb"]
    rows: list[Sequence[object]] = [
        ("median, one call after the other", f"{_number(case['p50_ms'])} ms"),
        ("95 % and 99 % under", f"{_number(case['p95_ms'])} ms, {_number(case['p99_ms'])} ms"),
        ("most calls a second", f"{_number(closed['per_second'])} (with {closed['clients']} clients)"),
        ("processor time of a call", f"{_number(used)} ms"),
        ("… as a multiple of decoding and encoding alone", f"{_number(case['multiple'])} × {_number(case['floor_ms'])} ms"),
    ]
    if "network" in found:
        network = found["network"]
        rows.append(
            ("… as a part of a neural swapper's", f"1/{network['processor_s'] * 1000 / used:.0f} of {_number(network['processor_s'])} s")
        )
    rows += [
        ("first call of a fresh server", f"{_number(base['first_call_ms'])} ms"),
        ("peak memory: server", f"{memory['server'][0]} MiB"),
        ("peak memory: each worker", f"{max(memory['workers'])} MiB"),
    ]
    return _table(("1080×1080 material, 1 face, 1 MP photo, address out, all marks", ""), rows)


def _cases(found: Found) -> str:
    head = ("call", "p50 ms", "p95 ms", "p99 ms", "CPU ms: server", "workers", "floor CPU ms", "multiple")
    rows = [
        (
            row["name"],
            *(row[name] for name in ("p50_ms", "p95_ms", "p99_ms")),
            row["processor_ms"]["server"],
            row["processor_ms"]["workers"],
            row["floor_ms"],
            row["multiple"],
        )
        for row in found["cases"]
    ]
    return _table(head, rows)


def _load(found: Found) -> str:
    head = ("load", "calls/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms of a call", "CPU ms of the load itself", "failures")
    rows = [(f"{row['clients']} clients", *_row(row)) for row in found["closed"]]
    rows += [(f"{row['rate']:g} calls/s due", *_row(row)) for row in found["open"]]
    return _table(head, rows)


def _row(row: Mapping[str, Any]) -> tuple[object, ...]:
    failures = ", ".join(f"{count} {what}" for what, count in row["failures"].items()) or "0"
    return (*(row[name] for name in ("per_second", "p50_ms", "p95_ms", "p99_ms", "processor_ms", "load_ms")), failures)


def _stages(found: Found) -> str:
    total = sum(row["ms"] for row in found["stages"]) or 1.0
    meaning = {**STAGES, "between": "everything else"}
    rows = [(row["stage"], row["ms"], f"{row['ms'] / total:.0%}", meaning[row["stage"]]) for row in found["stages"]]
    return _table(("stage", "ms", "share", "what"), rows)


def _growth(found: Found) -> str:
    curves = found.get("growth")
    if curves is None:
        return "Not measured in this run.\n"
    parts = []
    for name, unit in (("material", "material, MP"), ("photo", "photo, MP"), ("faces", "faces")):
        rows = [(_number(row["x"]), row["processor_ms"], row["floor_ms"], row["processor_ms"] / row["floor_ms"]) for row in curves[name]]
        parts.append(_table((unit, "CPU ms of the pixel work", "floor CPU ms", "multiple"), rows))
    rows = [(_number(row["x"]), *(row[name] for name in ("file_mb", "memory_mb", "load_ms", "hit_us"))) for row in curves["plans"]]
    parts.append(_table(("material, MP", "plan's file, MiB", "in memory, MiB", "CPU ms to load", "µs when held"), rows))
    rows = [(f"{row['x']:,}".replace(",", " "), row["lookup_us"], row["list_us"], row["file_mb"]) for row in curves["catalogue"]]
    parts.append(_table(("materials in the catalogue", "look-up of a call, µs", "first page of a list, µs", "database, MiB"), rows))
    return "\n".join(parts)


BLOCKS: Mapping[str, Callable[[Found], str]] = {
    "machine": _machine,
    "summary": _summary,
    "cases": _cases,
    "load": _load,
    "stages": _stages,
    "growth": _growth,
}
"""The tables of the page by the names of their markers."""


def markdown(found: Found) -> str:
    """All tables, one after the other."""
    return "\n".join(make(found) for make in BLOCKS.values())


def page(text: str, found: Found) -> str:
    """A page with what stands between its markers made anew.

    Raises:
        ValueError: a marker names no table, or a table has no marker.
    """
    names = [match[2] for match in _BLOCK.finditer(text)]
    if sorted(names) != sorted(BLOCKS):
        raise ValueError(f"the page must have the markers {', '.join(BLOCKS)} once each, got {', '.join(names) or 'none'}")
    return _BLOCK.sub(lambda match: f"{match[1]}{BLOCKS[match[2]](found)}{match[3]}", text)


def record(found: Found) -> None:
    """Write figures, page and plots of the documentation."""
    FIGURES.write_text(json.dumps(rounded(found), indent=1, ensure_ascii=False) + "\n")
    kept = json.loads(FIGURES.read_text())
    PAGE.write_text(page(PAGE.read_text(), kept))
    plots(kept, PLOTS)
    for path in (FIGURES, PAGE, *PLOTS.glob("performance-*.svg")):
        # The service's own folders are private, and it makes the whole process so.
        path.chmod(0o644)


def write(found: Found, folder: Path) -> None:
    """Write figures, tables and plots into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(rounded(found), indent=1, ensure_ascii=False) + "\n")
    (folder / "report.md").write_text(markdown(found))
    plots(found, folder)


def plots(found: Found, folder: Path) -> None:
    """Latency under load, and the growth of costs."""
    import matplotlib

    matplotlib.use("svg")
    # The same figures always make the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "facemeld", "svg.fonttype": "none", "font.size": 9})
    matplotlib.rcParams.update({"axes.grid": True, "grid.alpha": 0.3, "figure.constrained_layout.use": True})
    from matplotlib import pyplot

    def save(figure: Any, name: str) -> None:
        figure.savefig(folder / name, metadata={"Date": None})
        pyplot.close(figure)

    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    rates = [row["rate"] for row in found["open"]]
    for share in ("p50", "p95", "p99"):
        axes.plot(rates, [row[f"{share}_ms"] for row in found["open"]], marker="o", label=share)
    axes.set(xlabel="calls a second, due at a constant rate", ylabel="ms from when a call was due", yscale="log")
    axes.legend()
    save(figure, "performance-load.svg")
    if "growth" in found:
        curves = (("material", "megapixels of the material"), ("photo", "megapixels of the photo"), ("faces", "faces"))
        figure, panels = pyplot.subplots(1, 3, figsize=(9, 3), sharey=False)
        for panel, (name, label) in zip(panels, curves, strict=True):
            rows = found["growth"][name]
            panel.plot([row["x"] for row in rows], [row["processor_ms"] for row in rows], marker="o", label="pixel work of a call")
            panel.plot([row["x"] for row in rows], [row["floor_ms"] for row in rows], marker="o", label="decode and encode alone")
            panel.set(xlabel=label, ylabel="CPU ms", ylim=(0, None))
        panels[0].legend()
        save(figure, "performance-growth.svg")
