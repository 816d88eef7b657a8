"""Every request gets status 200, an envelope and a RequestId; the first failing check decides the code."""

from __future__ import annotations

import base64
import itertools
import logging
import os
import tracemalloc
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import pytest

from facemeld.api.protocol.call import CLIENT_GONE, Action, ActionRegistry
from facemeld.api.protocol.decoding import ProtocolLimits
from facemeld.api.protocol.errors.base import ApiError
from facemeld.api.protocol.errors.common import AuthFailureUnauthorizedOperation, IpInBlacklist, RequestLimitExceeded
from facemeld.api.protocol.errors.facefusion import Freeze
from facemeld.api.protocol.request import ProtocolOptions
from tests.tables import table

from .asgi import Answer, Ask, send
from .toy import EchoRequest, Refuse, Toy

STRICT = ProtocolOptions(strict=True, regions=frozenset({"ap-guangzhou"}))
SMALL = ProtocolLimits(body_bytes=5000, v1_body_bytes=1000, query_bytes=2000)


def is_proper(answer: Answer) -> bool:
    """Whether a reply keeps every rule of the envelope."""
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.raw)
    assert list(answer.json) == ["Response"]
    assert str(uuid.UUID(answer.response["RequestId"], version=4)) == answer.response["RequestId"]
    if "Error" in answer.response:
        assert set(answer.response) == {"Error", "RequestId"}
        assert all(answer.response["Error"][name] for name in ("Code", "Message"))
    return True


def test_success() -> None:
    toy = Toy()
    answer = Ask(b'{"Name":"\\u8138","Count":2,"Degree":1,"Items":[{"Url":"u"}]}').to(toy.app)
    assert is_proper(answer)
    del answer.response["RequestId"]
    expected = {"Name": "脸", "Count": 2, "Degree": 1.0, "Urls": ["u"], "Account": 7}
    assert {name: value for name, value in answer.response.items() if name != "RequestId"} == expected
    (call,) = toy.calls
    assert (call.account_id, call.secret_id, call.action, call.version) == (7, "AKIDTEST", "Echo", "2022-09-27")
    assert (call.region, call.language, call.scheme, call.client_address) == ("ap-guangzhou", "zh-CN", "v3", "192.0.2.7")
    assert call.base_url == "http://testserver:8080"
    assert call.request_id == answer.response["RequestId"]


def test_record_holds_what_is_known() -> None:
    toy = Toy()
    Ask().to(toy.app)
    Ask(secret_key="x", headers={"x-tc-requestclient": "SDK"}).to(toy.app)
    good, bad = toy.records
    assert (good.code, good.bytes_in, good.call is not None) == ("", len(Ask().body), True)
    assert good.bytes_out > 0
    assert good.seconds > 0
    assert (bad.code, bad.action, bad.sdk, bad.call) == ("AuthFailure.SignatureFailure", "Echo", "SDK", None)


@dataclass(frozen=True)
class Fault:
    """A way to break a request, and the code of the reply."""

    code: str
    ask: Callable[[Ask], None] = lambda ask: None
    hook: tuple[str, type[ApiError]] | None = None


def setting(**values: object) -> Callable[[Ask], None]:
    def apply(ask: Ask) -> None:
        for name, value in values.items():
            setattr(ask, name, value)

    return apply


def header(name: str, value: str) -> Callable[[Ask], None]:
    return lambda ask: ask.after.update({name: value})


ORDER = [
    Fault("UnsupportedProtocol", setting(method="PUT")),
    Fault("RequestSizeLimitExceeded", setting(body=b" " * 6000)),
    Fault("MissingParameter", setting(without=("x-tc-version",))),
    Fault("AuthFailure.InvalidAuthorization", header("authorization", "SKIP")),
    Fault("AuthFailure.SignatureExpire", setting(time=1)),
    Fault("AuthFailure.SecretIdNotFound", setting(secret_id="AKIDNOBODY")),
    Fault("AuthFailure.TokenFailure", header("x-tc-token", "T")),
    Fault("AuthFailure.SignatureFailure", setting(secret_key="x")),
    Fault("NoSuchVersion", setting(version="2020-01-01")),
    Fault("InvalidAction", setting(action="Nothing")),
    Fault("InvalidParameterValue", header("x-tc-region", "a b")),
    Fault("AuthFailure.UnauthorizedOperation", hook=("permissions", AuthFailureUnauthorizedOperation)),
    Fault("RequestLimitExceeded", hook=("rate_limiter", RequestLimitExceeded)),
    Fault("IpInBlacklist", hook=("addresses", IpInBlacklist)),
    Fault("InvalidParameter", setting(body=b"{")),
    Fault("MissingParameter", setting(body=b"{}")),
    Fault("ResourceUnavailable.Freeze", hook=("account", Freeze)),
    Fault("FailedOperation.NoFaceDetected", setting(action="Fail")),
]


