"""The address under which the operator's metrics are read, and who may read them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from ipaddress import ip_address

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The address of the metrics.

    Attributes:
        registry: The metrics.
        token: Bearer token that readers must bring; empty for none.
        anyone: Whether those who need no token may come from other machines, because the address is the operator's own.
    """

    registry: CollectorRegistry
    token: str = ""
    anyone: bool = False

    path = "/metrics"

    async def show(self, request: Request) -> Response:
        """The metrics, or 401 without the token, or 404 for strangers."""
        if self.token:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self.token.encode()):
                return PlainTextResponse("Unauthorized", 401, headers={"WWW-Authenticate": "Bearer"})
        elif not self.anyone and not _local(request):
            return PlainTextResponse("Not Found", 404)
        write, kind = choose_encoder(request.headers.get("accept", ""))
        headers = {"Content-Type": kind, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        # In the event loop, because the rooms' numbers belong to it.
        return Response(write(self.registry), headers=headers)


def _local(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
