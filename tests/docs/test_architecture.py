"""The page on architecture names rooms, files and names that exist."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "facemeld"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The rows of the table under a heading, without its head."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line.strip()[1:-1].split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in table[2:]]


def test_a_stranger_finds_the_place() -> None:
    """Every question is answered by a file that exists and defines the name."""
    questions = rows("Where to find it")
    assert len(questions) >= 12
    wrong = []
    for question, file, name in questions:
        path = PACKAGE / file.strip("`")
        defined = {getattr(node, "name", None) for node in ast.parse(path.read_text()).body} if path.is_file() else set()
        if not path.is_file() or (name and name.strip("`") not in defined):
            wrong.append(f"{question} {file} {name}")
    assert wrong == []


def test_every_room_is_explained_where_the_contract_puts_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract.get("containers") == ["facemeld"])
    told: dict[int, set[str]] = {}
    for line, room, _ in rows("Rooms"):
        told.setdefault(int(line), set()).update(name.removesuffix(".py").rstrip("/") for name in re.findall(r"`([\w./]+)`", room))
    assert [told[number] for number in sorted(told)] == [set(layer.split(" | ")) for layer in layers]


def test_every_file_named_in_backticks_exists() -> None:
    names = set(re.findall(r"`((?:[a-z_]+/)+[a-z_0-9]+\.py|[a-z_]+/[a-z_/]*)`", PAGE))
    assert len(names) > 20
    assert [name for name in sorted(names) if not (PACKAGE / name).exists()] == []
