"""A call that succeeds is charged exactly once, any other not at all, also under concurrency."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from facemeld.accounts.credit import ChargeStore
from facemeld.accounts.types import UNLIMITED
from facemeld.db.errors import DatabaseUnavailable
from tests.api.admission.conftest import VERSIONS, World
from tests.api.protocol.asgi import send


def test_an_account_that_is_not_counted_pays_nothing(world: World) -> None:
    assert world.call().code == ""
    assert world.left() is None
    (record,) = world.records
    assert record.call is not None
    assert not record.call.notes.charged


@pytest.mark.answers(
    "ResourceUnavailable.InArrears",
    "ResourcesSoldOut.ChargeStatusException",
    "FailedOperation.BalanceInsufficient",
    "ResourceUnavailable.LowBalance",
)
@pytest.mark.parametrize(
    ("auto_open", "newer", "older"),
    [
        (False, "ResourceUnavailable.InArrears", "ResourcesSoldOut.ChargeStatusException"),
        (True, "FailedOperation.BalanceInsufficient", "ResourceUnavailable.LowBalance"),
    ],
)
def test_used_up_credit_has_a_code_in_each_version(world: World, auto_open: bool, newer: str, older: str) -> None:
    world.change(balance=2, auto_open=auto_open)
    assert [world.call(version=version).code for version in VERSIONS] == ["", ""]
    assert [world.call(version=version).code for version in VERSIONS] == [newer, older]
    assert world.call("DescribeMaterialList").code == ""
    world.change(balance=1)
    assert world.call().code == ""
    world.change(balance=UNLIMITED)
    assert world.call().code == ""


def test_a_package_for_one_action_pays_for_no_other(world: World) -> None:
    world.application.accounts.add_package("acme", 1, actor="test", action="FuseFaceUltra")
    assert world.call().code == "ResourceUnavailable.InArrears"
    assert world.call("FuseFaceUltra").code == ""
    assert world.left() == 0


@pytest.mark.answers("ResponseSizeLimitExceeded")
@pytest.mark.parametrize(
    ("do", "code"),
    [("fail", "FailedOperation.NoFaceDetected"), ("crash", "InternalError"), ("shout", "ResponseSizeLimitExceeded")],
)
def test_a_failed_call_is_not_charged(world: World, do: str, code: str) -> None:
    world.change(balance=3)
    assert world.call(do=do).code == code
    assert world.left() == 3
    assert [record.call.notes.charged for record in world.records if record.call] == [False]


def test_the_record_says_that_a_call_was_charged(world: World) -> None:
    world.change(balance=1)
    world.call()
    (record,) = world.records
    assert record.call is not None
    assert (record.call.notes.charged, record.call.notes.faces) == (True, 2)


def test_a_call_whose_client_hangs_up_is_not_charged(world: World) -> None:
    world.change(balance=3)

    async def hang_up() -> None:
        world.working = anyio.Event()
        gone = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(send, world.endpoint, world.ask(do="wait"), 65536, gone)
            await world.working.wait()
            assert world.left() == 2
            gone.set()

    anyio.run(hang_up)
    assert world.left() == 3
    assert [record.code for record in world.records] == ["ClientGone"]


@pytest.mark.answers("FailedOperation.InnerError", "ResourceUnavailable.GetAuthInfoError")
def test_books_that_cannot_be_read_let_no_call_through(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.change(balance=3)

    def broken(*_: object) -> None:
        raise DatabaseUnavailable("the database must answer, got: disk I/O error")

    monkeypatch.setattr(ChargeStore, "apply", broken)
    assert [world.call(version=version).code for version in VERSIONS] == [
        "FailedOperation.InnerError",
        "ResourceUnavailable.GetAuthInfoError",
    ]
    assert [record.bytes_out < 300 for record in world.records] == [True, True]


def test_a_success_that_cannot_be_booked_is_not_handed_out(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.change(balance=3)
    apply = ChargeStore.apply
    calls: list[int] = []

    def breaks_later(store: ChargeStore, operations: list[object]) -> tuple[bool, ...]:
        calls.append(len(operations))
        if len(calls) > 1:
            raise DatabaseUnavailable("the database must answer, got: disk full")
        return apply(store, operations)  # type: ignore[arg-type]  # the operations are those of the caller

    monkeypatch.setattr(ChargeStore, "apply", breaks_later)
    assert world.call().code == "FailedOperation.InnerError"
    assert world.call(do="fail").code == "FailedOperation.InnerError"
    assert [record.call.notes.charged for record in world.records if record.call] == [False, False]


async def _burst(world: World, clients: int, calls: int) -> list[str]:
    """The codes that concurrent clients get, each calling several times in sequence."""
    codes: list[str] = []

    async def client(number: int) -> None:
        for turn in range(calls):
            do = "fail" if (number + turn) % 7 == 0 else "succeed"
            codes.append((await world.acall(do=do)).code)

    await asyncio.gather(*(client(number) for number in range(clients)))
    return codes


def test_fifty_clients_get_exactly_what_a_package_holds(world: World) -> None:
    world.application.accounts.add_package("acme", 200, actor="test")
    codes = asyncio.run(_burst(world, 50, 8))
    assert codes.count("") == 200
    assert set(codes) == {"", "FailedOperation.NoFaceDetected", "ResourceUnavailable.InArrears"}
    assert sum(record.call.notes.charged for record in world.records if record.call) == 200
    assert world.left() == 0


def test_two_servers_share_one_package(open_world: Callable[..., World], tmp_path: Path) -> None:
    worlds = [open_world(), open_world()]
    worlds[0].application.accounts.add_package("acme", 100, actor="test")
    codes: list[list[str]] = [[], []]
    threads = [
        threading.Thread(target=lambda number=number: codes[number].extend(asyncio.run(_burst(worlds[number], 10, 8)))) for number in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes[0].count("") + codes[1].count("") == 100
    assert worlds[1].left() == 0
