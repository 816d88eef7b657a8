"""Bodies of requests and replies."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from facemeld.accounts.types import AccessKey, AccountState, Package
from facemeld.admin.values import Flag, Moment, Number, Whole
from facemeld.db.audit import AuditEntry, AuditVerdict
from facemeld.materials.review import describe_finding
from facemeld.materials.types import Activity, Finding, Material
from facemeld.privacy.deletion import render_receipt
from facemeld.privacy.types import Receipt
from facemeld.results.types import ResultSummary
from facemeld.upkeep.administration import AccountView, SettingView, Source
from facemeld.usage.types import Usage, UsageTotal
from facemeld.users.types import NewToken, Role, Token, TokenKind, User

Item = TypeVar("Item")
Degree: TypeAlias = Annotated[Whole, Field(ge=0, le=100)]
Password: TypeAlias = Annotated[str, Field(max_length=1024)]
Reason: TypeAlias = Annotated[str, Field(max_length=1000)]
Rate: TypeAlias = Annotated[str, Field(max_length=16, description="Calls a second; empty for the settings'.", examples=["20/second"])]


class Request(BaseModel):
    """A body of a request: unknown fields are refused, because they are misspelt ones."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null at the end.")
    total: int | None = Field(default=None, description="Length of the whole list, where it is known.")


class UserReply(BaseModel):
    """A user."""

    name: str
    role: Role
    disabled: bool
    created_at: datetime
    signed_in_at: datetime | None

    @classmethod
    def of(cls, user: User) -> Self:
        """From the store's record."""
        return cls(name=user.name, role=user.role, disabled=user.disabled, created_at=user.created_at, signed_in_at=user.signed_in_at)


class LoginRequest(Request):
    """Name and password."""

    name: Annotated[str, Field(max_length=80)]
    password: Password


class LoginReply(BaseModel):
    """A session."""

    token: str = Field(description="Send it as `Authorization: Bearer TOKEN`.")
    expires_at: datetime
    user: UserReply


class MeReply(BaseModel):
    """Who the token stands for, and what it may do."""

    name: str
    role: Role = Field(description="The lower of the user's role and the token's.")
    acts: list[str] = Field(description="Kinds of acts that the role allows.")


class PasswordRequest(Request):
    """A change of the own password."""

    current: Password
    new: Password


class NewUserRequest(Request):
    """A new user."""

    name: str
    password: Password
    role: Role = Role.VIEWER


class UserChangeRequest(Request):
    """What to change about a user; absent fields stay."""

    role: Role | None = None
    disabled: Flag | None = None
    password: Password | None = None


class NewTokenRequest(Request):
    """A new bearer token for a program."""

    label: str = ""
    days: Annotated[Number, Field(gt=0, le=366)] = 90
    role: Role | None = Field(default=None, description="The most that it may be used for; never more than the caller may.")


class NewTokenReply(BaseModel):
    """A new bearer token; it is shown now and never again."""

    id: int
    token: str
    expires_at: datetime

    @classmethod
    def of(cls, token: NewToken) -> Self:
        """From the store's record."""
        return cls(id=token.id, token=token.text, expires_at=token.expires_at)


class TokenReply(BaseModel):
    """A bearer token, without its text."""

    id: int
    user: str
    kind: TokenKind
    label: str
    role: Role
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, token: Token) -> Self:
        """From the store's record."""
        return cls(**{name: getattr(token, name) for name in cls.model_fields})


class PackageReply(BaseModel):
    """Calls bought in advance."""

    id: int
    action: str | None
    calls: int
    used: int
    expires_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, package: Package) -> Self:
        """From the store's record."""
        return cls(**{name: getattr(package, name) for name in cls.model_fields})


class AccountReply(BaseModel):
    """A customer's account with its credit."""

    name: str
    state: AccountState
    balance: int | None = Field(description="Calls left besides packages; null for an account that is not counted.")
    calls_left: int | None
    calls_under_way: int
    auto_open: bool
    rates: dict[str, int | None]
    allow_ips: list[str]
    deny_ips: list[str]
    packages: list[PackageReply]
    created_at: datetime

    @classmethod
    def of(cls, view: AccountView) -> Self:
        """From the use case's record."""
        account = view.account
        return cls(
            name=account.name,
            state=account.state,
            balance=account.balance,
            calls_left=view.calls_left,
            calls_under_way=view.calls_under_way,
            auto_open=account.auto_open,
            rates=dict(account.rates),
            allow_ips=[str(network) for network in account.allowed],
            deny_ips=[str(network) for network in account.denied],
            packages=[PackageReply.of(package) for package in view.packages],
            created_at=account.created_at,
        )


class NewAccountRequest(Request):
    """A new account."""

    name: str


class AccountChangeRequest(Request):
    """What to change about an account; absent fields stay. Lists are replaced, rates are changed one by one."""

    state: AccountState | None = None
    balance: Whole | str | None = Field(default=None, description="Calls left besides packages, or `unlimited`.")
    auto_open: Flag | None = None
    rates: dict[str, Whole | str] | None = Field(default=None, description="Calls a second by action or scope, or `unlimited`, `default`.")
    allow_ips: list[str] | None = None
    deny_ips: list[str] | None = None


