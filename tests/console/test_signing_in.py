"""Who gets in: sessions, roles, other sites, the looks that are remembered."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind
from tests.console.browser import NARROW, ConsoleWorld, Visit, assert_accessible, connected, follow, photograph
from tests.console.conftest import PASSWORD


def ask(world: ConsoleWorld, method: str, path: str, headers: Mapping[str, str] | None = None, body: str = "") -> http.client.HTTPResponse:
    """One request of a program."""
    connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=20)
    form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request(method, f"/console{path}", body or None, {**form, **(headers or {})})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply


def cookie(world: ConsoleWorld, role: Role = Role.VIEWER) -> dict[str, str]:
    return {"Cookie": f"facemeld_session={world.sessions[role]}"}


def test_signing_in_and_out(visit: Visit) -> None:
    """A wrong password is told, the right one leads to the page that was asked for; after signing out it needs it again."""
    page = visit("/showcase?a=1", None, statuses=(401,))
    expect(page).to_have_title("Sign in · Facemeld")
    assert_accessible(page)
    photograph(page, "sign-in-light")
    page.get_by_label("Name").fill("owner")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong")
    expect(page.get_by_label("Name")).to_have_value("owner")
    page.get_by_label("Password").fill(PASSWORD)
    follow(page, page.get_by_role("button", name="Sign in"))
    assert page.url.endswith("/console/showcase?a=1")
    session = next(one for one in page.context.cookies() if one["name"] == "facemeld_session")
    assert session["httpOnly"]
    assert session["sameSite"] == "Strict"
    assert session["path"] == "/console"
    assert not session["secure"]  # the test's address is a plain one
    page.get_by_role("button", name="Your account").click()
    expect(page.get_by_text("May do everything")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · Facemeld")
    assert not [one for one in page.context.cookies() if one["name"] == "facemeld_session"]


def test_a_session_that_was_ended_is_over(visit: Visit, console_world: ConsoleWorld) -> None:
    """Pages that are still open can do nothing more, and lead to the sign-in page."""
    page = visit("/showcase", None)
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill(PASSWORD)
    follow(page, page.get_by_role("button", name="Sign in"))
    token = next(one for one in page.context.cookies() if one["name"] == "facemeld_session")["value"]
    assert ask(console_world, "POST", "/sign-out", {"Origin": console_world.address, "Cookie": f"facemeld_session={token}"}).status == 303
    page.get_by_role("button", name="Check").click()
    expect(page).to_have_title("Sign in · Facemeld")


def test_a_role_that_was_lowered_counts_at_once(visit: Visit, console_world: ConsoleWorld) -> None:
    """A page that an operator opened does nothing for the viewer that the user has become."""
    settings = Settings(data=console_world.server.data)
    with open_application(settings) as application:
        application.users.create("mover", PASSWORD, Role.OPERATOR, actor="test")
        token = application.users.create_token("mover", life=timedelta(hours=1), kind=TokenKind.SESSION, actor="test")
        page = visit("/showcase", None)
        page.context.add_cookies([{"name": "facemeld_session", "value": token.text, "url": f"{console_world.base}/"}])
        page.goto(f"{console_world.base}/showcase")
        connected(page)
        page.get_by_role("button", name="Check").click()
        expect(page.get_by_text("allowed", exact=True)).to_be_visible()
        application.users.change("mover", role=Role.VIEWER, actor="test")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Your role does not allow this.")).to_be_visible()


def test_too_many_attempts(console_world: ConsoleWorld) -> None:
    """Guessing passwords ends after a few attempts, in the form too."""
    form = {"Origin": console_world.address}
    statuses = [ask(console_world, "POST", "/sign-in", form, "name=guessed&password=wrong").status for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/sign-in", {}, 403),
        ("POST", "/sign-in", {"Origin": "null"}, 403),
        ("POST", "/sign-in", {"Origin": "https://elsewhere.example"}, 403),
        ("POST", "/sign-out", {"Origin": "http://127.0.0.1:1"}, 403),
        ("POST", "/preferences", {"Origin": "https://elsewhere.example"}, 403),
        ("POST", "/uploads/x", {"Origin": "https://elsewhere.example"}, 403),
        ("GET", "/_nicegui_ws/socket.io/?EIO=4&transport=polling", {"Origin": "https://elsewhere.example"}, 403),
        ("GET", "/_nicegui_ws/socket.io/?EIO=4&transport=polling", {"Sec-Fetch-Site": "same-site"}, 403),
        ("POST", "/preferences", {"Origin": "own"}, 303),
        ("POST", "/uploads/x", {"Origin": "own"}, 404),
    ],
)
def test_other_sites_can_do_nothing(console_world: ConsoleWorld, method: str, path: str, headers: dict[str, str], status: int) -> None:
    """Requests that could change something must come from the console's own pages, even with the session's cookie."""
    own = {name: console_world.address if value == "own" else value for name, value in headers.items()}
    assert ask(console_world, method, path, {**cookie(console_world), **own}).status == status


@pytest.mark.parametrize(
    ("origin", "signed_in", "status"), [("elsewhere", True, 403), (None, True, 403), ("own", False, 403), ("own", True, 101)]
)
def test_sockets_are_for_own_pages(console_world: ConsoleWorld, origin: str | None, signed_in: bool, status: int) -> None:
    """A page of another site cannot connect, nor can a client without a session."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **(cookie(console_world) if signed_in else {}),
        **({"Origin": console_world.address if origin == "own" else "https://elsewhere.example"} if origin else {}),
    }
    assert ask(console_world, "GET", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket", headers).status == status


@pytest.mark.parametrize(
    "path", ["/", "/showcase", "/session", "/uploads/x", "/files/materials/mt_1/picture", "/_nicegui/client/x/upload/1", "/no-such-page"]
)
def test_nothing_without_a_session(console_world: ConsoleWorld, path: str) -> None:
    """Browsers are sent to the sign-in page, everything else is refused; a made-up cookie is none."""
    page = {"Accept": "text/html"}
    assert ask(console_world, "GET", path).status == 401
    assert ask(console_world, "GET", path, {"Cookie": "facemeld_session=fmu_" + "x" * 43}).status == 401
    reply = ask(console_world, "GET", path, page)
    assert reply.status == 303
    assert (reply.getheader("Location") or "").startswith("/console/sign-in?next=%2F")


def test_links_from_elsewhere_keep_the_session(console_world: ConsoleWorld) -> None:
    """A strict cookie does not travel with a link from another site; the page asks for itself once more, and not for ever."""
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}
    first = ask(console_world, "GET", "/?a=1", headers)
    assert first.status == 200
    assert ask(console_world, "GET", "/?a=1&facemeld_again=1", headers).status == 303


