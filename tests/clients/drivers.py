"""Runs calls through the official clients and tells what each made of the reply."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from facemeld.accounts.types import NewKey
from tests.api.live import client_arguments

CLIENTS = Path(__file__).resolve().parents[2] / ".clients"
"""Where ``make clients`` puts the clients that are not Python packages of the development environment."""

TCCLI = CLIENTS / "tccli" / "bin" / "tccli"
MODULES = CLIENTS / "node_modules"
_TCCLI_ERROR = re.compile(r"code:(\S+) message:(.*?)(?: requestId:(\S+))?\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ClientCall:
    """One call that every client makes."""

    action: str
    version: str
    parameters: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client handed to its user.

    Attributes:
        code: Code of the client's exception; empty for success.
        message: Its message.
        request_id: RequestId of the exception or of the reply.
        reply: The reply's members; empty for an exception.
    """

    code: str = ""
    message: str = ""
    request_id: str = ""
    reply: Mapping[str, Any] = field(default_factory=dict, repr=False)


Driver = Callable[[str, NewKey, Sequence[ClientCall]], list[Answer]]


def python_sync(endpoint: str, key: NewKey, calls: Sequence[ClientCall]) -> list[Answer]:
    """The Python SDK with its typed requests; by name where the SDK has no such action."""
    return [_python_sync(endpoint, key, call) for call in calls]


def _python_sync(endpoint: str, key: NewKey, call: ClientCall) -> Answer:
    package, name = _package(call), "facefusion_client"
    client = importlib.import_module(f"{package}.{name}").FacefusionClient(*client_arguments(endpoint, key))
    try:
        if hasattr(client, call.action):
            return _success(json.loads(getattr(client, call.action)(_request(package, call)).to_json_string()))
        return _success(client.call_json(call.action, dict(call.parameters))["Response"])
    except TencentCloudSDKException as error:
        return Answer(error.code, error.message, error.requestId)


def python_async(endpoint: str, key: NewKey, calls: Sequence[ClientCall]) -> list[Answer]:
    """The asynchronous Python SDK."""

    async def run() -> list[Answer]:
        return [await _python_async(endpoint, key, call) for call in calls]

    return asyncio.run(run())


async def _python_async(endpoint: str, key: NewKey, call: ClientCall) -> Answer:
    package = _package(call)
    kind = importlib.import_module(f"{package}.facefusion_client_async").FacefusionClient
    async with kind(*client_arguments(endpoint, key)) as client:
        try:
            if hasattr(client, call.action):
                return _success(json.loads((await getattr(client, call.action)(_request(package, call))).to_json_string()))
            # Its one method for actions by name wants a model; these actions answer with errors only.
            model = importlib.import_module(f"{package}.models").FuseFaceResponse
            await client.call_and_deserialize(action=call.action, params=dict(call.parameters), resp_cls=model, headers={}, opts={})
            return Answer("success")
        except TencentCloudSDKException as error:
            return Answer(error.code, error.message, error.requestId)


def node(endpoint: str, key: NewKey, calls: Sequence[ClientCall], client: str = "node") -> list[Answer]:
    """The Node SDK, which signs with TC3."""
    job = {
        "client": client,
        "modules": str(MODULES),
        "endpoint": endpoint,
        "secretId": key.secret_id,
        "secretKey": key.secret_key,
        "calls": [{"action": call.action, "version": call.version, "parameters": dict(call.parameters)} for call in calls],
    }
    command = ["node", str(Path(__file__).with_name("driver.js"))]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=True, timeout=300)
    return [
        _success(answer["reply"]) if "reply" in answer else Answer(answer["code"], answer["message"], answer["requestId"])
        for answer in json.loads(done.stdout)
    ]


def node_intl(endpoint: str, key: NewKey, calls: Sequence[ClientCall]) -> list[Answer]:
    """The international Node SDK with its default signature, v1 in a form."""
    return node(endpoint, key, calls, "node intl")


def tccli(endpoint: str, key: NewKey, calls: Sequence[ClientCall]) -> list[Answer]:
    """The command line client."""
    return [_tccli(endpoint, key, call) for call in calls]


def _tccli(endpoint: str, key: NewKey, call: ClientCall) -> Answer:
    home = CLIENTS / "home"
    home.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "HOME": str(home),
        "TENCENTCLOUD_SECRET_ID": key.secret_id,
        "TENCENTCLOUD_SECRET_KEY": key.secret_key,
        "TENCENTCLOUD_REGION": "ap-guangzhou",
    }
    inputs = home / "parameters.json"
    inputs.write_text(json.dumps(dict(call.parameters)))
    command = [str(TCCLI), "facefusion", call.action, "--version", call.version, "--endpoint", f"http://{endpoint}"]
    command += ["--cli-input-json", f"file://{inputs}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode == 0:
        return _success(json.loads(done.stdout))
    found = _TCCLI_ERROR.search(done.stderr)
    if done.returncode != 255 or found is None:
        return Answer(f"exit {done.returncode}", done.stderr)
    return Answer(found[1], found[2], found[3] or "")


def _package(call: ClientCall) -> str:
    return f"tencentcloud.facefusion.v{call.version.replace('-', '')}"


def _request(package: str, call: ClientCall) -> Any:
    request = getattr(importlib.import_module(f"{package}.models"), f"{call.action}Request")()
    request.from_json_string(json.dumps(dict(call.parameters)))
    return request


def _success(reply: Mapping[str, Any]) -> Answer:
    return Answer(request_id=str(reply.get("RequestId", "")), reply=reply)


DRIVERS: Mapping[str, Driver] = {
    "Python": python_sync,
    "Python async": python_async,
    "Node": node,
    "Node intl": node_intl,
    "tccli": tccli,
}
"""All clients by the name in the table."""

NOT_IN_TCCLI = frozenset({"FaceFusionLite", "SubmitVideoFaceFusionJob", "QueryVideoFaceFusionJob"})
"""Actions that the command line client does not know, so it sends nothing."""
