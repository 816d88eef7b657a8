"""Bodies of requests and replies; a reply reads its fields from the record that a use case returns."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from facemeld.accounts.types import AccountState
from facemeld.admin.access import Flag, Moment, Number, Whole
from facemeld.materials.service import describe_finding
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
Rate: TypeAlias = Annotated[
    str, Field(max_length=16, description="Calls per second; empty for the rate in the settings.", examples=["20/second"])
]


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
    """A new session."""

    token: str = Field(description="Send it as `Authorization: Bearer TOKEN`.")
    expires_at: datetime
    user: UserReply


class MeReply(Reply):
    """The user of the token, and the acts it allows."""

    name: str
    role: Role = Field(description="The lower of the user's role and the token's.")
    acts: list[str] = Field(description="Kinds of acts that the role allows.")


class PasswordRequest(Request):
    """A change of your own password."""

    current: Password
    new: Password


class NewUserRequest(Request):
    """A new user."""

    name: str
    password: Password
    role: Role = Role.VIEWER


class UserChangeRequest(Request):
    """A change of a user; omitted fields keep their values."""

    role: Role | None = None
    disabled: Flag | None = None
    password: Password | None = None


class NewTokenRequest(Request):
    """A new bearer token for a program."""

    label: str = ""
    days: Annotated[Number, Field(gt=0, le=366)] = 90
    role: Role | None = Field(default=None, description="Role of the token; limited to the user's own role.")


class NewTokenReply(Reply):
    """A new bearer token, shown only once."""

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
    """A package of prepaid calls."""

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
        description="Calls left besides packages; null if the account's calls are not counted.",
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
    """A change of an account; omitted fields keep their values. A list replaces the old list; rates change one by one."""

    state: AccountState | None = None
    balance: Whole | str | None = Field(default=None, description="Calls left besides packages, or `unlimited`.")
    auto_open: Flag | None = None
    rates: dict[str, Whole | str] | None = Field(
        default=None, description="Calls per second by action or scope; or `unlimited` or `default`."
    )
    allow_ips: list[str] | None = None
    deny_ips: list[str] | None = None


class NewPackageRequest(Request):
    """A new package of prepaid calls."""

    calls: Annotated[Whole, Field(ge=1)]
    action: str | None = None
    expires_at: Moment | None = None


class KeyReply(Reply):
    """An access key, without its secret."""

    secret_id: str
    account: str = Field(validation_alias="account_name")
    kind: str = Field(validation_alias=AliasPath("kind", "value"))
    enabled: bool
    actions: Annotated[list[str] | None, BeforeValidator(_sorted)] = Field(description="Actions that the key may call; null for all.")
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class NewKeyRequest(Request):
    """A new access key."""

    actions: list[str] | None = Field(default=None, description="Actions that the key may call; omit it for all.")


class NewKeyReply(Reply):
    """A new access key, with its secret, which is shown only once."""

    secret_id: str
    secret_key: str


class KeyChangeRequest(Request):
    """A change of a key; omitted fields keep their values."""

    enabled: Flag | None = Field(default=None, description="Whether calls with the key are accepted.")
    actions: list[str] | None = Field(default=None, description="Actions that the key may call.")
    all_actions: Flag = Field(default=False, description="Allow all actions; use it instead of `actions`.")


class NewTemporaryKeyRequest(Request):
    """A new temporary key that acts on behalf of another key."""

    minutes: Annotated[Whole, Field(ge=1, le=2160)] = 60


class NewTemporaryKeyReply(Reply):
    """A new temporary key, with its secret and token, which are shown only once."""

    secret_id: str
    secret_key: str
    token: str = Field(description="Send it as `X-TC-Token` with every call.")
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
    consent_required: bool = Field(description="Whether every fusion must send the header `X-Facemeld-Consent`.")
    rate: str = Field(description="Calls per second; empty for the rate in the settings.", examples=["20/second"])
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
    """A change of an activity; omitted fields keep their values."""

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
    """A finding of the automatic review."""

    code: str
    failure: bool
    face: int | None
    value: float | None
    limit: float | None
    text: dict[str, str] = Field(description="A sentence in each language, keyed by `zh-CN` and `en-US`.")

    @model_validator(mode="before")
    @classmethod
    def _describe(cls, finding: Finding) -> dict[str, Any]:
        return {**asdict(finding), "text": {"zh-CN": describe_finding(finding, "zh-CN"), "en-US": describe_finding(finding, "en-US")}}


class IncomingReply(Reply):
    """A mark that an uploaded picture already carried."""

    input: str = Field(default="", description="`template`, `photo 1`, `photo 2` and so on; empty for a material.")
    kind: str = Field(description="`aigc-label`, `source-type`, `manifest` or `invisible-mark`.")
    detail: str = Field(description="Content of the mark.")


class MaterialReply(Reply):
    """A template picture."""

    id: str = Field(description="`ModelId` of the API.")
    activity: str = Field(validation_alias="activity_id", description="`ProjectId` of the API.")
    name: str
    status: int = Field(description="`MaterialStatus` of the API.")
    status_name: Annotated[str, BeforeValidator(str.lower)] = Field(validation_alias=AliasPath("status", "name"))
    usable: bool = Field(validation_alias=AliasPath("status", "usable"), description="Whether the material may be used for fusion.")
    audit_result: str
    findings: list[FindingReply]
    incoming: list[IncomingReply] = Field(description="Marks that the uploaded picture carried.")
    width: int
    height: int
    format: str
    size: int
    sha256: str
    shape_degree: int | None = Field(description="Default of this material; null for the activity's default.")
    feature_degree: int | None = Field(description="Default of this material; null for the activity's default.")
    faces: list[FaceReply]
    created_at: datetime
    updated_at: datetime


class MaterialChangeRequest(Request):
    """A change of a material; omitted fields keep their values."""

    name: str | None = None
    shape_degree: Degree | None = None
    feature_degree: Degree | None = None
    inherit_degrees: Flag = Field(default=False, description="Reset both degrees to the activity's defaults before applying other changes.")


class DecisionRequest(Request):
    """The reason for approving, rejecting or appealing a material."""

    reason: Reason = ""


class UsageTotalReply(Reply):
    """Totals of the calls of a day, an action or a code."""

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
    value: str = Field(description="Value, with secrets hidden.")
    source: Source = Field(description="Source of the value.")
    secret: bool


class UsageReply(Reply):
    """A call, without its parameters and pictures."""

    at: datetime
    request_id: str
    secret_id: str | None
    action: str
    version: str
    code: str = Field(description="Error code; empty for success.")
    milliseconds: int
    faces: int
    bytes_in: int
    bytes_out: int
    charged: bool
    project_id: str = Field(description="Activity that the call named; empty for none.")
    model_id: str = Field(description="Material that the call named; empty for none.")
    consent: str | None = Field(description="Consent reference of the result; empty after its deletion, null for none.")
    client: str = Field(description="Address of the caller; empty if unknown or not recorded.")
    stages: dict[str, float] = Field(description="Milliseconds spent in each stage.")
    incoming: list[IncomingReply] = Field(description="Marks that the pictures of the call already carried.")


class ResultReply(Reply):
    """A stored result, without its address: results show people's faces, and only the caller gets the address."""

    id: Annotated[str, BeforeValidator(str)]
    media_type: str = Field(validation_alias=AliasPath("id", "media_type"))
    size: int
    stored_at: datetime
    expires_at: datetime = Field(validation_alias=AliasPath("id", "expires_at"))


