"""Accounts: creation, states, balance, rates and networks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from facemeld.accounts import types
from facemeld.accounts.keys import KeyStore, account_row
from facemeld.db.audit import Detail, record
from facemeld.db.models import AccountRow, PackageRow

LONGEST_NAME = 64
MOST_CALLS = 2**31 - 1


class AccountStore(KeyStore):
    """Creates, finds and changes accounts, their packages and keys; every change is recorded in the audit log.

    Nothing is cached, so all processes see a change at once.
    """

    def create(self, name: str, *, actor: str) -> types.Account:
        """Create an account in the state ``normal`` with unlimited calls.

        Raises:
            AccountExists: the name is taken.
            AccountInvalid: the name does not have 1-64 printable characters.
        """
        _check_name(name)
        try:
            with self._database.transaction() as session:
                return _account(self._add(session, name, actor))
        except IntegrityError as error:
            raise types.AccountExists(f"the account name must be new, got {name!r}, which exists") from error

    def ensure(self, name: str, *, actor: str) -> types.Account:
        """Return the account of this name, created as by ``create`` if it does not exist."""
        try:
            return self.get(name)
        except types.AccountNotFound:
            try:
                return self.create(name, actor=actor)
            except types.AccountExists:  # another process was faster
                return self.get(name)

    def get(self, name: str) -> types.Account:
        """Return the account of this name, or raise ``AccountNotFound``."""
        with self._database.session() as session:
            return _account(account_row(session, name))

    def accounts(self) -> tuple[types.Account, ...]:
        """Return all accounts in the order of creation."""
        with self._database.session() as session:
            return tuple(_account(row) for row in session.scalars(select(AccountRow).order_by(AccountRow.id)))

    def page(self, after: int | None, limit: int) -> tuple[types.Account, ...]:
        """Return accounts in the order of creation; ``after`` is the last id of the previous page."""
        query = select(AccountRow).where(AccountRow.id > (after or 0)).order_by(AccountRow.id).limit(limit)
        with self._database.session() as session:
            return tuple(_account(row) for row in session.scalars(query))

    def names(self) -> Mapping[int, str]:
        """Return the names of all accounts by id, in the order of creation."""
        with self._database.connect() as connection:
            rows = connection.execute(select(AccountRow.id, AccountRow.name).order_by(AccountRow.id))
            return {row.id: row.name for row in rows}

    def policy(self, account_id: int) -> types.CallPolicy:
        """Return the policy of an account for calls without a key, or raise ``AccountNotFound``."""
        with self._database.session() as session:
            row = session.get(AccountRow, account_id)
            if row is None:
                raise types.AccountNotFound(f"the account must be an existing one, got number {account_id}")
            found = _account(row)
        return types.CallPolicy(
            account_id=found.id,
            state=found.state,
            metered=found.balance is not None,
            auto_open=found.auto_open,
            rates=found.rates,
            allowed=found.allowed,
            denied=found.denied,
            actions=None,
        )

    def set_state(self, name: str, state: types.AccountState, *, actor: str) -> types.Account:
        """Set the state of an account, or raise ``AccountNotFound``."""
        return self.change(name, types.AccountChange(state=state), actor=actor)

    def change(self, name: str, change: types.AccountChange, *, actor: str) -> types.Account:
        """Change an account; the change applies from the next call on.

        Raises:
            AccountNotFound: there is no such account.
            AccountInvalid: the balance is out of range.
        """
        if isinstance(change.balance, int) and not 0 <= change.balance <= MOST_CALLS:
            raise types.AccountInvalid(f"the balance must be 0 to {MOST_CALLS} calls or unlimited, got {change.balance}")
        with self._database.transaction() as session:
            row = account_row(session, name, lock=True)
            for act, detail in _apply(row, change):
                record(session, self._clock(), actor, act, f"account:{name}", detail)
            return _account(row)

    def add_package(
        self, name: str, calls: int, *, actor: str, action: str | None = None, expires_at: datetime | None = None
    ) -> types.Package:
        """Give an account a package of calls; an unlimited account becomes metered, with a balance of 0.

        Args:
            name: The account's name.
            calls: 1 to 2147483647.
            actor: The actor named in the audit log.
            action: The only action that the package pays for; None for all.
            expires_at: Its expiry; None for never.

        Raises:
            AccountNotFound: there is no such account.
            AccountInvalid: the number of calls is out of range, or the expiry has passed.
        """
        now = self._clock()
        if not 1 <= calls <= MOST_CALLS:
            raise types.AccountInvalid(f"a package must have 1 to {MOST_CALLS} calls, got {calls}")
        if expires_at is not None and expires_at <= now:
            raise types.AccountInvalid(f"a package must end in the future, got {expires_at.isoformat()}")
        with self._database.transaction() as session:
            owner = account_row(session, name, lock=True)
            package = PackageRow(account_id=owner.id, action=action, calls=calls, used=0, expires_at=expires_at, created_at=now)
            session.add(package)
            session.flush()
            expires = None if expires_at is None else expires_at.isoformat()
            detail: Detail = {"package": package.id, "calls": calls, "action": action, "expires": expires}
            record(session, now, actor, "account.package", f"account:{name}", detail)
            if owner.balance is None:
                record(session, now, actor, "account.balance", f"account:{name}", {"from": types.UNLIMITED, "to": 0})
                owner.balance = 0
            return _package(package)

    def packages(self, name: str) -> tuple[types.Package, ...]:
        """Return the packages of an account, used up or not, oldest first, or raise ``AccountNotFound``."""
        with self._database.session() as session:
            query = select(PackageRow).where(PackageRow.account_id == account_row(session, name).id).order_by(PackageRow.id)
            return tuple(_package(row) for row in session.scalars(query))

    def packages_of(self, accounts: Collection[int]) -> Mapping[int, tuple[types.Package, ...]]:
        """Return the packages of several accounts, used up or not, by account id, oldest first."""
        query = select(PackageRow).where(PackageRow.account_id.in_(accounts)).order_by(PackageRow.id)
        found: dict[int, list[types.Package]] = {account: [] for account in accounts}
        with self._database.session() as session:
            for row in session.scalars(query):
                found[row.account_id].append(_package(row))
        return {account: tuple(packages) for account, packages in found.items()}

    def _add(self, session: Session, name: str, actor: str) -> AccountRow:
        row = AccountRow(
            name=name,
            state=types.AccountState.NORMAL.value,
            balance=None,
            auto_open=False,
            rates="",
            allowed_networks="",
            denied_networks="",
            created_at=self._clock(),
        )
        session.add(row)
        session.flush()
        record(session, self._clock(), actor, "account.create", f"account:{name}")
        return row


def _apply(row: AccountRow, change: types.AccountChange) -> list[tuple[str, Detail]]:
    """Apply a change and return the acts and details for the audit log."""
    wanted: dict[str, object] = {}
    if change.state is not None:
        wanted["state"] = change.state.value
    if change.balance is not None:
        wanted["balance"] = None if change.balance == types.UNLIMITED else change.balance
    if change.auto_open is not None:
        wanted["auto_open"] = change.auto_open
    if change.rates:
        rates = {**types.parse_rates(row.rates), **change.rates}
        wanted["rates"] = types.format_rates({name: rate for name, rate in rates.items() if rate != "default"})
    if change.allowed is not None:
        wanted["allowed_networks"] = types.format_networks(change.allowed)
    if change.denied is not None:
        wanted["denied_networks"] = types.format_networks(change.denied)
    acts: list[tuple[str, Detail]] = []
    for column, new in wanted.items():
        old = getattr(row, column)
        setattr(row, column, new)
        acts.append((f"account.{column}", {"from": _shown(column, old), "to": _shown(column, new)}))
    return acts


def _shown(column: str, value: object) -> str | int | bool:
    if value is None and column == "balance":
        return types.UNLIMITED
    return value if isinstance(value, int) else str(value)


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise types.AccountInvalid(f"the account name must have 1-{LONGEST_NAME} characters, got {len(name)}")
    if not name.isprintable() or name != name.strip():
        raise types.AccountInvalid(f"the account name must be printable and without blanks around it, got {name!r}")


def _account(row: AccountRow) -> types.Account:
    return types.Account(
        id=row.id,
        name=row.name,
        state=types.AccountState(row.state),
        created_at=row.created_at,
        balance=row.balance,
        auto_open=row.auto_open,
        rates=types.parse_rates(row.rates),
        allowed=types.parse_networks(row.allowed_networks),
        denied=types.parse_networks(row.denied_networks),
    )


def _package(row: PackageRow) -> types.Package:
    return types.Package(row.id, row.action, row.calls, row.used, row.expires_at, row.created_at)
