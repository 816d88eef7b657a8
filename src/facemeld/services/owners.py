"""In whose name pixel tasks wait: owners take turns at the workers, so that none keeps the others waiting."""

OPERATORS = "operators"
"""Imports, thumbnails and previews."""
VERIFIERS = "verifiers"
"""The public page, whoever uses it."""
UPKEEP = "upkeep"
"""Work that nobody waits for."""


def account(number: int) -> str:
    """The owner of an account's calls."""
    return f"account {number}"
