"""``facemeld activity``: groups of materials."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from facemeld.cli.common import DEFAULT_ACCOUNT, AccountOption, DataOption, JsonOption, actor, application, every, moment, show, show_table

app = typer.Typer(help="Activities: groups of materials of one account.", no_args_is_help=True)


@app.command("create")
def create(name: str, account: AccountOption = DEFAULT_ACCOUNT, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Create an activity, and its account when it is new."""
    with application(data) as opened:
        owner = opened.accounts.ensure(account, actor=actor())
        activity = opened.activities.create(owner.id, name, actor=actor())
    show({"ProjectId": activity.id}, as_json, f"ProjectId  {activity.id}")


@app.command("list")
def list_activities(
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="Only this account's activities.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List activities."""
    with application(data) as opened:
        owners = {owner.id: owner.name for owner in opened.accounts.accounts() if account in {None, owner.name}}
        activities = [activity for owner in owners for activity in every(partial(opened.activities.activities, owner))]
    rows = [
        {
            "ProjectId": activity.id,
            "Name": activity.name,
            "Account": owners[activity.account_id],
            "CreateTime": moment(activity.created_at),
        }
        for activity in activities
    ]
    show_table(rows, as_json, "No activities yet: create one with `facemeld activity create NAME`.")
