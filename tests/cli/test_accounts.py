"""The commands about accounts, packages, keys, usage and forced errors, run as an operator runs them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.facefusion.v20220927 import facefusion_client, models

from facemeld.accounts.types import NewKey
from facemeld.app.composition import open_application
from facemeld.db.audit import AuditLog
from facemeld.db.errors import utc_now
from facemeld.settings.catalogue import Settings
from facemeld.usage.types import Usage
from tests.api.live import LiveServer
from tests.cli.shell import Shell


def test_an_account_is_created_changed_and_shown(shell: Shell, tmp_path: Path) -> None:
    assert shell.json("account", "create", "acme")["CallsLeft"] is None
    changes = ("--state", "frozen", "--balance", "100", "--rate", "FuseFace=20", "--rate", "account=unlimited", "--auto-open")
    shell.json("account", "set", "acme", *changes, "--allow-ip", "10.0.0.0/8", "--allow-ip", "::1", "--deny-ip", "10.6.6.6")
    package = shell.json("account", "package", "add", "acme", "--calls", "200", "--action", "FuseFace", "--expires", "2099-01-01")
    assert (package["Calls"], package["Action"], package["ExpireTime"]) == (200, "FuseFace", "2099-01-01T00:00:00+00:00")
    shown = shell.json("account", "show", "acme")
    assert shown == {
        "Account": "acme",
        "State": "frozen",
        "Balance": 100,
        "CallsLeft": 300,
        "UsedUp": False,
        "CreateTime": shown["CreateTime"],
        "CallsUnderWay": 0,
        "AutoOpen": True,
        "Rates": {"FuseFace": 20, "account": None},
        "AllowIps": ["10.0.0.0/8", "::1/128"],
        "DenyIps": ["10.6.6.6/32"],
        "Packages": [{**package, "Used": 0}],
    }
    shell.run("account", "set", "acme", "--allow-ip", "any", "--deny-ip", "none", "--rate", "account=default", "--no-auto-open")
    changed = shell.json("account", "show", "acme")
    assert (changed["AllowIps"], changed["DenyIps"], changed["Rates"], changed["AutoOpen"]) == ([], [], {"FuseFace": 20}, False)
    assert "300 left" in shell.run("account", "show", "acme").stdout
    (listed,) = shell.json("account", "list")
    assert (listed["Account"], listed["CallsLeft"]) == ("acme", 300)
    with open_application(Settings(data=tmp_path / "data")) as application:
        acts = {entry.act for entry in AuditLog(application.database).entries(subject="account:acme")}
    expected = ("create", "state", "balance", "auto_open", "rates", "allowed_networks", "denied_networks", "package")
    assert acts == {f"account.{name}" for name in expected}


def test_keys_have_permissions_and_temporary_keys(shell: Shell) -> None:
    key = shell.json("key", "create", "--account", "acme", "--allow", "FuseFace,DescribeMaterialList")["SecretId"]
    assert shell.json("key", "list")[0]["Allow"] == "DescribeMaterialList,FuseFace"
    assert shell.json("key", "set", key, "--allow", "all") == {"SecretId": key, "Allow": "all"}
    temporary = shell.json("key", "temporary", "--for", key, "--minutes", "60")
    assert set(temporary) == {"TmpSecretId", "TmpSecretKey", "Token", "ExpiredTime"}
    assert abs(temporary["ExpiredTime"] - time.time() - 3600) < 60
    assert {row["SecretId"]: row["Kind"] for row in shell.json("key", "list")} == {key: "api", temporary["TmpSecretId"]: "temporary"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("account", "show", "missing"), "the account must be an existing one, got 'missing'"),
        (("account", "set", "acme", "--balance", "much"), "the balance must be a number of calls or unlimited, got 'much'"),
        (("account", "set", "acme", "--balance=-1"), "the balance must be 0 to 2147483647 calls or unlimited, got -1"),
        (("account", "set", "acme", "--rate", "FuseFaec=2"), "a rate must name one of"),
        (("account", "set", "acme", "--rate", "published=2"), "a rate must name one of"),
        (("account", "set", "acme", "--deny-ip", "localhost"), "must hold IP addresses and networks, got 'localhost'"),
        (("account", "package", "add", "acme", "--calls", "5", "--action", "Fuse"), "an action must be one of"),
        (("account", "package", "add", "acme", "--calls", "5", "--expires", "2001-01-01"), "a package must end in the future"),
        (("key", "create", "--allow", "FuseFaec"), "an action must be one of"),
        (("key", "temporary", "--for", "AKIDnobody"), "the SecretId must be an existing one"),
        (("usage", "--account", "missing"), "the account must be an existing one, got 'missing'"),
        (
            ("serve", "--port", "0", "--fault", "FailedOperation.RpcFial=0.1"),
            "with a code of the catalogue, got 'FailedOperation.RpcFial=0.1'",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(shell: Shell, tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    with open_application(Settings(data=tmp_path / "data")) as application:
        application.accounts.create("acme", actor="test")
    done = shell.run(*arguments)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("facemeld: ") and text in line]


def test_usage_is_printed_by_day_action_and_code(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("usage").stdout == "No calls yet.\n"
    now = utc_now()
    with open_application(Settings(data=tmp_path / "data")) as application:
        account = application.accounts.create("acme", actor="test").id
        common = {"account_id": account, "secret_id": "AKID1", "action": "FuseFace", "version": "2022-09-27"}
        sizes = {"milliseconds": 100, "faces": 1, "bytes_in": 10, "bytes_out": 20, "charged": True}
        application.usage.add([Usage(at=now, request_id="a", code="", **common, **sizes)])  # type: ignore[arg-type]  # fields by name
        old = now - timedelta(days=9)
        application.usage.add([Usage(at=old, request_id="b", code="InternalError", **common, **sizes)])  # type: ignore[arg-type]  # as above
    numbers = {"Failed": 0, "Charged": 1, "Faces": 1, "BytesIn": 10, "BytesOut": 20, "AverageMs": 100.0}
    recent = (now - timedelta(days=1)).strftime("%Y-%m-%d")
    assert shell.json("usage", "--since", recent, "--account", "acme") == [{"Day": f"{now:%Y-%m-%d}", "Calls": 1, **numbers}]
    assert {row["Code"]: row["Calls"] for row in shell.json("usage", "--by", "code")} == {"OK": 1, "InternalError": 1}
    assert shell.run("usage", "--by", "action").stdout.splitlines()[1].split()[:2] == ["FuseFace", "2"]


@pytest.fixture
def faulty(tmp_path: Path, bundle_path: Path) -> Iterator[LiveServer]:
    environment = {
        "FACEMELD_WORKERS_COUNT": "1",
        "FACEMELD_MODEL_DIR": str(bundle_path.parent),
        "FACEMELD_API_FAULTS": "ResourceInsufficient=1",
        "FACEMELD_API_FAULT_HEADER": "true",
    }
    server = LiveServer(tmp_path / "data", environment)
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
def test_a_running_server_follows_the_commands_at_once(shell: Shell, faulty: LiveServer) -> None:
    key = shell.json("key", "create", "--account", "acme")
    temporary = shell.json("key", "temporary", "--for", key["SecretId"])

    def code(secret_id: str, secret_key: str, token: str | None = None) -> str:
        profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=faulty.endpoint))
        keys = credential.Credential(secret_id, secret_key, token)
        request = models.DescribeMaterialListRequest()
        request.ProjectId = "at_1"
        with pytest.raises(TencentCloudSDKException) as caught:
            facefusion_client.FacefusionClient(keys, "ap-guangzhou", profile).DescribeMaterialList(request)
        return str(caught.value.code)

    permanent = NewKey(key["SecretId"], key["SecretKey"])
    assert code(permanent.secret_id, permanent.secret_key) == "ResourceInsufficient"
    assert code(temporary["TmpSecretId"], temporary["TmpSecretKey"], temporary["Token"]) == "ResourceInsufficient"
    assert code(temporary["TmpSecretId"], temporary["TmpSecretKey"]) == "AuthFailure.TokenFailure"
    shell.run("key", "disable", key["SecretId"])
    assert code(permanent.secret_id, permanent.secret_key) == "AuthFailure.SecretIdNotFound"
    deadline = time.monotonic() + 10
    while len(rows := shell.json("usage", "--by", "code")) < 3 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert {row["Code"]: row["Calls"] for row in rows} == {
        "AuthFailure.SecretIdNotFound": 1,
        "AuthFailure.TokenFailure": 1,
        "ResourceInsufficient": 2,
    }
    used = {row["SecretId"]: row["LastUseTime"] for row in shell.json("key", "list")}
    assert all(used.values())
