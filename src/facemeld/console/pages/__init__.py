"""All pages of the console, in the order of the menu."""

from __future__ import annotations

from facemeld.console.pages.home import PAGE as HOME
from facemeld.console.pages.page import Page

__all__ = ["PAGES", "Page"]

PAGES: tuple[Page, ...] = (HOME,)
