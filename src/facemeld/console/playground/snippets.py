"""The same call as code: Python, Node, Go, Java, PHP, tccli and curl, as ``docs/clients.md`` explains them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from facemeld.console.playground.draft import FileText


@dataclass(frozen=True, slots=True)
class Style:
    """How a language writes literals.

    Attributes:
        text: A text.
        file: The base64 text of a file, by its name.
        key: A member's name with what stands between it and its value.
        object: What an object begins and ends with.
        list: What a list begins and ends with.
        indent: One step to the right.
        comma: Whether the last member is followed by a comma too.
    """

    text: Callable[[str], str]
    file: Callable[[str], str]
    key: Callable[[str], str]
    object: tuple[str, str] = ("{", "}")
    list: tuple[str, str] = ("[", "]")
    indent: str = "    "
    comma: bool = True


def quoted(text: str) -> str:
    """A text in double quotes, which Python, JavaScript, Go and JSON read alike."""
    return json.dumps(text, ensure_ascii=False)


def literal(value: Any, style: Style, depth: int = 0) -> str:
    """A nested value of dictionaries, lists, texts, numbers and ``FileText``.

    Args:
        value: What to write.
        style: How.
        depth: Steps to the right of the line that it ends.
    """
    match value:
        case FileText():
            return style.file(value.name)
        case dict():
            members = [style.key(name) + literal(one, style, depth + 1) for name, one in value.items()]
            return _block(members, style.object, style, depth)
        case list():
            return _block([literal(one, style, depth + 1) for one in value], style.list, style, depth)
        case str():
            return style.text(value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _block(members: list[str], ends: tuple[str, str], style: Style, depth: int) -> str:
    if not members:
        return "".join(ends)
    step = style.indent * (depth + 1)
    last = "," if style.comma else ""
    inner = ",\n".join(step + member for member in members)
    return f"{ends[0]}\n{inner}{last}\n{style.indent * depth}{ends[1]}"


HEADER = "X-Facemeld-Consent"
_ID, _KEY = "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A call to be written as code.

    Attributes:
        action: Its name.
        parameters: With ``FileText`` where the text of a file belongs.
        endpoint: Host and port.
        secure: Whether the server speaks HTTPS.
        language: Language of messages.
        result: Name of the file for a result that comes as base64; empty for one that comes as an address.
        consent: Consent reference; empty for none.
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


_PYTHON = Style(quoted, lambda name: f"picture({quoted(name)})", lambda name: f"{quoted(name)}: ")
_NODE = Style(quoted, lambda name: f"picture({quoted(name)})", lambda name: f"{name}: ", indent="  ")
_GO = Style(
    quoted,
    lambda name: f"picture({quoted(name)})",
    lambda name: f"{quoted(name)}: ",
    object=("map[string]any{", "}"),
    list=("[]any{", "}"),
    indent="\t",
)
_PHP = Style(lambda text: _php(text), lambda name: f"picture({_php(name)})", lambda name: f"{_php(name)} => ", object=("[", "]"))
_JAVA = Style(quoted, lambda _: '"%s"', lambda name: f"{quoted(name)}: ", indent="  ", comma=False)
_SHELL = Style(
    quoted, lambda name: f"\"$(base64 < {shlex.quote(name)} | tr -d '\\n')\"", lambda name: f"{quoted(name)}: ", indent="  ", comma=False
)


def _php(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def python(recipe: Recipe) -> str:
    """With the official SDK, ``tencentcloud-sdk-python-facefusion``."""
    head = f"request.headers = {{{quoted(HEADER)}: {quoted(recipe.consent)}}}\n" if recipe.consent else ""
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
    """With the official SDK, ``tencentcloud-sdk-nodejs``."""
    headers = f", headers: {{ {quoted(HEADER)}: {quoted(recipe.consent)} }}" if recipe.consent else ""
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


def go(recipe: Recipe) -> str:
    """With the official SDK, ``tencentcloud-sdk-go``."""
    head = f"\trequest.SetHeader(map[string]string{{{quoted(HEADER)}: {quoted(recipe.consent)}}})\n" if recipe.consent else ""
    tail = (
        f"""\tresult, err := base64.StdEncoding.DecodeString(*reply.Response.FusedImage)
	check(err)
	check(os.WriteFile({quoted(recipe.result)}, result, 0o600))
	fmt.Println({quoted(recipe.result)}, *reply.Response.RequestId)"""
        if recipe.result
        else ("\tfmt.Println(*reply.Response.FusedImage, *reply.Response.RequestId)")
    )
    return f"""// go get github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/facefusion
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	facefusion "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/facefusion/v20220927"
)

func check(err error) {{
	if err != nil {{
		log.Fatal(err)
	}}
}}

func picture(name string) string {{
	data, err := os.ReadFile(name)
	check(err)
	return base64.StdEncoding.EncodeToString(data)
}}

