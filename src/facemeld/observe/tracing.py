"""Traces of calls for OpenTelemetry: a span for each call and one for each of its stages, made when the call is over."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span as OpenSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from facemeld import __version__
from facemeld.api.protocol.call import CLIENT_GONE, CallRecord
from facemeld.timing import Span

_BILLION = 1_000_000_000
_SERVERS_FAULT = ("InternalError", "ResourceInsufficient", "ServiceUnavailable")
_SERVERS_FAILURES = frozenset({"RpcFail", "RequestTimeout", "InnerError", "ServerError", "FuseInnerError", "FuseSavePhotoFail"})


def open_tracing(endpoint: str, share: float) -> TracerProvider:
    """Return a provider that sends spans to a collector, in batches.

    Args:
        endpoint: Address of the collector for OTLP over HTTP, e.g. ``http://127.0.0.1:4318/v1/traces``.
        share: Share of calls, 0 to 1, that are traced if the caller does not decide.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return make_provider(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)), share)


def make_provider(processor: SpanProcessor, share: float = 1.0) -> TracerProvider:
    """Return a provider that is independent of the process's global provider."""
    resource = Resource.create({"service.name": "facemeld", "service.version": __version__})
    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)), resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider


class CallTracer:
    """Makes spans of calls; continues the caller's own trace (``traceparent``).

    A span contains nothing that a caller sent: no parameters, no addresses of pictures, and no names except those of actions on offer.

    Args:
        provider: Receives the spans.
        actions: Versions and names of the actions on offer.
    """

    def __init__(self, provider: TracerProvider, actions: Iterable[tuple[str, str]]) -> None:
        self._known = frozenset(actions)
        self._tracer: Tracer = provider.get_tracer("facemeld", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def record(self, record: CallRecord) -> None:
        """Make the spans of a finished call."""
        # OpenTelemetry wants wall-clock time; stages use the monotonic clock. One offset converts them.
        offset = time.time_ns() - time.perf_counter_ns()
        end = time.perf_counter()
        # The record was made a moment ago; no stage may start before its call.
        begin = min([end - record.seconds, *(stage.started for stage in record.spans)])
        parent = self._propagator.extract({"traceparent": record.traceparent}) if record.traceparent else Context()
        call = record.call
        known = call is not None and (call.version, call.action) in self._known
        attributes = _attributes(record) | ({"facemeld.action": record.action, "facemeld.version": record.version} if known else {})
        span = self._tracer.start_span(
            record.action if known else "refused call", parent, SpanKind.SERVER, attributes, start_time=_moment(begin, offset)
        )
        if _is_servers_fault(record.code):
            span.set_status(Status(StatusCode.ERROR, record.code))
        if span.is_recording():
            self._stages(record.spans, set_span_in_context(span, Context()), offset)
        span.end(_moment(end, offset))

    def _stages(self, spans: Iterable[Span], call: Context, offset: int) -> None:
        """Make a span for each stage, inside the span of the enclosing stage."""
        around: list[tuple[Span, OpenSpan]] = []
        for stage in sorted(spans, key=lambda stage: (stage.started, -stage.seconds)):
            while around and around[-1][0].started + around[-1][0].seconds < stage.started + stage.seconds:
                _end(*around.pop(), offset)
            parent = set_span_in_context(around[-1][1], Context()) if around else call
            around.append((stage, self._tracer.start_span(stage.name, parent, start_time=_moment(stage.started, offset))))
        while around:
            _end(*around.pop(), offset)


def _end(stage: Span, span: OpenSpan, offset: int) -> None:
    span.end(_moment(stage.started + stage.seconds, offset))


def _moment(seconds: float, offset: int) -> int:
    return int(seconds * _BILLION) + offset


def _attributes(record: CallRecord) -> dict[str, Any]:
    found: dict[str, Any] = {
        "facemeld.request_id": record.request_id,
        "facemeld.code": record.code or "OK",
        "facemeld.bytes_in": record.bytes_in,
        "facemeld.bytes_out": record.bytes_out,
    }
    call = record.call
    if call is not None:
        found |= {"facemeld.account": call.account_id, "facemeld.faces": call.notes.faces}
    if record.code:
        found["error.type"] = record.code
    return found


def _is_servers_fault(code: str) -> bool:
    return code != CLIENT_GONE and (code.startswith(_SERVERS_FAULT) or code.rpartition(".")[2] in _SERVERS_FAILURES)
