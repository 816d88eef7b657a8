"""Keys in the console: the secret is shown once, permissions and disabling hold from the next call, temporary keys end."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from facemeld.accounts.rates import ACTION_NAMES
from facemeld.accounts.types import NewKey
from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role
from tests.api.live import failure, fuse_request, photo
from tests.console.browser import ConsoleWorld, Visit, assert_accessible, closed, connected, photograph


def press(page: Page | Locator, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def row(page: Page, key: str) -> Locator:
    return page.locator(f"tr[data-key={key}]")


def keep(page: Page) -> None:
    """Close the dialog that shows a secret."""
    press(page, "I have saved it")
    closed(page)


def create(page: Page) -> NewKey:
    """Create a key of the default account and read what is shown."""
    press(page, "Create key")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Account").fill("default")
    dialog.get_by_role("button", name="Create key").click()
    expect(dialog.get_by_text("This is shown only once.")).to_be_visible()
    chips = dialog.locator("fm-id").all()
    values = [str(chip.get_attribute("value")) for chip in chips]
    assert len(values) == 2
    return NewKey(*values)


@pytest.fixture
def keys(visit: Visit) -> Page:
    """The page, as an operator sees it."""
    return visit("/keys", Role.OPERATOR)


def test_a_secret_is_shown_once(keys: Page, console_world: ConsoleWorld) -> None:
    """It signs calls; the dialog cannot be closed by accident; afterwards it is nowhere in the page."""
    key = create(keys)
    assert_accessible(keys)
    photograph(keys, "keys-created-light")
    keys.keyboard.press("Escape")
    expect(keys.get_by_role("dialog")).to_be_visible()
    keep(keys)
    expect(row(keys, key.secret_id)).to_be_visible()
    assert key.secret_key not in keys.content()
    keys.reload()
    connected(keys)
    assert key.secret_key not in keys.content()
    campaign = console_world.campaign
    request = fuse_request(campaign.project_id, campaign.materials["hopper.png"].id, photo(console_world.user_photo))
    assert console_world.server.client(key).FuseFace(request).FusedImage


def test_a_key_is_limited_and_disabled(keys: Page, console_world: ConsoleWorld) -> None:
    """The next call follows it."""
    key = create(keys)
    keep(keys)
    campaign = console_world.campaign
    request = fuse_request(campaign.project_id, campaign.materials["hopper.png"].id, photo(console_world.user_photo))
    row(keys, key.secret_id).get_by_role("button", name="Permissions").click()
    dialog = keys.get_by_role("dialog")
    dialog.get_by_role("switch", name="All actions").uncheck()
    for name in ACTION_NAMES - {"DescribeMaterialList"}:
        dialog.get_by_role("switch", name=name, exact=True).uncheck()
    photograph(keys, "keys-permissions-light")
    assert_accessible(keys)
    press(keys, "Save")
    closed(keys)
    expect(row(keys, key.secret_id)).to_contain_text("DescribeMaterialList")
    expect(row(keys, key.secret_id)).not_to_contain_text("FuseFace")
    client = console_world.server.client(key)
    assert failure(lambda: client.FuseFace(request)).code == "AuthFailure.UnauthorizedOperation"
    row(keys, key.secret_id).get_by_role("button", name="Disable").click()
    press(keys.get_by_role("dialog"), "Disable")
    closed(keys)
    expect(row(keys, key.secret_id)).to_contain_text("Disabled")
    assert failure(lambda: client.FuseFace(request)).code.startswith("AuthFailure")
    row(keys, key.secret_id).get_by_role("button", name="Enable").click()
    expect(row(keys, key.secret_id)).to_contain_text("Enabled")


def test_a_temporary_key(keys: Page, console_world: ConsoleWorld) -> None:
    """It has a secret and a token, both shown once, and is listed with its end."""
    key = create(keys)
    keep(keys)
    row(keys, key.secret_id).get_by_role("button", name="Temporary key").click()
    dialog = keys.get_by_role("dialog")
    dialog.get_by_label("Valid for").select_option("15")
    press(dialog, "Create key")
    expect(dialog.get_by_text("This is shown only once.")).to_be_visible()
    secret_id, _, token = [str(one.get_attribute("value")) for one in dialog.locator("fm-id").all()]
    keep(keys)
    expect(row(keys, secret_id)).to_contain_text("until")
    with open_application(Settings(data=console_world.server.data)) as application:
        stored = application.accounts.credential(secret_id)
    assert stored is not None
    assert stored.token == token


def test_a_viewer_sees_keys_only(visit: Visit, console_world: ConsoleWorld) -> None:
    """No button is there, and a forged event does nothing."""
    secret_id = console_world.campaign.key.secret_id
    page = visit("/keys", Role.VIEWER)
    expect(row(page, secret_id)).to_be_visible()
    assert page.get_by_role("button", name="Create key").count() == 0
    table = str(page.locator(".fm-table-area").first.get_attribute("id")).removeprefix("c")
    page.evaluate(f"getElement({table}).$emit('button', {{ name: 'permit', key: '{secret_id}' }})")
    press(page, "Save")
    expect(page.get_by_text("Your role does not allow this.")).to_be_visible()
    with open_application(Settings(data=console_world.server.data)) as application:
        stored = application.accounts.credential(secret_id)
    assert stored is not None
    assert stored.policy.actions is None


def test_keys_of_an_account(visit: Visit) -> None:
    """An account's page leads to its keys alone."""
    page = visit("/accounts/default", Role.VIEWER)
    page.get_by_role("link", name="Keys of this account").click()
    expect(page.get_by_role("heading", name="Keys of default")).to_be_visible()
    expect(page.get_by_role("link", name="Show all keys")).to_be_visible()