func main() {{
	key := common.NewCredential(os.Getenv("{_ID}"), os.Getenv("{_KEY}"))
	settings := profile.NewClientProfile()
	settings.Language = "{recipe.language}"
	settings.HttpProfile.Scheme = "{recipe.scheme.upper()}"
	settings.HttpProfile.Endpoint = "{recipe.endpoint}"
	client, err := facefusion.NewClient(key, "ap-guangzhou", settings)
	check(err)
	parameters, err := json.Marshal({literal(recipe.parameters, _GO, 1)})
	check(err)
	request := facefusion.New{recipe.action}Request()
	check(request.FromJsonString(string(parameters)))
{head}	reply, err := client.{recipe.action}(request)
	check(err)
{tail}
}}
"""


def java(recipe: Recipe) -> str:
    """With the official SDK, ``tencentcloud-sdk-java-facefusion``; Java 15 or newer for the text block."""
    # Within a text block, backslashes are escapes of their own; the only per cent signs are those for the files.
    body = literal(recipe.parameters, _JAVA).replace("\\", "\\\\").replace("\n", "\n            ")
    files = ", ".join(f"picture({quoted(name)})" for name in _files(recipe.parameters))
    head = f"        request.GetHeader().put({quoted(HEADER)}, {quoted(recipe.consent)});\n" if recipe.consent else ""
    tail = (
        f"""Files.write(Path.of({quoted(recipe.result)}), Base64.getDecoder().decode(reply.getFusedImage()));
        System.out.println({quoted(recipe.result)} + " " + reply.getRequestId());"""
        if recipe.result
        else ('System.out.println(reply.getFusedImage() + " " + reply.getRequestId());')
    )
    return f"""// Maven: com.tencentcloudapi:tencentcloud-sdk-java-facefusion
import com.tencentcloudapi.common.Credential;
import com.tencentcloudapi.common.profile.ClientProfile;
import com.tencentcloudapi.common.profile.HttpProfile;
import com.tencentcloudapi.common.profile.Language;
import com.tencentcloudapi.facefusion.v20220927.FacefusionClient;
import com.tencentcloudapi.facefusion.v20220927.models.{recipe.action}Request;
import com.tencentcloudapi.facefusion.v20220927.models.{recipe.action}Response;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;

public class Fuse {{
    static String picture(String name) throws IOException {{
        return Base64.getEncoder().encodeToString(Files.readAllBytes(Path.of(name)));
    }}

    public static void main(String[] arguments) throws Exception {{
        Credential key = new Credential(System.getenv("{_ID}"), System.getenv("{_KEY}"));
        HttpProfile http = new HttpProfile();
        http.setProtocol(HttpProfile.REQ_{recipe.scheme.upper()});
        http.setEndpoint("{recipe.endpoint}");
        ClientProfile settings = new ClientProfile();
        settings.setHttpProfile(http);
        settings.setLanguage(Language.{recipe.language.replace("-", "_").upper()});
        FacefusionClient client = new FacefusionClient(key, "ap-guangzhou", settings);

        String parameters = \"\"\"
            {body}
            \"\"\".formatted({files});
        {recipe.action}Request request = {recipe.action}Request.fromJsonString(parameters, {recipe.action}Request.class);
{head}        {recipe.action}Response reply = client.{recipe.action}(request);
        {tail}
    }}
}}
"""


def php(recipe: Recipe) -> str:
    """With the official SDK, ``tencentcloud/facefusion``."""
    warning = f"// This SDK cannot send the header {HEADER} that the call needs.\n" if recipe.consent else ""
    tail = (
        f"""file_put_contents({_php(recipe.result)}, base64_decode($reply->getFusedImage()));
echo {_php(recipe.result)}, " ", $reply->getRequestId(), "\\n";"""
        if recipe.result
        else ('echo $reply->getFusedImage(), " ", $reply->getRequestId(), "\\n";')
    )
    return f"""<?php
// composer require tencentcloud/facefusion
{warning}require "vendor/autoload.php";

use TencentCloud\\Common\\Credential;
use TencentCloud\\Common\\Profile\\ClientProfile;
use TencentCloud\\Common\\Profile\\HttpProfile;
use TencentCloud\\Facefusion\\V20220927\\FacefusionClient;
use TencentCloud\\Facefusion\\V20220927\\Models\\{recipe.action}Request;

function picture($name) {{
    return base64_encode(file_get_contents($name));
}}

$key = new Credential(getenv("{_ID}"), getenv("{_KEY}"));
$http = new HttpProfile();
$http->setProtocol("{recipe.scheme}://");
$http->setEndpoint("{recipe.endpoint}");
$settings = new ClientProfile();
$settings->setHttpProfile($http);
$settings->setLanguage("{recipe.language}");
$client = new FacefusionClient($key, "ap-guangzhou", $settings);

$request = new {recipe.action}Request();
$request->fromJsonString(json_encode({literal(recipe.parameters, _PHP)}));
$reply = $client->{recipe.action}($request);
{tail}
"""


def tccli(recipe: Recipe) -> str:
    """With the official command line, ``tccli``; the parameters go through a file, because pictures do not fit on a line."""
    warning = f"# tccli cannot send the header {HEADER} that the call needs.\n" if recipe.consent else ""
    tail = (
        f""" --filter FusedImage |
    tr -d '"' | base64 -d > {shlex.quote(recipe.result)}"""
        if recipe.result
        else ""
    )
    return f"""# pip install tccli
{warning}cat > parameters.json <<END
{literal(recipe.parameters, _SHELL)}
END
tccli facefusion {recipe.action} --endpoint {recipe.scheme}://{recipe.endpoint} --region ap-guangzhou \\
    --cli-input-json file://parameters.json{tail}
"""


def curl(recipe: Recipe) -> str:
    """Signed with openssl as the TC3 scheme says; needs nothing else."""
    consent = f" \\\n    -H {shlex.quote(f'{HEADER}: {recipe.consent}')}" if recipe.consent else ""
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


SNIPPETS: Mapping[str, Callable[[Recipe], str]] = MappingProxyType(
    {"Python": python, "Node": node, "Go": go, "Java": java, "PHP": php, "tccli": tccli, "curl": curl}
)
"""By what the languages are called, in the order in which they are shown."""


def _files(value: Any) -> list[str]:
    """Names of the files in a nested value, in the order in which they are written."""
    if isinstance(value, dict):
        return [name for one in value.values() for name in _files(one)]
    if isinstance(value, list):
        return [name for one in value for name in _files(one)]
    return [value.name] if not isinstance(value, str | int | float) else []
