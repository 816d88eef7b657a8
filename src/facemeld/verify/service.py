"""Reads the marks of a picture into a report; nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from facemeld.marks.metadata import ImplicitLabel
from facemeld.media.decode import DecodeLimits
from facemeld.media.errors import ImageTooManyBytes
from facemeld.workers.pool.executor import VERIFIERS, Executor
from facemeld.workers.tasks.marking import ReadMarks, VerifyPicture, mark_identifier

if TYPE_CHECKING:
    from facemeld.marks.credentials import Credentials


@dataclass(frozen=True, slots=True)
class VerifyRules:
    """The operator's rules for verifying.

    Attributes:
        limits: Limits for decoding.
        seconds: Deadline.
        anchors: Trusted certificates of this installation, PEM.
        local: Whether they belong to the generated development authority.
    """

    limits: DecodeLimits
    seconds: float
    anchors: str = ""
    local: bool = False


@dataclass(frozen=True, slots=True)
class VerifyService:
    """Verifies pictures of any maker."""

    executor: Executor
    rules: VerifyRules

    async def verify(self, data: bytes) -> dict[str, Any]:
        """Read all marks of a JPEG, PNG or WebP into a report in wire form, see ``docs/labels.md``.

        Raises:
            MediaError: the file cannot be decoded or exceeds a limit.
            WorkerError: the pixel work failed.
        """
        if len(data) > self.rules.limits.max_bytes:
            raise ImageTooManyBytes(f"a file must have at most {self.rules.limits.max_bytes} bytes, got {len(data)}")
        task = VerifyPicture(data, self.rules.limits, self.rules.anchors)
        marks = await self.executor.run(task, self.rules.seconds, owner=VERIFIERS)
        return report(marks, local=self.rules.local)


def report(marks: ReadMarks, *, local: bool = False) -> dict[str, Any]:
    """Return the report of the marks of a picture; ``local`` as in ``VerifyRules``."""
    label, credentials, invisible = marks.metadata.label, marks.credentials, marks.invisible
    present = {"Label": label is not None, "Credentials": credentials is not None, "InvisibleMark": invisible is not None}
    found = {
        "Format": marks.format,
        "Width": marks.width,
        "Height": marks.height,
        "Label": None if label is None else _label(label),
        "Credentials": None if credentials is None else _credentials(credentials, local),
        "InvisibleMark": None if invisible is None else {"Identifier": f"{invisible.identifier:016x}", "Score": round(invisible.score, 1)},
        "Metadata": dict(marks.metadata.entries),
        "Missing": [name for name, there in present.items() if not there],
    }
    named = set(identifiers(found).values())
    return {**found, "Consistent": len(named) == 1 if len(identifiers(found)) > 1 else None}


def identifiers(found: Mapping[str, Any]) -> dict[str, int]:
    """Return the result id in each mark of a report, in the form of the invisible mark; marks without an id are left out."""
    label, credentials, invisible = found["Label"], found["Credentials"], found["InvisibleMark"]
    named: dict[str, int] = {}
    if label is not None and label["ProduceID"]:
        named["Label"] = mark_identifier(label["ProduceID"])
    if credentials is not None and credentials["InstanceId"].startswith("urn:uuid:"):
        named["Credentials"] = mark_identifier(credentials["InstanceId"].removeprefix("urn:uuid:"))
    if invisible is not None:
        named["InvisibleMark"] = int(invisible["Identifier"], 16)
    return named


def _label(label: ImplicitLabel) -> dict[str, Any]:
    fields = asdict(label)
    source = fields.pop("source_type")
    return {"Synthetic": label.label in {"1", "2", "3"}, **_wire(fields), "SourceType": source or ""}


def _wire(fields: dict[str, Any]) -> dict[str, Any]:
    names = {"produce_id": "ProduceID", "propagate_id": "PropagateID"}
    return {names.get(name, name.title().replace("_", "")): value for name, value in fields.items()}


def _credentials(credentials: Credentials, local: bool) -> dict[str, Any]:
    return {
        "State": credentials.state,
        "LocalAuthority": local and credentials.state == "Trusted",
        "Signer": credentials.signer,
        "SignatureTime": credentials.time,
        "Generator": credentials.generator,
        "Title": credentials.title,
        "InstanceId": credentials.instance,
        "When": credentials.when,
        "SourceTypes": [source.rsplit("/", 1)[-1] for source in credentials.source_types],
        "Actions": list(credentials.actions),
        "Ingredients": [
            {"Title": title, "Relationship": kind, "InstanceId": name, "Description": text}
            for title, kind, name, text in credentials.ingredients
        ],
        "Codes": {group: list(codes) for group, codes in credentials.codes.items()},
    }
