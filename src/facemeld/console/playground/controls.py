"""The switches and sliders of FuseFace and FuseFaceUltra."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from facemeld.console.parts.fields import Field, choice, slider, switch, text_field
from facemeld.console.parts.pieces import tag
from facemeld.console.playground.bench import Bench
from facemeld.console.playground.draft import FIXED_TYPE, RADIOS, Action
from facemeld.services.requests import MODEL_TYPES

_LONGEST_CONSENT = 128


def controls(bench: Bench) -> None:
    """Draw the part."""
    texts, draft = bench.desk.texts, bench.draft
    with tag("div", classes="fm-fields"):
        action = choice(
            texts("playground.action"),
            draft.action,
            {"FuseFace": "FuseFace", "FuseFaceUltra": "FuseFaceUltra"},
            hint=texts("playground.fuseface_hint"),
        )
        with tag("div", classes="fm-fields") as own:
            _degrees(bench)
        with tag("div", classes="fm-fields") as ultra:
            _strengths(bench)
        ultra.set_visibility(False)
        _common(bench)

    async def act() -> None:
        draft.action = cast(Action, action.value)
        is_ultra = draft.action == "FuseFaceUltra"
        own.set_visibility(not is_ultra)
        ultra.set_visibility(is_ultra)
        action.props["hint"] = texts("playground.ultra_hint" if is_ultra else "playground.fuseface_hint")
        await bench.changed()

    action.on_change(act)


def _degrees(bench: Bench) -> None:
    texts, draft = bench.desk.texts, bench.draft
    own = switch(texts("playground.own_degrees"), True, hint=texts("playground.own_degrees_hint"))
    ends = (texts("playground.user_end"), texts("playground.template_end"))
    shape = slider("FuseProfileDegree", 50, ends=ends, hint=texts("playground.shape_hint"))
    features = slider("FuseFaceDegree", 50, ends=ends, hint=texts("playground.features_hint"))

    async def read() -> None:
        draft.shape = None if own.value else shape.value
        draft.features = None if own.value else features.value
        for field in (shape, features):
            field.enable(not own.value)
        await bench.changed()

    async def reset() -> None:
        if own.value:
            for field, degree in zip((shape, features), bench.degrees(), strict=True):
                field.show(degree)

    for field in (shape, features):
        field.enable(False)
        field.on_change(read)
    own.on_change(read)
    bench.on_template(reset)


def _strengths(bench: Bench) -> None:
    texts, draft = bench.desk.texts, bench.draft
    types = {str(number): texts(f"playground.type_{number}") for number in sorted(MODEL_TYPES)}
    kind = choice("SwapModelType", str(draft.model_type), types)
    sliders: dict[str, Field[int]] = {}
    for name, value in RADIOS.items():
        sliders[name] = slider(name, value, hint=texts(f"playground.{name.lower()}"))
    note = tag("p", texts("playground.fixed"), "fm-hint")
    note.set_visibility(False)

    async def read() -> None:
        draft.model_type = int(kind.value)
        fixed = draft.model_type == FIXED_TYPE
        note.set_visibility(fixed)
        for name, field in sliders.items():
            draft.radios[name] = field.value
            field.enable(not fixed)
        await bench.changed()

    kind.on_change(read)
    for field in sliders.values():
        field.on_change(read)


def _common(bench: Bench) -> None:
    texts, draft = bench.desk.texts, bench.draft
    logo = switch("LogoAdd", draft.logo, hint=texts("playground.logo_hint"))
    kind = choice("RspImgType", draft.kind, {"url": texts("playground.url"), "base64": texts("playground.base64")})
    consent = text_field(texts("playground.consent"), longest=_LONGEST_CONSENT, hint=texts("playground.consent_hint"))

    def listen(field: Field[bool] | Field[str], keep: Callable[[], None]) -> None:
        async def changed() -> None:
            keep()
            await bench.changed()

        field.on_change(changed)

    def keep_logo() -> None:
        draft.logo = logo.value

    def keep_kind() -> None:
        draft.kind = "base64" if kind.value == "base64" else "url"

    def keep_consent() -> None:
        draft.consent = "".join(letter for letter in consent.value.strip() if " " <= letter <= "~")

    listen(logo, keep_logo)
    listen(kind, keep_kind)
    listen(consent, keep_consent)

    async def demand() -> None:
        needed = bench.activity is not None and bench.activity.consent_required
        consent.props["hint"] = texts("playground.consent_needed" if needed else "playground.consent_hint")

    bench.on_template(demand)
