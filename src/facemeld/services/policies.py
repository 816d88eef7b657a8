"""What a key and its account may do, as the checks around a call see it, and the names that operators write."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from facemeld.accounts import AccountInvalid, AccountState, CallPolicy, Network, Rates, includes, parse_networks, parse_rates

__all__ = [
    "ACCOUNT_SCOPES",
    "ACTION_NAMES",
    "ACTIVITY_SCOPES",
    "DOCUMENTED_RATES",
    "AccountState",
    "CallPolicy",
    "Network",
    "Rates",
    "check_actions",
    "check_rates",
    "default_rates",
    "includes",
    "parse_networks",
    "parse_rates",
]

ACTION_NAMES = frozenset(
    {"DescribeMaterialList", "FaceFusion", "FuseFace", "FuseFaceUltra", "QueryVideoFaceFusionJob", "SubmitVideoFaceFusionJob"}
)
"""The actions of all API versions."""

ACCOUNT_SCOPES = frozenset({"account", "global", "address"})
"""What rates may count besides actions: the calls of an account in one region and in all, and those of an address."""

ACTIVITY_SCOPES = frozenset({"published", "unpublished"})
"""Rates of calls on one activity; they are the same for all accounts."""

DOCUMENTED_RATES: Rates = MappingProxyType(
    {
        "2022-09-27:FuseFace": 20,
        "2022-09-27:FuseFaceUltra": 2,
        "2022-09-27:DescribeMaterialList": 1,
        "2018-12-01:DescribeMaterialList": 1,
        "published": 50,
        "unpublished": 1,
    }
)
"""Calls a second by spec 2.0; the rates of activities hold for 2018-12-01."""


def default_rates(text: str, *, strict: bool) -> Rates:
    """The rates of accounts that have none of their own.

    Args:
        text: What the operator set, which goes before the documented rates.
        strict: Whether the documented rates hold.

    Raises:
        AccountInvalid: the text cannot be read, or a name counts nothing.
    """
    given = parse_rates(text)
    check_rates(given, ACCOUNT_SCOPES | ACTIVITY_SCOPES)
    return MappingProxyType({**DOCUMENTED_RATES, **given}) if strict else given


def check_actions(names: Iterable[str]) -> frozenset[str]:
    """Names of actions, if they all are.

    Raises:
        AccountInvalid: one is not the name of an action.
    """
    given = frozenset(names)
    for name in sorted(given - ACTION_NAMES):
        raise AccountInvalid(f"an action must be one of {', '.join(sorted(ACTION_NAMES))}, got {name!r}")
    return given


def check_rates(names: Iterable[str], scopes: frozenset[str] = ACCOUNT_SCOPES) -> None:
    """Refuse names of rates that count nothing.

    Raises:
        AccountInvalid: one names neither an action, with or without a version before it, nor a scope.
    """
    for name in names:
        if name.rpartition(":")[2] not in ACTION_NAMES and name not in scopes:
            known = ", ".join((*sorted(ACTION_NAMES), *sorted(scopes)))
            raise AccountInvalid(f"a rate must name one of {known}, got {name!r}")
