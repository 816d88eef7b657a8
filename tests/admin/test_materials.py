"""Materials through HTTP: upload and its limits, automatic review, decisions, appeals, pictures, deletion."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facemeld.users.types import Role
from tests.admin.world import UPLOAD_BYTES, World, make_world


def encoded(pixels: NDArray[np.uint8], kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


BLANK = encoded(np.full((200, 200, 3), 128, np.uint8))


def test_a_good_portrait_waits_for_a_person_and_is_then_usable(shared: World, activity: str, portrait: bytes) -> None:
    made = shared.upload(activity, portrait, "admiral.jpg")
    assert (made["status"], made["usable"], made["findings"], made["audit_result"]) == (0, False, [], "")
    assert (made["name"], made["activity"], made["width"], made["height"], made["size"]) == (
        "admiral.jpg",
        activity,
        512,
        600,
        len(portrait),
    )
    (face,) = made["faces"]
    assert face["id"] == f"{made['id']}_1"
    approved = shared.send("POST", f"/materials/{made['id']}/approve", {"reason": "fine"}, Role.REVIEWER)
    assert (approved["status"], approved["usable"], approved["audit_result"]) == (1, True, "fine")
    assert shared.get(f"/materials/{made['id']}") == approved


def test_a_picture_can_be_approved_with_its_upload(shared: World, activity: str, portrait: bytes) -> None:
    assert shared.upload(activity, portrait, approve=True)["status"] == 1


def test_a_picture_without_a_face_fails_with_a_reason_and_cannot_be_approved(shared: World, activity: str) -> None:
    made = shared.upload(activity, BLANK, approve=True)
    assert (made["status"], made["usable"], made["faces"], made["audit_result"]) == (22, False, [], "未检测到人脸。")
    (finding,) = made["findings"]
    assert (finding["code"], finding["failure"], finding["text"]["en-US"]) == ("no_face", True, "No face was found.")
    refused = shared.call("POST", f"/materials/{made['id']}/approve", json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")


def test_a_small_face_fails_and_a_reviewer_may_overrule(shared: World, activity: str, hopper: NDArray[np.uint8]) -> None:
    ground = np.full((300, 400, 3), 200, np.uint8)
    small = np.asarray(Image.fromarray(hopper).resize((72, 84), Image.Resampling.LANCZOS))
    ground[100:184, 100:172] = small
    made = shared.upload(activity, encoded(ground))
    (finding,) = [one for one in made["findings"] if one["failure"]]
    assert (made["status"], finding["code"], finding["face"], finding["limit"]) == (22, "face_small", 1, 34)
    assert made["audit_result"].startswith("人脸1过小：")
    assert shared.send("POST", f"/materials/{made['id']}/approve", {"reason": "wanted so"}, Role.REVIEWER)["status"] == 1


def test_a_rejected_material_is_appealed_once(shared: World, activity: str, portrait: bytes) -> None:
    path = f"/materials/{shared.upload(activity, portrait)['id']}"
    assert shared.call("POST", f"{path}/appeal", json={}).status_code == 409
    assert shared.send("POST", f"{path}/reject", {"reason": "no permission"}, Role.REVIEWER)["status"] == 2
    assert shared.send("POST", f"{path}/appeal", {"reason": "here it is"}, Role.OPERATOR)["status"] == 3
    assert shared.send("POST", f"{path}/approve", {"reason": "thanks"}, Role.REVIEWER)["status"] == 11
    assert shared.send("POST", f"{path}/reject", {"reason": "withdrawn"}, Role.REVIEWER)["status"] == 12
    assert shared.call("POST", f"{path}/appeal", json={}).status_code == 409
    history = shared.call("GET", f"{path}/history", Role.REVIEWER).json()["items"]
    steps = [(entry["actor"], entry["detail"].get("from"), entry["detail"].get("to"), entry["detail"].get("reason")) for entry in history]
    assert steps == [
        ("user:reviewer", 11, 12, "withdrawn"),
        ("user:reviewer", 3, 11, "thanks"),
        ("user:operator", 2, 3, "here it is"),
        ("user:reviewer", 0, 2, "no permission"),
        ("user:owner", None, None, None),
    ]


def test_the_queue_of_a_status_spans_activities(shared: World, activity: str, portrait: bytes) -> None:
    other = shared.send("POST", "/activities", {"account": "acme", "name": "other"})["id"]
    ids = {shared.upload(activity, portrait)["id"], shared.upload(other, portrait)["id"]}
    queue = [material["id"] for material in shared.pages("/materials", 2, status=0)]
    assert ids <= set(queue)
    assert len(queue) == len(set(queue))
    assert [material["id"] for material in shared.get("/materials", activity=other)["items"]] == [queue[-1]]


@pytest.mark.parametrize(("review", "good", "text"), [("auto", 21, "审核成功"), ("manual", 0, "")])
def test_the_policy_decides_what_becomes_of_a_good_picture(
    tmp_path: Path, bundle_path: Path, portrait: bytes, review: str, good: int, text: str
) -> None:
    with make_world(tmp_path / "data", bundle_path, materials={"review": review}) as world:
        world.application.accounts.ensure("acme", actor="test")
        activity = world.send("POST", "/activities", {"account": "acme", "name": "spring"})["id"]
        made = world.upload(activity, portrait)
        assert (made["status"], made["audit_result"]) == (good, text)
        assert world.upload(activity, BLANK)["status"] == 22


def test_pictures_and_thumbnails_are_given_to_users_only(shared: World, activity: str, portrait: bytes) -> None:
    material = shared.upload(activity, portrait)["id"]
    picture = shared.call("GET", f"/materials/{material}/picture", Role.VIEWER)
    assert (picture.content, picture.headers["Content-Type"]) == (portrait, "image/jpeg")
    first, second = (shared.call("GET", f"/materials/{material}/thumbnail", Role.VIEWER) for _ in range(2))
    assert first.content == second.content
    assert first.headers["Cache-Control"] == "private, max-age=300"
    with Image.open(io.BytesIO(first.content)) as image:
        assert (image.format, max(image.size)) == ("JPEG", 360)
    assert shared.call("GET", f"/materials/{material}/picture", None).status_code == 401


def test_a_deleted_material_is_gone_with_its_files(shared: World, activity: str, portrait: bytes) -> None:
    material = shared.upload(activity, portrait)["id"]
    shared.call("GET", f"/materials/{material}/thumbnail")
    files = shared.application.materials.files
    folder = files.folder(int(material.removeprefix("mt_")))
    assert {file.name for file in folder.iterdir()} == {"picture.jpg", "plan.bin", "thumbnail.jpg"}
    assert shared.call("DELETE", f"/materials/{material}").status_code == 204
    assert not folder.exists()
    for part in ("", "/picture", "/thumbnail"):
        assert shared.call("GET", f"/materials/{material}{part}").status_code == 410
    assert shared.get(f"/materials/{material}/history")["items"][0]["act"] == "material.delete"


def test_names_and_degrees_can_be_changed(shared: World, activity: str, portrait: bytes) -> None:
    material = shared.upload(activity, portrait)["id"]
    changed = shared.send("PATCH", f"/materials/{material}", {"name": "ann", "shape_degree": 20, "feature_degree": 80}, Role.OPERATOR)
    assert (changed["name"], changed["shape_degree"], changed["feature_degree"]) == ("ann", 20, 80)
    assert shared.call("PATCH", f"/materials/{material}", json={"shape_degree": 101}).status_code == 400


def test_own_degrees_can_be_given_back(shared: World, activity: str, portrait: bytes) -> None:
    path = f"/materials/{shared.upload(activity, portrait)['id']}"
    shared.send("PATCH", path, {"shape_degree": 20, "feature_degree": 80})
    changed = shared.send("PATCH", path, {"inherit_degrees": True}, Role.OPERATOR)
    assert (changed["shape_degree"], changed["feature_degree"]) == (None, None)


def replace(world: World, material: str, picture: bytes, kind: str, role: Role = Role.OPERATOR, **query: Any) -> httpx.Response:
    query = {"name": "new", **query}
    return world.call("PUT", f"/materials/{material}/picture", role, content=picture, params=query, headers={"Content-Type": kind})


def test_a_picture_is_replaced_and_reviewed_anew(
    shared: World, activity: str, portrait: bytes, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]
) -> None:
    made = shared.upload(activity, portrait, approve=True)
    shared.call("GET", f"/materials/{made['id']}/thumbnail")
    couple = encoded(np.concatenate([hopper[:512], astronaut], axis=1), "PNG")
    replaced = replace(shared, made["id"], couple, "image/png").json()
    assert replaced == shared.get(f"/materials/{made['id']}")
    assert (replaced["id"], replaced["name"], replaced["status"], replaced["usable"]) == (made["id"], "new", 0, False)
    assert (replaced["format"], replaced["width"], replaced["height"], replaced["size"]) == ("png", 1024, 512, len(couple))
    assert [face["id"] for face in replaced["faces"]] == [f"{made['id']}_1", f"{made['id']}_2"]
    picture = shared.call("GET", f"/materials/{made['id']}/picture")
    assert (picture.content, picture.headers["Content-Type"]) == (couple, "image/png")
    with Image.open(io.BytesIO(shared.call("GET", f"/materials/{made['id']}/thumbnail").content)) as image:
        assert image.size == (360, 180)
    back = replace(shared, made["id"], portrait, "image/jpeg", approve=True).json()
    assert (back["status"], len(back["faces"]), back["sha256"]) == (1, 1, made["sha256"])
    history = shared.get(f"/materials/{made['id']}/history")["items"]
    assert [entry["act"] for entry in history[:2]] == ["material.review", "material.replace"]


def test_a_picture_that_cannot_be_used_replaces_nothing(shared: World, activity: str, portrait: bytes) -> None:
    made = shared.upload(activity, portrait)
    attempts = {
        415: replace(shared, made["id"], portrait, "text/plain"),
        422: replace(shared, made["id"], portrait[:1000], "image/jpeg"),
        413: replace(shared, made["id"], padded(portrait, UPLOAD_BYTES + 1), "image/jpeg"),
        404: replace(shared, "mt_1", portrait, "image/jpeg"),
        403: replace(shared, made["id"], portrait, "image/jpeg", Role.REVIEWER),
    }
    assert {reply.status_code for reply in attempts.values()} == set(attempts)
    assert shared.get(f"/materials/{made['id']}") == made
    blank = replace(shared, made["id"], BLANK, "image/jpeg", approve=True).json()
    assert (blank["status"], blank["faces"]) == (22, [])


def padded(portrait: bytes, size: int) -> bytes:
    return portrait + b"\0" * (size - len(portrait))


def test_uploads_are_limited_to_the_byte(shared: World, activity: str, portrait: bytes) -> None:
    path, headers = f"/activities/{activity}/materials", {"Content-Type": "image/jpeg"}
    accepted = shared.call("POST", path, content=padded(portrait, UPLOAD_BYTES), params={"name": "a"}, headers=headers)
    assert accepted.status_code == 201
    refused = shared.call("POST", path, content=padded(portrait, UPLOAD_BYTES + 1), params={"name": "a"}, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_large")


def test_an_upload_that_does_not_tell_its_length_is_limited_too(shared: World, activity: str) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(60):
            sent += 1
            yield b"x" * 65_536

    path = f"/activities/{activity}/materials"
    refused = shared.call("POST", path, content=chunks(), params={"name": "a"}, headers={"Content-Type": "image/png"})
    assert refused.status_code == 413
    assert sent == 60


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "picture_refused"),
        (b"no picture", 422, "picture_refused"),
        (encoded(np.zeros((63, 200, 3), np.uint8)), 422, "picture_refused"),
        (encoded(np.zeros((200, 200, 3), np.uint8), "GIF"), 422, "picture_refused"),
        (BLANK[:-300], 422, "picture_refused"),
    ],
)
def test_what_is_no_picture_is_refused_and_leaves_nothing(shared: World, activity: str, content: bytes, status: int, code: str) -> None:
    refused = shared.call(
        "POST", f"/activities/{activity}/materials", content=content, params={"name": "a"}, headers={"Content-Type": "image/png"}
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    assert shared.get("/materials", activity=activity)["items"] == []


@pytest.mark.parametrize("name", ["", "x" * 256, " padded ", "a\nb"])
def test_names_must_be_printable(shared: World, activity: str, portrait: bytes, name: str) -> None:
    path = f"/activities/{activity}/materials"
    refused = shared.call("POST", path, content=portrait, params={"name": name}, headers={"Content-Type": "image/jpeg"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")
