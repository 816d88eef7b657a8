"""Who is let in: the keys that the protocol looks up and the checks and charges around every call, as the settings want them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from facemeld.accounts import AccountStore
from facemeld.accounts import KeyKind as StoredKind
from facemeld.actions.faults import FaultGate, parse_faults
from facemeld.actions.gates import AddressGate, CreditGate, PermissionGate, RateGate, StateGate
from facemeld.app import Application
from facemeld.db import StateError
from facemeld.protocol.call import CallRecord, Hooks, Observer
from facemeld.protocol.credentials import Credential, CredentialsUnavailable, KeyKind
from facemeld.services.billing import BillingService
from facemeld.services.policies import default_rates, parse_networks
from facemeld.settings import split_list


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
