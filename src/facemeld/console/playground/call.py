"""The switches and sliders of a call, the call itself, and its result."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from facemeld.api.calls import DirectCall, DirectReply
from facemeld.console.parts.calls import outcome_badge, outside_address, request_address, stage_bar
from facemeld.console.parts.fields import Field, choice, slider, switch, text_field
from facemeld.console.parts.materials import picture_address
from facemeld.console.parts.widgets import CodeTabs, Compare, button, id_chip, link, section, tag
from facemeld.console.playground.draft import FIXED_TYPE, RADIOS, Action, Playground, shortened
from facemeld.fusing.requests import MODEL_TYPES
from facemeld.materials.types import Material
from facemeld.users.signin import Act

_LONGEST_CONSENT = 128


def controls(playground: Playground) -> None:
    """Draw the switches and sliders of both actions; only the chosen action's are visible."""
    texts, draft = playground.context.texts, playground.draft
    with tag("div", classes="fm-fields"):
        action = choice(
            texts("playground.action"),
            draft.action,
            {"FuseFace": "FuseFace", "FuseFaceUltra": "FuseFaceUltra"},
            hint=texts("playground.fuseface_hint"),
        )
        with tag("div", classes="fm-fields") as own:
            _degrees(playground)
        with tag("div", classes="fm-fields") as ultra:
            _strengths(playground)
        ultra.set_visibility(False)
        _common(playground)

    async def act() -> None:
        draft.action = cast(Action, action.value)
        is_ultra = draft.action == "FuseFaceUltra"
        own.set_visibility(not is_ultra)
        ultra.set_visibility(is_ultra)
        action.props["hint"] = texts("playground.ultra_hint" if is_ultra else "playground.fuseface_hint")
        await playground.changed()

    action.on_change(act)


def _degrees(playground: Playground) -> None:
    texts, draft = playground.context.texts, playground.draft
    own = switch(texts("playground.own_degrees"), True, hint=texts("playground.own_degrees_hint"))
    ends = (texts("playground.user_end"), texts("playground.template_end"))
    shape = slider("FuseProfileDegree", 50, ends=ends, hint=texts("playground.shape_hint"))
    features = slider("FuseFaceDegree", 50, ends=ends, hint=texts("playground.features_hint"))

    async def read() -> None:
        draft.shape = None if own.value else shape.value
        draft.features = None if own.value else features.value
        for field in (shape, features):
            field.enable(not own.value)
        await playground.changed()

    async def reset() -> None:
        if own.value:
            for field, degree in zip((shape, features), playground.degrees(), strict=True):
                field.show(degree)

    for field in (shape, features):
        field.enable(False)
        field.on_change(read)
    own.on_change(read)
    playground.on_template(reset)


def _strengths(playground: Playground) -> None:
    texts, draft = playground.context.texts, playground.draft
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
        await playground.changed()

    kind.on_change(read)
    for field in sliders.values():
        field.on_change(read)


def _common(playground: Playground) -> None:
    texts, draft = playground.context.texts, playground.draft
    logo = switch("LogoAdd", draft.logo, hint=texts("playground.logo_hint"))
    kind = choice("RspImgType", draft.kind, {"url": texts("playground.url"), "base64": texts("playground.base64")})
    consent = text_field(texts("playground.consent"), longest=_LONGEST_CONSENT, hint=texts("playground.consent_hint"))

    async def read() -> None:
        draft.logo = logo.value
        draft.kind = "base64" if kind.value == "base64" else "url"
        draft.consent = "".join(letter for letter in consent.value.strip() if " " <= letter <= "~")
        await playground.changed()

    logo.on_change(read)
    kind.on_change(read)
    consent.on_change(read)

    async def demand() -> None:
        needed = playground.activity is not None and playground.activity.consent_required
        consent.props["hint"] = texts("playground.consent_needed" if needed else "playground.consent_hint")

    playground.on_template(demand)


