"""All pages of the console, in the order of the menu."""

from __future__ import annotations

from facemeld.console.pages.accounts import ACCOUNT, ACCOUNTS
from facemeld.console.pages.activities import ACTIVITIES, NEW_ACTIVITY
from facemeld.console.pages.activity import PAGE as ACTIVITY
from facemeld.console.pages.calls import REQUEST, REQUESTS
from facemeld.console.pages.home import PAGE as HOME
from facemeld.console.pages.keys import PAGE as KEYS
from facemeld.console.pages.material import PAGE as MATERIAL
from facemeld.console.pages.page import Page
from facemeld.console.pages.playground import PAGE as PLAYGROUND
from facemeld.console.pages.records import AUDIT, SETTINGS
from facemeld.console.pages.results import RESULTS, VERIFY
from facemeld.console.pages.review import PAGE as REVIEW
from facemeld.console.pages.users import PAGE as USERS

__all__ = ["PAGES", "Page"]

PAGES: tuple[Page, ...] = (
    HOME,
    ACTIVITIES,
    NEW_ACTIVITY,
    ACTIVITY,
    MATERIAL,
    REVIEW,
    PLAYGROUND,
    REQUESTS,
    REQUEST,
    RESULTS,
    VERIFY,
    KEYS,
    ACCOUNTS,
    ACCOUNT,
    USERS,
    AUDIT,
    SETTINGS,
)
