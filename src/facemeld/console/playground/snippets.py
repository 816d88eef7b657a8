"""The same call as code: Python, Node and curl. ``docs/clients.md`` has examples for other languages."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from facemeld.console.parts.widgets import CodeTabs, section, tag
from facemeld.console.playground.draft import FileText, Playground

_HEADER = "X-Facemeld-Consent"
_ID, _KEY = "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"


class Code:
    """The section of the page that shows the current call as code."""

    def __init__(self, playground: Playground) -> None:
        self._playground = playground
        texts = playground.context.texts
        with section(texts("playground.code"), wide=True):
            tag("p", texts("playground.code_hint"), "fm-hint")
            self._tabs = CodeTabs(playground.context, texts("playground.code"))
        playground.on_change(self._write)

    async def _write(self) -> None:
        draft, address = self._playground.draft, urlsplit(self._playground.server)
        recipe = Recipe(
            action=draft.action,
            parameters=draft.parameters(FileText),
            endpoint=address.netloc,
            secure=address.scheme == "https",
            language=self._playground.context.texts.tag,
            result=draft.result if draft.kind == "base64" else "",
            consent=draft.consent,
        )
        self._tabs.show({name: write(recipe) for name, write in SNIPPETS.items()})


@dataclass(frozen=True, slots=True)
class Recipe:
    """A call to be written as code.

    Attributes:
        parameters: Nested values, with ``FileText`` in place of the base64 text of a file.
        endpoint: Host and port.
        secure: Whether the server speaks HTTPS.
        language: Language of messages, such as ``en-US``.
        result: File name for a result in base64; empty if the reply holds its address.
        consent: Consent reference; may be empty.
    """

    action: str
    parameters: Mapping[str, Any]
    endpoint: str
    secure: bool
    language: str
    result: str = ""
    consent: str = ""

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "https" if self.secure else "http"


@dataclass(frozen=True, slots=True)
class Style:
    """How a language writes literals; all of them write texts in double quotes.

    Attributes:
        file: Writes an expression for the base64 text of a file, by its name.
        key: Writes a member's name and the separator before its value.
        indent: Indentation of a level.
        comma: Whether a comma follows the last member.
    """

    file: Callable[[str], str]
    key: Callable[[str], str]
    indent: str = "    "
    comma: bool = True


def quoted(text: str) -> str:
    """Return a text in double quotes, valid in Python, JavaScript and JSON."""
    return json.dumps(text, ensure_ascii=False)


def literal(value: Any, style: Style, depth: int = 0) -> str:
    """Write a nested value of dictionaries, lists, texts, numbers and ``FileText``.

    ``depth`` is the level of the line it starts on.
    """
    match value:
        case FileText():
            return style.file(value.name)
        case dict():
            return _block("{}", [style.key(name) + literal(member, style, depth + 1) for name, member in value.items()], style, depth)
        case list():
            return _block("[]", [literal(member, style, depth + 1) for member in value], style, depth)
        case str():
            return quoted(value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _block(brackets: str, members: list[str], style: Style, depth: int) -> str:
    if not members:
        return brackets
    inner = ",\n".join(style.indent * (depth + 1) + member for member in members)
    return f"{brackets[0]}\n{inner}{',' if style.comma else ''}\n{style.indent * depth}{brackets[1]}"


_PYTHON = Style(lambda name: f"picture({quoted(name)})", lambda name: f"{quoted(name)}: ")
_NODE = Style(lambda name: f"picture({quoted(name)})", lambda name: f"{name}: ", indent="  ")
_SHELL = Style(lambda name: f"\"$(base64 < {shlex.quote(name)} | tr -d '\\n')\"", _PYTHON.key, indent="  ", comma=False)


def python(recipe: Recipe) -> str:
    """Write the call for the official SDK, ``tencentcloud-sdk-python-facefusion``."""
    head = f"request.headers = {{{quoted(_HEADER)}: {quoted(recipe.consent)}}}\n" if recipe.consent else ""
    tail = (
        f"""Path({quoted(recipe.result)}).write_bytes(base64.b64decode(reply.FusedImage))
print({quoted(recipe.result)}, reply.RequestId)"""
        if recipe.result
        else "print(reply.FusedImage, reply.RequestId)"
    )
    return f"""# pip install tencentcloud-sdk-python-facefusion
import base64
import json
import os
from pathlib import Path

