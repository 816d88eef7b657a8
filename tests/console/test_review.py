"""The review in the browser: decisions by mouse and by keys, appeals, history, and who may not decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from numpy import uint8
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind
from tests.api.live import eventually
from tests.console.browser import (
    NARROW,
    ConsoleWorld,
    Visit,
    assert_accessible,
    assert_fits,
    connected,
    listeners,
    photograph,
    send_events,
)
from tests.console.conftest import PASSWORD
from tests.console.pictures import ask, encoded, material, new_activity, new_material

WAITING, APPROVED, REJECTED, APPEALED, ON_APPEAL = 0, 1, 2, 3, 11
Queue = Callable[[str, int], list[str]]


@pytest.fixture
def queue(console_world: ConsoleWorld, hopper: NDArray[uint8]) -> Queue:
    """Puts new materials into the queue; those that other tests left there are decided first."""

    def fill(name: str, count: int) -> list[str]:
        for status in (WAITING, APPEALED):
            for old in ask(console_world, "GET", f"/materials?status={status}&limit=200")["items"]:
                ask(console_world, "POST", f"/materials/{old['id']}/reject", b'{"reason": "left over"}')
        activity = new_activity(console_world, name)
        return [new_material(console_world, activity, f"{name} {number}", encoded(hopper, 200)) for number in range(count)]

    return fill


def status(world: ConsoleWorld, number: str) -> int:
    return int(material(world, number)["status"])


def shown(page: Page, name: str) -> None:
    """Wait until a material is the one that is decided."""
    expect(page.locator(".fm-review h2")).to_have_text(name)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_queue_is_worked_off_with_keys(visit: Visit, console_world: ConsoleWorld, queue: Queue) -> None:
    """Forth and back, approve, reject with a reason; every letter is shown on the screen, and what is typed is no command."""
    first, second, third = queue("Keys", 3)
    page = visit("/review", Role.REVIEWER)
    shown(page, "Keys 0")
    for text in ("next", "previous", "approve", "reject", "help"):
        expect(page.locator(".fm-keys").get_by_text(text)).to_be_visible()
    assert_accessible(page)
    photograph(page, "review-queue")
    for key, name in (("j", "Keys 1"), ("j", "Keys 2"), ("k", "Keys 1")):
        page.keyboard.press(key)
        shown(page, name)
    page.keyboard.press("a")
    shown(page, "Keys 2")
    expect(page.get_by_text("Keys 1: Approved")).to_be_visible()
    assert [status(console_world, one) for one in (first, second, third)] == [WAITING, APPROVED, WAITING]
    # Whoever types on at once writes into the reason: an "a" in it would approve otherwise.
    page.keyboard.press("r")
    page.keyboard.type("a jar of jam")
    expect(page.get_by_label("Reason")).to_have_value("a jar of jam")
    page.keyboard.press("Control+Enter")
    shown(page, "Keys 0")
    rejected = material(console_world, third)
    assert (rejected["status"], rejected["audit_result"]) == (REJECTED, "a jar of jam")
    expect(page.locator(".fm-strip-item").nth(1)).to_contain_text("Approved")
    page.keyboard.press("Control+a")
    page.keyboard.press("r")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Please give a reason.")).to_be_visible()
    assert status(console_world, first) == WAITING


def hurry(page: Page, *acts: str) -> None:
    """Keys and presses of buttons that come before the server can answer the first of them."""
    script = """(acts) => { for (const act of acts) {
        if (act.length === 1) document.body.dispatchEvent(new KeyboardEvent("keydown", { key: act, bubbles: true }));
        else [...document.querySelectorAll("button")].find((one) => one.textContent.trim() === act).click();
    } }"""
    page.evaluate(script, list(acts))


@pytest.mark.parametrize("act", ["a", "Approve"])
def test_only_what_was_seen_is_decided(visit: Visit, console_world: ConsoleWorld, queue: Queue, act: str) -> None:
    """However fast somebody is: a decision holds for the picture that was on the screen, once, and for no other."""
    made = queue("Hurry", 3)
    page = visit("/review", Role.REVIEWER)
    shown(page, "Hurry 0")
    hurry(page, "j", act)
    shown(page, "Hurry 1")
    assert [status(console_world, one) for one in made] == [WAITING] * 3
    hurry(page, act, act, "j", "j")
    expect(page.get_by_text("Hurry 1: Approved")).to_be_visible()
    shown(page, "Hurry 2")
    assert [status(console_world, one) for one in made] == [WAITING, APPROVED, WAITING]
    items = page.locator(".fm-strip-item")
    for number in range(3):
        expect(items.nth(number)).to_contain_text(f"Hurry {number}")
    expect(items.nth(1)).to_contain_text("Approved")
    expect(items.nth(2)).to_have_attribute("aria-current", "true")


def test_keys_are_explained_and_switched_off(visit: Visit, console_world: ConsoleWorld, queue: Queue) -> None:
    """The question mark opens the list; who speaks to the computer can switch the letters off."""
    (only,) = queue("Off", 1)
    page = visit("/review", Role.REVIEWER)
    shown(page, "Off 0")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog.get_by_text("Approve the picture and go to the next")).to_be_visible()
    assert_accessible(page)
    dialog.get_by_role("switch", name="Enable keys").uncheck()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    page.keyboard.press("a")
    page.keyboard.press("?")
    press(page, "Reject")
    expect(page.get_by_text("Please give a reason.")).to_be_visible()
    assert dialog.count() == 0
    assert status(console_world, only) == WAITING


def test_an_appeal_goes_its_way(visit: Visit, console_world: ConsoleWorld, queue: Queue) -> None:
    """Rejected with a suggested reason, appealed by an operator, approved by a reviewer who sees what was said; once only."""
    (made,) = queue("Appealed", 1)
    page = visit("/review", Role.REVIEWER)
    press(page, "No permission from the person shown")
    expect(page.get_by_label("Reason")).to_have_value("No permission from the person shown")
    press(page, "Reject")
    expect(page.get_by_text("Appealed 0: Rejected")).to_be_visible()
    assert page.get_by_role("button", name="Appeal", exact=True).count() == 0

    page = visit(f"/review?queue=refused&material={made}", Role.OPERATOR)
    shown(page, "Appealed 0")
    expect(page.locator(".fm-history")).to_contain_text("No permission from the person shown")
    press(page, "Appeal")
    expect(page.get_by_text("Please give a reason.")).to_be_visible()
    page.get_by_label("Reason").fill("She has signed it now.")
    press(page, "Appeal")
    expect(page.get_by_text("Appealed 0: Appeal open")).to_be_visible()
    assert status(console_world, made) == APPEALED

    page = visit("/review?queue=appealed", Role.REVIEWER, size=NARROW, language="zh", theme="dark")
    shown(page, "Appealed 0")
    expect(page.get_by_text("She has signed it now.").first).to_be_visible()
    assert_fits(page)
    assert_accessible(page)
    photograph(page, "review-appeal-dark-narrow-zh")
    press(page, "通过")
    expect(page.get_by_text("Appealed 0：申诉通过")).to_be_visible()
    assert status(console_world, made) == ON_APPEAL
    page = visit(f"/review?queue=usable&material={made}", Role.OPERATOR)
    shown(page, "Appealed 0")
    steps = page.locator(".fm-history li")
    expect(steps).to_have_count(4)
    for number, text in enumerate(("Approved on appeal", "Appeal open", "Rejected", "Added")):
        expect(steps.nth(number)).to_contain_text(text)
    expect(steps.nth(0)).to_contain_text("reviewer")
    assert page.get_by_role("button", name="Appeal", exact=True).count() == 0


def test_what_somebody_else_decided_is_told(visit: Visit, console_world: ConsoleWorld, queue: Queue) -> None:
    """Two reviewers look at the same picture; the slower one is told, and sees what is now."""
    (made,) = queue("Twice", 1)
    page = visit("/review", Role.REVIEWER)
    shown(page, "Twice 0")
    ask(console_world, "POST", f"/materials/{made}/approve", b"{}")
    page.keyboard.press("a")
    expect(page.get_by_text("Someone else may have decided already")).to_be_visible()
    expect(page.locator(".fm-review .fm-object-title").get_by_text("Approved")).to_be_visible()


def test_an_empty_queue_says_what_to_do(visit: Visit, console_world: ConsoleWorld, queue: Queue) -> None:
    queue("Nothing", 0)
    page = visit("/review", Role.REVIEWER)
    expect(page.get_by_text("No pictures are waiting")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name="Activities")).to_be_visible()


def test_a_viewer_cannot_approve(visit: Visit, console_world: ConsoleWorld, queue: Queue) -> None:
    """Nothing to press is drawn, keys do nothing, and neither do the events of an operator's page that are sent by hand."""
    (made,) = queue("Viewed", 1)
    operators = visit("/review", Role.OPERATOR)
    shown(operators, "Viewed 0")
    events = listeners(operators)
    assert len(events) > 8
    told = [{"value": "approve", "settled": True}, {"letter": "a", "subject": made}]
    page = visit("/review", Role.VIEWER)
    shown(page, "Viewed 0")
    expect(page.get_by_text("Your role can only view. Reviewers decide.")).to_be_visible()
    for name in ("Approve", "Reject", "Appeal"):
        assert page.get_by_role("button", name=name, exact=True).count() == 0
    assert page.locator(".fm-history").count() == 0
    for key in "arjk":
        page.keyboard.press(key)
    send_events(page, events, told)
    send_events(page, listeners(page), told)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert status(console_world, made) == WAITING
    # The same events decide where they belong, or the attempt above would prove nothing.
    send_events(operators, events, told)
    assert eventually(lambda: status(console_world, made) != WAITING)


