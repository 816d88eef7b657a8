"""Bodies of requests and replies; a reply reads its fields from the record that a use case returns."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from facemeld.accounts.types import AccountState
from facemeld.admin.access import Flag, Moment, Number, Whole
from facemeld.materials.review import describe_finding
from facemeld.materials.types import Finding
from facemeld.privacy.deletion import render_receipt
from facemeld.privacy.types import Receipt
from facemeld.upkeep.administration import Source
from facemeld.users.types import Role, TokenKind


def _texts(networks: Any) -> list[str]:
    return [str(network) for network in networks]


def _sorted(names: Any) -> list[str] | None:
    return None if names is None else sorted(names)


Degree: TypeAlias = Annotated[Whole, Field(ge=0, le=100)]
Networks: TypeAlias = Annotated[list[str], BeforeValidator(_texts)]
Password: TypeAlias = Annotated[str, Field(max_length=1024)]
Reason: TypeAlias = Annotated[str, Field(max_length=1000)]
Rate: TypeAlias = Annotated[str, Field(max_length=16, description="Calls a second; empty for the settings'.", examples=["20/second"])]


class Request(BaseModel):
    """The body of a request; unknown fields are refused because they are usually misspelt."""

    model_config = ConfigDict(extra="forbid")


class Reply(BaseModel):
    """The body of a reply, read from an object with the same attributes; an alias says where a field comes from if names differ."""

    model_config = ConfigDict(from_attributes=True)


class UserReply(Reply):
    """A user."""

    name: str
    role: Role
    disabled: bool
    created_at: datetime
    signed_in_at: datetime | None


class LoginRequest(Request):
    """Name and password."""

    name: Annotated[str, Field(max_length=80)]
    password: Password


class LoginReply(Reply):
    """A session."""

    token: str = Field(description="Send it as `Authorization: Bearer TOKEN`.")
    expires_at: datetime
    user: UserReply


class MeReply(Reply):
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


class NewTokenReply(Reply):
    """A new bearer token; it is shown now and never again."""

    id: int
    token: str = Field(validation_alias="text")
    expires_at: datetime


class TokenReply(Reply):
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


class PackageReply(Reply):
    """Calls bought in advance."""

    id: int
    action: str | None
    calls: int
    used: int
    expires_at: datetime | None
    created_at: datetime


class AccountReply(Reply):
    """A customer's account with its credit."""

    name: str = Field(validation_alias=AliasPath("account", "name"))
    state: AccountState = Field(validation_alias=AliasPath("account", "state"))
    balance: int | None = Field(
        validation_alias=AliasPath("account", "balance"),
        description="Calls left besides packages; null for an account that is not counted.",
    )
    calls_left: int | None
    calls_under_way: int
    auto_open: bool = Field(validation_alias=AliasPath("account", "auto_open"))
    rates: dict[str, int | None] = Field(validation_alias=AliasPath("account", "rates"))
    allow_ips: Networks = Field(validation_alias=AliasPath("account", "allowed"))
    deny_ips: Networks = Field(validation_alias=AliasPath("account", "denied"))
    packages: list[PackageReply]
    created_at: datetime = Field(validation_alias=AliasPath("account", "created_at"))


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


class KeyReply(Reply):
    """An access key, without its secret."""

    secret_id: str
    account: str = Field(validation_alias="account_name")
    kind: str = Field(validation_alias=AliasPath("kind", "value"))
    enabled: bool
    actions: Annotated[list[str] | None, BeforeValidator(_sorted)] = Field(description="The only actions that it may call; null for all.")
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class NewKeyRequest(Request):
    """A new access key."""

    actions: list[str] | None = Field(default=None, description="The only actions that it may call; absent for all.")


class NewKeyReply(Reply):
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


class NewTemporaryKeyReply(Reply):
    """A new temporary key; secret and token are shown now and never again."""

    secret_id: str
    secret_key: str
    token: str = Field(description="Calls carry it as `X-TC-Token`.")
    expires_at: datetime


class ActivityReply(Reply):
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


class FaceReply(Reply):
    """A face of a material."""

    id: str = Field(description="`TemplateFaceID` of the API.")
    number: int
    x: int = Field(validation_alias=AliasPath("box", "x"))
    y: int = Field(validation_alias=AliasPath("box", "y"))
    width: int = Field(validation_alias=AliasPath("box", "width"))
    height: int = Field(validation_alias=AliasPath("box", "height"))


