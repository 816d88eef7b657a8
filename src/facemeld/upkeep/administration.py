"""The use cases of operators, shared by the admin API and the console, and the view of the settings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from facemeld.accounts import types
from facemeld.accounts.credit import ChargeStore
from facemeld.accounts.rates import check_actions, check_rates
from facemeld.accounts.store import AccountStore
from facemeld.db.audit import AuditLog
from facemeld.materials.activities import ActivityStore
from facemeld.materials.service import MaterialService, appeal_material, approve_material, reject_material
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Material, Page
from facemeld.privacy.deletion import DeletionService
from facemeld.privacy.store import PrivacyStore
from facemeld.results.types import ResultId, ResultStore, ResultSummary
from facemeld.settings.catalogue import SETTINGS, Settings
from facemeld.usage.store import UsageSearch, UsageStore
from facemeld.usage.types import Usage
from facemeld.users.signin import SignIn
from facemeld.users.store import UserStore
from facemeld.users.types import NewToken, Role, TokenKind
from facemeld.verify.service import VerifyService, identifiers

HIDDEN = "••••••"
"""Shown instead of a secret."""

# Passwords in URLs, and values of parameters with names of secrets.
_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^@\s]*(?=@)")
_PARAMETER = re.compile(r"(?i)([?&][^=&]*(?:password|passwd|secret|token|key|signature)[^=&]*=)[^&\s]+")


class Source(StrEnum):
    """Origin of a setting's value."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class SettingView:
    """A setting without secrets.

    Attributes:
        name: Name of the setting, such as ``fetch.seconds``.
        variable: Environment variable that sets it.
        group: Heading in lists of settings.
        description: Explanation for operators.
        value: The value as text, ``HIDDEN`` for a secret; empty for none.
        source: Origin of the value.
        secret: Whether the value is hidden.
    """

    name: str
    variable: str
    group: str
    description: str
    value: str
    source: Source
    secret: bool


def read_configuration(settings: Settings) -> tuple[SettingView, ...]:
    """Return all settings in the order of their groups."""
    return tuple(
        SettingView(
            name=setting.name,
            variable=setting.variable,
            group=setting.group,
            description=setting.description,
            value=_shown(settings.value(setting.name)),
            source=_source(settings, setting.name),
            secret=setting.secret,
        )
        for setting in SETTINGS.values()
    )


