"""All pages of the console, in the order of the menu."""

from facemeld.console.pages.accounts import ACCOUNT, ACCOUNTS, KEYS
from facemeld.console.pages.activities import ACTIVITIES, ACTIVITY, NEW_ACTIVITY
from facemeld.console.pages.administration import AUDIT, SETTINGS, USERS
from facemeld.console.pages.calls import REQUEST, REQUESTS, RESULTS, VERIFY
from facemeld.console.pages.home import HOME
from facemeld.console.pages.material import MATERIAL
from facemeld.console.pages.playground import PLAYGROUND
from facemeld.console.pages.review import REVIEW
from facemeld.console.parts.shell import Page

PAGES: tuple[Page, ...] = (
    *(HOME, ACTIVITIES, NEW_ACTIVITY, ACTIVITY, MATERIAL, REVIEW, PLAYGROUND, REQUESTS, REQUEST, RESULTS, VERIFY),
    *(KEYS, ACCOUNTS, ACCOUNT, USERS, AUDIT, SETTINGS),
)
