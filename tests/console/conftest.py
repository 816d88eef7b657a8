"""The server with its campaign and users, the browser, and pages in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, expect, sync_playwright

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind
from tests.api.conftest import jpeg, png
from tests.api.live import LiveServer, failure, fuse_request, make_campaign, photo
from tests.console.browser import FLAGS, ConsoleWorld, Visit, chromium

PASSWORD = "correct horse battery"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the browser's machine."""
    for item in items:
        if "console_world" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def console_world(
    tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]
) -> Iterator[ConsoleWorld]:
    """A server that has answered a few calls; tests only add to it."""
    chromium()
    data = tmp_path_factory.mktemp("console") / "data"
    settings = Settings(data=data, model_dir=bundle_path.parent, workers={"count": 1})
    couple = np.concatenate([hopper[:512], astronaut], axis=1)
    campaign = make_campaign(settings, {"hopper.png": png(hopper), "couple.png": png(couple)})
    sessions = {}
    with open_application(settings) as application:
        for role in Role:
            application.users.create(role.value, PASSWORD, role, actor="test")
            token = application.users.create_token(role.value, life=timedelta(hours=1), kind=TokenKind.SESSION, actor="test")
            sessions[role] = token.text
    environment = {
        "FACEMELD_WORKERS_COUNT": "1",
        "FACEMELD_MODEL_DIR": str(bundle_path.parent),
        "FACEMELD_FETCH_ALLOW": "127.0.0.0/8",
        "FACEMELD_CONSOLE_SIGN_IN_ATTEMPTS": "5",
    }
    server = LiveServer(data, environment, command=(sys.executable, "-m", "tests.console.showcase"))
    server.start()
    try:
        client, user = server.client(campaign.key), jpeg(astronaut)
        client.FuseFace(fuse_request(campaign.project_id, campaign.materials["hopper.png"].id, photo(user)))
        failed = failure(lambda: client.FuseFace(fuse_request(campaign.project_id, "mt_1", photo(user)))).requestId
        yield ConsoleWorld(server, campaign, {role: role.value for role in Role}, sessions, user, jpeg(hopper), str(failed))
    finally:
        server.stop()


@pytest.fixture(scope="package")
def browser(console_world: ConsoleWorld) -> Iterator[Browser]:
    """A browser; started after the world, which needs an event loop that the browser's driver would occupy."""
    # A step that is immediate on an idle machine may take seconds on a busy one; a longer wait costs only tests that fail.
    expect.set_options(timeout=15_000)
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def visit(console_world: ConsoleWorld, browser: Browser) -> Iterator[Visit]:
    """Opens pages; see ``browser.py``."""
    visit = Visit(console_world, browser)
    yield visit
    visit.close()
