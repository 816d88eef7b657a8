"""The form for a new activity."""

from __future__ import annotations

from facemeld.console.desk import Desk
from facemeld.console.house import House
from facemeld.console.pages.activityform import ActivityForm
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import Field, choice
from facemeld.console.parts.pieces import button, empty, link, section, tag
from facemeld.services.administration import Activity
from facemeld.services.signin import Act

FIRST_ACCOUNT = "default"
"""Name of the account that is created with the first activity of a new installation."""


async def build(desk: Desk) -> None:
    """Draw the page."""
    texts = desk.texts
    with tag("nav", classes="fm-path", aria_label=texts("parts.path")):
        link(texts("activities.title"), desk.url("/activities"))
    tag("h1", texts("newactivity.title"))
    accounts = await desk.run(Act.READ, lambda house: list(house.administration.accounts.names().values()))
    if not accounts and not desk.may(Act.ACCOUNTS):
        with section(texts("newactivity.account")):
            empty("group", texts("newactivity.no_account"), texts("newactivity.no_account_advice"))
        return
    with section(texts("newactivity.what")) as area:
        area.classes("fm-narrow")
        tag("p", texts("newactivity.intro"), "fm-hint")
        with tag("div", classes="fm-fields"):
            form = ActivityForm(desk)
            form.draw_names()
            options = {name: name for name in accounts or [FIRST_ACCOUNT]}
            hint = texts("newactivity.account_hint" if accounts else "newactivity.account_made")
            account = choice(texts("newactivity.account"), FIRST_ACCOUNT if FIRST_ACCOUNT in options else accounts[0], options, hint=hint)
            form.draw_rules()
        with tag("div", classes="fm-actions"):
            tag("a", texts("parts.cancel"), "fm-button", href=desk.url("/activities"))
            button(texts("newactivity.create"), lambda: _create(desk, form, account, new_account=not accounts), kind="primary")


async def _create(desk: Desk, form: ActivityForm, account: Field[str], *, new_account: bool) -> None:
    if not form.check():
        return
    values, name = form.values(), account.value

    def create(house: House) -> Activity:
        admin = house.administration
        owner = admin.accounts.ensure(name, actor=desk.actor) if new_account else admin.accounts.get(name)
        return admin.activities.create(owner.id, actor=desk.actor, published=True, **values)

    made = await desk.run(Act.ACCOUNTS if new_account else Act.EDIT, create)
    desk.go(desk.url(f"/activities/{made.id}"))


PAGE = Page("newactivity", "/activities/new", Act.EDIT, build, heading=False, parent="activities")
