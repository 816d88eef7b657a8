"""What a key and its account may do, as the checks around a call see it, and the names that operators write."""

from __future__ import annotations

from collections.abc import Iterable

from facemeld.accounts import AccountInvalid, AccountState, CallPolicy, Network, Rates, includes, parse_networks, parse_rates

__all__ = [
    "ACTION_NAMES",
    "RATE_SCOPES",
    "AccountState",
    "CallPolicy",
    "Network",
    "Rates",
    "check_actions",
    "check_rates",
    "includes",
    "parse_networks",
    "parse_rates",
]

ACTION_NAMES = frozenset(
    {"DescribeMaterialList", "FaceFusion", "FuseFace", "FuseFaceUltra", "QueryVideoFaceFusionJob", "SubmitVideoFaceFusionJob"}
)
"""The actions of all API versions."""

RATE_SCOPES = frozenset({"account", "global", "address", "published", "unpublished"})
"""What rates may count besides actions: the calls of an account in one region and in all, those of an address, those on an activity."""


def check_actions(names: Iterable[str]) -> frozenset[str]:
    """Names of actions, if they all are.

    Raises:
        AccountInvalid: one is not the name of an action.
    """
    given = frozenset(names)
    for name in sorted(given - ACTION_NAMES):
        raise AccountInvalid(f"an action must be one of {', '.join(sorted(ACTION_NAMES))}, got {name!r}")
    return given


def check_rates(names: Iterable[str]) -> None:
    """Refuse names of rates that count nothing.

    Raises:
        AccountInvalid: one names neither an action, with or without a version before it, nor a scope.
    """
    for name in names:
        if name.rpartition(":")[2] not in ACTION_NAMES and name not in RATE_SCOPES:
            known = ", ".join((*sorted(ACTION_NAMES), *sorted(RATE_SCOPES)))
            raise AccountInvalid(f"a rate must name one of {known}, got {name!r}")
