"""The fields of an activity, the same for a new one and for one that is there."""

from __future__ import annotations

from typing import TypedDict

from facemeld.console.desk import Desk
from facemeld.console.parts.fields import Field, slider, switch, text_field
from facemeld.console.parts.pieces import tag
from facemeld.services.administration import Activity

LONGEST_NAME, LONGEST_TEXT = 32, 1000
LARGEST_RATE = 999_999
MIDDLE = 50


class Values(TypedDict):
    """What the fields say, as the store takes it."""

    name: str
    description: str
    shape_degree: int
    feature_degree: int
    consent_required: bool
    rate: str


class ActivityForm:
    """The fields; drawn where the page wants them.

    Args:
        desk: The page's desk.
        activity: What they show at first; None for a new one.
    """

    def __init__(self, desk: Desk, activity: Activity | None = None) -> None:
        self._desk = desk
        self._activity = activity

    def draw_names(self) -> None:
        """Name and description."""
        texts, activity = self._desk.texts, self._activity
        self._name = text_field(texts("activity.name"), activity.name if activity else "", longest=LONGEST_NAME, required=True)
        self._description = text_field(
            texts("activity.description"),
            activity.description if activity else "",
            longest=LONGEST_TEXT,
            rows=3,
            hint=texts("activity.description_hint"),
        )

    def draw_rules(self) -> None:
        """Degrees, consent, rate."""
        texts, activity = self._desk.texts, self._activity
        with tag("fieldset", classes="fm-group"):
            tag("legend", texts("activity.degrees"))
            tag("p", texts("activity.degrees_hint"), "fm-hint")
            self._shape, self._features = degree_sliders(
                self._desk, activity.shape_degree if activity else MIDDLE, activity.feature_degree if activity else MIDDLE
            )
        consent = activity.consent_required if activity else False
        self._consent = switch(texts("activity.consent"), consent, hint=texts("activity.consent_hint"))
        rate = activity.rate.partition("/")[0] if activity else ""
        self._rate = text_field(texts("activity.rate"), rate, longest=6, hint=texts("activity.rate_hint"))

    def check(self) -> bool:
        """Whether everything can be saved; says what cannot."""
        texts, name, rate = self._desk.texts, self._name.value.strip(), self._rate.value.strip()
        fine = True
        if not name or not name.isprintable():
            self._name.complain(texts("activity.name_wrong"))
            self._name.focus()
            fine = False
        if rate and not (rate.isascii() and rate.isdecimal() and 1 <= int(rate) <= LARGEST_RATE):
            self._rate.complain(texts("activity.rate_wrong"))
            fine = False
        return fine

    def values(self) -> Values:
        """What the fields say; only after ``check``."""
        rate = self._rate.value.strip()
        return Values(
            name=self._name.value.strip(),
            description=self._description.value.strip(),
            shape_degree=self._shape.value,
            feature_degree=self._features.value,
            consent_required=self._consent.value,
            rate=f"{int(rate)}/second" if rate else "",
        )


def degree_sliders(desk: Desk, shape: int, features: int) -> tuple[Field[int], Field[int]]:
    """The two degrees with words for their ends."""
    texts = desk.texts
    ends = texts("activity.like_user"), texts("activity.like_template")
    return (
        slider(texts("activity.shape"), shape, ends=ends, hint=texts("activity.shape_hint")),
        slider(texts("activity.features"), features, ends=ends, hint=texts("activity.features_hint")),
    )