@pytest.mark.parametrize("target", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "/%0d%0aX: 1\r\nX: 1", ""])
def test_signing_in_leads_nowhere_else(console_world: ConsoleWorld, target: str) -> None:
    """The page to go on with is one of the console."""
    body = urlencode({"name": "reviewer", "password": PASSWORD, "next": target})
    reply = ask(console_world, "POST", "/sign-in", {"Origin": console_world.address}, body)
    assert reply.status == 303
    assert reply.getheader("Location") == "/console/"


@pytest.mark.parametrize(
    ("prefix", "base"), [("/faces", "/faces/console"), ("/a/b/", "/a/b/console"), ('/"><script>', "/console"), ("//x", "/console")]
)
def test_behind_a_prefix(console_world: ConsoleWorld, prefix: str, base: str) -> None:
    """Addresses begin with the prefix that a proxy announces, if it is one."""
    reply = ask(console_world, "GET", "/", {"Accept": "text/html", "X-Forwarded-Prefix": prefix})
    assert (reply.getheader("Location") or "").startswith(f"{base}/sign-in")


def test_cookies_are_secure_behind_https(console_world: ConsoleWorld) -> None:
    """A proxy that speaks HTTPS to browsers says so, and the cookie then never travels in the clear."""
    headers = {"Origin": console_world.address.replace("http", "https"), "X-Forwarded-Proto": "https"}
    reply = ask(console_world, "POST", "/sign-in", headers, f"name=viewer&password={PASSWORD.replace(' ', '+')}")
    assert reply.status == 303
    parts = {part.strip() for part in (reply.getheader("Set-Cookie") or "").split(";")}
    assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/console"} <= parts


def test_headers_of_pages(console_world: ConsoleWorld) -> None:
    """Pages may not be framed, load nothing from elsewhere and are not kept; the package's files are."""
    reply = ask(console_world, "GET", "/", cookie(console_world))
    policy = reply.getheader("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in policy.partition("style-src")[0]
    assert reply.getheader("Cache-Control") == "no-store"
    assert reply.getheader("X-Content-Type-Options") == "nosniff"
    assert "immutable" in (ask(console_world, "GET", "/static/console.css").getheader("Cache-Control") or "")


def test_theme_is_remembered(visit: Visit) -> None:
    """The button goes through the three themes without a new page; the next page has the same."""
    page = visit("/", theme="auto")
    button = page.get_by_role("button", name="Theme")
    ground = "getComputedStyle(document.body).backgroundColor"
    seen = [page.evaluate(ground)]
    for theme in ("light", "dark"):
        button.click()
        expect(button).to_have_attribute("aria-label", f"Theme: {theme}")
        seen.append(page.evaluate(ground))
    assert seen[0] == seen[1] != seen[2]
    page.reload()
    connected(page)
    assert page.evaluate(ground) == seen[2]


def test_language_is_changed(visit: Visit) -> None:
    """The button leads back to the same page in the other language."""
    page = visit("/showcase?a=1")
    follow(page, page.get_by_role("button", name="中文"))
    assert page.url.endswith("/showcase?a=1")
    expect(page).to_have_title("首页 · Facemeld")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_the_menu_of_a_phone(visit: Visit) -> None:
    """It is hidden until its button is pressed, and goes away with Escape."""
    page = visit("/", size=NARROW)
    menu = page.get_by_role("navigation", name="Menu")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(menu).to_be_visible()
    assert_accessible(page)
    photograph(page, "menu-narrow")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()


def test_the_keyboard_reaches_everything(visit: Visit) -> None:
    """The first stop skips the menu, and every stop can be seen."""
    page = visit("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_missing_pages(visit: Visit) -> None:
    """An address that leads nowhere says so in the console's own words."""
    page = visit("/no-such-page", statuses=(404,))
    expect(page).to_have_title("Not found · Facemeld")
    assert_accessible(page)
