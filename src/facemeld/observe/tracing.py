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
    """What sends spans to a collector, in batches beside the calls.

    Args:
        endpoint: Where the collector takes OTLP over HTTP, e.g. ``http://127.0.0.1:4318/v1/traces``.
        share: Share of calls that are traced when the caller does not say, 0 to 1.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return make_provider(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)), share)


def make_provider(processor: SpanProcessor, share: float = 1.0) -> TracerProvider:
    """A provider of its own, which leaves the process's global one alone."""
    resource = Resource.create({"service.name": "facemeld", "service.version": __version__})
    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)), resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider


class CallTracer:
    """Observes calls and makes spans of them; a caller's own trace (``traceparent``) goes on.

    Nothing that a caller sent gets into a span: no parameters, no addresses of pictures, no names but those of actions on offer.

    Args:
        provider: Takes the spans.
        actions: Versions and names of the actions on offer.
    """

    def __init__(self, provider: TracerProvider, actions: Iterable[tuple[str, str]]) -> None:
        self._known = frozenset(actions)
        self._tracer: Tracer = provider.get_tracer("facemeld", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def record(self, record: CallRecord) -> None:
        """Make the spans of a finished call."""
        # Spans need the time of day; stages are clocked on a clock that is never set.
        offset = time.time_ns() - time.perf_counter_ns()
        end = time.perf_counter()
        # A moment has passed since the record was made; no stage may stand out of its call.
        begin = min([end - record.seconds, *(stage.started for stage in record.spans)])
        parent = self._propagator.extract({"traceparent": record.traceparent}) if record.traceparent else Context()
        call = record.call
        known = call is not None and (call.version, call.action) in self._known
        attributes = _attributes(record) | ({"facemeld.action": record.action, "facemeld.version": record.version} if known else {})
        span = self._tracer.start_span(
            record.action if known else "refused call",
            parent,
            SpanKind.SERVER,
            attributes,
            start_time=_moment(begin, offset),
        )
        if _is_servers_fault(record.code):
            span.set_status(Status(StatusCode.ERROR, record.code))
        if span.is_recording():
            self._stages(record.spans, set_span_in_context(span, Context()), offset)
        span.end(_moment(end, offset))

    def _stages(self, spans: Iterable[Span], call: Context, offset: int) -> None:
        """A span for each stage, inside that of the stage which it was part of."""
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
