"""Calls in the console: a failed one is found by its RequestId, others by what they have in common; never a photo."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from facemeld.app.composition import open_application
from facemeld.db.errors import utc_now
from facemeld.settings.catalogue import Settings
from facemeld.usage.types import Usage
from facemeld.users.types import Role
from tests.console.browser import ConsoleWorld, Visit, assert_accessible, connected, photograph


def called(**changes: object) -> Usage:
    made = Usage(
        at=utc_now(),
        request_id=str(uuid.uuid4()),
        account_id=None,
        secret_id=None,
        action="FuseFace",
        version="2022-09-27",
        code="",
        milliseconds=120,
        faces=1,
        bytes_in=1000,
        bytes_out=2000,
        charged=False,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of the record


@pytest.fixture(scope="module")
def made(console_world: ConsoleWorld) -> dict[str, Usage]:
    """Calls of an account of their own, one of them with everything that a record can hold."""
    with open_application(Settings(data=console_world.server.data)) as application:
        number = application.accounts.ensure("searched", actor="test").id
        yesterday = utc_now() - timedelta(days=1)
        calls = {
            "rich": called(
                account_id=number,
                at=yesterday,
                charged=True,
                project_id="at_424242",
                model_id="mt_424242",
                consent="form 7",
                incoming=({"input": "photo 1", "kind": "aigc-label", "detail": "made by another"},),
                stages={"decode": 40.0, "fuse": 60.0, "store": 0.1},
                client="192.0.2.7",
            ),
            "failed": called(account_id=number, code="InternalError"),
            **{f"other {turn}": called(account_id=number) for turn in range(30)},
        }
        application.usage.add(list(calls.values()))
    return calls


def find(page: Page, text: str) -> None:
    page.get_by_label("RequestId", exact=True).fill(text)
    page.get_by_role("button", name="Find").click()


def ids(page: Page) -> list[str]:
    return [str(one.get_attribute("data-key")) for one in page.get_by_role("table", name="Calls").locator("tbody tr").all()]


def test_a_failed_call_is_found_by_its_request_id(visit: Visit, console_world: ConsoleWorld) -> None:
    """As a customer names it, in capitals and with blanks around it."""
    page = visit("/requests", Role.VIEWER)
    find(page, "not an id")
    expect(page.get_by_text("A RequestId has 36 characters")).to_be_visible()
    find(page, f" {console_world.failed.upper()} ")
    expect(page.get_by_role("heading", name="Record of a call")).to_be_visible()
    connected(page)
    assert page.url.endswith(f"/requests/{console_world.failed}")
    expect(page.get_by_text("InvalidParameterValue.MaterialIdNotFound")).to_be_visible()
    expect(page.get_by_role("link", name="default")).to_be_visible()


def test_a_record_says_everything_but_shows_nobody(visit: Visit, made: dict[str, Usage]) -> None:
    """Stages, marks of the inputs, whether there was a consent; no picture and no reference."""
    page = visit(f"/requests/{made['rich'].request_id}", Role.VIEWER)
    facts = page.get_by_role("main")
    for text in ("charged", "searched", "at_424242", "mt_424242", "192.0.2.7", "reference given", "AI label", "made by another", "Photo 1"):
        expect(facts.get_by_text(text, exact=True)).to_be_visible()
    assert "form 7" not in page.content()
    assert page.locator("main img").count() == 0
    expect(page.locator(".fm-stage-names")).to_contain_text("decoding")
    expect(page.locator(".fm-stage-names")).to_contain_text("everything else")
    assert_accessible(page)
    photograph(page, "request-rich-light")


def test_calls_are_found_by_what_they_share(visit: Visit, made: dict[str, Usage]) -> None:
    """Account, outcome, activity, time; page by page; the address of the page keeps the question."""
    page = visit("/requests", Role.VIEWER)
    page.get_by_label("Account", exact=True).fill("searched")
    page.get_by_label("Account", exact=True).press("Enter")
    page.wait_for_url("**account=searched**")
    connected(page)
    assert len(ids(page)) == 25
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    assert ids(page)[-1] == made["rich"].request_id or made["rich"].request_id in ids(page)
    page.get_by_label("Outcome").select_option("error")
    page.wait_for_url("**code=error**")
    connected(page)
    assert ids(page) == [made["failed"].request_id]
    page.get_by_role("link", name="Show all").click()
    page.wait_for_url("**/requests")
    connected(page)
    page.get_by_label("Activity").fill("at_424242")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**activity=at_424242**")
    connected(page)
    assert ids(page) == [made["rich"].request_id]


def test_calls_are_found_by_their_time(visit: Visit, made: dict[str, Usage]) -> None:
    """In the time zone of the browser."""
    page = visit("/requests?account=searched&code=OK", Role.VIEWER)
    moment = page.evaluate("new Date(Date.now() - 12 * 3600e3 - new Date().getTimezoneOffset() * 60e3).toISOString().slice(0, 16)")
    page.get_by_label("From").fill(moment)
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**since=**")
    connected(page)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    assert len(ids(page)) == 5
    assert made["rich"].request_id not in ids(page)
    expect(page.get_by_label("From")).to_have_value(moment)


def test_what_there_is_not(visit: Visit) -> None:
    """An unknown account is told; an unknown RequestId is explained."""
    page = visit("/requests")
    page.get_by_label("Account", exact=True).fill("nobody")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("No account has this name.")).to_be_visible()
    page = visit(f"/requests/{uuid.uuid4()}")
    expect(page.get_by_text("No record of this call")).to_be_visible()
    page.get_by_role("link", name="To all calls").click()
    expect(page.get_by_role("heading", name="Requests")).to_be_visible()
