"""The playground: a template, photos, switches and sliders; what the API makes of them, and the same call as code."""

from __future__ import annotations

from facemeld.console.context import Context
from facemeld.console.pages.page import Page
from facemeld.console.parts.widgets import section, tag
from facemeld.console.playground.controls import choosing, controls
from facemeld.console.playground.draft import Bench
from facemeld.console.playground.outcome import Code, Outcome
from facemeld.console.playground.photos import Photos, Template
from facemeld.users.signin import Act


async def build(context: Context) -> None:
    """Draw the page."""
    texts, bench = context.texts, Bench(context)
    with tag("div", classes="fm-try"):
        with tag("div", classes="fm-stack"):
            with section(texts("playground.step_template")):
                chosen = tag("div", classes="fm-fields")
                template = Template(bench)
            with section(texts("playground.step_photos")):
                template.photos = Photos(bench)
        with section(texts("playground.step_settings")):
            controls(bench)
            outcome = Outcome(bench)
    outcome.draw()
    Code(bench)
    with chosen:
        await choosing(bench)
    await bench.changed()


PAGE = Page("playground", "/playground", Act.EDIT, build, icon="science")
