"""The engine on the two public-domain portraits: exact where it must be, and the user's where it should."""

from __future__ import annotations

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.errors import FusionError, PlanOutdated
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.shape.topology import face_width
from facemeld.fusion.types import Assignment, FuseOptions

MOST_USER, MOST_TEMPLATE = FuseOptions(0, 0), FuseOptions(1, 1)


def test_the_same_call_gives_the_same_bytes(engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment) -> None:
    first = engine.fuse(hopper_plan, [collins], FuseOptions())
    assert first.dtype == np.uint8
    assert first.shape == hopper_plan.picture.shape
    assert first.tobytes() == engine.fuse(hopper_plan, [collins], FuseOptions()).tobytes()


def test_another_engine_object_gives_the_same_bytes(
    bundle_path: object, engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment, hopper: NDArray[np.uint8]
) -> None:
    other = MeshEngine(bundle_path)  # type: ignore[arg-type]
    plan = other.plan(hopper, other.analyse(hopper))
    assert other.fuse(plan, [collins], MOST_USER).tobytes() == engine.fuse(hopper_plan, [collins], MOST_USER).tobytes()


def test_inputs_are_left_alone(engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment) -> None:
    before = collins.picture.tobytes(), collins.face.landmarks.tobytes(), hopper_plan.picture.tobytes()
    engine.fuse(hopper_plan, [collins], MOST_USER)
    assert before == (collins.picture.tobytes(), collins.face.landmarks.tobytes(), hopper_plan.picture.tobytes())


@pytest.mark.parametrize("options", [MOST_USER, FuseOptions(), MOST_TEMPLATE])
def test_pixels_outside_the_mask_are_the_template_s(
    engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment, options: FuseOptions
) -> None:
    picture, mask = engine.fuse_with_mask(hopper_plan, [collins], options)
    assert mask.dtype == np.float32
    assert mask.shape == picture.shape[:2]
    assert mask.min() >= 0
    assert mask.max() <= 1
    outside = mask == 0
    assert outside.mean() > 0.2
    assert (picture[outside] == hopper_plan.picture[outside]).all()


def test_the_mask_covers_the_face_and_little_else(engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment) -> None:
    mask = engine.fuse_with_mask(hopper_plan, [collins], MOST_USER)[1]
    face = hopper_plan.faces[0]
    x, y = np.round(face.landmarks[[50, 280, 205, 425, 199], :2].T).astype(int)
    assert (mask[y, x] > 0.9).all()
    box = face.box
    outside = mask.copy()
    outside[box.y - 40 : box.bottom + 40, box.x - 40 : box.right + 40] = 0
    assert outside.max() < 0.02


def test_a_plan_survives_its_bytes(engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment) -> None:
    again = engine.load_plan(hopper_plan.to_bytes())
    assert (again.picture == hopper_plan.picture).all()
    assert again.faces[0].box == hopper_plan.faces[0].box
    assert again.faces[0].pose == hopper_plan.faces[0].pose
    assert engine.fuse(again, [collins], FuseOptions()).tobytes() == engine.fuse(hopper_plan, [collins], FuseOptions()).tobytes()


def test_every_value_of_a_plan_survives_its_bytes(engine: MeshEngine, hopper_plan: MeshPlan) -> None:
    detail = hopper_plan.details[0]
    skin = replace(detail.skin, glasses=0.11, opaque=0.12, beard=0.13, full=0.14, spread=3.5)
    parts = replace(detail.parts, eyes_open=(0.21, 0.22), eye_range=0.23, mouth_open=0.24, toothy=0.25)
    finish = replace(detail.finish, tint=0.31, fineness=0.32)
    odd = replace(detail, skin=skin, parts=parts, finish=finish, mouth=0.33, covered=0.34)
    again = engine.load_plan(replace(hopper_plan, details=(odd,)).to_bytes()).details[0]
    for before, after in ((odd, again), (odd.skin, again.skin), (odd.parts, again.parts), (odd.finish, again.finish)):
        for name in (field.name for field in fields(before)):
            value = getattr(before, name)
            if name not in ("skin", "parts", "finish"):
                np.testing.assert_array_equal(getattr(after, name), value, err_msg=name)


