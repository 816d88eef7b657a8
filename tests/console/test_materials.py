"""Materials in the browser: dropped, looked at, set, previewed, replaced, renamed, appealed, deleted and brought back."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from facemeld.app.composition import open_application
from facemeld.boxes import Rect
from facemeld.materials.types import NewMaterial
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role
from tests.api.live import eventually
from tests.console.browser import NARROW, ConsoleWorld, Visit, assert_accessible, assert_fits, connected, follow, photograph
from tests.console.pictures import ask, encoded, file, material, new_activity, new_material

Draw = Callable[[int], bytes]


@pytest.fixture(scope="module")
def portrait(hopper: NDArray[np.uint8]) -> Draw:
    """A portrait of a width, as JPEG."""
    return lambda width: encoded(hopper, width)


@pytest.fixture(scope="module")
def couple(hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]) -> bytes:
    """Two people in one picture."""
    return encoded(np.concatenate([hopper[:512], astronaut], axis=1), 1024)


BLANK = encoded(np.full((200, 300, 3), 120, np.uint8), 300)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_twenty_pictures_are_dropped(visit: Visit, console_world: ConsoleWorld, portrait: Draw, couple: bytes) -> None:
    """Each shows its progress and ends with a line in plain words; the grid and the filters show what came of them."""
    activity = new_activity(console_world, "Twenty")
    files = [file(f"portrait {number}.jpg", portrait(240 + number)) for number in range(16)]
    files += [
        file("couple.jpg", couple),
        file("nobody.jpg", BLANK),
        file("broken.jpg", couple[:5000]),
        file("text.png", b"text", "image/png"),
    ]
    page = visit(f"/activities/{activity}", Role.OPERATOR, statuses=(422,))
    connected(page)
    page.locator("input[type=file]").set_input_files(files)
    lines = page.locator(".fm-files li")
    expect(lines).to_have_count(20)
    expect(page.locator(".fm-files progress").first).to_be_visible()
    expect(page.locator('.fm-files li[data-state="waiting"]').first).to_be_visible()
    expect(page.locator('.fm-files li:is([data-state="done"], [data-state="refused"])')).to_have_count(20, timeout=60_000)
    expect(lines.nth(0)).to_contain_text("Waiting · 1 face")
    expect(lines.nth(16)).to_contain_text("Waiting · 2 faces")
    expect(lines.nth(17)).to_contain_text("Failed automatically · 0 faces · 1 note")
    for number in (18, 19):
        expect(lines.nth(number)).to_contain_text("The file is not a complete JPEG or PNG picture.")
    expect(page.locator(".fm-tile")).to_have_count(18)
    expect(page.get_by_role("link", name="All 18")).to_be_visible()
    expect(page.locator(".fm-tile").first).to_contain_text("nobody.jpg")
    assert ask(console_world, "GET", f"/materials?activity={activity}&limit=1")["total"] == 18
    page.wait_for_function("[...document.querySelectorAll('.fm-tile img')].filter((one) => one.complete && one.naturalWidth).length >= 8")
    assert_accessible(page)
    photograph(page, "materials-uploaded")
    follow(page, page.get_by_role("link", name="Refused 1"))
    expect(page.locator(".fm-tile")).to_have_count(1)
    expect(page.locator(".fm-tile")).to_contain_text("Failed automatically")


def test_pictures_come_by_pages(visit: Visit, console_world: ConsoleWorld, portrait: Draw) -> None:
    """The newest first, a page at a time, forth and back."""
    activity = new_activity(console_world, "Many")
    with open_application(Settings(data=console_world.server.data)) as application:
        for number in range(26):
            new = NewMaterial(f"n{number}", portrait(80), b"no plan", "jpeg", 80, 94, [Rect(20, 20, 40, 40)])
            application.materials.add(None, activity, new, actor="test")
    page = visit(f"/activities/{activity}", Role.VIEWER)
    expect(page.locator(".fm-tile")).to_have_count(24)
    expect(page.locator(".fm-tile").first).to_contain_text("n25")
    press(page, "Next")
    expect(page.locator(".fm-tile")).to_have_count(2)
    expect(page.get_by_text("25–26 of 26")).to_be_visible()
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_disabled()
    press(page, "Previous")
    expect(page.locator(".fm-tile").first).to_contain_text("n25")
    expect(page.get_by_role("button", name="Previous", exact=True)).to_be_disabled()


@pytest.mark.parametrize("size", [(1280, 900), NARROW])
def test_faces_are_drawn_where_they_are(visit: Visit, console_world: ConsoleWorld, couple: bytes, size: tuple[int, int]) -> None:
    """Boxes cover the faces on a picture of any size, with number and id; the list beside it has the same, to be copied."""
    made = material(console_world, new_material(console_world, new_activity(console_world, "Faces"), "couple.jpg", couple))
    page = visit(f"/materials/{made['id']}", Role.VIEWER, size=size, permissions=["clipboard-read", "clipboard-write"])
    picture = page.locator(".fm-faces img")
    page.wait_for_function("document.querySelector('.fm-faces img').complete")
    shown = picture.bounding_box()
    assert shown is not None
    assert shown["width"] / shown["height"] == pytest.approx(made["width"] / made["height"], rel=0.01)
    boxes = page.locator(".fm-face-box")
    expect(boxes).to_have_count(2)
    scale = shown["width"] / made["width"]
    for number, face in enumerate(made["faces"]):
        drawn = boxes.nth(number).bounding_box()
        assert drawn is not None
        assert drawn["x"] - shown["x"] == pytest.approx(face["x"] * scale, abs=1.5)
        assert drawn["y"] - shown["y"] == pytest.approx(face["y"] * scale, abs=1.5)
        assert drawn["width"] == pytest.approx(face["width"] * scale, abs=2)
        assert drawn["height"] == pytest.approx(face["height"] * scale, abs=2)
        assert (boxes.nth(number).text_content() or "").endswith(f"{face['number']}{face['id']}")
    second = made["faces"][1]["id"]
    page.get_by_role("button", name=f"Copy {second}").click()
    expect(page.get_by_role("button", name=f"Copied {second}")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == second
    pick = page.get_by_role("button", name="Show face 2 on the picture")
    pick.focus()
    page.keyboard.press("Enter")
    expect(boxes.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(boxes.nth(0)).to_have_attribute("aria-pressed", "false")
    assert_fits(page)
    assert_accessible(page)


def test_findings_come_with_advice(visit: Visit, console_world: ConsoleWorld, hopper: NDArray[np.uint8]) -> None:
    """What the automatic review noticed stands beside its face, in the user's language, with what can be done about it."""
    ground = Image.new("RGB", (900, 600), (205, 210, 200))
    ground.paste(Image.fromarray(hopper).resize((140, 164), Image.Resampling.LANCZOS), (380, 200))
    small = encoded(np.asarray(ground), 900)
    made = material(console_world, new_material(console_world, new_activity(console_world, "Small"), "small.jpg", small))
    (finding,) = [one for one in made["findings"] if one["code"] == "face_small"]
    page = visit(f"/materials/{made['id']}", Role.VIEWER)
    expect(page.get_by_text(finding["text"]["en-US"])).to_be_visible()
    expect(page.get_by_text("Use a larger version of the picture")).to_be_visible()
    page = visit(f"/materials/{made['id']}", Role.VIEWER, language="zh", size=NARROW)
    expect(page.get_by_text(finding["text"]["zh-CN"])).to_be_visible()
    expect(page.get_by_text("请使用更大的图片")).to_be_visible()


