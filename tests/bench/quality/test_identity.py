"""Cosines, gains and the recognition network."""

import importlib
import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from bench.quality.judge import DlibJudge, JudgeMissing, cosine, identity_values, nearest, upright
from hypothesis import given
from hypothesis import strategies as st


@given(st.floats(0.1, 3.0), st.floats(0, 1))
def test_the_normalised_gain_is_the_share_of_the_way_to_the_user(angle, share):
    user, template = np.array([1.0, 0.0]), np.array([np.cos(angle), np.sin(angle)])
    # A result whose cosine to the user lies that far between the template's and 1.
    turned = np.arccos(np.clip(np.cos(angle) + share * (1 - np.cos(angle)), -1, 1))
    values = identity_values(np.array([np.cos(turned), np.sin(turned)]), user, template)
    assert values["normalised_gain"] == pytest.approx(share, abs=1e-6)
    assert values["identity_gain"] == pytest.approx(share * (1 - np.cos(angle)), abs=1e-6)


def test_identity_values_of_the_ends():
    user, template = np.array([1.0, 0.2, 0.0], np.float32), np.array([0.1, 1.0, 0.3], np.float32)
    unchanged = identity_values(template, user, template)
    assert (unchanged["identity_gain"], unchanged["normalised_gain"], unchanged["identity_template"]) == pytest.approx((0, 0, 1))
    ideal = identity_values(user, user, template)
    assert (ideal["normalised_gain"], ideal["identity_user"]) == pytest.approx((1, 1))
    assert "normalised_gain" not in identity_values(user, user, user)


def test_nearest_user():
    users = {"a": np.array([1.0, 0.0], np.float32), "b": np.array([0.0, 3.0], np.float32)}
    assert nearest(np.array([0.4, 0.5], np.float32), users) == "b"
    assert cosine(users["a"], users["b"]) == 0


def test_upright_turns_every_roll_to_the_same_crop(hopper_portrait):
    picture, face = hopper_portrait.picture, hopper_portrait.face
    straight = upright(picture, face.mesh, 96, 30.0).astype(int)
    height, width = picture.shape[:2]
    upside_down = face.mesh * [-1, -1, 1] + np.array([width - 1, height - 1, 0])
    turned = upright(np.ascontiguousarray(picture[::-1, ::-1]), upside_down.astype(np.float32), 96, 30.0).astype(int)
    assert np.abs(straight - turned).mean() < 1


@pytest.mark.parametrize("missing", ["dlib", "face_recognition_models"])
def test_a_missing_package_is_named(monkeypatch, missing):
    real_import, real_find = importlib.import_module, importlib.util.find_spec

    def import_module(name):
        if name == missing:
            raise ImportError(name)
        return real_import(name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in {missing, "face_recognition_models"} else real_find(name))
    with pytest.raises(JudgeMissing, match=r"install facemeld\[bench\]"):
        DlibJudge()


@pytest.fixture(scope="module")
def judge():
    """The real network; absent where the extra is not installed, because its weights are a download of 100 MB."""
    try:
        return DlibJudge()
    except JudgeMissing as error:
        pytest.skip(str(error))


def test_two_people_differ_and_one_person_stays(judge, hopper_portrait, astronaut_portrait):
    first, second = (judge.describe(one.picture, one.face) for one in (hopper_portrait, astronaut_portrait))
    assert first.shape == (128,)
    assert np.linalg.norm(first - second) > 0.6
    darker = judge.describe((hopper_portrait.picture * 0.7).astype(np.uint8), hopper_portrait.face)
    assert np.linalg.norm(first - darker) < 0.3


def test_turning_the_picture_does_not_change_the_identity(judge, astronaut_portrait):
    picture, face = astronaut_portrait.picture, astronaut_portrait.face
    turned = (face.landmarks * [-1, -1, 1] + np.array([picture.shape[1] - 1, picture.shape[0] - 1, 0])).astype(np.float32)
    upside_down = judge.describe(np.ascontiguousarray(picture[::-1, ::-1]), replace(face, landmarks=turned))
    assert cosine(judge.describe(picture, face), upside_down) > 0.999
