"""Names of actions and rates as operators write them, and the default rates."""

from __future__ import annotations

import pytest

from facemeld.accounts.rates import (
    ACCOUNT_SCOPES,
    ACTION_NAMES,
    ACTIVITY_SCOPES,
    DOCUMENTED_RATES,
    check_actions,
    check_rates,
    default_rates,
)
from facemeld.accounts.types import AccountInvalid
from tests.tables import table


def test_documented_rates_hold_only_in_strict_mode() -> None:
    assert default_rates("", strict=False) == {}
    assert default_rates("", strict=True) == DOCUMENTED_RATES


def test_rates_of_the_operator_go_before_the_documented_ones() -> None:
    given = "2022-09-27:FuseFace=7, published=unlimited, account=3"
    assert default_rates(given, strict=False) == {"2022-09-27:FuseFace": 7, "published": None, "account": 3}
    assert default_rates(given, strict=True) == {**DOCUMENTED_RATES, "2022-09-27:FuseFace": 7, "published": None, "account": 3}


@table("text", ["FuseFaec=1", "2022-09-27:FuseFaec=1", "everything=1", "FuseFace", "FuseFace=0", "FuseFace=1.5", "=1"])
def test_rates_that_count_nothing_are_refused(text: str) -> None:
    with pytest.raises(AccountInvalid):
        default_rates(text, strict=False)


def test_every_action_and_scope_has_a_rate() -> None:
    check_rates([*ACTION_NAMES, *(f"2018-12-01:{name}" for name in ACTION_NAMES), *ACCOUNT_SCOPES])
    check_rates(ACTIVITY_SCOPES, ACCOUNT_SCOPES | ACTIVITY_SCOPES)


@table("name", sorted(ACTIVITY_SCOPES))
def test_an_account_has_no_rates_of_activities(name: str) -> None:
    with pytest.raises(AccountInvalid, match=f"got '{name}'"):
        check_rates([name])


def test_actions_are_checked_by_name() -> None:
    assert check_actions(["FuseFace", "FuseFace", "DescribeMaterialList"]) == {"FuseFace", "DescribeMaterialList"}
    assert check_actions([]) == frozenset()
    with pytest.raises(AccountInvalid, match=r"an action must be one of DescribeMaterialList, .*, got 'Abc'"):
        check_actions(["FuseFace", "Xyz", "Abc"])