class NewPackageRequest(Request):
    """Calls bought in advance."""

    calls: Annotated[Whole, Field(ge=1)]
    action: str | None = None
    expires_at: Moment | None = None


class KeyReply(BaseModel):
    """An access key, without its secret."""

    secret_id: str
    account: str
    kind: str
    enabled: bool
    actions: list[str] | None = Field(description="The only actions that it may call; null for all.")
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, key: AccessKey) -> Self:
        """From the store's record."""
        return cls(
            secret_id=key.secret_id,
            account=key.account_name,
            kind=key.kind.value,
            enabled=key.enabled,
            actions=None if key.actions is None else sorted(key.actions),
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            expires_at=key.expires_at,
        )


class NewKeyRequest(Request):
    """A new access key."""

    actions: list[str] | None = Field(default=None, description="The only actions that it may call; absent for all.")


class NewKeyReply(BaseModel):
    """A new access key; its secret is shown now and never again."""

    secret_id: str
    secret_key: str


class KeyChangeRequest(Request):
    """What to change about a key; absent fields stay."""

    enabled: Flag | None = Field(default=None, description="Whether it is accepted.")
    actions: list[str] | None = Field(default=None, description="The only actions that it may call from now on.")
    all_actions: Flag = Field(default=False, description="Allow all actions; instead of `actions`.")


class NewTemporaryKeyRequest(Request):
    """A new key that acts on behalf of another for a while."""

    minutes: Annotated[Whole, Field(ge=1, le=2160)] = 60


class NewTemporaryKeyReply(BaseModel):
    """A new temporary key; secret and token are shown now and never again."""

    secret_id: str
    secret_key: str
    token: str = Field(description="Calls carry it as `X-TC-Token`.")
    expires_at: datetime


class ActivityReply(BaseModel):
    """A group of materials."""

    id: str = Field(description="`ProjectId` of the API.")
    name: str
    description: str
    published: bool
    disabled: bool
    shape_degree: int
    feature_degree: int
    consent_required: bool = Field(description="Whether every fusion must carry the header `X-Facemeld-Consent`.")
    rate: str = Field(description="Calls a second; empty for the settings'.", examples=["20/second"])
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, activity: Activity) -> Self:
        """From the store's record."""
        return cls(**{name: getattr(activity, name) for name in cls.model_fields})


class NewActivityRequest(Request):
    """A new activity."""

    account: str
    name: str
    description: str = ""
    published: Flag = True
    shape_degree: Degree = 50
    feature_degree: Degree = 50
    consent_required: Flag = False
    rate: Rate = ""


class ActivityChangeRequest(Request):
    """What to change about an activity; absent fields stay."""

    name: str | None = None
    description: str | None = None
    published: Flag | None = None
    disabled: Flag | None = None
    shape_degree: Degree | None = None
    feature_degree: Degree | None = None
    consent_required: Flag | None = None
    rate: Rate | None = None


class FaceReply(BaseModel):
    """A face of a material."""

    id: str = Field(description="`TemplateFaceID` of the API.")
    number: int
    x: int
    y: int
    width: int
    height: int


class FindingReply(BaseModel):
    """Something that the automatic review noticed."""

    code: str
    failure: bool
    face: int | None
    value: float | None
    limit: float | None
    text: dict[str, str] = Field(description="One sentence in each language, by `zh-CN` and `en-US`.")

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """From the catalogue's record."""
        return cls(
            code=finding.code,
            failure=finding.failure,
            face=finding.face,
            value=finding.value,
            limit=finding.limit,
            text={"zh-CN": describe_finding(finding, "zh-CN"), "en-US": describe_finding(finding, "en-US")},
        )


class IncomingReply(BaseModel):
    """A mark that a picture carried already when it came in."""

    input: str = Field(default="", description="`template`, or `photo 1` and so on; empty for a material.")
    kind: str = Field(description="`aigc-label`, `source-type`, `manifest` or `invisible-mark`.")
    detail: str = Field(description="What it says.")


class MaterialReply(BaseModel):
    """A template picture."""

    id: str = Field(description="`ModelId` of the API.")
    activity: str = Field(description="`ProjectId` of the API.")
    name: str
    status: int = Field(description="`MaterialStatus` of the API.")
    status_name: str
    usable: bool = Field(description="Whether it may be fused.")
    audit_result: str
    findings: list[FindingReply]
    incoming: list[IncomingReply] = Field(description="Marks that the picture came with.")
    width: int
    height: int
    format: str
    size: int
    sha256: str
    shape_degree: int | None = Field(description="Own default; null takes the activity's.")
    feature_degree: int | None = Field(description="Own default; null takes the activity's.")
    faces: list[FaceReply]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, material: Material) -> Self:
        """From the catalogue's record."""
        faces = [
            FaceReply(id=face.id, number=face.number, x=face.box.x, y=face.box.y, width=face.box.width, height=face.box.height)
            for face in material.faces
        ]
        same = ("id", "name", "audit_result", "width", "height", "format", "size", "sha256", "shape_degree", "feature_degree")
        return cls(
            **{name: getattr(material, name) for name in same},
            activity=material.activity_id,
            status=material.status.value,
            status_name=material.status.name.lower(),
            usable=material.status.usable,
            findings=[FindingReply.of(finding) for finding in material.findings],
            incoming=[IncomingReply(**mark) for mark in material.incoming],
            faces=faces,
            created_at=material.created_at,
            updated_at=material.updated_at,
        )