def test_damaged_and_foreign_plans_are_refused(engine: MeshEngine, hopper_plan: MeshPlan) -> None:
    good = hopper_plan.to_bytes()
    foreign = replace(hopper_plan, engine="mesh/0").to_bytes()
    for data in (b"", b"PK", good[:100], good[: len(good) // 2], good[:-30], foreign):
        with pytest.raises(PlanOutdated):
            engine.load_plan(data)


def test_keeping_everything_of_the_template_changes_next_to_nothing(engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment) -> None:
    picture = engine.fuse(hopper_plan, [collins], MOST_TEMPLATE)
    assert np.abs(picture.astype(int) - hopper_plan.picture).max() <= 1


def test_the_sliders_move_the_result_steadily(engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment) -> None:
    original = hopper_plan.picture.astype(np.float32)
    steps = [engine.fuse(hopper_plan, [collins], FuseOptions(d, d)) for d in (0, 0.25, 0.5, 0.75, 1)]
    distances = [float(np.abs(step - original).mean()) for step in steps]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 2


def test_the_outline_goes_to_the_user_s(engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment) -> None:
    rim = [234, 454, 172, 397, 152]

    def outline(shape: float) -> NDArray[np.float32]:
        found = engine.analyse(engine.fuse(hopper_plan, [collins], FuseOptions(shape, 0)))[0]
        return found.landmarks[rim, :2]

    kept, moved = outline(1.0), outline(0.0)
    assert np.linalg.norm(kept - hopper_plan.faces[0].landmarks[rim, :2], axis=1).mean() < 5
    assert np.linalg.norm(moved - kept, axis=1).mean() > 1


@pytest.mark.parametrize("options", [MOST_USER, FuseOptions()])
def test_the_result_is_found_again_in_the_template_s_pose(
    engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment, options: FuseOptions
) -> None:
    found = engine.analyse(engine.fuse(hopper_plan, [collins], options))[0]
    wanted = hopper_plan.faces[0].pose
    assert abs(found.pose.yaw - wanted.yaw) < 5
    assert abs(found.pose.pitch - wanted.pitch) < 6
    assert abs(found.pose.roll - wanted.roll) < 3


def test_a_template_upside_down_is_fused_alike(engine: MeshEngine, hopper: NDArray[np.uint8], collins: Assignment) -> None:
    turned = np.ascontiguousarray(hopper[::-1, ::-1])
    plan = engine.plan(turned, engine.analyse(turned))
    upright = engine.fuse(engine.plan(hopper, engine.analyse(hopper)), [collins], MOST_USER)
    back = engine.fuse(plan, [collins], MOST_USER)[::-1, ::-1]
    assert np.abs(back.astype(int) - upright).mean() < 3


def test_a_grey_template_stays_grey(engine: MeshEngine, hopper: NDArray[np.uint8], collins: Assignment) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(hopper, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    fused = engine.fuse(engine.plan(grey, engine.analyse(grey)), [collins], MOST_USER)
    assert np.abs(fused.astype(int) - grey).mean() > 2
    assert np.ptp(fused.astype(int), axis=2).max() <= 6


@pytest.mark.parametrize("width", [40, 90, 900])
def test_faces_of_any_size(engine: MeshEngine, hopper: NDArray[np.uint8], collins: Assignment, width: int) -> None:
    face = engine.analyse(hopper)[0]
    factor = width / face_width(face.mesh)
    sized = cv2.resize(hopper, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    scaled = replace(
        face,
        box=Rect.around(face.landmarks * factor),
        landmarks=(face.landmarks * factor).astype(np.float32),
    )
    plan = engine.plan(np.asarray(sized, np.uint8), [scaled])
    picture, mask = engine.fuse_with_mask(plan, [collins], MOST_USER)
    assert mask.max() > 0.95
    assert np.abs(picture.astype(int) - sized).mean() > 1


def test_several_users_and_a_face_at_the_border(engine: MeshEngine, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]) -> None:
    face = engine.analyse(hopper)[0]
    cut = round(float(face.landmarks[:, 0].mean()))  # the second portrait is cut through the face
    template = np.ascontiguousarray(np.concatenate([hopper, hopper[:, :cut]], axis=1))
    shift = np.array([hopper.shape[1], 0, 0], np.float32)
    second = replace(face, box=Rect.around(face.landmarks + shift), landmarks=face.landmarks + shift)
    plan = engine.plan(template, [face, second])
    user = engine.analyse(astronaut)[0]
    both = [Assignment(0, astronaut, user), Assignment(1, hopper, face)]
    picture, mask = engine.fuse_with_mask(plan, both, MOST_USER)
    assert mask[:, : hopper.shape[1]].max() > 0.95
    assert mask[:, hopper.shape[1] :].max() > 0.95
    only = engine.fuse(plan, both[:1], MOST_USER)
    assert (only[:, hopper.shape[1] + 40 :] == template[:, hopper.shape[1] + 40 :]).all()
    assert engine.fuse(plan, both[::-1], MOST_USER).tobytes() == picture.tobytes()


def test_overlapping_faces_are_all_fused(engine: MeshEngine, hopper: NDArray[np.uint8], collins: Assignment) -> None:
    face = engine.analyse(hopper)[0]
    shift = np.array([0.5 * face_width(face.mesh), 0, 0], np.float32)
    other = replace(face, box=Rect.around(face.landmarks + shift), landmarks=face.landmarks + shift)
    plan = engine.plan(hopper, [face, other])
    mask = engine.fuse_with_mask(plan, [collins, replace(collins, template_face=1)], MOST_USER)[1]
    assert mask.max() <= 1


@pytest.mark.parametrize("index", [-1, 1, 7])
def test_a_face_that_the_plan_does_not_have(engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment, index: int) -> None:
    with pytest.raises(FusionError, match="template_face must be within 0-0"):
        engine.fuse(hopper_plan, [replace(collins, template_face=index)], MOST_USER)


def test_nothing_to_fuse_gives_the_template(engine: MeshEngine, hopper_plan: MeshPlan) -> None:
    picture, mask = engine.fuse_with_mask(hopper_plan, [], MOST_USER)
    assert (picture == hopper_plan.picture).all()
    assert not mask.any()


def test_the_mask_is_whole(engine: MeshEngine, astronaut: NDArray[np.uint8], hopper: NDArray[np.uint8]) -> None:
    user = engine.analyse(hopper)[0]
    plan = engine.plan(astronaut, engine.analyse(astronaut)[:1])
    mask = engine.fuse_with_mask(plan, [Assignment(0, hopper, user)], MOST_USER)[1]
    along = np.abs(np.diff(mask, axis=1))[mask[:, 1:] > 0.02]
    assert (along > 0.35).mean() < 0.08
    assert (mask > 0.9).sum() > 0.5 * plan.faces[0].box.area
