"""``facemeld user``, run as a user runs it."""

from __future__ import annotations

from tests.cli.shell import Shell


def test_a_user_is_created_changed_and_disabled(shell: Shell) -> None:
    made = shell.json("user", "create", "ann", "--role", "owner")
    assert (made["Name"], made["Role"], made["Disabled"]) == ("ann", "owner", False)
    assert len(made["Password"]) == 20
    shell.json("user", "create", "bob")
    assert [(user["Name"], user["Role"]) for user in shell.json("user", "list")] == [("ann", "owner"), ("bob", "viewer")]
    assert made["Password"] not in shell.run("user", "list", "--json").stdout
    assert shell.json("user", "role", "bob", "reviewer")["Role"] == "reviewer"
    assert shell.json("user", "disable", "bob")["Disabled"] is True
    assert shell.json("user", "enable", "bob")["Disabled"] is False
    assert shell.json("user", "password", "bob")["Password"] != made["Password"]
    assert "an enabled owner must be left" in shell.error("user", "disable", "ann")
    assert "the user name must be new" in shell.error("user", "create", "ann")
    assert "the user must be an existing one, got 'eve'" in shell.error("user", "role", "eve", "viewer")


def test_tokens_are_shown_once_listed_and_revoked(shell: Shell) -> None:
    shell.json("user", "create", "ann", "--role", "owner")
    made = shell.json("user", "token", "create", "ann", "--label", "backup", "--role", "viewer", "--days", "1")
    assert made["Token"].startswith("fmu_")
    (listed,) = shell.json("user", "token", "list", "ann")
    assert (listed["TokenId"], listed["Label"], listed["Role"], listed["Revoked"]) == (made["TokenId"], "backup", "viewer", False)
    assert made["Token"] not in shell.run("user", "token", "list", "ann", "--json").stdout
    shell.json("user", "token", "revoke", str(made["TokenId"]))
    assert shell.json("user", "token", "list", "ann")[0]["Revoked"] is True
    assert "a token must expire within 366 days" in shell.error("user", "token", "create", "ann", "--days", "400")