class FindingReply(Reply):
    """Something that the automatic review noticed."""

    code: str
    failure: bool
    face: int | None
    value: float | None
    limit: float | None
    text: dict[str, str] = Field(description="One sentence in each language, by `zh-CN` and `en-US`.")

    @model_validator(mode="before")
    @classmethod
    def _describe(cls, finding: Finding) -> dict[str, Any]:
        return {**asdict(finding), "text": {"zh-CN": describe_finding(finding, "zh-CN"), "en-US": describe_finding(finding, "en-US")}}


class IncomingReply(Reply):
    """A mark that a picture carried already when it came in."""

    input: str = Field(default="", description="`template`, or `photo 1` and so on; empty for a material.")
    kind: str = Field(description="`aigc-label`, `source-type`, `manifest` or `invisible-mark`.")
    detail: str = Field(description="What it says.")


class MaterialReply(Reply):
    """A template picture."""

    id: str = Field(description="`ModelId` of the API.")
    activity: str = Field(validation_alias="activity_id", description="`ProjectId` of the API.")
    name: str
    status: int = Field(description="`MaterialStatus` of the API.")
    status_name: Annotated[str, BeforeValidator(str.lower)] = Field(validation_alias=AliasPath("status", "name"))
    usable: bool = Field(validation_alias=AliasPath("status", "usable"), description="Whether it may be fused.")
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


class MaterialChangeRequest(Request):
    """What to change about a material; absent fields stay."""

    name: str | None = None
    shape_degree: Degree | None = None
    feature_degree: Degree | None = None
    inherit_degrees: Flag = Field(default=False, description="Forget both own degrees first, so that those of the activity hold.")


class DecisionRequest(Request):
    """Why a material is approved, rejected or appealed."""

    reason: Reason = ""


class UsageTotalReply(Reply):
    """Sums over the calls of one day, action or code."""

    group: str
    calls: int
    failed: int
    charged: int
    faces: int
    bytes_in: int
    bytes_out: int
    milliseconds: float = Field(description="Average duration.")


class SettingReply(Reply):
    """A setting."""

    name: str
    variable: str = Field(description="Environment variable that sets it.")
    group: str
    description: str
    value: str = Field(description="Its value; secrets are hidden.")
    source: Source = Field(description="Where the value comes from.")
    secret: bool


class UsageReply(Reply):
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


class ResultReply(Reply):
    """A stored result; its address is known to the caller alone, because results show people's faces."""

    id: Annotated[str, BeforeValidator(str)]
    media_type: str = Field(validation_alias=AliasPath("id", "media_type"))
    size: int
    stored_at: datetime
    expires_at: datetime = Field(validation_alias=AliasPath("id", "expires_at"))


class AuditReply(Reply):
    """One administrative act."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: dict[str, str | int | bool | None]


class AuditVerdictReply(Reply):
    """What a check of the audit log's chain found."""

    sound: bool
    entries: int = Field(description="Entries that hold.")
    head_id: int = Field(validation_alias=AliasPath("head", "id"), description="The last entry that holds; 0 for none.")
    head_hash: str = Field(
        validation_alias=AliasPath("head", "hash"), description="Its hash; kept elsewhere, it is the anchor of a later check."
    )
    bad_id: int | None = Field(validation_alias="bad", description="The first entry that does not hold.")
    fault: str = Field(description="What is wrong; empty if nothing is.")


class DeletionRequest(Request):
    """Whose results are to be deleted: exactly one of `request_id` and `consent`."""

    request_id: str = Field(default="", max_length=64, description="RequestId of the call that made the result.")
    consent: str = Field(default="", max_length=128, description="Consent reference of the calls that made the results.")
    account: str | None = Field(default=None, description="Only calls of this account.")


class ReceiptReply(Reply):
    """The signed statement of a deletion."""

    number: int
    at: datetime
    receipt: dict[str, Any] = Field(description="What `facemeld receipts verify` checks: `body` and `signature`.")

    @model_validator(mode="before")
    @classmethod
    def _render(cls, receipt: Receipt) -> dict[str, Any]:
        return {"number": receipt.number, "at": receipt.at, "receipt": render_receipt(receipt.body, receipt.signature)}
