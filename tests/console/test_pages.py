"""All pages, in both languages, themes and widths: they fit, they are accessible, nothing breaks, and they can be photographed."""

from __future__ import annotations

import pytest

from facemeld.console.pages import PAGES
from facemeld.services.signin import NEEDED_ROLES
from facemeld.users import Role
from tests.console.browser import NARROW, WIDE, ConsoleWorld, Visit, assert_accessible, assert_fits, photograph

LOOKS = [("light", WIDE, "en"), ("dark", WIDE, "zh"), ("light", NARROW, "zh"), ("dark", NARROW, "en")]
"""Each theme with each width, each of them in one language."""


def path_of(name: str, path: str, world: ConsoleWorld) -> str:
    """A page's path with ids of the campaign in its variable parts."""
    material = world.campaign.materials["hopper.png"].id
    return path.format(activity=world.campaign.project_id, material=material, account="default", request=world.failed)


@pytest.mark.parametrize(("theme", "size", "language"), LOOKS, ids=["light-wide", "dark-wide", "light-narrow", "dark-narrow"])
@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_looks(visit: Visit, console_world: ConsoleWorld, name: str, theme: str, size: tuple[int, int], language: str) -> None:
    """Every page can be used by everyone in every look."""
    described = next(one for one in PAGES if one.name == name)
    page = visit(path_of(name, described.path, console_world), theme=theme, size=size, language=language)
    assert page.locator("main").count() == 1
    assert page.locator("h1").count() == 1
    photograph(page, f"{name}-{theme}-{'wide' if size == WIDE else 'narrow'}-{language}")
    assert_fits(page)
    assert_accessible(page)


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_roles_see_what_they_may(visit: Visit, console_world: ConsoleWorld, name: str) -> None:
    """A page opens for the roles that may read it and is refused to others; the menu agrees."""
    described = next(one for one in PAGES if one.name == name)
    for role in Role:
        allowed = role.allows(NEEDED_ROLES[described.act])
        page = visit(path_of(name, described.path, console_world), role, statuses=() if allowed else (403,))
        assert (page.locator("header").count() == 1) == allowed
        if allowed and described.icon:
            assert page.locator("nav a.fm-menu-link[aria-current]").count() == 1
