"""Accounts, users, the audit log and the settings in the console: changed by those who may, seen by those who may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind
from tests.console.browser import NARROW, ConsoleWorld, Visit, assert_accessible, assert_fits, closed, connected, follow, photograph


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_an_account_is_made_and_changed(visit: Visit, console_world: ConsoleWorld) -> None:
    """State, balance, rates, networks, packages; what is wrong is said and nothing is changed."""
    page = visit("/accounts")
    page.get_by_role("button", name="Create account").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Museum shop")
    dialog.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Account Museum shop")).to_be_visible()
    connected(page)
    page.get_by_label("State").select_option("frozen")
    page.get_by_label("Balance in calls").fill("250")
    page.get_by_label("Calls a second").fill("FuseFace=5, account=unlimited")
    page.get_by_label("Allowed networks").fill("192.0.2.0/24, 2001:db8::1")
    page.get_by_role("switch", name="Opens with its first call").click()
    save(page)
    expect(page.get_by_text("frozen", exact=True).first).to_be_visible()
    expect(page.get_by_text("FuseFace=5, account=unlimited").or_(page.get_by_text("FuseFace=5")).first).to_be_visible()
    connected(page)
    page.get_by_label("Calls a second").fill("Nothing=5")
    save(page)
    expect(page.get_by_text("a rate must name")).to_be_visible()
    page.get_by_label("Calls a second").fill("account=7")
    page.get_by_label("State").select_option("normal")
    save(page)
    expect(page.get_by_text("normal", exact=True).first).to_be_visible()
    connected(page)
    page.get_by_label("Calls", exact=True).fill("40")
    page.get_by_label("Action").select_option("FuseFaceUltra")
    page.get_by_role("button", name="Add package").click()
    expect(page.get_by_role("table", name="Packages")).to_contain_text("FuseFaceUltra")
    assert_accessible(page)
    photograph(page, "account-changed-light")
    with open_application(Settings(data=console_world.server.data)) as application:
        account = application.accounts.get("Museum shop")
        (package,) = application.accounts.packages("Museum shop")
    assert (account.state.value, account.balance, dict(account.rates), account.auto_open) == ("normal", 250, {"account": 7}, True)
    assert [str(network) for network in account.allowed] == ["192.0.2.0/24", "2001:db8::1/128"]
    assert (package.calls, package.action, package.expires_at) == (40, "FuseFaceUltra", None)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER, Role.OPERATOR])
def test_an_account_is_changed_by_owners_alone(visit: Visit, role: Role) -> None:
    """Others read it."""
    page = visit("/accounts/default", role)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert page.get_by_role("button", name="Save").count() == 0
    assert page.get_by_role("button", name="Add package").count() == 0
    assert page.get_by_role("link", name="Audit log of this account").count() == (role is Role.OPERATOR)


def test_an_account_that_is_not_there(visit: Visit) -> None:
    """Is a page that says so."""
    page = visit("/accounts/nobody", statuses=(404,))
    expect(page).to_have_title("Not found · Facemeld")


def test_users_are_made_changed_and_disabled(visit: Visit, console_world: ConsoleWorld) -> None:
    """With a password that is made up and shown once, or with one's own; the new user can sign in."""
    page = visit("/users")
    page.get_by_role("button", name="Create user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("mary")
    dialog.get_by_label("Role").select_option("reviewer")
    assert_accessible(page)
    photograph(page, "users-create-light")
    dialog.get_by_role("button", name="Create user").click()
    expect(dialog.get_by_text("This is shown only once.")).to_be_visible()
    name, password = (str(one.get_attribute("value")) for one in dialog.locator("fm-id").all())
    page.get_by_role("button", name="I have saved it").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("tr[data-key=mary]")).to_contain_text("Reviewer")
    assert password not in page.content()
    page.locator("tr[data-key=mary]").get_by_role("button", name="Role").click()
    dialog.get_by_label("Role").select_option("operator")
    save(page)
    expect(page.locator("tr[data-key=mary]")).to_contain_text("Operator")
    closed(page)
    with open_application(Settings(data=console_world.server.data)) as application:
        assert application.users.check_password(name, password).role is Role.OPERATOR
        session = application.users.create_token("mary", life=timedelta(hours=1), kind=TokenKind.SESSION, actor="test")
        page.locator("tr[data-key=mary]").get_by_role("button", name="New password").click()
        dialog.get_by_label("Password").fill("too short")
        save(page)
        expect(page.get_by_text("12").first).to_be_visible()
        assert application.users.authenticate(session.text).name == "mary"
        dialog.get_by_label("Password").fill("a much longer one")
        save(page)
        expect(page.get_by_text("mary has a new password")).to_be_visible()
        assert application.users.check_password("mary", "a much longer one")
    closed(page)
    page.locator("tr[data-key=mary]").get_by_role("button", name="Disable").click()
    dialog.get_by_role("button", name="Disable").click()
    expect(page.locator("tr[data-key=mary]")).to_contain_text("Disabled")


