"""A result is never delivered if its deletion is requested during the call."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import cast

import pytest

from facemeld.api.protocol.call import Notes
from facemeld.app.composition import Application, Services, open_application
from facemeld.fusing.service import Finisher
from facemeld.privacy.store import PrivacyStore
from facemeld.privacy.types import ConsentWithdrawn
from facemeld.results.local import LocalResultStore
from facemeld.settings.catalogue import Settings
from facemeld.workers.pool.executor import Executor
from facemeld.workers.tasks.marking import FusedFile

RESULT = FusedFile(b"pixels", "jpeg", 1, 1)


def finisher(application: Application) -> Finisher:
    """A finisher without workers; it only delivers."""
    return Services(application, cast(Executor, None)).fusing.finisher


@pytest.mark.parametrize("moment", ["before", "between", "after"])
def test_a_demand_at_any_moment_leaves_no_file(tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request_id = str(uuid.uuid4())
    with open_application(Settings(data=tmp_path / "data")) as application:
        finish = finisher(application)
        put = LocalResultStore.put

        def delete() -> None:
            application.deletion.delete(consent="form 1", actor="test")

        def put_and_delete(*arguments: object) -> object:
            made = put(*arguments)  # type: ignore[arg-type]  # passed on as they came
            delete()
            return made

        async def call() -> str:
            notes = Notes()
            await finish.consents.keep("form 1", notes, account_id=1, activity=None, request_id=request_id)
            assert notes.consent == "form 1"
            if moment == "before":
                delete()
            return await finish.deliver(RESULT, "http://here", request_id=request_id, consent="form 1")

        if moment == "between":
            monkeypatch.setattr(LocalResultStore, "put", put_and_delete)
        if moment == "after":
            asyncio.run(call())
            delete()
        else:
            with pytest.raises(ConsentWithdrawn):
                asyncio.run(call())
        assert [path for path in (tmp_path / "data" / "results").rglob("*") if path.is_file()] == []


def test_a_call_without_consent_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_application(Settings(data=tmp_path / "data")) as application:
        finish = finisher(application)
        for name in ("keep", "is_deleted"):
            monkeypatch.delattr(PrivacyStore, name)

        async def call() -> str:
            notes = Notes()
            await finish.consents.keep(None, notes, account_id=1, activity=None, request_id="r")
            assert notes.consent is None
            return await finish.deliver(RESULT, "http://here", request_id="r", consent=None)

        assert asyncio.run(call()).startswith("http://here/results/")
