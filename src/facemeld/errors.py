"""The base of every error that Facemeld raises on purpose, and the error of its settings."""

from __future__ import annotations

from collections.abc import Mapping


class FacemeldError(Exception):
    """An expected failure; the message states the expectation and the fact."""


class SettingsError(FacemeldError):
    """Settings are not valid; the message has a line for each problem.

    Attributes:
        problems: The problems, by the name of the setting, variable or option.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{name} {text}" for name, text in problems.items()))
