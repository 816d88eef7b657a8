"""What the playground asks for, and the same as code: complete, harmless, without keys."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemeld.boxes import Rect
from facemeld.console.playground.draft import Draft, FileText, Photo, shortened
from facemeld.console.playground.snippets import SNIPPETS, Recipe, Style, literal, quoted
from facemeld.materials.types import MaterialFace

FACES = (MaterialFace(7, 1, Rect(10, 20, 90, 100)), MaterialFace(7, 2, Rect(200, 20, 60, 70)))


def draft(**changes: Any) -> Draft:
    made = Draft(project_id="at_1", model_id="mt_7", template="template.png", faces=FACES)
    made.photos = [Photo("a.jpg", b"", "", 2), Photo("b.png", b"", "", 0)]
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def recipe(made: Draft, **changes: Any) -> Recipe:
    fields: dict[str, Any] = {"endpoint": "faces.example:8080", "secure": False, "language": "en-US", **changes}
    return Recipe(made.action, made.parameters(FileText), **fields)


def test_parameters_of_fuseface() -> None:
    """Photos go to faces by their ids; degrees are left out where the material's own are wanted."""
    assert draft().parameters(str.upper) == {
        "ProjectId": "at_1",
        "ModelId": "mt_7",
        "RspImgType": "url",
        "MergeInfos": [{"Image": "A.JPG", "TemplateFaceID": "mt_7_2"}, {"Image": "B.PNG"}],
        "LogoAdd": 1,
    }
    changed = draft(shape=0, features=100, logo=False, kind="base64").parameters(str.upper)
    assert (changed["FuseProfileDegree"], changed["FuseFaceDegree"], changed["LogoAdd"], changed["RspImgType"]) == (0, 100, 0, "base64")


def test_parameters_of_fusefaceultra() -> None:
    """The template comes with the call, faces are named by their boxes, strengths are shares; type 6 has its own."""
    made = draft(action="FuseFaceUltra", model_type=3)
    assert made.parameters(str.upper) == {
        "RspImgType": "url",
        "MergeInfos": [{"Image": "A.JPG", "TemplateFaceRect": {"X": 200, "Y": 20, "Width": 60, "Height": 70}}, {"Image": "B.PNG"}],
        "ModelImage": "TEMPLATE.PNG",
        "FusionUltraParam": {
            "WarpRadio": 0.7,
            "EnhanceRadio": 0.5,
            "MpRadio": 0.5,
            "TeethEnhanceRadio": 1.0,
            "MakeupTransferRadio": 0.0,
        },
        "LogoAdd": 1,
        "SwapModelType": 3,
    }
    made.model_type = 6
    assert "FusionUltraParam" not in made.parameters(str.upper)


def test_a_face_takes_one_photo() -> None:
    """A photo that is sent to a face that has one takes its place."""
    made = draft()
    first, second = made.photos
    assert made.first_free() == 1
    made.assign(second, 2)
    assert (first.face, second.face) == (0, 2)
    made.assign(first, 1)
    assert made.first_free() == 0
    made.assign(second, 0)
    assert made.first_free() == 2


@pytest.mark.parametrize(
    ("given_name", "made_name"),
    [
        ("me.jpg", "me.jpg"),
        ("a.jpg", "a-2.jpg"),
        ("template.png", "template-2.png"),
        ("", "photo.jpg"),
        ("../../x y$(z).jpg", "x_y_z_.jpg"),
    ],
)
def test_names_of_photos_are_harmless(given_name: str, made_name: str) -> None:
    """They stand in programs and shells, and are each photo's own."""
    assert draft().file_name(given_name) == made_name


@given(st.text(max_size=40))
def test_any_name_becomes_harmless(name: str) -> None:
    """Whatever a file is called."""
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", draft().file_name(name))


def test_long_texts_are_shortened() -> None:
    """Pictures are named by their beginning and their size; addresses are shown whole."""
    address = "http://faces.example/" + "x" * 200
    shown = shortened({"a": ["y" * 1500, 7, "short"], "b": address})
    assert shown == {"a": ["y" * 24 + "… (1,500 characters)", 7, "short"], "b": address}


@pytest.mark.parametrize("action", ["FuseFace", "FuseFaceUltra"])
@pytest.mark.parametrize("result", ["", "result.png"])
@pytest.mark.parametrize("name", list(SNIPPETS))
def test_code_names_everything_and_no_key(name: str, action: str, result: str) -> None:
    """The ids, the server, the files, where the keys come from."""
    code = SNIPPETS[name](recipe(draft(action=action), result=result, secure=True))
    assert "https" in code.lower()
    wanted = ["faces.example:8080", "a.jpg", "b.png", action]
    wanted += ["at_1", "mt_7", "mt_7_2"] if action == "FuseFace" else ["template.png", "SwapModelType"]
    for part in [*wanted, "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"]:
        assert part in code, (name, part)
    assert (result in code) == bool(result) or not result
    assert "AKID" not in code


REFERENCES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128)


@given(REFERENCES)
@settings(max_examples=60, deadline=None)
def test_python_reads_any_consent_reference(reference: str) -> None:
    """What the program says is what was typed."""
    tree = ast.parse(SNIPPETS["Python"](recipe(draft(), consent=reference)))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert reference in texts
    assert "X-Facemeld-Consent" in texts


@given(REFERENCES)
@settings(max_examples=40, deadline=None)
def test_a_shell_reads_any_consent_reference(reference: str) -> None:
    """Quotes, dollars and backticks are text."""
    code = SNIPPETS["curl"](recipe(draft(), consent=reference))
    line = next(line for line in code.splitlines() if "-H" in line and "X-Facemeld-Consent" in line)
    argument = line.strip().removeprefix("-H ").removesuffix(" \\")
    said = subprocess.run(["sh", "-c", f"printf %s {argument}"], capture_output=True, text=True, check=True).stdout
    assert said == f"X-Facemeld-Consent: {reference}"


VALUES = st.recursive(
    st.integers(-5, 5) | st.text(max_size=8) | st.sampled_from([0.25, 1.5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_literals_are_read_back(value: Any) -> None:
    """Python and JSON read what is written."""
    python = Style(quoted, lambda name: f"{quoted(name)}: ")
    assert ast.literal_eval(literal(value, python)) == value
    plain = Style(quoted, lambda name: f"{quoted(name)}: ", comma=False)
    assert json.loads(literal(value, plain)) == value
