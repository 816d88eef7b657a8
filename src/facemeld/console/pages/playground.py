"""The playground: choose a template, photos and settings, send the call, and copy it as code."""

from __future__ import annotations

from facemeld.console.context import Context
from facemeld.console.parts.shell import Page
from facemeld.console.parts.widgets import section, tag
from facemeld.console.playground.call import Outcome, controls
from facemeld.console.playground.draft import Bench
from facemeld.console.playground.snippets import Code
from facemeld.console.playground.template import Photos, Template, choosing
from facemeld.users.signin import Act


async def build_playground(context: Context) -> None:
    """Draw the playground."""
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


PLAYGROUND = Page("playground", "/playground", Act.EDIT, build_playground, icon="science")
