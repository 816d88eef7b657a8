"""The base of every error of the API, and its texts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from types import MappingProxyType
from typing import ClassVar, Literal, TypeAlias

from facemeld.errors import FacemeldError

Language: TypeAlias = Literal["zh-CN", "en-US"]
"""Languages of the messages, as ``X-TC-Language`` spells them."""

V2022 = "2022-09-27"
INTL = "2022-09-27-intl"
V2018 = "2018-12-01"

ANY = frozenset({V2022, INTL, V2018})
"""Versions of a code that every version has."""

EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "name": "ProjectId",
        "kind": "string",
        "part": "`Service` in Credential",
        "method": "TC3-HMAC-SHA256",
        "action": "FuseFace",
        "service": "facefusion",
        "version": "2022-09-27",
        "count": "11",
        "limit": "10",
        "seconds": "300",
    }
)
"""A value for every placeholder of the catalogue, for documentation and for forced errors."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message in both languages; ``{name}`` is a placeholder for a value."""

    zh: str
    en: str

    @property
    def placeholders(self) -> frozenset[str]:
        """Names of the placeholders."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.en) if name)

    def fill(self, language: Language, values: Mapping[str, object]) -> str:
        """Return the message in a language; values are cut to 200 characters, because some come from the caller."""
        template = self.zh if language == "zh-CN" else self.en
        return template.format_map({name: str(value)[:200] for name, value in values.items()})


class ApiError(FacemeldError):
    """An error with a code of the API; the endpoint turns it into the reply.

    Attributes:
        code: Code in the reply; empty for classes that only group others.
        versions: API versions whose published lists have the code; ``ANY`` for the codes of all services.
        variants: Messages besides ``text``; the message whose placeholders equal the given values is used.
        trigger: The condition of the error, which is the docstring of the class.
        reserved: The reason why it is never raised; empty for all other codes.
    """

    code: ClassVar[str] = ""
    versions: ClassVar[frozenset[str]] = ANY
    text: ClassVar[Text] = Text("操作失败。", "Operation failed.")
    variants: ClassVar[tuple[Text, ...]] = ()
    trigger: ClassVar[str] = ""
    reserved: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.trigger = inspect.cleandoc(cls.__doc__ or "")
        # A code that is never raised may group codes that are.
        cls.reserved = vars(cls).get("reserved", "")

    def __init__(self, *, detail: str | Text = "", **values: object) -> None:
        """Fill in a message.

        Args:
            detail: A sentence after the message, with the expectation and the fact.
            values: Placeholders of one of the class's texts, e.g. ``MissingParameter(name="ProjectId")``.

        Raises:
            TypeError: No text of the class has exactly these placeholders.
        """
        self._chosen = self._choose(frozenset(values))
        self._values = values
        self._detail = Text(detail, detail) if isinstance(detail, str) else detail
        super().__init__(f"{self.code}: {self.message('en-US')}")

    @classmethod
    def _choose(cls, names: frozenset[str]) -> Text:
        for text in (cls.text, *cls.variants):
            if text.placeholders == names:
                return text
        raise TypeError(f"{cls.__name__} has no message with the values {sorted(names)}")

    def message(self, language: Language) -> str:
        """Return the message in a language."""
        text = self._chosen.fill(language, self._values)
        detail = self._detail.zh if language == "zh-CN" else self._detail.en
        return f"{text} {detail}" if detail else text

    @classmethod
    def example(cls) -> ApiError:
        """Return an instance with the main message and sample values."""
        return cls(**{name: EXAMPLES[name] for name in cls.text.placeholders})