def test_whoever_was_a_reviewer_decides_no_more(visit: Visit, console_world: ConsoleWorld, queue: Queue) -> None:
    """A page that is still open for a former reviewer has its buttons, and they do nothing."""
    (made,) = queue("Former", 1)
    with open_application(Settings(data=console_world.server.data)) as application:
        application.users.create("former", PASSWORD, Role.REVIEWER, actor="test")
        token = application.users.create_token("former", life=timedelta(hours=1), kind=TokenKind.SESSION, actor="test")
        page = visit("/review", None)
        page.context.add_cookies([{"name": "facemeld_session", "value": token.text, "url": f"{console_world.base}/"}])
        page.goto(f"{console_world.base}/review")
        connected(page)
        shown(page, "Former 0")
        application.users.change("former", role=Role.VIEWER, actor="test")
    page.keyboard.press("a")
    expect(page.get_by_text("Your role does not allow this.").first).to_be_visible()
    assert status(console_world, made) == WAITING


def test_a_material_that_was_deleted_meanwhile_is_passed_over(visit: Visit, console_world: ConsoleWorld, queue: Queue) -> None:
    """The queue stays usable."""
    first, second = queue("Gone", 2)
    page = visit("/review", Role.REVIEWER)
    shown(page, "Gone 0")
    ask(console_world, "DELETE", f"/materials/{second}")
    page.keyboard.press("j")
    expect(page.get_by_text("The material has been deleted.").first).to_be_visible()
    page.keyboard.press("k")
    shown(page, "Gone 0")
    page.keyboard.press("a")
    assert eventually(lambda: status(console_world, first) == APPROVED)
