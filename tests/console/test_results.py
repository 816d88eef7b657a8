"""Results and marks in the console: when they expire, what their files say, their deletion with its receipt, any picture's marks."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid

import pytest
from playwright.sync_api import FilePayload, expect

from facemeld.app.composition import open_application
from facemeld.privacy.deletion import parse_receipt
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role
from tests.api.live import fuse_request, photo
from tests.console.browser import ConsoleWorld, Visit, assert_accessible, closed, photograph


@pytest.fixture
def fused(console_world: ConsoleWorld) -> tuple[str, str]:
    """RequestId and address of a result."""
    campaign = console_world.campaign
    client = console_world.server.client(campaign.key)
    request = fuse_request(campaign.project_id, campaign.materials["hopper.png"].id, photo(console_world.user_photo), kind="url")
    reply = client.FuseFace(request)
    return str(reply.RequestId), str(reply.FusedImage)


def status(address: str, headers: dict[str, str] | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {}), timeout=20) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_marks_of_a_stored_result(visit: Visit, fused: tuple[str, str]) -> None:
    """Read from its file, in words, without showing it."""
    page = visit("/results", Role.VIEWER)
    page.get_by_role("button", name="Marks").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("The file says: made or altered by AI")).to_be_visible(timeout=30_000)
    expect(dialog.get_by_text("All marks name the same result")).to_be_visible()
    assert_accessible(page)
    photograph(page, "results-marks-light")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    assert page.get_by_role("button", name="Delete").count() == 0
    assert page.locator("main img").count() == 0


def test_a_result_is_ended(visit: Visit, fused: tuple[str, str]) -> None:
    """From the record of its call; its address answers no more."""
    request_id, address = fused
    page = visit(f"/requests/{request_id}", Role.OPERATOR)
    expect(page.get_by_role("table", name="Stored results").locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    closed(page)
    assert status(address) == 200
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Result deleted")).to_be_visible()
    assert status(address) == 404


def test_a_persons_results_are_deleted(visit: Visit, console_world: ConsoleWorld, fused: tuple[str, str]) -> None:
    """By RequestId; the receipt holds, and is listed."""
    request_id, address = fused
    page = visit("/results", Role.OPERATOR)
    page.get_by_label("RequestId or reference").fill(request_id)
    page.get_by_role("button", name="Delete results").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete results").click()
    expect(page.get_by_text("1 calls, 1 files")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the receipt").click()
    text = download.value.path().read_text()
    assert json.loads(text)["body"]["calls"][0]["request_id"] == request_id
    assert parse_receipt(text)
    assert status(address) == 404
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    number = download.value.suggested_filename.removeprefix("deletion-").removesuffix(".json")
    expect(page.get_by_role("link", name=f"deletion-{number}.json")).to_be_visible()
    own = f"{console_world.base}/files/receipts/{number}"
    for role, wanted in ((Role.OPERATOR, 200), (Role.REVIEWER, 403), (Role.VIEWER, 403)):
        assert status(own, {"Cookie": f"facemeld_session={console_world.sessions[role]}"}) == wanted
    assert status(f"{own}{'9' * 40}", {"Cookie": f"facemeld_session={console_world.sessions[Role.OWNER]}"}) == 404


def test_what_is_not_known_cannot_be_deleted(visit: Visit) -> None:
    """It is said, and there is no receipt."""
    page = visit("/results", Role.OPERATOR)
    page.get_by_label("RequestId or reference").fill(str(uuid.uuid4()))
    page.get_by_role("button", name="Delete results").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete results").click()
    expect(page.get_by_text("No such call is known.")).to_be_visible()


def test_a_forged_deletion_is_refused(visit: Visit, console_world: ConsoleWorld, fused: tuple[str, str]) -> None:
    """A viewer's page has no button for it; the event that it would send does nothing."""
    request_id, address = fused
    with open_application(Settings(data=console_world.server.data)) as application:
        (result,) = application.results.find([request_id])[request_id]
    page = visit("/results", Role.VIEWER)
    table = page.locator(".fm-table-area").first.get_attribute("id")
    assert table is not None
    script = f"getElement({table.removeprefix('c')}).$emit('button', {{ name: 'delete', key: '{result}' }})"
    page.evaluate(script)
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Your role does not allow this.")).to_be_visible()
    assert status(address) == 200


def test_a_picture_is_verified(visit: Visit, fused: tuple[str, str]) -> None:
    """One of ours names its call; another one has no marks; a text is no picture."""
    request_id, address = fused
    with urllib.request.urlopen(address, timeout=20) as reply:
        picture = reply.read()
    page = visit("/verify", Role.VIEWER)
    visit.allowed.add(422)
    chooser = page.locator("input[type=file]")
    chooser.set_input_files([FilePayload(name="a.png", mimeType="image/png", buffer=picture)])
    expect(page.get_by_text("The file says: made or altered by AI")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Invisible mark found")).to_be_visible()
    assert_accessible(page)
    photograph(page, "verify-found-light")
    record = page.get_by_role("link", name="Record")
    assert (record.get_attribute("href") or "").endswith(request_id)
    chooser.set_input_files([FilePayload(name="b.png", mimeType="image/png", buffer=b"no picture")])
    expect(page.get_by_text("The file is not a complete JPEG or PNG picture.")).to_be_visible()
    expect(record).to_have_count(0)


def test_the_public_page_is_beside_the_console(visit: Visit) -> None:
    """Its link leads out of the console."""
    page = visit("/verify", Role.VIEWER)
    assert page.get_by_role("link", name="The public page").get_attribute("href") == "/verify"
