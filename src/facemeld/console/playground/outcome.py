"""The call itself: made for the account of the activity, shown with its picture, its timing, its request and its reply."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from facemeld.api.calls import DirectCall, DirectReply
from facemeld.console.parts.calls import outcome_badge, outside_address, request_address, stage_bar
from facemeld.console.parts.materials import picture_address
from facemeld.console.parts.widgets import CodeTabs, Compare, button, id_chip, link, section, tag
from facemeld.console.playground.draft import Bench, FileText, shortened
from facemeld.console.playground.snippets import SNIPPETS, Recipe
from facemeld.materials.types import Material
from facemeld.users.signin import Act


class Outcome:
    """The button that makes the call, and what came of it.

    Args:
        bench: The playground.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._busy = False
        self._shown = ""
        texts = bench.context.texts
        with tag("div", classes="fm-try-act"):
            self._button = button(texts("playground.fuse"), self._fuse, kind="primary", symbol="auto_awesome")
            self._said = tag("p", "", "fm-hint", role="status")
        bench.on_change(self._judge)
        bench.context.client.on_delete(self._drop)

    def draw(self) -> None:
        """Draw where the result will be."""
        self._area = tag("div", classes="fm-stack", tabindex="-1")

    async def _judge(self) -> None:
        """Whether there is enough for a call."""
        draft, texts = self._bench.draft, self._bench.context.texts
        missing = "" if draft.model_id else "playground.needs_material"
        missing = missing or ("" if draft.photos else "playground.needs_photo")
        self._button.props["disabled"] = bool(missing) or self._busy
        if not self._busy:
            self._said.text = texts(missing) if missing else texts("playground.counts")

    async def _fuse(self) -> None:
        if self._busy:
            return
        self._busy = True
        self._said.text = self._bench.context.texts("playground.fusing")
        await self._judge()
        try:
            await self._call()
        finally:
            self._busy = False
            await self._judge()

    async def _call(self) -> None:
        context, draft, material, activity = self._bench.context, self._bench.draft, self._bench.material, self._bench.activity
        if material is None or activity is None or not draft.photos:
            return
        needs_template = draft.action == "FuseFaceUltra"
        template = (
            await context.run(Act.READ, lambda cases: cases.administration.materials.files.read_picture(material.number, material.format))
            if needs_template
            else b""
        )
        files = {photo.name: photo.data for photo in draft.photos} | {draft.template: template}
        parameters = await asyncio.to_thread(draft.parameters, lambda name: base64.b64encode(files[name]).decode("ascii"))
        call = DirectCall(
            account_id=activity.account_id,
            action=draft.action,
            parameters=parameters,
            consent=draft.consent or None,
            language=context.texts.tag,
            base_url=_server(self._bench),
        )
        answer = await context.call(Act.EDIT, lambda cases: cases.calls.call(call))
        self._drop()
        self._area.clear()
        with self._area:
            self._show(answer, parameters, material)
        context.client.run_javascript(f"getHtmlElement({self._area.id}).scrollIntoView({{ block: 'start' }})")

    def _show(self, answer: DirectReply, parameters: Mapping[str, Any], material: Material) -> None:
        context = self._bench.context
        texts = context.texts
        reply = answer.reply["Response"]
        with section(texts("playground.result"), wide=True):
            with tag("div", classes="fm-row"):
                outcome_badge(context, answer.code)
                id_chip(context, answer.request_id)
                link(texts("playground.record"), request_address(context, answer.request_id))
            if answer.code:
                tag("p", reply["Error"]["Message"], "fm-alert")
            else:
                self._picture(reply["FusedImage"], material)
            if answer.stages:
                tag("h3", texts("playground.timing"))
                stage_bar(context, answer.stages, max(answer.milliseconds, sum(answer.stages.values())))
        with section(texts("playground.wire"), wide=True):
            tabs = CodeTabs(context, texts("playground.wire"))
            tabs.show({texts("playground.request"): _json(parameters), texts("playground.reply"): _json(answer.reply)})

    def _picture(self, fused: str, material: Material) -> None:
        context = self._bench.context
        if fused.startswith(("http://", "https://")):
            # The same file under the console's own host, because pages may load pictures from there alone.
            parts = urlsplit(fused)
            address = outside_address(context, f"{parts.path}?{parts.query}")
        else:
            self._shown = context.cases.temporary_files.put(context.principal, base64.b64decode(fused))
            address = context.url(f"/temporary/{self._shown}")
        Compare(context, picture_address(context, material), address, material.width / material.height)
        with tag("div", classes="fm-row"):
            made = link(context.texts("playground.download"), address, "fm-button")
            made.props["download"] = self._bench.draft.template.replace("template", "result")

    def _drop(self) -> None:
        if self._shown:
            self._bench.context.cases.temporary_files.drop(self._shown)
            self._shown = ""


class Code:
    """The same call as code, always up to date.

    Args:
        bench: The playground.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        texts = bench.context.texts
        with section(texts("playground.code"), wide=True):
            tag("p", texts("playground.code_hint"), "fm-hint")
            self._tabs = CodeTabs(bench.context, texts("playground.code"))
        bench.on_change(self._write)

    async def _write(self) -> None:
        context, draft = self._bench.context, self._bench.draft
        address = urlsplit(_server(self._bench))
        recipe = Recipe(
            action=draft.action,
            parameters=draft.parameters(FileText),
            endpoint=address.netloc,
            secure=address.scheme == "https",
            language=context.texts.tag,
            result=draft.template.replace("template", "result") if draft.kind == "base64" else "",
            consent=draft.consent,
        )
        self._tabs.show({name: write(recipe) for name, write in SNIPPETS.items()})


def _server(bench: Bench) -> str:
    """The address under which programs reach the API, without a slash at its end."""
    request, announced = bench.context.request, bench.context.cases.settings.server.public_url
    return announced.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"


def _json(value: Any) -> str:
    return json.dumps(shortened(value), indent=2, ensure_ascii=False)