class Outcome:
    """The button that makes the call for the activity's account, and the section with the result."""

    def __init__(self, playground: Playground) -> None:
        self._playground = playground
        self._busy = False
        self._shown = ""
        texts = playground.context.texts
        with tag("div", classes="fm-try-act"):
            self._button = button(texts("playground.fuse"), self._fuse, kind="primary", symbol="auto_awesome")
            self._status = tag("p", "", "fm-hint", role="status")
        playground.on_change(self._update)
        playground.context.client.on_delete(self._drop)

    def draw(self) -> None:
        """Draw the area of the result."""
        self._area = tag("div", classes="fm-stack", tabindex="-1")

    async def _update(self) -> None:
        """Enable the button if nothing is missing for a call."""
        draft, texts = self._playground.draft, self._playground.context.texts
        missing = "playground.needs_material" if not draft.model_id else "" if draft.photos else "playground.needs_photo"
        self._button.props["disabled"] = bool(missing) or self._busy
        if not self._busy:
            self._status.text = texts(missing) if missing else texts("playground.counts")

    async def _fuse(self) -> None:
        if self._busy:
            return
        self._busy = True
        self._status.text = self._playground.context.texts("playground.fusing")
        await self._update()
        try:
            await self._call()
        finally:
            self._busy = False
            await self._update()

    async def _call(self) -> None:
        playground = self._playground
        context, draft, material, activity = playground.context, playground.draft, playground.material, playground.activity
        if material is None or activity is None or not draft.photos:
            return
        template = b""
        if draft.action == "FuseFaceUltra":
            number, form = material.number, material.format
            template = await context.run(Act.READ, lambda cases: cases.administration.materials.files.read_picture(number, form))
        files = {photo.name: photo.data for photo in draft.photos} | {draft.template: template}
        parameters = await asyncio.to_thread(draft.parameters, lambda name: base64.b64encode(files[name]).decode("ascii"))
        trial = DirectCall(
            account_id=activity.account_id,
            action=draft.action,
            parameters=parameters,
            consent=draft.consent or None,
            language=context.texts.tag,
            base_url=playground.server,
        )
        tried = await context.call(Act.EDIT, lambda cases: cases.calls.call(trial))
        self._drop()
        self._area.clear()
        with self._area:
            self._show(tried, parameters, material)
        context.client.run_javascript(f"getHtmlElement({self._area.id}).scrollIntoView({{ block: 'start' }})")

    def _show(self, tried: DirectReply, parameters: Mapping[str, Any], material: Material) -> None:
        context = self._playground.context
        texts = context.texts
        reply = tried.reply["Response"]
        with section(texts("playground.result"), wide=True):
            with tag("div", classes="fm-row"):
                outcome_badge(context, tried.code)
                id_chip(context, tried.request_id)
                link(texts("playground.record"), request_address(context, tried.request_id))
            if tried.code:
                tag("p", reply["Error"]["Message"], "fm-alert")
            else:
                self._picture(reply["FusedImage"], material)
            if tried.stages:
                tag("h3", texts("playground.timing"))
                stage_bar(context, tried.stages, max(tried.milliseconds, sum(tried.stages.values())))
        with section(texts("playground.wire"), wide=True):
            tabs = CodeTabs(context, texts("playground.wire"))
            tabs.show({texts("playground.request"): _json(parameters), texts("playground.reply"): _json(tried.reply)})

    def _picture(self, fused: str, material: Material) -> None:
        context = self._playground.context
        if fused.startswith(("http://", "https://")):
            # The same file at the console's own host, because the content security policy allows no other.
            parts = urlsplit(fused)
            address = outside_address(context, f"{parts.path}?{parts.query}")
        else:
            self._shown = context.cases.temporary_files.put(context.principal, base64.b64decode(fused))
            address = context.url(f"/temporary/{self._shown}")
        Compare(context, picture_address(context, material), address, material.width / material.height)
        with tag("div", classes="fm-row"):
            made = link(context.texts("playground.download"), address, "fm-button")
            made.props["download"] = self._playground.draft.result

    def _drop(self) -> None:
        if self._shown:
            self._playground.context.cases.temporary_files.drop(self._shown)
            self._shown = ""


def _json(value: Any) -> str:
    return json.dumps(shortened(value), indent=2, ensure_ascii=False)
