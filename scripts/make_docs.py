"""Writes the pages of the documentation that are made from the code and from recorded figures; ``--check`` only compares."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from scripts.docs_dashboard import dashboard
from scripts.docs_errors import errors_page
from scripts.docs_metrics import metrics_page
from scripts.docs_numbers import FILLED, ROOT

from facemeld.settings import Settings

DOCS = ROOT / "docs"


def settings_page() -> str:
    """The page of all settings, by group."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable. `--host`, `--port` and `--data` of the commands win over theirs.",
        "This page is generated from `src/facemeld/settings.py` by `make docs`.",
    ]
    group = ""
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        if extra["group"] != group:
            group = str(extra["group"])
            lines += ["", f"## {group}", "", "| variable | default | meaning |", "|---|---|---|"]
        lines.append(f"| `FACEMELD_{name.upper()}` | {_default(name, field.get_default())} | {field.description} |")
    return "\n".join(lines) + "\n"


def _default(name: str, value: Any) -> str:
    special = {
        "data": "`$XDG_DATA_HOME/facemeld`, else `~/.local/share/facemeld`",
        "workers": "one per core",
        "worker_threads": "2, or 1 on one core",
    }
    if name in special:
        return special[name]
    if value is None or value == "":
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "metrics.md": metrics_page,
    "dashboard.json": dashboard,
}


def stale() -> dict[str, str]:
    """Return the text that each page out of date must have, by its path in the repository."""
    wanted = {f"docs/{name}": make() for name, make in PAGES.items()}
    wanted |= {name: fill((ROOT / name).read_text(encoding="utf-8")) for name, fill in FILLED.items()}
    return {name: text for name, text in wanted.items() if not (ROOT / name).is_file() or (ROOT / name).read_text(encoding="utf-8") != text}


def main(arguments: list[str]) -> int:
    """Write the pages; with ``--check`` only compare, and return 1 when one is out of date."""
    found = stale()
    if "--check" in arguments:
        for name in found:
            print(f"{name} is out of date: run `make docs`", file=sys.stderr)
        return 1 if found else 0
    for name, text in found.items():
        (ROOT / name).write_text(text, encoding="utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
