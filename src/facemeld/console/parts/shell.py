"""A page's description, and the frame around every page: skip link, header, menu, heading."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import Client, ui

from facemeld import __version__
from facemeld.console.context import Context
from facemeld.console.parts.dialogs import tell_failure
from facemeld.console.parts.widgets import icon, tag
from facemeld.console.preferences import THEMES, Theme, version
from facemeld.console.texts import NAMES, Language
from facemeld.users.signin import NEEDED_ROLES, Act

_DARK: dict[Theme, bool | None] = {"auto": None, "light": False, "dark": True}
_THEME_ICONS: dict[Theme, str] = {"auto": "brightness_auto", "light": "light_mode", "dark": "dark_mode"}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the console.

    Attributes:
        name: Name of its file of texts; the text ``title`` names the page in the menu and the window.
        path: Its path within the console, such as ``/activities/{activity}``.
        act: The act that the user's role must allow.
        build: Draws the content below the heading.
        icon: Material icon for the menu; empty for a page that is not in the menu.
        heading: Whether to draw the title as the heading; False for a page that draws its own.
        parent: Name of the menu entry that the page belongs to.
    """

    name: str
    path: str
    act: Act
    build: Callable[[Context], Awaitable[None]]
    icon: str = ""
    heading: bool = True
    parent: str = ""


@contextmanager
def shell(context: Context, page: Page, pages: Sequence[Page]) -> Iterator[None]:
    """Draw the frame of a page; the block draws its content. ``pages`` are all pages, for the menu."""
    _prepare(context, page)
    texts = context.texts
    with context.client.content:
        tag("a", texts("shell.skip"), "fm-skip", href="#main")
        _header(context)
        _menu(context, page, pages)
        with tag("main", classes="fm-main", id="main", tabindex="-1"):
            if page.heading:
                tag("h1", texts(f"{page.name}.title"))
            yield


def _prepare(context: Context, page: Page) -> None:
    """Set language, theme, title and files of the document."""
    client = context.client
    # Language and theme belong to the page object, which all visitors share, so each visitor gets a copy.
    client.page = ui.page(page.path, language=context.texts.tag, dark=_DARK[context.preferences.theme])
    client.title = f"{context.texts(f'{page.name}.title')} · Facemeld"
    client.page.favicon = None
    _plain_frame(client)
    suffix = f"?v={version()}"
    ui.add_head_html(
        f'<link rel="icon" type="image/svg+xml" href="{context.url("/static/icon.svg")}{suffix}">'
        f'<link rel="stylesheet" href="{context.url("/static/console.css")}{suffix}">'
        f'<script src="{context.url("/static/console.js")}{suffix}" data-base="{context.url("")}" defer></script>'
    )
    # Colours of NiceGUI's own elements, such as messages.
    ui.colors(primary="#1f6f6b", positive="#1e7a4c", negative="#b3362b", warning="#8a5a00", info="#2f5f9e", dark_page="#14181a")
    ui.on_exception(lambda error: tell_failure(context, error))


def _plain_frame(client: Client) -> None:
    """Make the layout plain HTML, because NiceGUI positions it with scripts and puts the header into the main landmark."""
    element = client.content
    while element is not client.layout:
        slot = element.parent_slot
        if slot is None:
            return
        element = slot.parent
        element.tag = "div"
    client.layout.props.clear()
    client.content.classes("fm-frame")


def _header(context: Context) -> None:
    texts = context.texts
    with tag("header", classes="fm-header"):
        with tag("button", "", "fm-icon-button fm-menu-button", type="button", popovertarget="fm-menu", aria_label=texts("shell.menu")):
            icon("menu")
        with tag("a", "", "fm-brand", href=context.url("/")):
            tag("img", src=context.url("/static/icon.svg", v=version()), alt="", width="26", height="26")
            tag("span", "Facemeld")
        tag("span", classes="fm-space")
        _language(context)
        _theme(context)
        _user(context)


def _language(context: Context) -> None:
    other: Language = "zh" if context.texts.language == "en" else "en"
    with _form(context, "/preferences"):
        tag("input", type="hidden", name="next", value=_here(context))
        tag("button", NAMES[other], "fm-header-button", type="submit", name="language", value=other, lang=other)


def _theme(context: Context) -> None:
    texts, theme = context.texts, context.preferences.theme
    labels = {name: texts(f"shell.theme_{name}") for name in THEMES}
    button = tag("button", "", "fm-icon-button", type="button", aria_label=labels[theme], title=labels[theme], data_theme=theme)
    button.props["data-labels"] = json.dumps(labels, ensure_ascii=False)
    button.on("click", js_handler="(event) => facemeld.nextTheme(event.currentTarget)")
    with button:
        icon(_THEME_ICONS[theme])


def _user(context: Context) -> None:
    texts, principal = context.texts, context.principal
    label = f"{texts('shell.account')}: {principal.name}"
    with tag("button", "", "fm-header-button fm-user-button", type="button", popovertarget="fm-user", aria_label=label):
        icon("person")
        tag("span", principal.name, "fm-wide-only")
    with tag("div", classes="fm-user-menu", id="fm-user", popover="auto"):
        tag("p", principal.name, "fm-user-name")
        tag("p", texts(f"roles.{principal.role.value}"), "fm-hint")
        tag("p", texts(f"roles.{principal.role.value}_may"), "fm-hint")
        with _form(context, "/sign-out"):
            tag("button", texts("shell.sign_out"), "fm-button", type="submit")


def _menu(context: Context, current: Page, pages: Sequence[Page]) -> None:
    texts = context.texts
    with tag("nav", classes="fm-menu", id="fm-menu", popover="auto", aria_label=texts("shell.menu")):
        with tag("ul"):
            for page in pages:
                if not page.icon or not context.principal.role.allows(NEEDED_ROLES[page.act]):
                    continue
                here = page.name in {current.name, current.parent}
                with tag("li"), tag("a", "", "fm-menu-link", href=context.url(page.path), aria_current="page" if here else None):
                    icon(page.icon)
                    tag("span", texts(f"{page.name}.title"))
        tag("p", f"Facemeld {__version__}", "fm-hint fm-version")


def _form(context: Context, path: str) -> ui.element:
    return tag("form", method="post", action=context.url(path))


def _here(context: Context) -> str:
    path = context.request.url.path.removeprefix(str(context.request.scope["state"]["console_root"])) or "/"
    return f"{path}?{context.request.url.query}" if context.request.url.query else path
