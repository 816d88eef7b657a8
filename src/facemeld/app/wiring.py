"""What the settings mean for the protocol, the checks around a call, connections and requests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from facemeld.accounts.credit import BillingService
from facemeld.accounts.rates import default_rates
from facemeld.accounts.store import AccountStore
from facemeld.accounts.types import KeyKind as StoredKind
from facemeld.accounts.types import parse_networks
from facemeld.api.checks import AddressGate, CreditGate, FaultGate, PermissionGate, RateGate, StateGate, parse_faults
from facemeld.api.protocol.call import CallRecord, Hooks, Observer
from facemeld.api.protocol.credentials import Credential, CredentialsUnavailable, KeyKind
from facemeld.api.protocol.options import MIB, ProtocolLimits, ProtocolOptions
from facemeld.app.composition import Application
from facemeld.db.errors import StateError
from facemeld.http.connections import ConnectionLimits, parse_proxies
from facemeld.http.edge import EdgeLimits
from facemeld.settings.catalogue import Settings
from facemeld.settings.groups import split_list


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """Access keys of the account store, as the protocol looks them up."""

    accounts: AccountStore

    async def find(self, secret_id: str) -> Credential | None:
        """The key with this name, or None.

        Raises:
            CredentialsUnavailable: the store cannot be read.
        """
        try:
            found = await asyncio.to_thread(self.accounts.credential, secret_id)
        except StateError as error:
            raise CredentialsUnavailable(f"the account store must answer, got: {error}") from error
        if found is None:
            return None
        return Credential(
            secret_id=found.secret_id,
            secret_key=found.secret_key,
            account_id=found.account_id,
            token=found.token,
            expires_at=None if found.expires_at is None else found.expires_at.timestamp(),
            kind=KeyKind.CONSOLE if found.kind is StoredKind.CONSOLE else KeyKind.API,
            enabled=found.enabled,
            policy=found.policy,
        )


@dataclass(frozen=True, slots=True)
class Observers:
    """Tells several observers of every call."""

    observers: tuple[Observer, ...]

    def record(self, record: CallRecord) -> None:
        """Tell each of them."""
        for observer in self.observers:
            observer.record(record)


def build_hooks(application: Application, *observers: Observer) -> Hooks:
    """The hooks of the API endpoint.

    Args:
        application: The opened stores and the settings.
        observers: Who learns of every call.

    Raises:
        FacemeldError: a setting about rates, addresses or faults makes no sense.
    """
    settings = application.settings
    with settings.naming("api.faults"):
        faults = parse_faults(split_list(settings.api.faults))
    with settings.naming("rates.limits"):
        rates = default_rates(settings.rates.limits, strict=settings.api.strict)
    return Hooks(
        faults=FaultGate(faults, settings.api.fault_header),
        permissions=PermissionGate(),
        rate_limiter=RateGate(application.limiter, rates),
        addresses=AddressGate(parse_networks(settings.api.allow_ips), parse_networks(settings.api.deny_ips)),
        account=StateGate(),
        billing=CreditGate(BillingService(application.charges)),
        observer=Observers(observers),
    )


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
