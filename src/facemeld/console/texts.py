"""The console's texts in English and Chinese, in one file per page and language."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

Language: TypeAlias = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
NAMES: Mapping[Language, str] = MappingProxyType({"en": "English", "zh": "中文"})
TAGS: Mapping[Language, Literal["en-US", "zh-CN"]] = MappingProxyType({"en": "en-US", "zh": "zh-CN"})
"""BCP 47 tags, for pages and for NiceGUI's own texts."""


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts in a language; ``texts("home.title")`` is the text ``title`` of the file ``home.json``."""

    language: Language

    @property
    def tag(self) -> Literal["en-US", "zh-CN"]:
        """The language's BCP 47 tag."""
        return TAGS[self.language]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its values filled in; raise KeyError if the text or a value is missing."""
        text = catalogue(self.language)[key]
        return text.format(**values) if values else text

    def count(self, key: str, number: int) -> str:
        """Return a text with a number in place of ``{count}``; for 1, the text whose key ends with ``_one``."""
        return self(f"{key}_one" if number == 1 else key, count=f"{number:,}")

    def failure(self, error: Exception) -> str:
        """Return the text for an error's class or the nearest base class that has a text, or else the error's message."""
        texts = catalogue(self.language)
        return next((texts[key] for kind in type(error).__mro__ if (key := f"errors.{kind.__name__}") in texts), str(error))

    def group(self, prefix: str) -> dict[str, str]:
        """Return all texts whose keys begin with ``prefix.``, by the rest of the key; for components in the browser."""
        start = prefix + "."
        return {key.removeprefix(start): text for key, text in catalogue(self.language).items() if key.startswith(start)}


@functools.cache
def catalogue(language: Language) -> Mapping[str, str]:
    """Return all texts of a language by key."""
    found: dict[str, str] = {}
    for file in sorted((resources.files("facemeld.console") / "texts" / language).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            texts: dict[str, Any] = json.loads(file.read_text("utf-8"))
            found.update({f"{file.name.removesuffix('.json')}.{name}": str(text) for name, text in texts.items()})
    return MappingProxyType(found)


@functools.cache
def settings_in_chinese() -> Mapping[str, str]:
    """Return the description of each setting in Chinese, by name; the settings themselves have it in English."""
    file = resources.files("facemeld.console") / "texts" / "settings_zh.json"
    found: dict[str, str] = json.loads(file.read_text("utf-8"))
    return MappingProxyType(found)


def choose_language(cookie: str | None, accepted: str | None) -> Language:
    """Return the language of a request: the user's choice in the cookie, or else the best match in Accept-Language."""
    if cookie in LANGUAGES:
        return cookie
    candidates: list[tuple[float, Language]] = []
    for part in (accepted or "").lower().split(","):
        name, _, weight = part.strip().partition(";q=")
        candidates += [(_number(weight), language) for language in LANGUAGES if name == language or name.startswith(f"{language}-")]
    # max keeps the first of several candidates of equal weight.
    return max(candidates, key=lambda candidate: candidate[0])[1] if candidates else "en"


def _number(weight: str) -> float:
    try:
        return float(weight) if weight else 1.0
    except ValueError:
        return 0.0
