"""Users and tokens: what is accepted, what is stored, what is logged."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from facemeld.users.store import LONGEST_LIFE, UserStore
from facemeld.users.types import (
    Cost,
    PasswordWrong,
    Role,
    TokenInvalid,
    TokenKind,
    TokenNotFound,
    User,
    UserExists,
    UserInvalid,
    UserNotFound,
)
from tests.db.state import SettableClock
from tests.users.conftest import PASSWORD

DAY = timedelta(days=1)


def token(users: UserStore, name: str = "ann", role: Role | None = None, kind: TokenKind = TokenKind.PROGRAM) -> str:
    return users.create_token(name, life=DAY, kind=kind, actor="test", role=role).text


def test_a_user_is_recognised_by_the_password_alone(users: UserStore, owner: User) -> None:
    assert users.check_password("ann", PASSWORD) == owner
    for name, password in (
        ("ann", PASSWORD + "x"),
        ("ann", ""),
        ("bob", PASSWORD),
        ("Ann", PASSWORD),
        ("ann\0", PASSWORD),
        ("ann", "x" * 10**6),
    ):
        with pytest.raises(PasswordWrong):
            users.check_password(name, password)


def test_a_password_typed_on_another_keyboard_is_the_same(users: UserStore) -> None:
    users.create("zoe", "crème brûlée ⅷ", Role.VIEWER, actor="test")
    assert users.check_password("zoe", "cre\u0300me bru\u0302le\u0301e viii").name == "zoe"


@pytest.mark.parametrize("name", ["", "Ann", "a b", "a" * 65, "-a", "ann\n", "ä", "a/b"])
def test_names_must_be_plain(users: UserStore, name: str) -> None:
    with pytest.raises(UserInvalid, match="a user name must be"):
        users.create(name, PASSWORD, Role.VIEWER, actor="test")
    with pytest.raises(UserNotFound):
        users.get(name)


def test_passwords_must_be_long_and_names_new(users: UserStore, owner: User) -> None:
    with pytest.raises(UserInvalid, match="a password must have 12-256 characters, got 11"):
        users.create("bob", "x" * 11, Role.VIEWER, actor="test")
    with pytest.raises(UserExists):
        users.create("ann", PASSWORD, Role.VIEWER, actor="test")


def test_secrets_are_not_stored_readably(users: UserStore, owner: User, database: Database, database_file: Path) -> None:
    text = token(users)
    database.close()
    for file in database_file.parent.glob(f"{database_file.name}*"):
        content = file.read_bytes()
        assert PASSWORD.encode() not in content
        assert text.encode() not in content
        assert text.removeprefix("fmu_").encode() not in content


def test_a_token_stands_for_its_user_until_it_ends(users: UserStore, owner: User, clock: SettableClock) -> None:
    text = token(users)
    assert (users.authenticate(text).name, users.authenticate(text).actor) == ("ann", "user:ann")
    clock.advance(days=1, seconds=-1)
    assert users.authenticate(text).role == Role.OWNER
    clock.advance(seconds=1)
    with pytest.raises(TokenInvalid):
        users.authenticate(text)


def test_a_token_ends_when_revoked_or_its_user_is_disabled(users: UserStore, owner: User) -> None:
    users.create("bob", PASSWORD, Role.VIEWER, actor="test")
    first, second = token(users, "bob"), token(users, "bob")
    with pytest.raises(TokenNotFound):
        users.revoke(users.authenticate(first).token_id, actor="user:ann", user="ann")
    users.revoke(users.authenticate(first).token_id, actor="user:bob", user="bob")
    with pytest.raises(TokenInvalid):
        users.authenticate(first)
    users.change("bob", disabled=True, actor="test")
    with pytest.raises(TokenInvalid):
        users.authenticate(second)
    with pytest.raises(PasswordWrong):
        users.check_password("bob", PASSWORD)
    with pytest.raises(UserInvalid, match="is disabled"):
        token(users, "bob")
    users.change("bob", disabled=False, actor="test")
    assert users.authenticate(second).name == "bob"


def test_a_new_password_ends_sessions_but_not_programs(users: UserStore, owner: User) -> None:
    session, program = token(users, kind=TokenKind.SESSION), token(users)
    users.change("ann", password="another long one", actor="test")
    with pytest.raises(TokenInvalid):
        users.authenticate(session)
    assert users.authenticate(program).name == "ann"
    assert users.check_password("ann", "another long one") == users.get("ann")


@pytest.mark.parametrize("of_user", list(Role))
@pytest.mark.parametrize("of_token", [None, *Role])
def test_a_request_may_what_both_user_and_token_may(users: UserStore, owner: User, of_user: Role, of_token: Role | None) -> None:
    users.create("bob", PASSWORD, Role.OWNER, actor="test")
    text = token(users, "bob", of_token)
    users.change("bob", role=of_user, actor="test")
    role = users.authenticate(text).role
    assert role == max([of_user, of_token or Role.OWNER], key=list(Role).index)


def test_roles_are_ordered() -> None:
    order = [Role.OWNER, Role.OPERATOR, Role.REVIEWER, Role.VIEWER]
    assert [[role.allows(other) for other in order] for role in order] == [[j >= i for j in range(4)] for i in range(4)]


def test_an_enabled_owner_is_always_left(users: UserStore, owner: User) -> None:
    for change in ({"role": Role.VIEWER}, {"disabled": True}):
        with pytest.raises(UserInvalid, match="an enabled owner must be left"):
            users.change("ann", actor="test", **change)
    assert users.get("ann") == owner
    users.create("bob", PASSWORD, Role.OWNER, actor="test")
    assert users.change("ann", role=Role.VIEWER, actor="test").role == Role.VIEWER


def test_only_one_of_many_processes_creates_the_first_owner(database_file: Path, users: UserStore, database: Database) -> None:
    made: list[User | None] = []

    def start(number: int) -> None:
        own = Database.at(database_file)
        made.append(UserStore(own).create_first(f"owner{number % 2}", PASSWORD, actor="system"))
        own.close()

    threads = [threading.Thread(target=start, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([user for user in made if user is not None]) == 1
    assert [user.role for user in users.users()] == [Role.OWNER]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(text=st.text(max_size=60) | st.from_regex(r"fmu_[A-Za-z0-9_-]{43}", fullmatch=True))
def test_no_text_is_accepted_that_was_not_given_out(users: UserStore, text: str) -> None:
    with pytest.raises(TokenInvalid):
        users.authenticate(text)


@pytest.mark.parametrize("life", [timedelta(0), timedelta(seconds=-1), LONGEST_LIFE + timedelta(seconds=1)])
def test_tokens_live_neither_never_nor_for_ever(users: UserStore, owner: User, life: timedelta) -> None:
    with pytest.raises(UserInvalid, match="a token must expire within 366 days"):
        users.create_token("ann", life=life, kind=TokenKind.PROGRAM, actor="test")


def test_every_act_is_logged_without_secrets(users: UserStore, owner: User, audit: AuditLog) -> None:
    new = users.create_token("ann", life=DAY, kind=TokenKind.PROGRAM, label="backup", actor="user:ann")
    users.revoke(new.id, actor="user:ann")
    users.revoke(new.id, actor="user:ann")
    users.create("bob", PASSWORD, Role.VIEWER, actor="user:ann")
    users.change("bob", role=Role.REVIEWER, disabled=True, password="another long one", actor="user:ann")
    users.change("bob", role=Role.REVIEWER, disabled=True, actor="user:ann")
    entries = audit.entries()
    assert [entry.act for entry in reversed(entries)] == [
        "user.create",
        "token.create",
        "token.revoke",
        "user.create",
        "user.role",
        "user.disable",
        "user.password",
    ]
    logged = repr(entries)
    assert not any(secret in logged for secret in (PASSWORD, "another long one", new.text))


def test_ended_tokens_are_forgotten_after_a_month(users: UserStore, owner: User, clock: SettableClock) -> None:
    token(users)
    users.create_token("ann", life=timedelta(days=100), kind=TokenKind.PROGRAM, actor="test")
    clock.advance(days=30)
    assert users.purge() == 0
    clock.advance(days=2)
    assert users.purge() == 1
    assert len(users.tokens("ann")) == 1


def test_passwords_are_hashed_at_the_recommended_cost(password_cost: Cost) -> None:
    """The service's own cost, which the tests lower: scrypt with N = 2**15, r = 8 and p = 3."""
    assert password_cost == Cost(15, 8, 3)
