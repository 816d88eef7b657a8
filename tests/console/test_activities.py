"""Activities in the browser: found, made, published, set."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from facemeld.app.composition import open_application
from facemeld.materials.types import Activity
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role
from tests.console.browser import NARROW, ConsoleWorld, Visit, assert_accessible, assert_fits, closed, connected, follow, photograph


def stored(world: ConsoleWorld, name: str) -> Activity:
    """The activity of this name, as the database has it."""
    with open_application(Settings(data=world.server.data)) as application:
        (found,) = application.activities.activities(None, search=name).items
        return found


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_an_activity_is_made_set_published_and_disabled(visit: Visit, console_world: ConsoleWorld) -> None:
    """From the list through the form to its own page; everything is in the database afterwards."""
    page = visit("/activities", Role.OPERATOR)
    follow(page, page.get_by_role("link", name="New activity"))
    press(page, "Create activity")
    expect(page.get_by_text("A name needs 1 to 32 characters.")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Summer fair")
    page.get_by_label("Description").fill("Postcards at the entrance")
    press(page, "Create activity")
    expect(page.get_by_role("heading", name="Summer fair")).to_be_visible()
    connected(page)
    expect(page.get_by_text("No materials yet")).to_be_visible()
    photograph(page, "activity-empty")
    made = stored(console_world, "Summer fair")
    assert (made.published, made.description, made.consent_required, made.rate) == (True, "Postcards at the entrance", False, "")
    expect(page.locator(f"fm-id[value={made.id}]")).to_be_visible()

    press(page, "Unpublish")
    expect(page.get_by_text("Not published", exact=True)).to_be_visible()
    press(page, "Disable")
    page.get_by_role("dialog", name="Disable this activity?").get_by_role("button", name="Disable").click()
    expect(page.get_by_role("button", name="Enable")).to_be_visible()
    disabled = stored(console_world, "Summer fair")
    assert (disabled.published, disabled.disabled) == (False, True)
    closed(page)
    press(page, "Enable")
    expect(page.get_by_role("button", name="Disable")).to_be_visible()
    press(page, "Publish")
    expect(page.get_by_text("Published", exact=True)).to_be_visible()
    published = stored(console_world, "Summer fair")
    assert (published.published, published.disabled) == (True, False)


def test_settings_of_an_activity_are_saved(visit: Visit, console_world: ConsoleWorld) -> None:
    """Degrees by keyboard, consent, rate; what cannot be saved is told beside its field."""
    with open_application(Settings(data=console_world.server.data)) as application:
        owner = application.accounts.get("default")
        activity = application.activities.create(owner.id, "Autumn fair", actor="test")
    page = visit(f"/activities/{activity.id}", Role.OPERATOR)
    follow(page, page.get_by_role("link", name="Settings").last)
    shape = page.get_by_label("Face shape")
    for _ in range(20):
        shape.press("ArrowLeft")
    page.get_by_label("Features").press("End")
    page.get_by_role("switch", name="Every call must name a consent").check()
    rate = page.get_by_label("Calls per second")
    rate.fill("fast")
    press(page, "Save settings")
    expect(page.get_by_text("Enter a whole number from 1 to 999999, or leave empty.")).to_be_visible()
    assert rate.get_attribute("aria-invalid") == "true"
    assert_accessible(page)
    rate.fill("20")
    page.get_by_label("Name", exact=True).fill("Autumn market")
    press(page, "Save settings")
    expect(page.get_by_text("Settings saved")).to_be_visible()
    saved = stored(console_world, "Autumn market")
    assert (saved.shape_degree, saved.feature_degree, saved.consent_required, saved.rate) == (30, 100, True, "20/second")
    page.reload()
    connected(page)
    expect(page.get_by_label("Calls per second")).to_have_value("20")
    expect(page.get_by_label("Face shape")).to_have_value("30")


def test_activities_are_found(visit: Visit, console_world: ConsoleWorld) -> None:
    """By a part of the name while it is typed, by id, by state; an empty list says what to do."""
    with open_application(Settings(data=console_world.server.data)) as application:
        owner = application.accounts.get("default")
        made = [application.activities.create(owner.id, f"Needle {number}", actor="test") for number in range(30)]
        application.activities.change(None, made[3].id, disabled=True, actor="test")
    page = visit("/activities", Role.VIEWER)
    table, search = page.get_by_role("table", name="All activities"), page.get_by_label("Name or id")
    search.fill("NEEDLE")
    expect(page.get_by_text("1–25 of 30")).to_be_visible()
    expect(table.locator("tbody tr").first).to_contain_text("Needle 29")
    press(page, "Next")
    expect(table.locator("tbody tr").last).to_contain_text("Needle 0")
    search.fill("needle 1")
    expect(table.locator("tbody tr")).to_have_count(11)
    search.fill(made[7].id)
    expect(table.locator("tbody tr")).to_have_count(1)
    expect(table).to_contain_text("Needle 7")
    search.fill("needle")
    page.get_by_label("State").select_option("Disabled")
    expect(table.locator("tbody tr")).to_have_count(1)
    expect(table).to_contain_text("Needle 3")
    search.fill("nothing is called so")
    expect(page.get_by_text("No activity matches.")).to_be_visible()
    page = visit("/activities?state=disabled&search=needle", Role.VIEWER, size=NARROW, language="zh")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert_fits(page)


def test_a_viewer_changes_nothing(visit: Visit, console_world: ConsoleWorld) -> None:
    """No button is drawn, the form's address is refused, and files that are sent by hand find no address."""
    page = visit(f"/activities/{console_world.campaign.project_id}", Role.VIEWER)
    for name in ("Publish", "Unpublish", "Disable", "Enable"):
        assert page.get_by_role("button", name=name, exact=True).count() == 0
    assert page.locator("input[type=file]").count() == 0
    follow(page, page.get_by_role("link", name="Settings").last)
    assert page.locator("main input").count() == 0
    expect(page.get_by_text("as the service allows")).to_be_visible()
    page = visit("/activities/new", Role.VIEWER, statuses=(403,))
    expect(page).to_have_title("Not allowed · Facemeld")


def test_an_unknown_activity_is_not_found(visit: Visit) -> None:
    for path in ("/activities/at_1", "/activities/nonsense", "/materials/mt_1", "/materials/at_1"):
        expect(visit(path, statuses=(404,))).to_have_title("Not found · Facemeld")
