"""The texts of the console: complete in both languages, with the same values to fill in, and all that are asked for exist."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import facemeld.console
from facemeld.console.pages import PAGES
from facemeld.console.texts import LANGUAGES, Texts, catalogue, choose_language, settings_in_chinese
from facemeld.materials.service import REVIEW_TEXTS
from facemeld.settings.catalogue import GROUPS, SETTINGS

SOURCES = [
    file
    for file in Path(facemeld.console.__file__).parent.rglob("*")
    if file.suffix in {".py", ".html"} and file != Path(facemeld.console.__file__)
]


NAMES_IN_SETTINGS = re.compile(
    r"(?:https?|memory|redis)://|/(?:metrics|console|verify)\b|X-[A-Za-z-]+|\bFuseFace\w*|\b[a-z]+_[a-z_]+|FACEMELD_\w+"
)
"""What stays the same in every language."""


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_languages_have_the_same_texts() -> None:
    """A key of one language is one of the other, with the same values; no text is empty."""
    english, chinese = catalogue("en"), catalogue("zh")
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert fields(text) == fields(chinese[key]), key
        assert text.strip(), key
        assert chinese[key].strip(), key


def test_texts_that_are_asked_for_exist() -> None:
    """Every key in the sources is one of a text, as far as it is written out."""
    asked = {key for file in SOURCES for key in re.findall(r"""(?:texts|\bt)\(\s*"([a-z]+\.[A-Za-z_]+)["]""", file.read_text())}
    assert len(asked) > 20
    assert asked <= catalogue("en").keys()


def test_every_page_has_a_title() -> None:
    """The menu and the window name each page."""
    for page in PAGES:
        for language in LANGUAGES:
            assert Texts(language)(f"{page.name}.title")


def test_every_setting_is_described_in_chinese() -> None:
    """The English is the catalogue's own; the values that both name are the same."""
    chinese = settings_in_chinese()
    assert chinese.keys() == SETTINGS.keys()
    assert {f"group_{title.lower()}" for title in GROUPS} <= Texts("zh").group("settings").keys()
    for name, setting in SETTINGS.items():
        assert re.search("[\u4e00-\u9fff]", chinese[name]), name
        for literal in NAMES_IN_SETTINGS.findall(setting.description):
            assert literal in chinese[name], (name, literal)


def test_every_finding_comes_with_advice() -> None:
    """Whatever the automatic review can notice, the console says what to do about it."""
    assert Texts("en").group("findings").keys() == REVIEW_TEXTS.keys()


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, None, "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "de-DE, en;q=0.7, zh;q=0.3", "en"),
        (None, "en;q=0.2,zh-TW", "zh"),
        (None, "en;q=x,zh;q=0.1", "zh"),
        ("zh", "en-US", "zh"),
        ("xx", "zh", "zh"),
    ],
)
def test_language_of_a_request(cookie: str | None, accepted: str | None, language: str) -> None:
    """What the user chose counts most, then the browser's wishes by their weight."""
    assert choose_language(cookie, accepted) == language
