"""The memory for templates counts what they hold in memory, not what their files take."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.mesh import MeshEngine
from facemeld.media.decode import DecodedImage, DecodeLimits
from facemeld.workers.tasks.template import StoredTemplate, load, make, pack, weight


@pytest.mark.parametrize("stored", [True, False])
def test_a_template_weighs_at_least_its_pixels(tmp_path: Path, bundle_path: Path, hopper: NDArray[np.uint8], stored: bool) -> None:
    engine = MeshEngine(bundle_path)
    template = make(engine, DecodedImage(hopper, None, "png", hopper.shape[1], hopper.shape[0]))
    plan, picture = tmp_path / "plan", tmp_path / "picture"
    if stored:
        plan.write_bytes(pack(engine, template))
    else:
        from facemeld.media.encode import encode

        picture.write_bytes(encode(hopper, "png"))
    loaded, size = load(engine, StoredTemplate("key", plan, picture, DecodeLimits(), "00"))
    assert np.array_equal(loaded.plan.picture, hopper)
    assert size == weight(loaded)
    assert size >= hopper.nbytes
    assert size == pytest.approx(weight(template), rel=0.01)


def test_everything_nested_counts() -> None:
    one = np.zeros(10, np.uint8)
    assert weight({"a": (one, [one, {"b": one}]), "c": "text", "d": None}) == 30
