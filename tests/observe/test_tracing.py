"""The spans of calls: part of the caller's trace, nested like the stages, without data from the caller."""

from __future__ import annotations

import time

import anyio
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from facemeld.api.protocol.call import CLIENT_GONE, CallRecord
from facemeld.observe.tracing import CallTracer, make_provider
from facemeld.timing import Span
from tests.api.protocol.asgi import Ask, send
from tests.api.protocol.toy import Toy
from tests.observe.records import NAMES, call_of, record_of
from tests.tables import table

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def spans_of(*records: CallRecord, share: float = 1.0) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = make_provider(SimpleSpanProcessor(exporter), share)
    tracer = CallTracer(provider, NAMES)
    for record in records:
        tracer.record(record)
    provider.shutdown()
    return list(exporter.get_finished_spans())


def named(spans: list[ReadableSpan], name: str) -> ReadableSpan:
    (found,) = [span for span in spans if span.name == name]
    return found


def parent_of(spans: list[ReadableSpan], name: str) -> str:
    parent = named(spans, name).parent
    assert parent is not None
    return next(span.name for span in spans if span.context.span_id == parent.span_id)


def test_stages_are_nested_as_they_ran() -> None:
    now = time.perf_counter()
    stages = (
        Span("credentials", now - 0.95, 0.04),
        Span("protocol", now - 0.99, 0.09),
        Span("decode", now - 0.70, 0.1),
        Span("warp", now - 0.50, 0.1),
        Span("fuse", now - 0.55, 0.3),
        Span("transfer", now - 0.80, 0.6),
        Span("store", now - 0.15, 0.1),
    )
    spans = spans_of(record_of(call_of(faces=2), seconds=1.0, spans=stages))
    assert len(spans) == 8
    nesting = {"credentials": "protocol", "decode": "transfer", "fuse": "transfer", "warp": "fuse"}
    for name in ("protocol", "credentials", "transfer", "decode", "fuse", "warp", "store"):
        assert parent_of(spans, name) == nesting.get(name, "FuseFace"), name
    call = named(spans, "FuseFace")
    assert call.start_time is not None
    assert call.end_time is not None
    assert call.end_time - call.start_time == pytest.approx(1e9, rel=1e-6)
    assert abs(call.end_time / 1e9 - time.time()) < 5
    warp = named(spans, "warp")
    assert warp.start_time is not None
    assert (warp.start_time - call.start_time) / 1e9 == pytest.approx(0.5, abs=0.05)
    assert call.attributes == {
        "facemeld.request_id": "00000000-0000-4000-8000-000000000000",
        "facemeld.code": "OK",
        "facemeld.bytes_in": 1000,
        "facemeld.bytes_out": 50,
        "facemeld.account": 7,
        "facemeld.faces": 2,
        "facemeld.action": "FuseFace",
        "facemeld.version": "2022-09-27",
    }


def test_the_callers_trace_goes_on() -> None:
    spans = spans_of(record_of(call_of(), traceparent=PARENT, spans=(Span("decode", time.perf_counter() - 0.1, 0.05),)))
    call = named(spans, "FuseFace")
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE}
    assert call.parent is not None
    assert f"{call.parent.span_id:016x}" == "b7ad6b7169203331"


@table("header", ["", "00-x", "ff-" + TRACE + "-b7ad6b7169203331-01", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "\n" * 200])
def test_a_broken_trace_of_the_caller_begins_a_new_one(header: str) -> None:
    (call,) = spans_of(record_of(call_of(), traceparent=header))
    assert call.parent is None
    assert f"{call.context.trace_id:032x}" != TRACE


@pytest.mark.parametrize(("flags", "count"), [("00", 0), ("01", 1)])
def test_the_callers_choice_whether_to_trace_holds(flags: str, count: int) -> None:
    spans = spans_of(record_of(call_of(), traceparent=f"{PARENT[:-2]}{flags}"), share=0.5)
    assert len(spans) == count


def test_without_a_choice_of_the_caller_a_share_is_traced() -> None:
    assert spans_of(*[record_of(call_of())] * 50, share=0.0) == []
    assert 60 < len(spans_of(*[record_of(call_of())] * 400, share=0.3)) < 180


@table(
    ("code", "error"),
    [
        ("", False),
        ("InternalError", True),
        ("FailedOperation.RpcFail", True),
        ("ResourceInsufficient", True),
        ("FailedOperation.NoFaceDetected", False),
        ("AuthFailure.SignatureFailure", False),
        (CLIENT_GONE, False),
    ],
)
def test_only_the_servers_own_faults_are_errors(code: str, error: bool) -> None:
    (call,) = spans_of(record_of(call_of(), code))
    assert (call.status.status_code is StatusCode.ERROR) is error
    assert call.attributes is not None
    assert call.attributes.get("error.type") == (code or None)


@pytest.mark.parametrize("call", [None, call_of("Secret name")])
def test_names_that_callers_make_up_are_not_told(call: object) -> None:
    (span,) = spans_of(record_of(call, "InvalidAction", action="Secret name"))  # type: ignore[arg-type]  # either is what it takes
    assert span.name == "refused call"
    assert "Secret" not in str(span.attributes)


def test_the_endpoint_hands_on_trace_and_stages() -> None:
    toy = Toy()
    anyio.run(send, toy.app, Ask(headers={"x-tc-region": "ap-guangzhou", "traceparent": PARENT}))
    (record,) = toy.records
    assert record.traceparent == PARENT
    assert {"receive", "protocol", "credentials", "reply"} <= {span.name for span in record.spans}
    spans = spans_of(record)
    assert parent_of(spans, "credentials") == "protocol"


def test_the_process_keeps_its_own_provider() -> None:
    from opentelemetry import trace

    before = trace.get_tracer_provider()
    spans_of(record_of(call_of()))
    assert trace.get_tracer_provider() is before