def _source(settings: Settings, name: str) -> Source:
    if name in settings.variables:
        return Source.ENVIRONMENT
    return Source.COMMAND if settings.is_set(name) else Source.DEFAULT


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return HIDDEN
        case bool():
            return "true" if value else "false"
        case Path():
            return str(value)
        case float() if value == int(value):
            return str(int(value))
        case _:
            return _PARAMETER.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1:{HIDDEN}", str(value)))


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account with its credit.

    Attributes:
        packages: Prepaid calls, including used-up packages.
        calls_left: Paid calls left, for all actions together; None if calls are not counted.
        calls_under_way: Calls that have reserved a charge.
    """

    account: types.Account
    packages: tuple[types.Package, ...]
    calls_left: int | None
    calls_under_way: int


@dataclass(frozen=True, slots=True)
class Administration:
    """The stores and use cases for operators; the audit log records every change with its ``actor``."""

    accounts: AccountStore
    charges: ChargeStore
    users: UserStore
    activities: ActivityStore
    materials: MaterialStore
    importing: MaterialService
    usage: UsageStore
    search: UsageSearch
    results: ResultStore
    audit: AuditLog
    privacy: PrivacyStore
    deletion: DeletionService
    signing_in: SignIn
    verifying: VerifyService
    configuration: Callable[[], tuple[SettingView, ...]]
    clock: Callable[[], datetime]

    def account(self, name: str) -> AccountView:
        """Return an account with its credit.

        Raises:
            AccountNotFound: there is no such account.
        """
        return self._views([self.accounts.get(name)])[0]

    def account_page(self, after: int | None, limit: int) -> Page[AccountView]:
        """Return accounts in the order of their creation."""
        found = self.accounts.page(after, limit + 1)
        shown = found[:limit]
        return Page(self._views(shown), len(self.accounts.names()), shown[-1].id if len(found) > limit else None)

    def account_number(self, name: str | None) -> int | None:
        """Return the number of an account; None, which means all accounts, for None."""
        return None if name is None else self.accounts.get(name).id

    def key_page(self, account: str | None, after: str | None, limit: int) -> tuple[tuple[types.AccessKey, ...], str | None]:
        """Return keys of one or all accounts by SecretId, without their secrets, and the start of the next page."""
        keys = self.accounts.key_page(account, after, limit + 1)
        return keys[:limit], keys[limit - 1].secret_id if len(keys) > limit else None

    def change_key(
        self, secret_id: str, *, enabled: bool | None, actions: list[str] | None, all_actions: bool, actor: str
    ) -> types.AccessKey:
        """Change a key; None leaves a field as it is.

        Args:
            secret_id: The key.
            enabled: Whether calls with it are accepted.
            actions: The only actions that it may call.
            all_actions: Allow all actions; excludes ``actions``.
            actor: Name for the audit log.

        Raises:
            KeyNotFound: there is no such key.
            AccountInvalid: there is no change, both ``actions`` and ``all_actions`` are given, or an action does not exist.
        """
        if (actions is not None) + all_actions + (enabled is not None) == 0 or (actions is not None and all_actions):
            raise types.AccountInvalid("a change of a key must name enabled, and one of actions and all_actions at most")
        if actions is not None or all_actions:
            changed = self.accounts.set_key_actions(secret_id, checked_actions(actions), actor=actor)
            if enabled is None:
                return changed
        return self.accounts.set_key_enabled(secret_id, bool(enabled), actor=actor)

    def approve(self, material: str, reason: str, *, actor: str) -> Material:
        """See ``approve_material``."""
        return approve_material(self.materials, material, reason, actor=actor)

    def reject(self, material: str, reason: str, *, actor: str) -> Material:
        """See ``reject_material``."""
        return reject_material(self.materials, material, reason, actor=actor)

    def appeal(self, material: str, reason: str, *, actor: str) -> Material:
        """See ``appeal_material``."""
        return appeal_material(self.materials, material, reason, actor=actor)

    def create_token(self, user: str, *, days: float, label: str, role: Role | None, actor: str) -> NewToken:
        """Create a bearer token for a program, see ``UserStore.create_token``."""
        return self.users.create_token(user, life=timedelta(days=days), kind=TokenKind.PROGRAM, label=label, role=role, actor=actor)

    def result_page(self, after: str | None, limit: int) -> tuple[tuple[ResultSummary, ...], str | None]:
        """Return stored results in the order of their expiry, and the start of the next page.

        Raises:
            ResultNotFound: ``after`` is not the id of a result.
        """
        found = self.results.results(after=None if after is None else ResultId.parse(after), limit=limit + 1)
        return found[:limit], str(found[limit - 1].id) if len(found) > limit else None

    async def result_marks(self, result: str) -> dict[str, Any]:
        """Return the marks of a stored result; see ``VerifyService.verify``.

        Raises:
            ResultNotFound, ResultExpired: there is no such result.
            WorkerError: a worker could not read it.
        """
        return await self.verifying.verify(await asyncio.to_thread(self._read_result, result))

    def calls_of(self, report: Mapping[str, Any]) -> tuple[Usage, ...]:
        """Return the calls of this installation that the marks in a report of ``VerifyService.verify`` name."""
        numbers = dict.fromkeys(identifiers(report).values())
        return tuple(usage for number in numbers for _, usage in self.usage.records(mark=number))

    def results_of(self, request_id: str) -> tuple[ResultId, ...]:
        """Return the unexpired stored results of a call."""
        return tuple(result for result in self.results.find([request_id]).get(request_id, ()) if result.expires_at > self.clock())

    def _read_result(self, result: str) -> bytes:
        with closing(self.results.open(ResultId.parse(result)).stream) as stream:
            return stream.read()

    def expire_result(self, result: str, *, actor: str) -> None:
        """Delete a result before it expires.

        Raises:
            ResultNotFound: there is no such result.
        """
        self.results.remove(ResultId.parse(result))
        self.audit.record(actor, "result.expire", result)

    def _views(self, accounts: Sequence[types.Account]) -> tuple[AccountView, ...]:
        numbers = [account.id for account in accounts]
        packages, reserved, now = self.accounts.packages_of(numbers), self.charges.reserved_by(numbers), self.clock()

        def left(account: types.Account) -> int | None:
            if account.balance is None:
                return None
            return max(account.balance, 0) + sum(package.remaining(now) for package in packages[account.id])

        return tuple(AccountView(account, packages[account.id], left(account), reserved[account.id]) for account in accounts)


def account_change(
    *,
    state: types.AccountState | None = None,
    balance: int | str | None = None,
    auto_open: bool | None = None,
    rates: dict[str, int | str] | None = None,
    allow_ips: list[str] | None = None,
    deny_ips: list[str] | None = None,
) -> types.AccountChange:
    """Return a change of an account from user input; None leaves a field as it is.

    Args:
        state: Whether the account may use the service.
        balance: Calls left besides packages, or ``unlimited``.
        auto_open: See ``Account``.
        rates: Calls per second by action or scope, or ``unlimited`` or ``default``.
        allow_ips: Networks that calls must come from; empty for all.
        deny_ips: Networks that calls must not come from.

    Raises:
        AccountInvalid: a value is not valid.
    """
    if isinstance(balance, str) and balance != types.UNLIMITED:
        raise types.AccountInvalid(f"the balance must be a number of calls or unlimited, got {balance[:40]!r}")
    changes: dict[str, types.RateChange] = {name: types.parse_rate(name, str(value)) for name, value in (rates or {}).items()}
    check_rates(changes)
    return types.AccountChange(
        state=state,
        balance=balance if balance is None or isinstance(balance, int) else types.UNLIMITED,
        auto_open=auto_open,
        rates=changes,
        allowed=_networks(allow_ips),
        denied=_networks(deny_ips),
    )


def checked_actions(actions: list[str] | None) -> frozenset[str] | None:
    """Return names of actions that a key may call; None for all.

    Raises:
        AccountInvalid: there is no such action.
    """
    if actions is None:
        return None
    check_actions(actions)
    return frozenset(actions)


def _networks(texts: list[str] | None) -> tuple[types.Network, ...] | None:
    return None if texts is None else types.parse_networks(",".join(texts))