def test_an_owner_is_left(visit: Visit) -> None:
    """The last one cannot be disabled."""
    page = visit("/users")
    expect(page.get_by_text("owner (you)")).to_be_visible()
    page.locator("tr[data-key=owner]").get_by_role("button", name="Disable").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(page.get_by_text("an enabled owner must be left")).to_be_visible()


def test_acts_are_found_and_the_chain_is_checked(visit: Visit, console_world: ConsoleWorld) -> None:
    """By who did them, what they are and to which object; the newest hash is the anchor of the next check."""
    with open_application(Settings(data=console_world.server.data)) as application:
        application.accounts.ensure("audited", actor="user:clerk")
    page = visit("/audit", Role.OPERATOR)
    page.get_by_label("Who").fill("user:clerk")
    page.get_by_label("Act", exact=True).fill("account")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**actor=**")
    connected(page)
    acts = page.get_by_role("table", name="Acts").locator("tbody tr")
    expect(acts).to_have_count(1)
    expect(acts).to_contain_text("account.create")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("intact", exact=True)).to_be_visible()
    anchor = str(page.locator("[role=status] fm-id").get_attribute("value"))
    page.get_by_label("Anchor").fill(anchor)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("intact", exact=True)).to_be_visible()
    page.get_by_label("Anchor").fill("f" * 64)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("not intact", exact=True)).to_be_visible()
    assert_accessible(page)
    photograph(page, "audit-broken-light")
    page.get_by_label("Anchor").fill("short")
    page.get_by_label("Anchor").press("Enter")
    expect(page.get_by_text("A hash has 64 hexadecimal digits.")).to_be_visible()


def test_settings_are_read(visit: Visit, console_world: ConsoleWorld) -> None:
    """With their sources; searched by name and by what they do; nothing can be changed."""
    page = visit("/settings", Role.OPERATOR)
    workers = page.locator(".fm-setting", has_text="FACEMELD_WORKERS_COUNT").first
    expect(workers).to_contain_text("from the environment")
    expect(page.locator(".fm-setting", has_text="FACEMELD_DATA").first).to_contain_text(str(console_world.server.data))
    page.get_by_label("Search").fill("landmark")
    expect(page.locator(".fm-setting:visible")).to_have_count(1)
    page.get_by_label("Search").fill("nothing like this")
    expect(page.get_by_text("No matching settings.")).to_be_visible()
    page.get_by_label("Search").fill("")
    page.get_by_role("switch", name="Only settings that are set").click()
    expect(page.locator(".fm-setting", has_text="FACEMELD_RESULTS_JPEG_QUALITY")).to_be_hidden()
    expect(workers).to_be_visible()
    page = visit("/settings", Role.OPERATOR, language="zh")
    page.get_by_role("searchbox").fill("结果图的质量")
    expect(page.locator(".fm-setting", has_text="FACEMELD_RESULTS_JPEG_QUALITY")).to_contain_text("JPEG 结果图的质量。")
    expect(page.locator(".fm-setting", has_text="FACEMELD_WORKERS_COUNT")).to_be_hidden()


@pytest.mark.parametrize("path", ["/requests", "/keys", "/users", "/audit", "/settings", "/verify", "/playground", "/results"])
def test_language_and_theme_are_switched(visit: Visit, path: str) -> None:
    """On each page, without losing it; and on the width of a phone."""
    page = visit(path, theme="light", size=NARROW)
    title = page.title()
    follow(page, page.get_by_role("button", name="中文"))
    assert page.url.endswith(path)
    assert page.title() != title
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="主题").click()
    page.wait_for_function(f"getComputedStyle(document.body).backgroundColor !== '{ground}'")
    assert_fits(page)
