"""A real Chromium on a real server: how the console's pages are tested.

A test takes the fixture ``visit`` and opens a page as someone::

    def test_a_viewer_cannot_create(visit: Visit) -> None:
        page = visit("/activities", Role.VIEWER)
        assert page.get_by_role("button", name="Create").count() == 0

``visit`` waits until the page is connected, and fails the test when the browser reports an error, when a script breaks, or when anything
is asked of another host. ``console_world`` is the server with its campaign; its ``outside`` runs code that needs an event loop of its own.
Every page also belongs into ``test_pages.py``, which looks at all of them in both languages, themes and widths with axe.

``make console`` runs them: they are marked ``browser`` and left out of other runs; those that are marked ``slow`` too are left to
``make slow``. The world is shared, so tests look at what they made themselves, under names of their own. Environment:
``FACEMELD_REQUIRE_CHROMIUM=1`` turns a missing browser from a skip into a failure; ``FACEMELD_AXE`` is the path of ``axe.min.js``;
``FACEMELD_SCREENSHOTS`` is a folder to keep pictures in.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, Response, expect

from facemeld.users.types import Role
from tests.api.live import Campaign, LiveServer

T = TypeVar("T")

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A picture that moves instead of a camera, and no question whether the page may see it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
WIDE, NARROW = (1280, 900), (390, 844)


def chromium() -> str:
    """Path of the browser; the test is skipped without one, unless one is required."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("FACEMELD_REQUIRE_CHROMIUM") == "1":
            pytest.fail("FACEMELD_REQUIRE_CHROMIUM is set, and there is no Chromium on PATH")
        pytest.skip("no Chromium on this machine")
    return found


@dataclass(frozen=True)
class ConsoleWorld:
    """A server with a campaign, a user of each role, and a session for each.

    Attributes:
        user_photo, other_photo: JPEGs of two people.
        failed: RequestId of a call that failed, because there is no material of its id.
    """

    server: LiveServer
    campaign: Campaign
    users: Mapping[Role, str]
    sessions: Mapping[Role, str]
    user_photo: bytes
    other_photo: bytes
    failed: str

    @property
    def address(self) -> str:
        """Where the server is."""
        return f"http://{self.server.endpoint}"

    @property
    def base(self) -> str:
        """Where the console is."""
        return f"{self.address}/console"

    @staticmethod
    def outside(work: Callable[[], T]) -> T:
        """Run something in a thread of its own: the browser's driver occupies the event loop of this one."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(work).result()


@dataclass
class Visit:
    """Opens pages, and remembers what went wrong in them."""

    world: ConsoleWorld
    browser: Browser
    troubles: list[str] = field(default_factory=list)
    allowed: set[int] = field(default_factory=set)
    contexts: list[BrowserContext] = field(default_factory=list)

    def __call__(
        self,
        path: str = "/",
        role: Role | None = Role.OWNER,
        *,
        size: tuple[int, int] = WIDE,
        theme: str = "light",
        language: str = "en",
        statuses: tuple[int, ...] = (),
        **options: Any,
    ) -> Page:
        """A page, open and connected.

        Args:
            path: Within the console.
            role: Role of the signed-in user; None for no session.
            size: Of the window.
            theme: ``light``, ``dark`` or ``auto``.
            language: ``en`` or ``zh``.
            statuses: Statuses of errors that belong to the test.
            options: More for the browser's context.
        """
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, locale="en-US", timezone_id="Europe/Berlin", **options
        )
        self.contexts.append(context)
        cookies = {"facemeld_language": language, "facemeld_theme": theme}
        if role is not None:
            cookies["facemeld_session"] = self.world.sessions[role]
        context.add_cookies([{"name": name, "value": value, "url": f"{self.world.base}/"} for name, value in cookies.items()])
        page = context.new_page()
        self.allowed.update(statuses)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        page.on("request", self._on_request)
        page.on("response", self._on_response)
        page.goto(self.world.base + path)
        if role is not None and not statuses:
            connected(page)
        return page

    def close(self) -> None:
        """Close everything and fail on what went wrong."""
        for context in self.contexts:
            context.close()
        assert not self.troubles

    def _on_console(self, message: ConsoleMessage) -> None:
        # What the browser says about refused requests is judged by their status.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.troubles.append(f"{message.type}: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.world.address, "data:", "blob:", self.world.address.replace("http", "ws", 1))):
            self.troubles.append(f"asked another host: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.allowed:
            self.troubles.append(f"{response.status}: {response.url}")


def connected(page: Page) -> None:
    """Wait until a page is connected to its server, so that buttons do something."""
    page.wait_for_function("window.did_handshake === true")


def follow(page: Page, control: Locator) -> None:
    """Press what leads to another page, and wait until that is connected: until then, what is looked for may be found on the old one."""
    with page.expect_navigation():
        control.click()
    connected(page)


def closed(page: Page) -> None:
    """Wait until no dialog is there any more: one that closes fades, and its buttons would be found beside those of the next."""
    expect(page.get_by_role("dialog")).to_have_count(0)


def settled(page: Page) -> None:
    """Wait until a page has loaded its pictures, charts and symbols, and has requested nothing for half a second."""
    page.wait_for_load_state("networkidle")


Listener = tuple[int, str]


def listeners(page: Page) -> list[Listener]:
    """Everything in a page that listens to something: the element's number, and the id by which its server knows the listener."""
    found = page.evaluate("""() => Object.entries(document.getElementById("app")._vnode.component.data.elements)
        .flatMap(([id, one]) => (one.events || []).map((event) => [Number(id), event.listener_id]))""")
    return [(int(number), str(listener)) for number, listener in found]


def send_events(page: Page, events: Sequence[Listener], told: Sequence[Mapping[str, Any]] = ()) -> None:
    """Send events by hand, over the page's own connection: one of each with nothing in it, and one with each of what is ``told``."""
    script = """async ([events, told]) => {
        for (const [id, listener_id] of events)
            for (const args of [[], ...told.map((one) => [one])])
                window.socket.emit("event", { id, client_id: window.clientId, listener_id, args });
        await new Promise((resolve) => setTimeout(resolve, 500));
    }"""
    page.evaluate(script, [[list(one) for one in events], list(told)])


def assert_accessible(page: Page) -> None:
    """No serious or critical finding of axe-core."""
    path = os.environ.get("FACEMELD_AXE", "")
    if not path:
        pytest.skip("FACEMELD_AXE does not name axe.min.js")
    settled(page)
    page.evaluate(Path(path).read_text())
    found = page.evaluate("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations")
    serious = [finding for finding in found if finding["impact"] in {"serious", "critical"}]
    told = [{"rule": one["id"], "nodes": [node["html"][:160] for node in one["nodes"]][:5]} for one in serious]
    assert not serious, f"{page.url}: {json.dumps(told, indent=1, ensure_ascii=False)}"


def assert_fits(page: Page) -> None:
    """Nothing makes the page wider than the window."""
    wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window, f"{page.url} is {wide} pixels wide in a window of {window}"


def photograph(page: Page, name: str) -> None:
    """Keep a picture of the whole page where ``FACEMELD_SCREENSHOTS`` says."""
    folder = os.environ.get("FACEMELD_SCREENSHOTS")
    if folder:
        settled(page)
        # What sticks to the window's edge would be in the middle of the picture.
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
