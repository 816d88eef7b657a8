"""A new installation in the browser: the first page leads, step by step, to a fused picture."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, expect

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind
from tests.api.live import LiveServer
from tests.console.browser import ConsoleWorld, Visit, assert_accessible, connected, follow, photograph
from tests.console.conftest import PASSWORD
from tests.console.pictures import encoded, file


@pytest.fixture
def fresh(console_world: ConsoleWorld, browser: Browser, tmp_path: Path, bundle_path: Path) -> Iterator[Visit]:
    """Opens pages of a server that has nothing but its first users."""
    data = tmp_path / "data"
    sessions = {}
    with open_application(Settings(data=data)) as application:
        for role in (Role.OWNER, Role.OPERATOR):
            application.users.create(role.value, PASSWORD, role, actor="test")
            sessions[role] = application.users.create_token(role.value, life=timedelta(hours=1), kind=TokenKind.SESSION, actor="test").text
    environment = {"FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent)}
    server = LiveServer(data, environment, command=(sys.executable, "-m", "tests.console.showcase"))
    server.start()
    visit = Visit(dataclasses.replace(console_world, server=server, sessions=sessions), browser)
    try:
        yield visit
        visit.close()
    finally:
        server.stop()


def test_the_first_steps_end_with_a_fused_picture(fresh: Visit, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]) -> None:
    """Activity, picture, key, playground: each step leads to its page, and the guide goes when all is done."""
    operator = fresh("/activities/new", Role.OPERATOR)
    expect(operator.get_by_text("An owner must create an account first")).to_be_visible()
    page = fresh("/")
    guide = page.locator(".fm-steps")
    expect(guide.get_by_text("To do")).to_have_count(0)
    assert_accessible(page)
    photograph(page, "first-steps")
    fresh("/activities").get_by_text("No activities yet").wait_for()

    follow(page, guide.get_by_role("link", name="Create activity"))
    page.get_by_label("Name", exact=True).fill("First")
    page.get_by_role("button", name="Create activity").click()
    expect(page.get_by_role("heading", name="First")).to_be_visible()

    page.goto(f"{fresh.world.base}/")
    connected(page)
    expect(guide.get_by_text("Done")).to_have_count(1)
    follow(page, guide.get_by_role("link", name="Add pictures"))
    page.get_by_role("switch", name="Approve them at once").check()
    page.locator("input[type=file]").set_input_files([file("poster.jpg", encoded(hopper, 512))])
    expect(page.locator(".fm-files li")).to_contain_text("Approved · 1 face", timeout=30_000)

    page.goto(f"{fresh.world.base}/")
    connected(page)
    expect(guide.get_by_text("Done")).to_have_count(2)
    follow(page, guide.get_by_role("link", name="Create key"))
    expect(page).to_have_title("Keys · Facemeld")
    with open_application(Settings(data=fresh.world.server.data)) as application:
        application.accounts.create_key("default", actor="test")

    page.goto(f"{fresh.world.base}/")
    connected(page)
    expect(guide.get_by_text("Done")).to_have_count(3)
    follow(page, guide.get_by_role("link", name="Open playground"))
    page.locator("input[type=file]").set_input_files([file("me.jpg", encoded(astronaut, 512))])
    expect(page.locator(".fm-photos li")).to_have_count(1)
    page.get_by_role("button", name="Fuse", exact=True).click()
    expect(page.get_by_role("heading", name="Result")).to_be_visible(timeout=30_000)
    photograph(page, "first-result")
