"""Limits and choices of the protocol; the defaults follow the published ones unless a comment says why not."""

from __future__ import annotations

from dataclasses import dataclass, field

from facemeld.api.protocol.errors.base import Language

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class ProtocolLimits:
    """Sizes that bound the work done for a request.

    Attributes:
        query_bytes: Query string of a GET.
        v1_body_bytes: Body of a POST with signature v1.
        body_bytes: Body of any other POST. The published 10 MB cannot hold the pictures that FuseFaceUltra allows.
        body_seconds: Time in which a body must arrive.
        reply_bytes: Largest reply.
        depth: Nesting of objects and lists.
        values: Objects, lists and members in one request.
        index: Largest list index in flattened parameters.
    """

    query_bytes: int = 32 * KIB
    v1_body_bytes: int = MIB
    body_bytes: int = 64 * MIB
    body_seconds: float = 120.0
    reply_bytes: int = 50 * MIB
    depth: int = 16
    values: int = 10_000
    index: int = 99


@dataclass(frozen=True, slots=True)
class ProtocolOptions:
    """Choices of the protocol.

    Attributes:
        strict: Check types, unknown parameters, regions and the service name as the cloud does; otherwise be lenient.
        service: Name of the service in messages and, in strict mode, in the scope of signatures.
        language: Language of messages when the request names none.
        clock_skew: Seconds that a timestamp may differ from the server's time.
        public_hosts: Further names under which clients sign, for servers behind a gateway that rewrites ``Host``.
        regions: Regions offered in strict mode; empty for all well-formed ones.
        gzip_minimum: Smallest reply, in bytes, that is compressed for clients that accept it.
        limits: Sizes.
    """

    strict: bool = False
    service: str = "facefusion"
    language: Language = "zh-CN"
    clock_skew: int = 300
    public_hosts: tuple[str, ...] = ()
    regions: frozenset[str] = frozenset()
    gzip_minimum: int = KIB
    limits: ProtocolLimits = field(default_factory=ProtocolLimits)