def test_degrees_are_saved_and_given_back(visit: Visit, console_world: ConsoleWorld, portrait: Draw) -> None:
    """Own degrees hold for the material; without them the activity's are shown and stored as none."""
    activity = new_activity(console_world, "Degrees", shape_degree=20, feature_degree=80)
    made = new_material(console_world, activity, "a.jpg", portrait(200))
    page = visit(f"/materials/{made}", Role.OPERATOR)
    shape, features, own = page.get_by_label("Face shape"), page.get_by_label("Features"), page.get_by_role("switch", name="Own degrees")
    expect(shape).to_have_value("20")
    expect(features).to_have_value("80")
    expect(own).not_to_be_checked()
    shape.press("Home")
    expect(own).to_be_checked()
    features.press("ArrowRight")
    press(page, "Save degrees")
    expect(page.get_by_text("Degrees saved")).to_be_visible()
    saved = material(console_world, made)
    assert (saved["shape_degree"], saved["feature_degree"]) == (0, 81)
    page.reload()
    connected(page)
    expect(shape).to_have_value("0")
    own.uncheck()
    expect(shape).to_have_value("20")
    press(page, "Save degrees")
    expect(page.get_by_text("Degrees saved")).to_be_visible()
    saved = material(console_world, made)
    assert (saved["shape_degree"], saved["feature_degree"]) == (None, None)


