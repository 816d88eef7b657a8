"""Addresses of pages about objects whose names are anybody's text."""

from __future__ import annotations

from urllib.parse import quote

from facemeld.console.desk import Desk
from facemeld.console.wishes import PATH


def account_address(desk: Desk, name: str) -> str:
    """The page of an account."""
    return desk.url(f"/accounts/{quote(name, safe='')}")


def request_address(desk: Desk, request_id: str) -> str:
    """The page of a call's record."""
    return desk.url(f"/requests/{quote(request_id, safe='')}")


def beside(desk: Desk, path: str) -> str:
    """An address of the server outside the console, as the browser sees it."""
    return desk.url("").removesuffix(PATH) + path
