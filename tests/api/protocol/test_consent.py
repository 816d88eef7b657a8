"""The header X-Facemeld-Consent: valid values, and their way to the actions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemeld.api.protocol.errors.common import InvalidParameterValue
from facemeld.api.protocol.request import CONSENT_HEADER, RawRequest, read_consent
from tests.api.protocol.asgi import Ask
from tests.api.protocol.toy import Refuse, Toy

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=128)


def request(*values: str | bytes) -> RawRequest:
    return RawRequest.of("POST", "/", [(CONSENT_HEADER, value) for value in values])


def ask(value: str | None, **changes: Any) -> Ask:
    headers = {"x-tc-region": "ap-guangzhou", "x-tc-language": "en-US"}
    return Ask(headers=headers if value is None else {**headers, CONSENT_HEADER: value}, **changes)


@given(PRINTABLE.filter(lambda text: text.strip()))
def test_printable_characters_are_a_reference_without_blanks_around_it(text: str) -> None:
    assert read_consent(request(text)) == text.strip()
    assert read_consent(request(text, text)) == text.strip()


def test_there_may_be_none() -> None:
    assert read_consent(RawRequest.of("POST", "/", [])) is None


@given(st.one_of(st.text(max_size=3), st.binary(max_size=140), PRINTABLE.map(lambda text: text.strip() + "x" * 128)))
def test_everything_else_is_refused(value: str | bytes) -> None:
    text = value.decode("latin-1").strip() if isinstance(value, bytes) else value.strip()
    if 1 <= len(text) <= 128 and all(" " <= character <= "~" for character in text):
        assert read_consent(request(value)) == text
        return
    with pytest.raises(InvalidParameterValue, match=CONSENT_HEADER):
        read_consent(request(value))


def test_two_references_are_none() -> None:
    with pytest.raises(InvalidParameterValue, match=CONSENT_HEADER):
        read_consent(request("form 1", "form 2"))


def test_actions_get_the_reference_and_the_record_does_not_by_itself() -> None:
    toy = Toy()
    assert [ask(value).to(toy.app).code for value in (None, "form 1")] == ["", ""]
    assert [call.consent for call in toy.calls] == [None, "form 1"]
    assert [record.call.notes.consent for record in toy.records if record.call] == [None, None]
    assert "form 1" not in repr(toy.calls[1])


def test_a_malformed_reference_is_refused_after_the_signature_and_before_the_hooks() -> None:
    toy = Toy(hooks={"permissions": Refuse()})
    answer = ask("x" * 129).to(toy.app)
    assert (answer.code, CONSENT_HEADER in answer.response["Error"]["Message"]) == ("InvalidParameterValue", True)
    assert ask("x" * 129, secret_key="wrong").to(toy.app).code == "AuthFailure.SignatureFailure"
    assert toy.calls == []
