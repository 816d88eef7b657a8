"""The playground: two people into a couple, by drop, camera and keyboard; the code that it writes, run against the server."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.usage.types import Usage
from facemeld.users.types import Role
from tests.api.live import eventually
from tests.clients.drivers import MODULES
from tests.console.browser import NARROW, ConsoleWorld, Visit, assert_accessible, assert_fits, photograph

SLOW = 30_000


def payload(name: str, data: bytes) -> FilePayload:
    return FilePayload(name=name, mimeType="image/jpeg", buffer=data)


def couple(world: ConsoleWorld) -> str:
    return world.campaign.materials["couple.png"].id


def drop(page: Page, *files: FilePayload) -> None:
    """Drop photos and wait until all are there."""
    before = page.locator(".fm-photos li").count()
    page.locator("input[type=file]").set_input_files(list(files))
    expect(page.locator(".fm-photos li")).to_have_count(before + len(files))


def fuse(page: Page) -> None:
    page.get_by_role("button", name="Fuse", exact=True).click()
    expect(page.get_by_role("heading", name="Result")).to_be_visible(timeout=SLOW)


def code(page: Page, name: str) -> str:
    """One of the programs, as it would be copied."""
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel", name=name).inner_text()


def shown(page: Page, name: str) -> Any:
    """The request or the reply that is shown."""
    return json.loads(code(page, name))


def record_of(world: ConsoleWorld, request_id: str) -> Usage:
    """The record of a call, which comes a moment later."""
    with open_application(Settings(data=world.server.data)) as application:
        assert eventually(lambda: bool(application.usage.records(request_id=request_id)))
        return application.usage.records(request_id=request_id)[0][1]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that are run must not ask a proxy for the server on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def folder(tmp_path: Path, console_world: ConsoleWorld) -> Path:
    """Where the user's programs and photos lie."""
    (tmp_path / "first.jpg").write_bytes(console_world.user_photo)
    (tmp_path / "second.jpg").write_bytes(console_world.other_photo)
    return tmp_path


@pytest.fixture
def ready(visit: Visit, console_world: ConsoleWorld) -> Page:
    """A playground with two photos on the two faces of the couple."""
    page = visit(f"/playground?material={couple(console_world)}", Role.OPERATOR)
    drop(page, payload("first.jpg", console_world.user_photo), payload("second.jpg", console_world.other_photo))
    return page


def test_two_people_into_a_couple(ready: Page, console_world: ConsoleWorld) -> None:
    """Each photo goes to the face that was pressed; the result, the timing, the request and the reply are shown."""
    page, material = ready, couple(console_world)
    expect(page.get_by_label("Photo 1 goes to")).to_have_value("1")
    page.get_by_role("button", name="Choose photo 1").click()
    page.get_by_role("button", name="Face 2").click()
    expect(page.get_by_label("Photo 1 goes to")).to_have_value("2")
    expect(page.get_by_label("Photo 2 goes to")).to_have_value("0")
    page.get_by_label("Photo 2 goes to").select_option("1")
    expect(page.get_by_role("button", name="Face 1")).to_contain_text("photo 2")
    page.get_by_role("switch", name="The material's own degrees").click()
    page.get_by_label("FuseProfileDegree").fill("30")
    page.get_by_role("switch", name="LogoAdd").click()
    fuse(page)
    expect(page.get_by_text("Succeeded", exact=True)).to_be_visible()
    request = shown(page, "Request")
    assert request["ModelId"] == material
    assert [one["TemplateFaceID"] for one in request["MergeInfos"]] == [f"{material}_2", f"{material}_1"]
    assert (request["FuseProfileDegree"], request["FuseFaceDegree"], request["LogoAdd"]) == (30, 50, 0)
    assert "characters)" in request["MergeInfos"][0]["Image"]
    reply = shown(page, "Reply")["Response"]
    record = record_of(console_world, reply["RequestId"])
    assert (record.client, record.faces, record.model_id, record.code, record.secret_id) == ("console", 2, material, "", None)
    assert {"decode", "encode"} <= set(record.stages)
    assert page.locator(".fm-stage-names li").count() > 3
    with urllib.request.urlopen(reply["FusedImage"], timeout=20) as answer:
        made = np.asarray(Image.open(io.BytesIO(answer.read())).convert("RGB")).astype(int)
    template = np.asarray(Image.open(console_template(console_world)).convert("RGB")).astype(int)
    for box in console_world.campaign.materials["couple.png"].faces:
        area = np.s_[box.box.y : box.box.y + box.box.height, box.box.x : box.box.x + box.box.width]
        assert np.abs(made[area] - template[area]).mean() > 4
    assert_accessible(page)
    photograph(page, "playground-fused")


def console_template(world: ConsoleWorld) -> Path:
    with open_application(Settings(data=world.server.data)) as application:
        material = world.campaign.materials["couple.png"]
        return application.materials.files.picture_path(material.number, material.format)


