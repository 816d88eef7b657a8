"""Writes the pages of the documentation that are made from the code and from recorded figures; ``--check`` only compares."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from scripts.docs_dashboard import dashboard
from scripts.docs_errors import errors_page
from scripts.docs_metrics import metrics_page
from scripts.docs_numbers import FILLED, ROOT

from facemeld.settings.catalogue import GROUPS, SETTINGS, Setting

DOCS = ROOT / "docs"


def settings_page() -> str:
    """The page of all settings, by group."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable, named after its group: `FACEMELD_FETCH_SECONDS` is the setting `seconds` of the group",
        "*Fetching*. Options of the command line win over variables. Names that stand under a variable are read as well: a short name is",
        "as good as the long one; a former name works, but the log of the server and `facemeld doctor` ask for the new one. Two names of",
        "one setting must not have different values.",
        "",
        "A value that is not valid stops every command with a line that names the variable, what was expected and what came:",
        "`FACEMELD_PORT must be a whole number from 0 to 65535, got 'abc'`. A `FACEMELD_` variable that is no setting is reported at the",
        "start and by `facemeld doctor`, with the nearest setting. The variables that Kubernetes adds for a service named `facemeld`, such",
        "as `FACEMELD_PORT=tcp://10.0.0.1:80`, are ignored. An empty variable for a file or folder counts as unset.",
        "",
        "This page is generated from `src/facemeld/settings/groups.py` by `make docs`.",
    ]
    group = ""
    for setting in SETTINGS.values():
        if setting.group != group:
            group = setting.group
            lines += ["", f"## {group}", "", GROUPS[group], "", "| variable | default | meaning |", "|---|---|---|"]
        lines.append(f"| {_names(setting)} | {setting.default or '–'} | {setting.description} |")
    return "\n".join(lines) + "\n"


def _names(setting: Setting) -> str:
    """The variable, and below it its short and former names and its option."""
    names = [f"`{setting.variable}`"]
    names += [f"short `{setting.short}`"] if setting.short else []
    names += [f"option `{setting.option}`"] if setting.option else []
    names += [f"formerly `{setting.old}`"] if setting.old else []
    return "<br>".join(names)


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