class AuditReply(Reply):
    """An entry of the audit log."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: dict[str, str | int | bool | None]


class AuditVerdictReply(Reply):
    """The outcome of a check of the audit log's chain."""

    sound: bool
    entries: int = Field(description="Number of valid entries.")
    head_id: int = Field(validation_alias=AliasPath("head", "id"), description="Id of the last valid entry; 0 for none.")
    head_hash: str = Field(
        validation_alias=AliasPath("head", "hash"),
        description="Hash of that entry; keep it elsewhere and pass it as `anchor` to a later check.",
    )
    bad_id: int | None = Field(validation_alias="bad", description="Id of the first invalid entry; null for none.")
    fault: str = Field(description="Reason why the chain is broken; empty if it is intact.")


class DeletionRequest(Request):
    """The results to delete, named by exactly one of `request_id` and `consent`."""

    request_id: str = Field(default="", max_length=64, description="RequestId of the call that made the results.")
    consent: str = Field(default="", max_length=128, description="Consent reference of the calls that made the results.")
    account: str | None = Field(default=None, description="Only delete results of this account's calls.")


class ReceiptReply(Reply):
    """The signed statement of a deletion."""

    number: int
    at: datetime
    receipt: dict[str, Any] = Field(description="`body` and `signature`, which `facemeld receipts verify` checks.")

    @model_validator(mode="before")
    @classmethod
    def _render(cls, receipt: Receipt) -> dict[str, Any]:
        return {"number": receipt.number, "at": receipt.at, "receipt": render_receipt(receipt.body, receipt.signature)}