def test_before_and_after_are_compared_with_the_keyboard(ready: Page) -> None:
    """The divider is a slider: it has a name, a value, and obeys the arrow keys."""
    fuse(ready)
    divider = ready.get_by_role("slider", name="Divider between template and result")
    divider.focus()
    for _ in range(10):
        ready.keyboard.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuetext", "60 %")
    ready.wait_for_function("[...document.querySelectorAll('.fm-compare img')].every((one) => one.naturalWidth === 1024)")


def test_ultra_with_base64(ready: Page, console_world: ConsoleWorld) -> None:
    """The template goes along with the call, the picture comes with the reply, and nothing is stored."""
    ready.get_by_label("Action", exact=True).select_option("FuseFaceUltra")
    ready.get_by_label("SwapModelType").select_option("4")
    ready.get_by_label("MpRadio").fill("20")
    ready.get_by_label("RspImgType").select_option("base64")
    fuse(ready)
    request = shown(ready, "Request")
    assert (request["SwapModelType"], request["FusionUltraParam"]["MpRadio"]) == (4, 0.2)
    assert set(request["MergeInfos"][0]["TemplateFaceRect"]) == {"X", "Y", "Width", "Height"}
    assert "characters)" in request["ModelImage"]
    reply = shown(ready, "Reply")["Response"]
    assert "characters)" in reply["FusedImage"]
    ready.wait_for_function("[...document.querySelectorAll('.fm-compare img')].every((one) => one.naturalWidth === 1024)")
    record = record_of(console_world, reply["RequestId"])
    assert (record.action, record.faces) == ("FuseFaceUltra", 2)
    with open_application(Settings(data=console_world.server.data)) as application:
        assert not application.results.find([reply["RequestId"]])
    ready.get_by_label("SwapModelType").select_option("6")
    expect(ready.get_by_label("MpRadio")).to_be_disabled()


def test_what_the_api_refuses_is_shown(visit: Visit, console_world: ConsoleWorld) -> None:
    """A picture of the camera without a face: code, message and record, as a program would get them."""
    page = visit(f"/playground?material={couple(console_world)}")
    page.get_by_role("button", name="Take a photo").click()
    page.get_by_role("button", name="Take it").click()
    expect(page.locator(".fm-photos li")).to_have_count(1, timeout=SLOW)
    fuse(page)
    expect(page.get_by_text("FailedOperation.NoFaceDetected").first).to_be_visible()
    reply = shown(page, "Reply")["Response"]
    assert reply["Error"]["Code"] == "FailedOperation.NoFaceDetected"
    assert record_of(console_world, reply["RequestId"]).code == "FailedOperation.NoFaceDetected"
    page.get_by_role("link", name="Record of this call").click()
    expect(page.get_by_text("this console")).to_be_visible()


def test_consent_that_an_activity_demands(visit: Visit, console_world: ConsoleWorld) -> None:
    """Without a reference the call is refused; with one it is kept."""
    with open_application(Settings(data=console_world.server.data)) as application:
        change = application.activities.change
        change(None, console_world.campaign.project_id, actor="test", consent_required=True)
        try:
            page = visit(f"/playground?material={couple(console_world)}")
            expect(page.get_by_text("This activity requires a reference with every call.")).to_be_visible()
            drop(page, payload("first.jpg", console_world.user_photo))
            fuse(page)
            expect(page.get_by_text("MissingParameter", exact=True)).to_be_visible()
            page.get_by_label("Consent reference").fill("form 7")
            page.get_by_role("button", name="Fuse", exact=True).click()
            expect(page.get_by_text("Succeeded", exact=True)).to_be_visible(timeout=SLOW)
            assert 'request.headers = {"X-Facemeld-Consent": "form 7"}' in code(page, "Python")
            assert record_of(console_world, shown(page, "Reply")["Response"]["RequestId"]).consent == "form 7"
        finally:
            change(None, console_world.campaign.project_id, actor="test", consent_required=False)


