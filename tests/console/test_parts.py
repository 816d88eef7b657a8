"""The parts that pages are made of, tried in a browser on a page that has one of each."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from facemeld.users.types import Role
from tests.console.browser import NARROW, WIDE, Visit, assert_accessible, assert_fits, photograph
from tests.console.showcase import LARGEST_FILE


@pytest.fixture
def page(visit: Visit) -> Page:
    """The page, as an owner sees it."""
    return visit("/showcase")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def click(page: Page, name: str) -> None:
    """Press a button as a script does: the field that is typed into keeps the cursor."""
    page.get_by_role("button", name=name, exact=True).evaluate("(one) => one.click()")


def said(page: Page, text: str) -> None:
    expect(page.locator("#said")).to_have_text(text, timeout=15_000)


def test_a_list_is_turned_page_by_page(page: Page) -> None:
    """Forth to the end and back to the beginning, with what is shown of how many."""
    table = page.get_by_role("table", name="Things")
    expect(table.locator("tbody tr")).to_have_count(25)
    expect(page.get_by_text("1–25 of 60")).to_be_visible()
    press(page, "Next")
    expect(page.get_by_text("26–50 of 60")).to_be_visible()
    press(page, "Next")
    expect(table.locator("tbody tr")).to_have_count(10)
    assert page.get_by_role("button", name="Next").is_disabled()
    press(page, "Tell 55")
    said(page, "tell 55")
    press(page, "Previous")
    press(page, "Previous")
    expect(page.get_by_text("1–25 of 60")).to_be_visible()
    assert page.get_by_role("button", name="Previous").is_disabled()


def test_ids_can_be_copied(visit: Visit) -> None:
    """The button beside an id puts it into the clipboard."""
    page = visit("/showcase", permissions=["clipboard-read", "clipboard-write"])
    page.locator("fm-id[value=at_123] button").click()
    expect(page.get_by_role("button", name="Copied at_123")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "at_123"


def test_times_are_the_browsers(page: Page) -> None:
    """A moment is written in local time, with UTC in its title."""
    time = page.locator("fm-time time").first
    assert re.search(r"(now|seconds? ago)", time.inner_text())
    local, utc = page.evaluate("[new Date().getHours(), new Date().getUTCHours()]")
    assert (local - utc) % 24 in {1, 2}
    assert "UTC" in (time.get_attribute("title") or "")


@pytest.mark.parametrize(("answer", "text"), [("Delete", "answer True"), ("Cancel", "answer False")])
def test_a_question_is_answered(page: Page, answer: str, text: str) -> None:
    """Only the button that says what will happen means yes."""
    press(page, "Ask")
    dialog = page.get_by_role("dialog", name="Sure?")
    expect(dialog).to_be_visible()
    assert_accessible(page)
    dialog.get_by_role("button", name=answer).click()
    said(page, text)
    expect(dialog).to_have_count(0)


def test_escape_means_no(page: Page) -> None:
    """Leaving the question is no consent."""
    press(page, "Ask")
    expect(page.get_by_role("dialog", name="Sure?")).to_be_visible()
    page.keyboard.press("Escape")
    said(page, "answer False")


def test_something_is_taken_back(page: Page) -> None:
    """It happens after a while, unless the user undoes it."""
    press(page, "Remove")
    press(page, "Undo")
    said(page, "undone")
    press(page, "Remove")
    said(page, "happened")


def test_failures_are_told(visit: Visit) -> None:
    """What a role does not allow, and what breaks, becomes a message; the page lives on."""
    page = visit("/showcase", Role.VIEWER)
    press(page, "Check")
    expect(page.get_by_text("Your role does not allow this.")).to_be_visible()
    press(page, "Fail")
    expect(page.get_by_text("Something went wrong.")).to_be_visible()
    press(page, "Tell 1")
    said(page, "tell 1")


def test_an_operator_may(visit: Visit) -> None:
    """The same button does its work for whoever may."""
    page = visit("/showcase", Role.OPERATOR)
    press(page, "Check")
    expect(page.get_by_text("allowed", exact=True)).to_be_visible()


def test_what_is_typed_meanwhile_is_kept(page: Page) -> None:
    """What the server says about a field when it has not heard the latest letters yet takes none of them away."""
    field = page.get_by_label("Text", exact=True)
    field.focus()
    page.keyboard.type("a")
    click(page, "Read")
    said(page, "a 50")
    # As on a slow line: the letters are on their way while the answer to an earlier press comes.
    page.evaluate("() => { window.whole = window.socket.emit; window.socket.emit = () => {}; }")
    page.keyboard.type("bc")
    page.evaluate("() => { window.socket.emit = window.whole; }")
    click(page, "Complain")
    expect(page.get_by_text("not this one")).to_be_visible()
    expect(field).to_have_value("abc")
    page.keyboard.type("d")
    click(page, "Read")
    said(page, "abcd 50")
    click(page, "Clear")
    expect(field).to_have_value("")


def test_a_slider_is_told_before_the_button_that_follows(page: Page) -> None:
    """The position at release counts, however soon a button is pressed."""
    page.evaluate("""() => {
        const one = document.querySelector("input[type=range]");
        for (const value of [51, 58, 66, 73]) {
            one.value = value;
            one.dispatchEvent(new Event("input"));
        }
        one.dispatchEvent(new Event("change"));
        [...document.querySelectorAll("button")].find((button) => button.textContent.trim() === "Read").click();
    }""")
    said(page, " 73")


def test_files_are_sent(page: Page) -> None:
    """A file with an odd name arrives whole and gets its line."""
    chooser = page.locator("input[type=file]")
    chooser.set_input_files([{"name": "büro 图片.jpg", "mimeType": "image/jpeg", "buffer": b"x" * 300_000}])
    said(page, "büro 图片.jpg image/jpeg 300000")
    expect(page.locator(".fm-files li")).to_have_text(re.compile("taken"))
    expect(page.locator("#done")).to_have_count(1)


def test_files_are_refused(visit: Visit) -> None:
    """What a use case refuses and what is too large is said beside the file."""
    page = visit("/showcase", statuses=(422,))
    page.wait_for_function("window.did_handshake === true")
    files = [
        {"name": "bad.png", "mimeType": "image/png", "buffer": b"bad"},
        {"name": "large.png", "mimeType": "image/png", "buffer": b"x" * (LARGEST_FILE + 1)},
        {"name": "good.png", "mimeType": "image/png", "buffer": b"good"},
    ]
    page.locator("input[type=file]").set_input_files(files)
    lines = page.locator(".fm-files li")
    expect(lines.nth(0)).to_contain_text("The material no longer exists.")
    expect(lines.nth(1)).to_contain_text("At most 1 MiB")
    expect(lines.nth(2)).to_contain_text("taken")


@pytest.mark.parametrize(("theme", "size"), [("light", WIDE), ("dark", NARROW)])
def test_parts_look_well(visit: Visit, theme: str, size: tuple[int, int]) -> None:
    """They fit into a phone and are accessible in both themes."""
    page = visit("/showcase", theme=theme, size=size)
    photograph(page, f"showcase-{theme}")
    assert_fits(page)
    assert_accessible(page)