class MaterialChangeRequest(Request):
    """What to change about a material; absent fields stay."""

    name: str | None = None
    shape_degree: Degree | None = None
    feature_degree: Degree | None = None
    inherit_degrees: Flag = Field(default=False, description="Forget both own degrees first, so that those of the activity hold.")


class DecisionRequest(Request):
    """Why a material is approved, rejected or appealed."""

    reason: Reason = ""


class UsageTotalReply(BaseModel):
    """Sums over the calls of one day, action or code."""

    group: str
    calls: int
    failed: int
    charged: int
    faces: int
    bytes_in: int
    bytes_out: int
    milliseconds: float = Field(description="Average duration.")

    @classmethod
    def of(cls, total: UsageTotal) -> Self:
        """From the store's record."""
        return cls(**{name: getattr(total, name) for name in cls.model_fields})


class SettingReply(BaseModel):
    """A setting."""

    name: str
    variable: str = Field(description="Environment variable that sets it.")
    group: str
    description: str
    value: str = Field(description="Its value; secrets are hidden.")
    source: Source = Field(description="Where the value comes from.")
    secret: bool

    @classmethod
    def of(cls, view: SettingView) -> Self:
        """From the use case's record."""
        return cls(**{name: getattr(view, name) for name in cls.model_fields})


class UsageReply(BaseModel):
    """One call; never its parameters, never a picture."""

    at: datetime
    request_id: str
    secret_id: str | None
    action: str
    version: str
    code: str = Field(description="Code of the error; empty for success.")
    milliseconds: int
    faces: int
    bytes_in: int
    bytes_out: int
    charged: bool
    project_id: str = Field(description="The activity; empty if the call named none.")
    model_id: str = Field(description="The material; empty if the call named none.")
    consent: str | None = Field(description="Consent reference under which a result was made; empty once it was deleted, null for none.")
    client: str = Field(description="Address of the caller; empty if unknown or not kept.")
    stages: dict[str, float] = Field(description="Where the time went, in milliseconds by stage.")
    incoming: list[IncomingReply] = Field(description="Marks that the pictures of the call carried already.")

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """From the store's record."""
        same = {name: getattr(usage, name) for name in cls.model_fields if name != "incoming"}
        return cls(**same, incoming=[IncomingReply(**mark) for mark in usage.incoming])


class ResultReply(BaseModel):
    """A stored result; its address is known to the caller alone, because results show people's faces."""

    id: str
    media_type: str
    size: int
    stored_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, summary: ResultSummary) -> Self:
        """From the store's record."""
        result = summary.id
        return cls(
            id=str(result), media_type=result.media_type, size=summary.size, stored_at=summary.stored_at, expires_at=result.expires_at
        )


class AuditReply(BaseModel):
    """One administrative act."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: dict[str, str | int | bool | None]

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """From the log's record."""
        return cls(id=entry.id, at=entry.at, actor=entry.actor, act=entry.act, subject=entry.subject, detail=dict(entry.detail))


class AuditVerdictReply(BaseModel):
    """What a check of the audit log's chain found."""

    sound: bool
    entries: int = Field(description="Entries that hold.")
    head_id: int = Field(description="The last entry that holds; 0 for none.")
    head_hash: str = Field(description="Its hash; kept elsewhere, it is the anchor of a later check.")
    bad_id: int | None = Field(description="The first entry that does not hold.")
    fault: str = Field(description="What is wrong; empty if nothing is.")

    @classmethod
    def of(cls, verdict: AuditVerdict) -> Self:
        """From the check."""
        return cls(
            sound=verdict.sound,
            entries=verdict.entries,
            head_id=verdict.head.id,
            head_hash=verdict.head.hash,
            bad_id=verdict.bad,
            fault=verdict.fault,
        )


class DeletionRequest(Request):
    """Whose results are to be deleted: exactly one of `request_id` and `consent`."""

    request_id: str = Field(default="", max_length=64, description="RequestId of the call that made the result.")
    consent: str = Field(default="", max_length=128, description="Consent reference of the calls that made the results.")
    account: str | None = Field(default=None, description="Only calls of this account.")


class ReceiptReply(BaseModel):
    """The signed statement of a deletion."""

    number: int
    at: datetime
    receipt: dict[str, Any] = Field(description="What `facemeld receipts verify` checks: `body` and `signature`.")

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """From the store's record."""
        return cls(number=receipt.number, at=receipt.at, receipt=render_receipt(receipt.body, receipt.signature))