def test_photos_are_of_this_page_alone(ready: Page, console_world: ConsoleWorld) -> None:
    """Another session does not see them, and they are gone when the photo is removed; what is no picture is refused."""
    address = ready.locator(".fm-photo img").first.get_attribute("src")
    assert address is not None

    def status(role: Role) -> int:
        headers = {"Cookie": f"facemeld_session={console_world.sessions[role]}"}
        request = urllib.request.Request(console_world.address + address, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                assert reply.headers["Cache-Control"] == "no-store"
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert (status(Role.OPERATOR), status(Role.OWNER)) == (200, 404)
    ready.get_by_role("button", name="Remove photo 1").click()
    expect(ready.locator(".fm-photos li")).to_have_count(1)
    assert status(Role.OPERATOR) == 404


def test_files_that_are_no_photos_are_refused(visit: Visit, console_world: ConsoleWorld) -> None:
    """And so is a seventh photo."""
    page = visit(f"/playground?material={couple(console_world)}", statuses=())
    visit.allowed.add(422)
    page.locator("input[type=file]").set_input_files([payload("page.jpg", b"<html>")])
    expect(page.get_by_text("The file is not a JPEG or PNG.")).to_be_visible()
    drop(page, *[payload(f"{number}.jpg", console_world.user_photo) for number in range(6)])
    page.locator("input[type=file]").set_input_files([payload("more.jpg", console_world.user_photo)])
    expect(page.get_by_text("A call takes at most six photos.")).to_be_visible()
    expect(page.locator(".fm-photos li")).to_have_count(6)


def test_templates_are_chosen_by_their_pictures(visit: Visit, console_world: ConsoleWorld) -> None:
    """The newest is taken first; another click takes another, and the code follows."""
    page = visit(f"/playground?activity={console_world.campaign.project_id}")
    pictures = page.get_by_role("list", name="Materials of the activity").get_by_role("button")
    expect(pictures).to_have_count(len(console_world.campaign.materials))
    expect(page.get_by_text("Add a photo first.")).to_be_visible()
    newest, other = list(console_world.campaign.materials.values())[::-1]
    expect(page.locator(".fm-face-box")).to_have_count(len(newest.faces))
    page.get_by_role("button", name="hopper.png, faces: 1").click()
    expect(page.locator(".fm-face-box")).to_have_count(1)
    page.get_by_role("tab", name="curl").click()
    expect(page.get_by_role("tabpanel", name="curl")).to_contain_text(other.id)


def test_a_viewer_has_no_playground(visit: Visit) -> None:
    """Not in the menu, not by its address."""
    page = visit("/", Role.VIEWER)
    assert page.get_by_role("link", name="Playground").count() == 0
    visit("/playground", Role.REVIEWER, statuses=(403,))


def test_the_playground_of_a_phone(visit: Visit, console_world: ConsoleWorld) -> None:
    """In Chinese, in the dark, from photo to result."""
    page = visit(f"/playground?material={couple(console_world)}", size=NARROW, theme="dark", language="zh")
    drop(page, payload("first.jpg", console_world.user_photo))
    page.get_by_role("button", name="融合", exact=True).click()
    expect(page.get_by_role("heading", name="结果")).to_be_visible(timeout=SLOW)
    assert_fits(page)
    assert_accessible(page)
    photograph(page, "playground-fused-narrow-dark-zh")


def keys(world: ConsoleWorld) -> Mapping[str, str]:
    key = world.campaign.key
    return {**os.environ, "TENCENTCLOUD_SECRET_ID": key.secret_id, "TENCENTCLOUD_SECRET_KEY": key.secret_key}


PROGRAMS: dict[str, tuple[list[str], bool]] = {
    "Python": ([sys.executable, "program"], True),
    "curl": (["sh", "program"], shutil.which("openssl") is not None and shutil.which("curl") is not None),
    "Node": (["node", "program"], shutil.which("node") is not None and MODULES.is_dir()),
}
"""How the programs are run, and whether this machine can."""


@pytest.mark.parametrize("action", ["FuseFace", "FuseFaceUltra"])
@pytest.mark.parametrize("kind", ["url", "base64"])
def test_the_code_runs(ready: Page, console_world: ConsoleWorld, folder: Path, action: str, kind: str) -> None:
    """Copied, with a real key in the environment and the photos beside it, each program makes the same call."""
    ready.get_by_label("Action", exact=True).select_option(action)
    ready.get_by_label("RspImgType").select_option(kind)
    expect(ready.get_by_role("tabpanel", name="Python")).to_contain_text("result.png" if kind == "base64" else "print(reply.FusedImage")
    shutil.copy(console_template(console_world), folder / "template.png")
    environment = {**keys(console_world), "NODE_PATH": str(MODULES)}
    assert PROGRAMS["Python"][1]
    for name, (command, possible) in PROGRAMS.items():
        if not possible:
            continue
        (folder / "result.png").unlink(missing_ok=True)
        (folder / "program").write_text(code(ready, name))
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        if kind == "base64":
            data = (folder / "result.png").read_bytes()
        else:
            address = next(part for part in done.stdout.replace('"', " ").split() if part.startswith("http://"))
            with urllib.request.urlopen(address, timeout=20) as reply:
                data = reply.read()
        with Image.open(io.BytesIO(data)) as made:
            assert made.size == (1024, 512), name


def test_code_is_copied(visit: Visit, console_world: ConsoleWorld) -> None:
    """Tabs obey the arrow keys, and the button copies the one that is seen."""
    page = visit(f"/playground?material={couple(console_world)}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("tab", name="Python").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="curl")).to_be_focused()
    expect(page.get_by_role("tab", name="curl")).to_have_attribute("aria-selected", "true")
    page.locator(".fm-code-tabs").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("host=127.0.0.1:")
