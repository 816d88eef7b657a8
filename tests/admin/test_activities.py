"""Lists of activities through HTTP: by name, id, account and state."""

from __future__ import annotations

from typing import Any

from tests.admin.world import World


def test_activities_are_searched(shared: World) -> None:
    for account in ("finders", "keepers"):
        shared.application.accounts.ensure(account, actor="test")
    names = ("Needle one", "Needle two", "hay")
    made = [shared.send("POST", "/activities", {"account": "finders", "name": name}) for name in names]
    shared.send("POST", "/activities", {"account": "keepers", "name": "needle three", "published": False})
    shared.send("PATCH", f"/activities/{made[1]['id']}", {"disabled": True})

    def found(**query: Any) -> list[str]:
        return [one["name"] for one in shared.get("/activities", **query)["items"]]

    assert found(search="needle") == ["Needle one", "Needle two", "needle three"]
    assert found(search="needle", account="finders") == ["Needle one", "Needle two"]
    assert found(search="needle", state="published") == ["Needle one"]
    assert found(search="needle", state="disabled") == ["Needle two"]
    assert found(search=made[2]["id"]) == ["hay"]
    assert [one["name"] for one in shared.pages("/activities", 1, search="needle")] == ["Needle one", "Needle two", "needle three"]
    assert shared.call("GET", "/activities", params={"state": "odd"}).status_code == 400
