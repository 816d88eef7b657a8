"""What a picture's marks say, in plain words; the words of the public page for verifying."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from facemeld.console.desk import Desk
from facemeld.console.parts.pieces import Tone, badge, icon, tag

_ICONS = {"good": "check_circle", "warn": "help", "bad": "error"}


def marks_report(desk: Desk, report: Mapping[str, Any]) -> None:
    """Draw what ``VerifyService.verify`` found, one block for each kind of mark."""
    texts = desk.texts
    with tag("div", classes="fm-marks"):
        if report["Consistent"] is False:
            _block("bad", texts("marks.different"), texts("marks.different_text"))
        _label(desk, report["Label"])
        _credentials(desk, report["Credentials"])
        _invisible(desk, report["InvisibleMark"])
        if report["Consistent"] is True:
            _block("good", texts("marks.same"))


def marks_badges(desk: Desk, marks: Iterable[Mapping[str, str]]) -> None:
    """Marks that pictures carried when they came in: which picture, which mark, what it says."""
    words = desk.texts.group("marks")
    with tag("ul", classes="fm-plain-list"):
        for mark in marks:
            with tag("li"):
                if mark.get("input"):
                    tag("span", _input(desk, mark["input"]), "fm-strong")
                badge(words.get("kind_" + mark["kind"].replace("-", "_"), mark["kind"]), "warn")
                tag("span", mark["detail"], "fm-hint")


def _input(desk: Desk, name: str) -> str:
    kind, _, number = name.partition(" ")
    key = {"template": "marks.input_template", "logo": "marks.input_logo"}.get(kind)
    return desk.texts(key) if key else desk.texts("marks.input_photo", number=number) if kind == "photo" else name


def _label(desk: Desk, label: Mapping[str, Any] | None) -> None:
    texts = desk.texts
    if label is None:
        _block("warn", texts("marks.label_no"), texts("marks.label_no_text"))
        return
    facts = [
        (texts("marks.producer"), label["ContentProducer"]),
        (texts("marks.result"), label["ProduceID"]),
        (texts("marks.source"), _sources(desk, [label["SourceType"]])),
    ]
    _block("good", texts("marks.label_yes"), "", facts)


def _credentials(desk: Desk, made: Mapping[str, Any] | None) -> None:
    texts = desk.texts
    if made is None:
        _block("warn", texts("marks.credentials_no"), texts("marks.credentials_no_text"))
        return
    facts = [
        (texts("marks.signer"), made["Signer"]),
        (texts("marks.generator"), made["Generator"]),
        (texts("marks.when"), made["When"]),
        (texts("marks.stamped"), made["SignatureTime"]),
        (texts("marks.source"), _sources(desk, made["SourceTypes"])),
        (texts("marks.actions"), ", ".join(made["Actions"])),
        (texts("marks.ingredients"), ", ".join(one["Title"] or one["InstanceId"] for one in made["Ingredients"])),
        (texts("marks.codes"), ", ".join(made["Codes"].get("failure", ()))),
    ]
    match made["State"]:
        case "Trusted":
            _block("good", texts("marks.trusted"), texts("marks.trusted_local" if made["LocalAuthority"] else "marks.trusted_text"), facts)
        case "Valid":
            _block("warn", texts("marks.valid"), texts("marks.valid_text"), facts)
        case _:
            _block("bad", texts("marks.invalid"), texts("marks.invalid_text"), facts)


def _invisible(desk: Desk, mark: Mapping[str, Any] | None) -> None:
    texts = desk.texts
    if mark is None:
        _block("warn", texts("marks.invisible_no"), texts("marks.invisible_no_text"))
    else:
        _block("good", texts("marks.invisible_yes"), texts("marks.invisible_yes_text"), [(texts("marks.number"), mark["Identifier"])])


def _sources(desk: Desk, kinds: Sequence[str | None]) -> str:
    words = desk.texts.group("marks")
    names = [(kind or "").rsplit("/", 1)[-1] for kind in kinds]
    return ", ".join(words.get("source_" + name.lower(), name) for name in names if name)


def _block(tone: Tone, title: str, text: str = "", facts: Sequence[tuple[str, str | None]] = ()) -> None:
    with tag("div", classes=f"fm-mark fm-{tone}"):
        icon(_ICONS[tone])
        with tag("div"):
            tag("h3", title)
            if text:
                tag("p", text, "fm-hint")
            known = [(name, value) for name, value in facts if value]
            if known:
                with tag("dl", classes="fm-facts fm-close"):
                    for name, value in known:
                        tag("dt", name)
                        tag("dd", value)
