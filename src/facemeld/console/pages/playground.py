"""The playground: choose a template, photos and settings, send the call, and copy it as code."""

from __future__ import annotations

from facemeld.console.context import Context
from facemeld.console.parts.shell import Page
from facemeld.console.parts.widgets import section, tag
from facemeld.console.playground.call import Outcome, controls
from facemeld.console.playground.draft import Playground
from facemeld.console.playground.snippets import Code
from facemeld.console.playground.template import Photos, Template, choosing
from facemeld.users.signin import Act


async def build_playground(context: Context) -> None:
    """Draw the playground."""
    texts, playground = context.texts, Playground(context)
    with tag("div", classes="fm-try"):
        with tag("div", classes="fm-stack"):
            with section(texts("playground.step_template")):
                chosen = tag("div", classes="fm-fields")
                template = Template(playground)
            with section(texts("playground.step_photos")):
                template.photos = Photos(playground)
        with section(texts("playground.step_settings")):
            controls(playground)
            outcome = Outcome(playground)
    outcome.draw()
    Code(playground)
    with chosen:
        await choosing(playground)
    await playground.changed()


PLAYGROUND = Page("playground", "/playground", Act.EDIT, build_playground, icon="science")
