"""The texts of the console in English and Chinese: one file for each page and language."""

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
"""BCP 47 tags, for the page and for the widgets' own texts."""


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts in one language; ``texts("home.title")`` is the text ``title`` of the file ``home.json``."""

    language: Language

    @property
    def tag(self) -> Literal["en-US", "zh-CN"]:
        """The language's BCP 47 tag."""
        return TAGS[self.language]

    def __call__(self, key: str, **values: object) -> str:
        """A text with its values filled in.

        Raises:
            KeyError: there is no such text, or a value is missing.
        """
        text = catalogue(self.language)[key]
        return text.format(**values) if values else text

    def count(self, key: str, number: int) -> str:
        """A text about a number of things, ``{count}`` in it; where there is just one, the text with ``_one`` behind its key.

        Raises:
            KeyError: one of the two texts is missing.
        """
        return self(f"{key}_one" if number == 1 else key, count=f"{number:,}")

    def failure(self, error: Exception) -> str:
        """What is said about an error of a use case: a text of its own, or of its base, or the error's message."""
        texts = catalogue(self.language)
        return next((texts[key] for kind in type(error).__mro__ if (key := f"errors.{kind.__name__}") in texts), str(error))

    def group(self, prefix: str) -> dict[str, str]:
        """All texts of a group by the rest of their names, for a component that does its own work in the browser."""
        start = prefix + "."
        return {key.removeprefix(start): text for key, text in catalogue(self.language).items() if key.startswith(start)}


@functools.cache
def catalogue(language: Language) -> Mapping[str, str]:
    """All texts of a language by key."""
    found: dict[str, str] = {}
    for file in sorted((resources.files("facemeld.console") / "texts" / language).iterdir(), key=lambda one: one.name):
        if file.name.endswith(".json"):
            texts: dict[str, Any] = json.loads(file.read_text("utf-8"))
            found.update({f"{file.name.removesuffix('.json')}.{name}": str(text) for name, text in texts.items()})
    return MappingProxyType(found)


@functools.cache
def settings_in_chinese() -> Mapping[str, str]:
    """What each setting does, by its name; the catalogue of settings itself says it in English."""
    file = resources.files("facemeld.console") / "texts" / "settings_zh.json"
    found: dict[str, str] = json.loads(file.read_text("utf-8"))
    return MappingProxyType(found)


def choose_language(cookie: str | None, accepted: str | None) -> Language:
    """The language of a request.

    Args:
        cookie: What the user chose.
        accepted: The header Accept-Language.
    """
    if cookie in LANGUAGES:
        return cookie
    wishes: list[tuple[float, Language]] = []
    for part in (accepted or "").lower().split(","):
        name, _, weight = part.strip().partition(";q=")
        wishes += [(_number(weight), language) for language in LANGUAGES if name == language or name.startswith(f"{language}-")]
    # The first of several wishes of equal weight counts.
    return max(wishes, key=lambda wish: wish[0])[1] if wishes else "en"


def _number(weight: str) -> float:
    try:
        return float(weight) if weight else 1.0
    except ValueError:
        return 0.0
