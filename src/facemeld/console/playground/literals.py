"""Writes nested values as literals of several languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from facemeld.console.playground.draft import FileText


@dataclass(frozen=True, slots=True)
class Style:
    """How a language writes literals.

    Attributes:
        text: A text.
        file: The base64 text of a file, by its name.
        key: A member's name with what stands between it and its value.
        object: What an object begins and ends with.
        list: What a list begins and ends with.
        indent: One step to the right.
        comma: Whether the last member is followed by a comma too.
    """

    text: Callable[[str], str]
    file: Callable[[str], str]
    key: Callable[[str], str]
    object: tuple[str, str] = ("{", "}")
    list: tuple[str, str] = ("[", "]")
    indent: str = "    "
    comma: bool = True


def quoted(text: str) -> str:
    """A text in double quotes, which Python, JavaScript, Go and JSON read alike."""
    return json.dumps(text, ensure_ascii=False)


def literal(value: Any, style: Style, depth: int = 0) -> str:
    """A nested value of dictionaries, lists, texts, numbers and ``FileText``.

    Args:
        value: What to write.
        style: How.
        depth: Steps to the right of the line that it ends.
    """
    match value:
        case FileText():
            return style.file(value.name)
        case dict():
            members = [style.key(name) + literal(one, style, depth + 1) for name, one in value.items()]
            return _block(members, style.object, style, depth)
        case list():
            return _block([literal(one, style, depth + 1) for one in value], style.list, style, depth)
        case str():
            return style.text(value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _block(members: list[str], ends: tuple[str, str], style: Style, depth: int) -> str:
    if not members:
        return "".join(ends)
    step = style.indent * (depth + 1)
    last = "," if style.comma else ""
    inner = ",\n".join(step + member for member in members)
    return f"{ends[0]}\n{inner}{last}\n{style.indent * depth}{ends[1]}"
