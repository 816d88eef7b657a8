"""All pages of the console, in the order of the menu."""

from __future__ import annotations

from facemeld.console.pages.account import PAGE as ACCOUNT
from facemeld.console.pages.accounts import PAGE as ACCOUNTS
from facemeld.console.pages.activities import PAGE as ACTIVITIES
from facemeld.console.pages.activity import PAGE as ACTIVITY
from facemeld.console.pages.audit import PAGE as AUDIT
from facemeld.console.pages.home import PAGE as HOME
from facemeld.console.pages.keys import PAGE as KEYS
from facemeld.console.pages.material import PAGE as MATERIAL
from facemeld.console.pages.newactivity import PAGE as NEW_ACTIVITY
from facemeld.console.pages.page import Page
from facemeld.console.pages.playground import PAGE as PLAYGROUND
from facemeld.console.pages.request import PAGE as REQUEST
from facemeld.console.pages.requests import PAGE as REQUESTS
from facemeld.console.pages.results import PAGE as RESULTS
from facemeld.console.pages.review import PAGE as REVIEW
from facemeld.console.pages.settings import PAGE as SETTINGS
from facemeld.console.pages.users import PAGE as USERS
from facemeld.console.pages.verify import PAGE as VERIFY

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
