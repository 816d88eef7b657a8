"""Rates count by their scope, and their errors state the count and the limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from facemeld.accounts.rates import DOCUMENTED_RATES, ActivityRates, Exceeded, RateLimiter, RateStorageInvalid, TooFrequent, default_rates
from tests.api.admission.conftest import VERSIONS, World
from tests.tables import table


def codes(world: World, *calls: dict[str, object]) -> list[str]:
    """The codes of calls in one running loop, all within a moment."""

    async def ask() -> list[str]:
        return [(await world.acall(**call)).code for call in calls]

    return asyncio.run(ask())


OVER = "RequestLimitExceeded"
UIN = "RequestLimitExceeded.UinLimitExceeded"
EVERYWHERE = "RequestLimitExceeded.GlobalRegionUinLimitExceeded"
ADDRESS = "RequestLimitExceeded.IPLimitExceeded"
BEIJING = {"headers": {"x-tc-region": "ap-beijing"}}


@pytest.mark.answers(
    "RequestLimitExceeded",
    "RequestLimitExceeded.UinLimitExceeded",
    "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
    "RequestLimitExceeded.IPLimitExceeded",
)
@pytest.mark.parametrize(
    ("rates", "calls", "expected"),
    [
        ("", [{}] * 30, [""] * 30),
        ("FuseFace=2", [{}] * 4, ["", "", OVER, OVER]),
        ("FuseFace=1", [{}, {"action": "FuseFaceUltra"}, BEIJING, {}], ["", "", "", OVER]),
        ("FuseFace=1", [{}, {"version": VERSIONS[1]}], ["", ""]),
        ("2018-12-01:FuseFace=1", [{}, {}, {"version": VERSIONS[1]}, {"version": VERSIONS[1]}], ["", "", "", OVER]),
        ("FuseFace=unlimited,FuseFaceUltra=1", [{}, {}], ["", ""]),
        ("account=2", [{}, {"action": "DescribeMaterialList"}, {}, BEIJING], ["", "", UIN, ""]),
        ("global=2", [{}, BEIJING, {}], ["", "", EVERYWHERE]),
        ("address=1,FuseFace=1", [{}, {}], ["", ADDRESS]),
        ("FuseFace=1,account=1,global=1", [{}, {}, BEIJING], ["", OVER, EVERYWHERE]),
    ],
)
def test_calls_over_a_rate_are_refused(
    open_world: Callable[..., World], rates: str, calls: list[dict[str, object]], expected: list[str]
) -> None:
    assert codes(open_world(rates={"limits": rates}), *calls) == expected


def test_a_rate_counts_each_key_by_itself_and_opens_again(open_world: Callable[..., World]) -> None:
    world = open_world(rates={"limits": "FuseFace=1"})
    other = world.application.accounts.create_key("acme", actor="test")
    assert codes(world, {}, {"key": other}, {}) == ["", "", OVER]

    async def twice() -> list[str]:
        first = await world.acall()
        await asyncio.sleep(1.05)
        return [first.code, (await world.acall()).code]

    world = open_world(rates={"limits": "FuseFace=1"})
    assert asyncio.run(twice()) == ["", ""]


@pytest.mark.parametrize(
    ("rate", "language", "message"),
    [
        (
            "FuseFace",
            "en-US",
            (
                "Your current request times equals to `2` in a second, which exceeds the frequency limit `1` for a second. "
                "Please reduce the frequency of calls."
            ),
        ),
        ("FuseFace", "zh-CN", "您当前每秒请求 `2` 次，超过了每秒频率上限 `1`，请稍后重试。"),
        (
            "account",
            "en-US",
            (
                "Your current request times of the account equals to `2` in a second, which exceeds the frequency limit `1` for a second. "
                "Please reduce the frequency of calls."
            ),
        ),
    ],
)
def test_the_message_says_how_many_and_how_many_may(open_world: Callable[..., World], rate: str, language: str, message: str) -> None:
    world = open_world(rates={"limits": f"{rate}=1"})

    async def ask() -> str:
        await world.acall()
        answer = await world.acall(headers={"x-tc-language": language})
        return str(answer.response["Error"]["Message"])

    assert asyncio.run(ask()) == message


def test_an_account_has_rates_of_its_own(open_world: Callable[..., World]) -> None:
    world = open_world(rates={"limits": "FuseFace=1,FuseFaceUltra=1"})
    world.change(rates={"FuseFace": 3, "FuseFaceUltra": None})
    ultra: dict[str, object] = {"action": "FuseFaceUltra"}
    assert codes(world, {}, {}, {}, {}, ultra, ultra, ultra) == ["", "", "", OVER, "", "", ""]
    world.change(rates={"FuseFace": "default"})
    world = open_world(rates={"limits": "FuseFace=1"})
    assert codes(world, {}, {}) == ["", OVER]


def test_a_refused_call_costs_nothing(open_world: Callable[..., World]) -> None:
    world = open_world(rates={"limits": "FuseFace=1"})
    world.change(balance=5)
    assert codes(world, {}, {}, {}) == ["", OVER, OVER]
    assert world.left() == 4


def test_strict_mode_starts_from_the_documented_rates() -> None:
    assert default_rates("", strict=False) == {}
    assert default_rates("", strict=True) == DOCUMENTED_RATES
    changed = default_rates("2022-09-27:FuseFace=50,unpublished=unlimited", strict=True)
    assert (changed["2022-09-27:FuseFace"], changed["2022-09-27:FuseFaceUltra"], changed["unpublished"]) == (50, 2, None)


def test_activities_have_a_rate_by_whether_they_are_published_or_their_own() -> None:
    async def counted() -> list[bool]:
        rates = ActivityRates(RateLimiter(), published=2, unpublished=1)
        refused = []
        calls = [(1, True, None), (1, True, None), (1, True, None), (2, True, None), (3, False, None), (3, False, None), (4, False, None)]
        for activity, published, own in [*calls, (5, True, 1), (5, True, 1), *[(6, False, 3)] * 4]:
            try:
                await rates.hit(activity, published, own)
            except TooFrequent:
                refused.append(True)
            else:
                refused.append(False)
        return refused

    assert asyncio.run(counted()) == [False, False, True, False, False, True, False, False, True, False, False, False, True]


def test_activities_are_not_limited_by_themselves() -> None:
    async def many() -> None:
        rates = ActivityRates(RateLimiter())
        for _ in range(100):
            await rates.hit(1, False)

    asyncio.run(many())


def test_a_storage_that_does_not_answer_stops_no_call(caplog: pytest.LogCaptureFixture) -> None:
    async def hits() -> list[Exceeded | None]:
        limiter = RateLimiter("redis://:secret@127.0.0.1:1/0")
        return [await limiter.hit(1, "x") for _ in range(3)]

    assert asyncio.run(hits()) == [None] * 3
    (line,) = caplog.messages
    assert line.startswith("Rates are not enforced: their storage does not answer")
    assert "secret" not in line


@table("url", ["", "nonsense", "memcached://localhost", "async+redis://localhost"])
def test_a_storage_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(RateStorageInvalid, match="must be one of memory, redis"):
        RateLimiter(url)


def test_a_storage_without_a_scheme_is_not_quoted() -> None:
    with pytest.raises(RateStorageInvalid) as caught:
        RateLimiter("ann:s3cret@redis.example:6379")
    assert "s3cret" not in str(caught.value)
