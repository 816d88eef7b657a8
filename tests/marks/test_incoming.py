"""Marks that pictures already carry when they come in: found wherever makers write them, and never a reason to fail."""

from __future__ import annotations

import io
import json
import struct
import zlib
from typing import Any

import c2pa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from facemeld.marks.authority import SigningIdentity, local_identity
from facemeld.marks.credentials import CredentialSigner
from facemeld.marks.invisible import embed
from facemeld.marks.metadata import SOURCE_TYPE_BASE, ImplicitLabel, write_metadata
from facemeld.marks.provenance import SYNTHETIC_TYPES, IncomingMark, Ingredient, Provenance, notice

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
LABEL = ImplicitLabel(content_producer="Studio", produce_id="n-1")
LABELLED = IncomingMark("aigc-label", "Label 1, producer Studio, id n-1")
COMPOSITE = IncomingMark("source-type", "compositeSynthetic")
JSON = LABEL.to_json()
KEY = b"a key of 32 bytes for the tests."
PIXELS = np.random.default_rng(1).integers(0, 256, (64, 80, 3), np.uint8)
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="{}"/></rdf:RDF></x:xmpmeta>'
)


def picture(mime: str = "image/jpeg", **how: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, FORMATS[mime], **how)
    return buffer.getvalue()


def noted(keyword: str, text: str) -> bytes:
    notes = PngInfo()
    notes.add_text(keyword, text)
    return picture("image/png", pnginfo=notes)


def commented(text: str) -> bytes:
    exif = Image.Exif()
    exif[0x9286] = b"ASCII\x00\x00\x00" + text.encode()
    return picture(exif=exif)


def with_xmp(source: str) -> bytes:
    return picture(xmp=XMP.format(source).encode())


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> SigningIdentity:
    return local_identity(tmp_path_factory.mktemp("data") / "signing")


def signed(identity: SigningIdentity, mime: str) -> bytes:
    made = Provenance("Facemeld", "1", "mesh/1", "3b241101-e2bb-4255-8caf-4136c566a962", Ingredient(b"t" * 32), (), "2026-01-02T03:04:05Z")
    return CredentialSigner(identity).sign(picture(mime), mime, made)


def camera(identity: SigningIdentity) -> bytes:
    """A photo as a camera signs it."""
    actions = [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE_BASE + "digitalCapture"}]
    manifest = {
        "claim_version": 2,
        "claim_generator_info": [{"name": "Camera", "version": "9"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    info = c2pa.C2paSignerInfo(identity.algorithm.encode(), identity.chain.encode(), identity.key.encode(), None)
    with_manifest = io.BytesIO()
    c2pa.Builder(manifest).sign(c2pa.Signer.from_info(info), "image/jpeg", io.BytesIO(picture()), with_manifest)
    return with_manifest.getvalue()


@pytest.mark.parametrize("mime", FORMATS)
def test_a_picture_without_marks_has_none(mime: str) -> None:
    assert notice(picture(mime), mime) == ()


@pytest.mark.parametrize("mime", FORMATS)
def test_the_label_and_the_source_type_of_results_are_found(mime: str) -> None:
    assert notice(write_metadata(picture(mime), label=LABEL), mime) == (LABELLED, COMPOSITE)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (commented(json.dumps({"AIGC": json.loads(JSON)})), "image/jpeg"),
        (picture(comment=json.dumps({"AIGC": json.loads(JSON)}).encode()), "image/jpeg"),
        (noted("AIGC", JSON), "image/png"),
        (noted("Comment", json.dumps({"AIGC": json.loads(JSON)})), "image/png"),
    ],
    ids=["EXIF comment", "JPEG comment", "PNG keyword", "PNG text"],
)
def test_labels_are_found_outside_xmp_too(data: bytes, mime: str) -> None:
    assert notice(data, mime) == (LABELLED,)


@pytest.mark.parametrize("source", [*sorted(SYNTHETIC_TYPES), "digitalCapture", "compositeCapture", ""])
def test_only_source_types_that_say_synthetic_count(source: str) -> None:
    expected = (IncomingMark("source-type", source),) if source in SYNTHETIC_TYPES else ()
    assert notice(with_xmp(SOURCE_TYPE_BASE + source), "image/jpeg") == expected


@pytest.mark.parametrize("mime", FORMATS)
def test_a_manifest_is_found_and_read(identity: SigningIdentity, mime: str) -> None:
    (mark,) = notice(signed(identity, mime), mime)
    assert (mark.kind, mark.synthetic) == ("manifest", True)
    assert mark.detail == "Valid, by Facemeld 1, compositeSynthetic"


def test_a_cameras_manifest_does_not_make_a_photo_synthetic(identity: SigningIdentity) -> None:
    (mark,) = notice(camera(identity), "image/jpeg")
    assert (mark.kind, mark.synthetic) == ("manifest", False)
    assert mark.detail == "Valid, by Camera 9, digitalCapture"


def test_a_damaged_manifest_is_told_as_one(identity: SigningIdentity) -> None:
    data = bytearray(signed(identity, "image/jpeg"))
    at = data.index(b"c2pa.signature")
    data[at + 200 : at + 600] = bytes(400)
    (mark,) = notice(bytes(data), "image/jpeg")
    assert (mark.kind, mark.synthetic, mark.detail[:7]) == ("manifest", False, "Invalid")


def test_the_invisible_mark_is_looked_for_on_demand_only(astronaut: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    marked = embed(astronaut, 0x0123456789ABCDEF, KEY)
    buffer = io.BytesIO()
    Image.fromarray(marked).save(buffer, "PNG")
    assert notice(buffer.getvalue(), "image/png") == ()
    assert notice(buffer.getvalue(), "image/png", rgb=marked, key=KEY) == (IncomingMark("invisible-mark", "0123456789abcdef"),)
    assert notice(buffer.getvalue(), "image/png", rgb=marked) == ()


@pytest.mark.parametrize("label", ["0", ""])
def test_a_label_that_does_not_say_synthetic_is_noticed_all_the_same(label: str) -> None:
    (mark,) = notice(noted("AIGC", json.dumps({"Label": label})), "image/png")
    assert not mark.synthetic


def test_what_is_stored_of_a_strangers_text_is_short_and_printable() -> None:
    (mark,) = notice(noted("AIGC", json.dumps({"Label": "1\u202e\x07\n" + "x" * 5000})), "image/png")
    assert len(mark.detail) <= 160
    assert mark.detail.isprintable()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x00\x00\x00\x00WEBP",
        noted("AIGC", "[" * 200_000),
        noted("AIGC", "{"),
        picture(comment=b'"AIGC"'),
        picture(xmp=b"<!DOCTYPE x [<!ENTITY a 'AIGC'>]><x>&a;</x>"),
    ],
)
def test_what_cannot_be_read_counts_as_nothing(data: bytes) -> None:
    assert notice(data, "image/jpeg") == ()


def test_a_huge_number_of_chunks_takes_no_time_to_speak_of() -> None:
    chunk = struct.pack(">I", 0) + b"tEXt" + struct.pack(">I", zlib.crc32(b"tEXt"))
    plain = picture("image/png")
    assert notice(plain[:33] + chunk * 100_000 + plain[33:], "image/png") == ()


SEEDS = [write_metadata(picture(mime), label=LABEL) for mime in FORMATS] + [commented(JSON), noted("AIGC", JSON)]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=12), st.integers(0, 6000))
def test_damage_never_makes_it_fail(data: bytes, changes: list[tuple[int, int]], end: int) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    for mark in notice(bytes(damaged[: max(4, end)]), "image/jpeg"):
        assert mark.detail.isprintable()
