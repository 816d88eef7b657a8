"""Size of each room of the package: ``python -m bench.house`` prints modules, lines and import lines, by folder of ``src/facemeld``.

Import lines count inside functions too; a module under 60 lines counts as small. Tests hold the limits.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "facemeld"
SMALL = 60


@dataclass(frozen=True, slots=True)
class Module:
    """A module: its room (the folder at the root; empty for files at the root), lines, and lines of import statements."""

    room: str
    lines: int
    imports: int


def modules(package: Path = PACKAGE) -> list[Module]:
    """Measure every module of a package."""
    found = []
    for path in sorted(package.rglob("*.py")):
        text, parts = path.read_text(encoding="utf-8"), path.relative_to(package).parts
        statements = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
        imports = sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in statements)
        found.append(Module(parts[0] if len(parts) > 1 else "", text.count("\n"), imports))
    return found


def row(name: str, found: Iterable[Module]) -> str:
    """Return a line of the table."""
    rooms = list(found)
    lines, imports = sum(one.lines for one in rooms), sum(one.imports for one in rooms)
    small = sum(one.lines < SMALL for one in rooms)
    return f"{name:<12}{len(rooms):>9}{lines:>9}{imports:>9}{imports / max(1, lines):>9.1%}{small:>7}"


def main() -> None:
    """Print the table."""
    found = modules()
    print(f"{'room':<12}{'modules':>9}{'lines':>9}{'imports':>9}{'share':>9}{'small':>7}")
    for room in sorted({one.room for one in found}):
        print(row(room or "(root)", (one for one in found if one.room == room)))
    print(row("all", found))


if __name__ == "__main__":
    main()
