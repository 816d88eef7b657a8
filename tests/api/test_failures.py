"""Codes of the actions for every error of the use cases, including errors that hardly ever happen."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import ModuleType
from typing import Any, cast

import pytest

from facemeld.api.actions.v2018 import DescribeMaterialList as DescribeMaterialList2018
from facemeld.api.actions.v2018 import FaceFusion
from facemeld.api.actions.v2018 import FuseFace as FuseFace2018
from facemeld.api.actions.v2022 import DescribeMaterialList, FuseFace
from facemeld.api.failures import (
    FACE_FUSION_FAILURES,
    FAILURES_2018,
    FAILURES_2022,
    FAILURES_ULTRA,
    LISTING_FAILURES,
    LISTING_FAILURES_2018,
)
from facemeld.api.protocol.call import Action, Call
from facemeld.api.protocol.errors.base import ANY, V2018, V2022, ApiError
from facemeld.api.protocol.messages import to_model
from facemeld.errors import FacemeldError
from facemeld.fusion import errors as fusion_errors
from facemeld.fusion.errors import FusionError
from facemeld.marks import errors as marks_errors
from facemeld.media import errors as media_errors
from facemeld.media.errors import DownloadFailed, EncodingFailed
from facemeld.workers.pool import executor as pool
from facemeld.workers.tasks import inputs as workers_errors
from tests.tables import table


class Failing:
    """A use case that always ends with the same error."""

    def __init__(self, error: FacemeldError) -> None:
        self._error = error

    async def fuse(self, request: object, facts: object) -> object:
        raise self._error

    async def list(self, _: object) -> object:
        raise self._error


def answer(action: Action[Any], parameters: dict[str, Any]) -> ApiError:
    params = to_model(action.request_model, parameters, strict=True, strings=False)
    call = Call(
        request_id="r",
        account_id=1,
        secret_id="s",
        action=action.name,
        version=action.version,
        region="",
        language="en-US",
        scheme="v3",
        client_address="",
        base_url="",
        params=params,
    )
    with pytest.raises(ApiError) as caught:
        asyncio.run(cast(Any, action.handle(call)))
    return caught.value


FUSE: dict[str, Any] = {"ProjectId": "at_1", "ModelId": "mt_1", "RspImgType": "url", "MergeInfos": [{"Url": "u"}]}
FACE_FUSION: dict[str, Any] = {"ProjectId": "at_1", "ModelId": "mt_1", "RspImgType": "url", "Url": "u"}


def actions(error: FacemeldError) -> Mapping[str, tuple[Action[Any], dict[str, Any], Mapping[type[FacemeldError], type[ApiError]]]]:
    service = cast(Any, Failing(error))
    return {
        "FuseFace": (FuseFace(service).action, FUSE, FAILURES_2022),
        "DescribeMaterialList": (DescribeMaterialList(service).action, {"ActivityId": "at_1"}, LISTING_FAILURES),
        "FuseFace 2018": (FuseFace2018(service, 100).action, FUSE, FAILURES_2018),
        "FaceFusion 2018": (FaceFusion(service, 100).action, FACE_FUSION, FACE_FUSION_FAILURES),
        "DescribeMaterialList 2018": (
            DescribeMaterialList2018(service, lambda _: "").action,
            {"ActivityId": 1},
            LISTING_FAILURES_2018,
        ),
    }


def instance(kind: type[FacemeldError]) -> FacemeldError:
    return DownloadFailed("reason") if kind is DownloadFailed else kind("what was wrong")


EVERY = [(name, kind) for name, (_, _, table) in actions(FacemeldError()).items() for kind in table]


@table(("name", "kind"), EVERY, ids=[f"{name} {kind.__name__}" for name, kind in EVERY])
def test_every_error_of_the_use_cases_has_a_code_of_the_version(name: str, kind: type[FacemeldError]) -> None:
    action, parameters, table = actions(instance(kind))[name]
    expected = table[kind]
    found = answer(action, parameters)
    assert type(found) is expected
    assert {action.version} <= found.versions or found.versions == ANY
    assert action.version in {V2022, V2018}


@pytest.mark.answers("FailedOperation.FaceFusionError", "FailedOperation.FuseImageError", "FailedOperation.InnerError")
@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        (FusionError, "FailedOperation.FaceFusionError", "FailedOperation.InnerError"),
        (EncodingFailed, "FailedOperation.FuseImageError", "FailedOperation.InnerError"),
    ],
)
def test_an_engine_or_an_encoder_that_fails(kind: type[FacemeldError], old: str, new: str) -> None:
    table = actions(instance(kind))
    assert answer(*table["FuseFace"][:2]).code == new
    for name in ("FuseFace 2018", "FaceFusion 2018"):
        assert answer(*table[name][:2]).code == old


@table("module", [media_errors, workers_errors, pool, fusion_errors, marks_errors], ids=lambda module: module.__name__)
def test_no_error_of_the_pixel_work_was_forgotten(module: ModuleType) -> None:
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, FacemeldError)]
    leaves = [kind for kind in kinds if kind.__module__ == module.__name__ and not kind.__subclasses__()]
    assert leaves
    known = {**FAILURES_2018, **FAILURES_ULTRA}
    assert [kind.__name__ for kind in leaves if not any(base in known for base in kind.__mro__)] == []


def test_download_errors_tell_nothing_about_the_network() -> None:
    for action, parameters, _ in actions(DownloadFailed("connect to 10.0.0.1 refused")).values():
        assert "10.0.0.1" not in answer(action, parameters).message("en-US")