@pytest.mark.answers(
    "UnsupportedProtocol",
    "RequestSizeLimitExceeded",
    "MissingParameter",
    "AuthFailure.InvalidAuthorization",
    "AuthFailure.SignatureExpire",
    "AuthFailure.SecretIdNotFound",
    "AuthFailure.TokenFailure",
    "AuthFailure.SignatureFailure",
    "NoSuchVersion",
    "InvalidAction",
    "InvalidParameterValue",
    "InvalidParameter",
)
@table(("first", "second"), [*itertools.combinations_with_replacement(range(len(ORDER)), 2)])
def test_first_failing_check_decides(first: int, second: int) -> None:
    toy, ask = Toy(ProtocolOptions(limits=SMALL)), Ask()
    for fault in (ORDER[second], ORDER[first]):
        fault.ask(ask)
        if fault.hook:
            toy.hooks[fault.hook[0]] = Refuse(fault.hook[1])
    answer = ask.to(toy.app)
    assert is_proper(answer)
    assert answer.code == ORDER[first].code
    assert toy.records[-1].code == ORDER[first].code


@table("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
def test_other_methods_are_refused_in_the_envelope(method: str) -> None:
    answer = Ask(method=method).to(Toy().app)
    assert is_proper(answer)
    assert answer.code == "UnsupportedProtocol"


FORM = "application/x-www-form-urlencoded"
V1_ONLY = ("authorization", "x-tc-action")
SIZES = [
    ("JSON at the limit", Ask(b'{"Name":"%s"}' % (b"a" * 4989)), ""),
    ("JSON over the limit", Ask(b'{"Name":"%s"}' % (b"a" * 4990)), "RequestSizeLimitExceeded"),
    ("JSON far over the limit", Ask(b" " * 100_000), "RequestSizeLimitExceeded"),
    ("query at the limit", Ask(method="GET", body=b"", query="Name=" + "a" * 1995), ""),
    ("query over the limit", Ask(method="GET", body=b"", query="Name=" + "a" * 1996), "RequestSizeLimitExceeded"),
    (
        "v1 form over the limit",
        Ask(b"a=" + b"b" * 1000, content_type=FORM, without=V1_ONLY),
        "AuthFailure.SignatureFailure",
    ),
]


@table(("ask", "code"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
def test_size_limits(ask: Ask, code: str) -> None:
    answer = ask.to(Toy(ProtocolOptions(limits=SMALL)).app, chunk=999)
    assert is_proper(answer)
    assert answer.code == code


def test_large_v1_body_is_told_to_use_v3() -> None:
    ask = Ask(b"a=" + b"b" * 1000, content_type=FORM, without=V1_ONLY, headers={"x-tc-language": "en-US"})
    message = ask.to(Toy(ProtocolOptions(limits=SMALL)).app).response["Error"]["Message"]
    assert "because of exceeding request size limit, please use new signature method `TC3-HMAC-SHA256`" in message


@pytest.mark.answers("InvalidRequest")
def test_body_must_arrive_in_time() -> None:
    async def main() -> None:
        toy = Toy(ProtocolOptions(limits=ProtocolLimits(body_seconds=0.01)))
        sent: list[bytes] = []

        async def receive() -> dict[str, object]:
            await anyio.sleep(5)
            return {"type": "http.disconnect"}

        async def collect(message: dict[str, bytes]) -> None:
            sent.append(message.get("body", b""))

        scope = {"type": "http", "method": "POST", "query_string": b"", "headers": Ask().lines(), "client": None, "scheme": "http"}
        await toy.app(scope, receive, collect)
        assert b'"InvalidRequest"' in b"".join(sent)

    anyio.run(main)


@pytest.mark.parametrize("announced", [True, False])
def test_an_overlong_body_is_refused_as_soon_as_that_is_known(announced: bool) -> None:
    async def main() -> None:
        read = 0
        sent: list[bytes] = []

        async def receive() -> dict[str, object]:
            nonlocal read
            read += 1000
            return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

        async def collect(message: dict[str, bytes]) -> None:
            sent.append(message.get("body", b""))

        headers = [*Ask().lines(), *([(b"content-length", b"1000000")] if announced else [])]
        scope = {"type": "http", "method": "POST", "query_string": b"", "headers": headers, "client": None, "scheme": "http"}
        await Toy(ProtocolOptions(limits=SMALL)).app(scope, receive, collect)
        assert b'"RequestSizeLimitExceeded"' in b"".join(sent)
        assert read == (0 if announced else SMALL.body_bytes + 1000)

    anyio.run(main)


def test_body_of_a_refused_request_is_read_to_its_end() -> None:
    ask = Ask(method="PUT", body=b"x" * 4000)
    assert ask.to(Toy(ProtocolOptions(limits=SMALL)).app, chunk=100).code == "UnsupportedProtocol"


SOURCES = [
    ("JSON", Ask(b'{"Name":"a","Items":[{"Url":"u"}]}'), True),
    ("query", Ask(method="GET", body=b"", query="Name=a&Items.0.Url=u"), True),
    ("query with the action", Ask(method="GET", body=b"", query="Action=Echo&Version=2022-09-27&Name=a&Items.0.Url=u"), True),
    ("form", Ask(b"Name=a&Items.0.Url=u", content_type=FORM), True),
    (
        "multipart",
        Ask(
            b'--b\r\nContent-Disposition: form-data; name="Name"\r\n\r\na\r\n--b\r\nContent-Disposition: form-data; name="Items"\r\n'
            b'Content-Type: application/json\r\n\r\n[{"Url":"u"}]\r\n--b--\r\n',
            content_type="multipart/form-data; boundary=b",
        ),
        True,
    ),
    ("charset named", Ask(b'{"Name":"a","Items":[{"Url":"u"}]}', content_type="application/json; charset=utf-8"), True),
    ("text as JSON", Ask(b'{"Name":"a","Items":[{"Url":"u"}]}', content_type="text/plain"), True),
    ("unknown parameter", Ask(b'{"Name":"a","Items":[{"Url":"u"}],"Nonsense":1}'), False),
    ("integer as text", Ask(b'{"Name":"a","Items":[{"Url":"u"}],"Count":"1"}'), False),
]


@table(("ask", "strictly"), [row[1:] for row in SOURCES], ids=[row[0] for row in SOURCES])
def test_parameters_from_everywhere(ask: Ask, strictly: bool) -> None:
    assert ask.to(Toy().app).response["Urls"] == ["u"]
    assert (ask.to(Toy(STRICT).app).code == "") is strictly


def test_version_chooses_among_actions_of_the_same_name() -> None:
    assert Ask(version="2018-12-01").to(Toy().app).response["Name"] == "a"


REGIONS = [
    ("ap-guangzhou", "", ""),
    ("eu-mars", "", "UnsupportedRegion"),
    ("", "", "InvalidParameterValue"),
    (None, "", "MissingParameter"),
    ("a b", "InvalidParameterValue", "InvalidParameterValue"),
]


@pytest.mark.answers("InvalidParameterValue", "UnsupportedRegion")
@table(("region", "lenient", "strict"), REGIONS)
def test_region(region: str | None, lenient: str, strict: str) -> None:
    headers = {} if region is None else {"x-tc-region": region}
    assert Ask(headers=headers).to(Toy().app).code == lenient
    assert Ask(headers=headers).to(Toy(STRICT).app).code == strict


LANGUAGES = [
    ({}, "zh-CN", "InvalidAction", "请求的接口"),
    ({"x-tc-language": "en-US"}, "zh-CN", "InvalidAction", "The request action"),
    ({"x-tc-language": "zh-CN"}, "en-US", "InvalidAction", "请求的接口"),
    ({"x-tc-language": "tlh"}, "en-US", "InvalidAction", "The request action"),
    ({"X-Tc-LANGUAGE": "EN-us"}, "zh-CN", "InvalidAction", "The request action"),
]


@table(("headers", "default", "code", "begin"), LANGUAGES)
def test_language_of_messages(headers: dict[str, str], default: str, code: str, begin: str) -> None:
    answer = Ask(action="Nothing", headers=headers).to(Toy(ProtocolOptions(language=default)).app)
    assert answer.code == code
    assert answer.response["Error"]["Message"].startswith(begin)


def test_language_holds_before_authentication_and_for_v1() -> None:
    early = Ask(method="PUT", headers={"x-tc-language": "en-US"}).to(Toy().app)
    assert early.response["Error"]["Message"].startswith("The HTTP method")
    late = Ask(method="GET", body=b"", query="Action=Echo&Language=en-US&Timestamp=1", without=V1_ONLY).to(Toy().app)
    assert late.code == "MissingParameter"


def test_messages_name_action_version_and_service() -> None:
    message = Ask(action="Nothing", headers={"x-tc-language": "en-US"}).to(Toy().app).response["Error"]["Message"]
    assert message == "The request action=`Nothing` is invalid or not found in service=`facefusion` and version=`2022-09-27`."
    message = Ask(version="v", headers={"x-tc-language": "en-US"}).to(Toy().app).response["Error"]["Message"]
    assert message == "The specified api version=`v` does not exist in service=`facefusion`."


def test_removed_action_is_offline() -> None:
    assert Ask(action="Removed", version="2018-12-01").to(Toy().app).code == "ActionOffline"
    assert Ask(action="Removed").to(Toy().app).code == "InvalidAction"


def test_actions_must_be_unique() -> None:
    action = Action("Echo", "v", EchoRequest, Toy().echo)
    with pytest.raises(ValueError, match="Echo of v twice"):
        ActionRegistry([action, action])
    assert list(ActionRegistry([action])) == [action]


@pytest.mark.answers("InternalError")
def test_unforeseen_fault_is_logged_but_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = Ask(b'{"Name":"SECRET-PICTURE"}', action="Crash").to(Toy().app)
    assert is_proper(answer)
    assert answer.code == "InternalError"
    assert "unforeseen fault" not in answer.raw.decode()
    assert answer.response["RequestId"] in caplog.text
    assert "unforeseen fault" in caplog.text
    assert "SECRET-PICTURE" not in caplog.text


@pytest.mark.answers("ResponseSizeLimitExceeded")
def test_reply_over_the_limit() -> None:
    toy = Toy(ProtocolOptions(limits=ProtocolLimits(reply_bytes=1000)))
    assert Ask(b'{"Name":"a","Count":900}', action="Long").to(toy.app).code == ""
    assert Ask(b'{"Name":"a","Count":1000}', action="Long").to(toy.app).code == "ResponseSizeLimitExceeded"


GZIP = [
    ("gzip, deflate", True),
    ("deflate, gzip;q=0.5", True),
    ("*", True),
    ("gzip;q=0", False),
    ("", False),
    ("deflate", False),
    ("xgzip", False),
]


@table(("accept", "compressed"), GZIP)
def test_gzip_where_accepted(accept: str, compressed: bool) -> None:
    ask = Ask(b'{"Name":"text ","Count":9000}', action="Long", headers={"accept-encoding": accept})
    answer = ask.to(Toy().app)
    assert is_proper(answer)
    assert ("content-encoding" in answer.headers) is compressed
    assert answer.response["Text"] == "text " * 9000
    assert (len(answer.raw) < 2000) is compressed


def test_gzip_only_where_worth_it() -> None:
    accept = {"accept-encoding": "gzip"}
    assert "content-encoding" not in Ask(headers=accept).to(Toy().app).headers
    picture = base64.b64encode(os.urandom(60_000))
    answer = Ask(b'{"Name":"%s"}' % picture, action="Long", headers=accept).to(Toy().app)
    assert "content-encoding" not in answer.headers


def test_client_that_hangs_up_cancels_the_action() -> None:
    async def main() -> None:
        toy, gone = Toy(), anyio.Event()
        async with anyio.create_task_group() as group:

            async def call() -> None:
                answer = await send(toy.app, Ask(action="Slow"), hang_up=gone)
                assert answer.status == 0

            group.start_soon(call)
            await toy.started.wait()
            assert not toy.cancelled
            gone.set()
        assert toy.cancelled
        assert toy.records[-1].code == CLIENT_GONE

    with_deadline(main)


def test_client_that_hangs_up_while_sending_is_not_answered() -> None:
    async def main() -> None:
        toy, sent = Toy(), []

        async def receive() -> dict[str, object]:
            return {"type": "http.disconnect"}

        async def collect(message: object) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "query_string": b"", "headers": Ask().lines(), "scheme": "http"}
        await toy.app(scope, receive, collect)
        assert not sent
        assert toy.records[-1].code == CLIENT_GONE

    with_deadline(main)


def with_deadline(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        with anyio.fail_after(10):
            await main()

    anyio.run(run)


@pytest.mark.parametrize("host", ["http://localhost:8080", "https://localhost:8080/"])
def test_url_as_host_is_the_base_url(host: str) -> None:
    toy = Toy()
    assert Ask(host=host).to(toy.app).code == ""
    assert toy.calls[0].base_url == host.rstrip("/")


def test_request_body_is_freed_before_the_action_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Callable[[], object]] = []

    async def run_and_keep(function: Callable[[], object]) -> object:
        # A thread releases its task's objects a moment after the caller has the result.
        kept.append(function)
        return function()

    monkeypatch.setattr("anyio.to_thread.run_sync", run_and_keep)
    toy, ask = Toy(), Ask(b'{"Name":"a","Ignored":"%s"}' % (b"x" * 20_000_000))
    tracemalloc.start()
    try:
        assert ask.to(toy.app, chunk=len(ask.body) // 2).code == ""
        assert kept
        assert toy.traced < 5_000_000
    finally:
        tracemalloc.stop()
    assert toy.records[0].bytes_in == len(ask.body)