def test_sliders_are_tried_on_a_photo(visit: Visit, console_world: ConsoleWorld, couple: bytes) -> None:
    """The preview follows the sliders and the face that was picked; the photo is stored nowhere, and goes with the page."""
    activity = new_activity(console_world, "Preview", consent_required=True)
    made = new_material(console_world, activity, "couple.jpg", couple)
    page = visit(f"/materials/{made}", Role.OPERATOR, statuses=(422,))
    connected(page)
    photo = file("private.jpg", console_world.user_photo)
    page.locator("input[type=file]").set_input_files([photo])
    expect(page.locator(".fm-files li")).to_contain_text("Enter a reference to the person’s consent")
    page.get_by_label("Reference to the person’s consent").fill("form-77")
    page.locator("input[type=file]").set_input_files([photo])
    preview = page.get_by_alt_text("Preview of the selected face with the photo")
    expect(preview).to_be_visible(timeout=20_000)
    seen = [preview.get_attribute("src")]

    def changed() -> bytes:
        expect(preview).not_to_have_attribute("src", str(seen[-1]), timeout=20_000)
        expect(page.locator(".fm-preview-picture")).to_have_attribute("aria-busy", "false", timeout=20_000)
        seen.append(preview.get_attribute("src"))
        return page.request.get(console_world.address + str(seen[-1])).body()

    page.get_by_label("Features").press("Home")
    low = changed()
    page.get_by_label("Features").press("End")
    high = changed()
    assert low != high
    page.get_by_role("button", name="Show face 2 on the picture").click()
    assert changed() not in (low, high)
    photograph(page, "material-preview")
    last = console_world.address + str(seen[-1])
    with open_application(Settings(data=console_world.server.data)) as application:
        log = application.audit.entries(subject=made)
        assert [entry.act for entry in log].count("material.preview") == 1
        assert "form-77" not in str(log)
    folder = console_world.server.data
    assert not [path for path in folder.rglob("*") if path.is_file() and path.read_bytes() == console_world.user_photo]
    assert visit("/", Role.VIEWER).request.get(last).status == 404
    page.goto("about:blank")
    other = visit("/", Role.OPERATOR)
    assert eventually(lambda: other.request.get(last).status == 404, seconds=30)