from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.facefusion.v20220927 import facefusion_client, models


def picture(name):
    return base64.b64encode(Path(name).read_bytes()).decode()


key = Credential(os.environ["{_ID}"], os.environ["{_KEY}"])
http = HttpProfile(protocol="{recipe.scheme}", endpoint="{recipe.endpoint}")
client = facefusion_client.FacefusionClient(key, "ap-guangzhou", ClientProfile(httpProfile=http, language="{recipe.language}"))

request = models.{recipe.action}Request()
request.from_json_string(json.dumps({literal(recipe.parameters, _PYTHON)}))
{head}reply = client.{recipe.action}(request)
{tail}
"""


def node(recipe: Recipe) -> str:
    """Write the call for the official SDK, ``tencentcloud-sdk-nodejs``."""
    headers = f", headers: {{ {quoted(_HEADER)}: {quoted(recipe.consent)} }}" if recipe.consent else ""
    tail = (
        f"""fs.writeFileSync({quoted(recipe.result)}, Buffer.from(reply.FusedImage, "base64"))
    console.log({quoted(recipe.result)}, reply.RequestId)"""
        if recipe.result
        else "console.log(reply.FusedImage, reply.RequestId)"
    )
    return f"""// npm install tencentcloud-sdk-nodejs
const fs = require("fs")
const {{ facefusion }} = require("tencentcloud-sdk-nodejs")

const picture = (name) => fs.readFileSync(name).toString("base64")

const client = new facefusion.v20220927.Client({{
  credential: {{ secretId: process.env.{_ID}, secretKey: process.env.{_KEY} }},
  region: "ap-guangzhou",
  profile: {{
    language: "{recipe.language}",
    httpProfile: {{ endpoint: "{recipe.endpoint}", protocol: "{recipe.scheme}://"{headers} }},
  }},
}})
client
  .{recipe.action}({literal(recipe.parameters, _NODE, 1)})
  .then((reply) => {{
    {tail}
  }})
"""


def curl(recipe: Recipe) -> str:
    """Write the call for a shell with curl and openssl, signed by the TC3 scheme."""
    consent = f" \\\n    -H {shlex.quote(f'{_HEADER}: {recipe.consent}')}" if recipe.consent else ""
    name = shlex.quote(recipe.result)
    save = " --output reply.json" if recipe.result else ""
    tail = (
        f"""sed -n 's/.*"FusedImage":"\\([^"]*\\)".*/\\1/p' reply.json | base64 -d > {name}
test -s {name} || cat reply.json
"""
        if recipe.result
        else ""
    )
    return f"""host={recipe.endpoint}
cat > parameters.json <<END
{literal(recipe.parameters, _SHELL)}
END
now=$(date +%s)
day=$(date -u +%F)
digest() {{ openssl dgst -sha256 | sed 's/.* //'; }}
hmac() {{ openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" | sed 's/.* //'; }}
headers=$(printf 'content-type:application/json\\nhost:%s\\n\\ncontent-type;host' "$host")
canonical=$(printf 'POST\\n/\\n\\n%s\\n%s' "$headers" "$(digest < parameters.json)")
text=$(printf 'TC3-HMAC-SHA256\\n%s\\n%s/facefusion/tc3_request\\n%s' "$now" "$day" "$(printf %s "$canonical" | digest)")
key=$(printf 'TC3%s' "${_KEY}" | od -An -v -tx1 | tr -d ' \\n')
for part in "$day" facefusion tc3_request; do key=$(printf %s "$part" | hmac "$key"); done
scope="${_ID}/$day/facefusion/tc3_request"
signature=$(printf %s "$text" | hmac "$key")
curl --silent --show-error "{recipe.scheme}://$host/" --data-binary @parameters.json \\
    -H 'Content-Type: application/json' -H 'X-TC-Action: {recipe.action}' -H 'X-TC-Version: 2022-09-27' \\
    -H 'X-TC-Region: ap-guangzhou' -H 'X-TC-Language: {recipe.language}' -H "X-TC-Timestamp: $now"{consent} \\
    -H "Authorization: TC3-HMAC-SHA256 Credential=$scope, SignedHeaders=content-type;host, Signature=$signature"{save}
{tail}"""


SNIPPETS: Mapping[str, Callable[[Recipe], str]] = MappingProxyType({"Python": python, "Node": node, "curl": curl})
"""The writers by language, in the order of the tabs."""
