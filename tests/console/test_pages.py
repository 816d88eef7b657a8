"""All pages, in both languages, themes and widths: they fit, they are accessible, nothing breaks, and they can be photographed."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest

from facemeld.console.pages import PAGES
from facemeld.console.parts.shell import Page
from facemeld.users.signin import NEEDED_ROLES
from facemeld.users.types import Role
from tests.console.browser import NARROW, WIDE, ConsoleWorld, Visit, assert_accessible, assert_fits, photograph

LOOKS = {"light-wide": "en", "dark-narrow": "en", "dark-wide": "zh", "light-narrow": "zh"}
"""Each theme with each width, each of them in one language."""


def looks() -> Iterator[object]:
    """Every page in every look: each in one of them, by turns, with every run, and in the other ones with the slow tests."""
    for number, page in enumerate(PAGES):
        for turn, look in enumerate(LOOKS):
            often = turn == number % len(LOOKS)
            yield pytest.param(page, look, id=f"{page.name}-{look}", marks=() if often else pytest.mark.slow)


def path_of(page: Page, world: ConsoleWorld) -> str:
    """A page's path with ids of the campaign in its variable parts."""
    material = world.campaign.materials["hopper.png"].id
    return page.path.format(activity=world.campaign.project_id, material=material, account="default", request=world.failed)


@pytest.mark.parametrize(("described", "look"), list(looks()))
def test_looks(visit: Visit, console_world: ConsoleWorld, described: Page, look: str) -> None:
    """Every page can be used by everyone in every look; the menu says where one is."""
    theme, _, width = look.partition("-")
    language = LOOKS[look]
    page = visit(path_of(described, console_world), theme=theme, size=WIDE if width == "wide" else NARROW, language=language)
    assert page.locator("main").count() == 1
    assert page.locator("h1").count() == 1
    if described.icon:
        assert page.locator("nav a.fm-menu-link[aria-current]").count() == 1
    photograph(page, f"{described.name}-{look}-{language}")
    assert_fits(page)
    assert_accessible(page)


@pytest.mark.parametrize("role", Role)
def test_roles_see_what_they_may(visit: Visit, console_world: ConsoleWorld, role: Role) -> None:
    """A page opens for the roles that may read it and is refused to others; the menu agrees."""
    allowed = [page for page in PAGES if role.allows(NEEDED_ROLES[page.act])]
    for page in PAGES:
        connection = http.client.HTTPConnection("127.0.0.1", console_world.server.port, timeout=20)
        cookie = {"Cookie": f"facemeld_session={console_world.sessions[role]}", "Accept": "text/html"}
        connection.request("GET", f"/console{path_of(page, console_world)}", headers=cookie)
        assert connection.getresponse().status == (200 if page in allowed else 403), page.name
        connection.close()
    links = visit("/", role).locator("nav a.fm-menu-link")
    assert [link.get_attribute("href") for link in links.all()] == [f"/console{page.path}" for page in allowed if page.icon]