def test_a_picture_is_replaced_and_renamed(visit: Visit, console_world: ConsoleWorld, portrait: Draw, couple: bytes) -> None:
    """The id stays; the new picture is shown with its faces and waits for its review."""
    made = new_material(console_world, new_activity(console_world, "Replace"), "old.jpg", portrait(200), approve=True)
    page = visit(f"/materials/{made}", Role.OPERATOR, statuses=(422,))
    connected(page)
    press(page, "Replace picture")
    dialog = page.get_by_role("dialog", name="Replace picture")
    expect(dialog.get_by_text("The material keeps its id")).to_be_visible()
    assert_accessible(page)
    dialog.locator("input[type=file]").set_input_files([file("broken.jpg", couple[:5000])])
    expect(dialog.locator(".fm-files li")).to_contain_text("not a complete JPEG or PNG")
    dialog.locator("input[type=file]").set_input_files([file("new.jpg", couple)])
    expect(page.get_by_role("heading", name="new.jpg")).to_be_visible(timeout=20_000)
    connected(page)
    expect(page.locator(".fm-face-box")).to_have_count(2)
    expect(page.get_by_text("This material is waiting for its review.")).to_be_visible()
    page.wait_for_function("document.querySelector('.fm-faces img').naturalWidth === 1024")
    press(page, "Rename")
    dialog = page.get_by_role("dialog", name="Rename")
    dialog.get_by_label("Name").fill(" ")
    press(page, "Save")
    expect(dialog.get_by_text("A name needs 1 to 255 characters.")).to_be_visible()
    dialog.get_by_label("Name").fill("两个人")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="两个人")).to_be_visible()
    assert material(console_world, made)["name"] == "两个人"


def test_a_deletion_is_taken_back_or_happens(visit: Visit, console_world: ConsoleWorld, portrait: Draw) -> None:
    """For a few seconds the material is still there; then it is gone, also when the page was left."""
    activity = new_activity(console_world, "Delete")
    kept, left, gone = (new_material(console_world, activity, f"{name}.jpg", portrait(100)) for name in ("kept", "left", "gone"))
    page = visit(f"/materials/{kept}", Role.OPERATOR)
    press(page, "Delete")
    expect(page.get_by_text("This material is deleted")).to_be_visible()
    expect(page.get_by_role("heading", name="kept.jpg")).to_be_hidden()
    assert_accessible(page)
    assert material(console_world, kept)["name"] == "kept.jpg"
    press(page, "Undo")
    expect(page.get_by_role("heading", name="kept.jpg")).to_be_visible()
    expect(page.get_by_text("This material is deleted")).to_be_hidden()

    page = visit(f"/materials/{gone}", Role.OPERATOR)
    press(page, "Delete")
    another = visit(f"/materials/{left}", Role.OPERATOR)
    press(another, "Delete")
    another.get_by_role("link", name="Back to the activity").click()

    def there() -> set[str]:
        return {one["id"] for one in ask(console_world, "GET", f"/materials?activity={activity}")["items"]}

    assert eventually(lambda: there() == {kept}, seconds=40)
    expect(visit(f"/materials/{gone}", Role.OPERATOR, statuses=(404,))).to_have_title("Not found · Facemeld")


def test_a_refused_material_is_appealed(visit: Visit, console_world: ConsoleWorld, portrait: Draw) -> None:
    """An operator appeals once, with a reason; a viewer sees the reason of the refusal and nothing to press."""
    made = new_material(console_world, new_activity(console_world, "Appeal"), "a.jpg", portrait(150))
    ask(console_world, "POST", f"/materials/{made}/reject", b'{"reason": "no permission"}')
    page = visit(f"/materials/{made}", Role.VIEWER)
    expect(page.get_by_text("no permission", exact=True)).to_be_visible()
    assert page.get_by_role("button", name=re.compile("Appeal|Delete|Replace|Rename|Save")).count() == 0
    assert page.locator("input[type=file], input[type=range]").count() == 0
    page = visit(f"/materials/{made}", Role.OPERATOR)
    press(page, "Appeal")
    press(page, "Send the appeal")
    expect(page.get_by_text("Please give a reason.")).to_be_visible()
    page.get_by_label("Why it should be approved").fill("She has signed it now.")
    press(page, "Send the appeal")
    expect(page.get_by_text("Appeal open").first).to_be_visible()
    assert (material(console_world, made)["status"], material(console_world, made)["audit_result"]) == (3, "She has signed it now.")
    page = visit(f"/materials/{made}", Role.OPERATOR)
    assert page.get_by_role("button", name="Appeal", exact=True).count() == 0
