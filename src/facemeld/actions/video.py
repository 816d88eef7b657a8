"""The video actions of 2022-09-27, which this installation does not offer (spec 2.4, 2.5)."""

from __future__ import annotations

from typing import Any, NoReturn

from facemeld.protocol.call import Action, Call
from facemeld.protocol.errors import Text, UnsupportedOperation
from facemeld.protocol.schema import RequestModel

VERSION = "2022-09-27"


class VideoRequest(RequestModel):
    """Parameters of both actions; whatever they hold, the answer is the same."""

    project_id: Any = None
    model_id: Any = None
    merge_infos: Any = None
    celebrity_identify: Any = None
    logo_param: Any = None
    user_designated_url: Any = None
    user_ip: Any = None
    meta_data: Any = None
    job_id: Any = None


async def _refuse(_: Call[VideoRequest]) -> NoReturn:
    raise UnsupportedOperation(detail=Text("未启用视频人脸融合。", "Video face fusion is not enabled."))


VIDEO_ACTIONS = tuple(Action(name, VERSION, VideoRequest, _refuse) for name in ("SubmitVideoFaceFusionJob", "QueryVideoFaceFusionJob"))
"""Both actions; each answers ``UnsupportedOperation``."""
