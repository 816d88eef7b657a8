"""``facemeld activity``: groups of materials."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, TypeAlias

import typer

from facemeld.catalog import Activity
from facemeld.cli.common import DEFAULT_ACCOUNT, AccountOption, DataOption, JsonOption, actor, application, every, moment, show, show_table

app = typer.Typer(help="Activities: groups of materials of one account.", no_args_is_help=True)


ConsentOption: TypeAlias = Annotated[
    bool | None, typer.Option("--require-consent/--no-require-consent", help="Refuse fusions without the header X-Facemeld-Consent.")
]
RateOption: TypeAlias = Annotated[
    str | None, typer.Option("--rate", metavar="CALLS", help="Calls a second on the activity, such as 20; default for the settings'.")
]
SETTINGS_RATE = "default"


@app.command("create")
def create(
    name: str,
    account: AccountOption = DEFAULT_ACCOUNT,
    require_consent: ConsentOption = None,
    rate: RateOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create an activity, and its account when it is new."""
    with application(data) as opened:
        owner = opened.accounts.ensure(account, actor=actor())
        activity = opened.activities.create(owner.id, name, actor=actor(), consent_required=bool(require_consent), rate=_rate(rate) or "")
    show({"ProjectId": activity.id}, as_json, f"ProjectId  {activity.id}")


@app.command("set")
def set_activity(
    project_id: str,
    name: Annotated[str | None, typer.Option("--name", help="New name.")] = None,
    published: Annotated[bool | None, typer.Option("--published/--unpublished", help="Which of the settings' rates applies.")] = None,
    disabled: Annotated[bool | None, typer.Option("--disabled/--enabled", help="Whether it may be used.")] = None,
    require_consent: ConsentOption = None,
    rate: RateOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change an activity; the next call already follows it."""
    with application(data) as opened:
        activity = opened.activities.change(
            None,
            project_id,
            actor=actor(),
            name=name,
            published=published,
            disabled=disabled,
            consent_required=require_consent,
            rate=_rate(rate),
        )
    value = _value(activity)
    show(value, as_json, _text(value))


@app.command("show")
def show_activity(project_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show everything about an activity."""
    with application(data) as opened:
        value = _value(opened.activities.get(None, project_id))
    show(value, as_json, _text(value))


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


def _rate(text: str | None) -> str | None:
    """The rate as it is stored: people may leave out the unit."""
    if text is None:
        return None
    if text == SETTINGS_RATE:
        return ""
    return f"{text}/second" if text.isdecimal() else text


def _value(activity: Activity) -> dict[str, Any]:
    return {
        "ProjectId": activity.id,
        "Name": activity.name,
        "Description": activity.description,
        "Published": activity.published,
        "Disabled": activity.disabled,
        "ConsentRequired": activity.consent_required,
        "Rate": activity.rate,
        "FuseProfileDegree": activity.shape_degree,
        "FuseFaceDegree": activity.feature_degree,
        "CreateTime": moment(activity.created_at),
        "UpdateTime": moment(activity.updated_at),
    }


def _text(value: dict[str, Any]) -> str:
    shown = {**value, "Rate": value["Rate"] or "as in the settings"}
    return "\n".join(f"{name:<17} {text}" for name, text in shown.items())
