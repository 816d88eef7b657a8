"""Calls that succeed are charged exactly once, all others not at all, also when many come at once."""

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
from tests.admission.conftest import VERSIONS, Desk
from tests.protocol.asgi import send


def test_an_account_that_is_not_counted_pays_nothing(desk: Desk) -> None:
    assert desk.call().code == ""
    assert desk.left() is None
    (record,) = desk.records
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
def test_used_up_credit_has_a_code_in_each_version(desk: Desk, auto_open: bool, newer: str, older: str) -> None:
    desk.change(balance=2, auto_open=auto_open)
    assert [desk.call(version=version).code for version in VERSIONS] == ["", ""]
    assert [desk.call(version=version).code for version in VERSIONS] == [newer, older]
    assert desk.call("DescribeMaterialList").code == ""
    desk.change(balance=1)
    assert desk.call().code == ""
    desk.change(balance=UNLIMITED)
    assert desk.call().code == ""


def test_a_package_for_one_action_pays_for_no_other(desk: Desk) -> None:
    desk.application.accounts.add_package("acme", 1, actor="test", action="FuseFaceUltra")
    assert desk.call().code == "ResourceUnavailable.InArrears"
    assert desk.call("FuseFaceUltra").code == ""
    assert desk.left() == 0


@pytest.mark.answers("ResponseSizeLimitExceeded")
@pytest.mark.parametrize(
    ("do", "code"),
    [("fail", "FailedOperation.NoFaceDetected"), ("crash", "InternalError"), ("shout", "ResponseSizeLimitExceeded")],
)
def test_a_failed_call_is_not_charged(desk: Desk, do: str, code: str) -> None:
    desk.change(balance=3)
    assert desk.call(do=do).code == code
    assert desk.left() == 3
    assert [record.call.notes.charged for record in desk.records if record.call] == [False]


def test_the_record_says_that_a_call_was_charged(desk: Desk) -> None:
    desk.change(balance=1)
    desk.call()
    (record,) = desk.records
    assert record.call is not None
    assert (record.call.notes.charged, record.call.notes.faces) == (True, 2)


def test_a_call_whose_client_hangs_up_is_not_charged(desk: Desk) -> None:
    desk.change(balance=3)

    async def hang_up() -> None:
        desk.working = anyio.Event()
        gone = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(send, desk.endpoint, desk.ask(do="wait"), 65536, gone)
            await desk.working.wait()
            assert desk.left() == 2
            gone.set()

    anyio.run(hang_up)
    assert desk.left() == 3
    assert [record.code for record in desk.records] == ["ClientGone"]


@pytest.mark.answers("FailedOperation.InnerError", "ResourceUnavailable.GetAuthInfoError")
def test_books_that_cannot_be_read_let_no_call_through(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.change(balance=3)

    def broken(*_: object) -> None:
        raise DatabaseUnavailable("the database must answer, got: disk I/O error")

    monkeypatch.setattr(ChargeStore, "apply", broken)
    assert [desk.call(version=version).code for version in VERSIONS] == [
        "FailedOperation.InnerError",
        "ResourceUnavailable.GetAuthInfoError",
    ]
    assert [record.bytes_out < 300 for record in desk.records] == [True, True]


def test_a_success_that_cannot_be_booked_is_not_handed_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.change(balance=3)
    apply = ChargeStore.apply
    calls: list[int] = []

    def breaks_later(store: ChargeStore, operations: list[object]) -> tuple[bool, ...]:
        calls.append(len(operations))
        if len(calls) > 1:
            raise DatabaseUnavailable("the database must answer, got: disk full")
        return apply(store, operations)  # type: ignore[arg-type]  # the operations are those of the caller

    monkeypatch.setattr(ChargeStore, "apply", breaks_later)
    assert desk.call().code == "FailedOperation.InnerError"
    assert desk.call(do="fail").code == "FailedOperation.InnerError"
    assert [record.call.notes.charged for record in desk.records if record.call] == [False, False]


async def _burst(desk: Desk, clients: int, calls: int) -> list[str]:
    """The codes of clients that each call one after the other, all at once."""
    codes: list[str] = []

    async def client(number: int) -> None:
        for turn in range(calls):
            do = "fail" if (number + turn) % 7 == 0 else "succeed"
            codes.append((await desk.acall(do=do)).code)

    await asyncio.gather(*(client(number) for number in range(clients)))
    return codes


def test_fifty_clients_get_exactly_what_a_package_holds(desk: Desk) -> None:
    desk.application.accounts.add_package("acme", 200, actor="test")
    codes = asyncio.run(_burst(desk, 50, 8))
    assert codes.count("") == 200
    assert set(codes) == {"", "FailedOperation.NoFaceDetected", "ResourceUnavailable.InArrears"}
    assert sum(record.call.notes.charged for record in desk.records if record.call) == 200
    assert desk.left() == 0


def test_two_servers_share_one_package(open_desk: Callable[..., Desk], tmp_path: Path) -> None:
    desks = [open_desk(), open_desk()]
    desks[0].application.accounts.add_package("acme", 100, actor="test")
    codes: list[list[str]] = [[], []]
    threads = [
        threading.Thread(target=lambda number=number: codes[number].extend(asyncio.run(_burst(desks[number], 10, 8)))) for number in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes[0].count("") + codes[1].count("") == 100
    assert desks[1].left() == 0
