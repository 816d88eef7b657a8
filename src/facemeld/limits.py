"""What the operator's settings mean for the protocol, for connections and for requests of any kind."""

from __future__ import annotations

from facemeld.connections import ConnectionLimits, parse_proxies
from facemeld.edge import EdgeLimits
from facemeld.protocol.options import MIB, ProtocolLimits, ProtocolOptions
from facemeld.settings import Settings, split_list


def protocol_options(settings: Settings) -> ProtocolOptions:
    """What the operator set about the protocol."""
    return ProtocolOptions(
        strict=settings.api.strict,
        language=settings.api.language,
        clock_skew=settings.api.clock_skew_seconds,
        public_hosts=split_list(settings.api.extra_hosts),
        limits=ProtocolLimits(body_bytes=settings.api.max_body_mb * MIB, body_seconds=settings.server.body_seconds),
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """What the operator set about connections."""
    return ConnectionLimits(
        connections=settings.server.max_connections,
        per_address=settings.server.max_per_address,
        header_seconds=settings.server.header_seconds,
        header_bytes=settings.server.max_header_kb * 1024,
        headers=settings.server.max_headers,
        slow_bytes=settings.server.slow_bytes,
        slow_seconds=settings.server.slow_seconds,
        proxies=parse_proxies(split_list(settings.server.trusted_proxies)),
    )


def edge_limits(settings: Settings) -> EdgeLimits:
    """What the operator set about requests of any kind."""
    return EdgeLimits(
        # A little more than the API allows, which has an answer of its own.
        body_seconds=settings.server.body_seconds + 5,
        slow_bytes=settings.server.slow_bytes,
        slow_seconds=settings.server.slow_seconds,
        bodies=settings.server.max_bodies_mb * MIB,
        per_address=settings.server.max_per_address,
    )
