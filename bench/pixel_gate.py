"""Fuse fixed pairs and compare every pixel with a recording: a change that only moves code must not change a byte.

    python -m bench.pixel_gate --record      # before the change
    python -m bench.pixel_gate               # after it

Networks and float kernels differ between kinds of processors and versions of libraries, so compare only recordings of one machine and
one environment. The script uses names that older heads have too: run it there with ``PYTHONPATH`` set to the older ``src``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
import numpy as np
import skimage

import facemeld
from facemeld.library import default_engine, read_picture

RECORDED = Path(__file__).with_suffix(".json")
PICTURES = Path(__file__).resolve().parents[2] / "shared" / "data"
PORTRAITS = {
    "hopper": Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
    "astronaut": Path(skimage.__file__).parent / "data" / "astronaut.png",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A template, a user and how they are fused.

    Attributes:
        template, user: A name in ``PORTRAITS``, or a file in the folder of development pictures.
        profile, feature: Degrees of outline and features, 0 (the user's) to 100 (the template's).
        model: Model type of FuseFaceUltra; None fuses without retouching.
    """

    template: str
    user: str
    profile: int = 50
    feature: int = 50
    model: int | None = None

    @property
    def name(self) -> str:
        """Key in the recording."""
        ultra = "" if self.model is None else f" ultra {self.model}"
        return f"{self.template} < {self.user} {self.profile}/{self.feature}{ultra}"


PAIRS = (
    Pair("hopper", "astronaut"),
    Pair("astronaut", "hopper", 0, 0),
    Pair("astronaut", "hopper", 100, 0),
    Pair("hopper", "astronaut", 30, 50, model=1),
    Pair("astronaut", "hopper", model=5),
    Pair("faces/p065.jpg", "faces/p013.jpg"),  # glasses
    Pair("faces/p033.jpg", "faces/p021.jpg", 0, 0),  # glasses, looking down
    Pair("faces/p029.jpg", "faces/p044.jpg"),  # sunglasses
    Pair("faces/p071.jpg", "faces/p029.jpg", 30, 50),  # a user with sunglasses
    Pair("faces/p027.jpg", "faces/p034.jpg"),  # full beard, turned
    Pair("faces/p034.jpg", "faces/p070.jpg", 0, 0),  # a user with a beard; hat in the picture
    Pair("faces/p016.jpg", "faces/p012.jpg"),  # dark light from one side
    Pair("faces/p021.jpg", "faces/p049.jpg", 100, 0),  # a dark user
    Pair("faces/p061.jpg", "faces/p057.jpg"),  # turned head; a tongue in the user's picture
    Pair("faces/p042.jpg", "faces/p005.jpg", 30, 50),  # tongue in the template
    Pair("faces/p004.jpg", "faces/p015.jpg"),  # black and white
    Pair("faces/p067.jpg", "faces/p018.jpg", 0, 0),  # looking down, strands, dim
    Pair("faces/p073.jpg", "faces/p020.jpg"),  # strands, open mouth
    Pair("faces/p002.jpg", "faces/p036.jpg", 100, 0),  # surprised and laughing
    Pair("faces/p063.jpg", "faces/p053.jpg"),  # turned heads, to either side
    Pair("odd/occ_mask.jpg", "faces/p024.jpg"),  # covered below
    Pair("odd/sidelight.jpg", "odd/dark_015.jpg", 30, 50),
    Pair("large/t0000.jpg", "faces/p040.jpg", 30, 30),  # large template
    Pair("faces/p057.jpg", "faces/p011.jpg", 30, 30, model=3),
    Pair("faces/p048.jpg", "faces/p019.jpg", 30, 30, model=5),
)


def main() -> int:
    """Fuse all pairs that can be found; 1 if pixels differ from the recording."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write the recording instead of comparing with it")
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="folder of development pictures (default: %(default)s)")
    parser.add_argument("--recording", type=Path, default=RECORDED, help="the recording (default: %(default)s)")
    asked = parser.parse_args()
    found, missing, seconds = {}, [], []
    for pair in PAIRS:
        paths = [PORTRAITS.get(name, asked.pictures / name) for name in (pair.template, pair.user)]
        if not all(path.is_file() for path in paths):
            missing.append(pair.name)
            continue
        begun = time.perf_counter()
        pixels = fused(pair, *paths)
        seconds.append(time.perf_counter() - begun)
        found[pair.name] = hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()
    if missing:
        print(f"skipped {len(missing)} pairs whose pictures are not in {asked.pictures}")
    print(f"{len(found)} pairs, median {1000 * median(seconds):.0f} ms a pair")
    if asked.record:
        asked.recording.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        return 0
    recorded = json.loads(asked.recording.read_text())
    wrong = [name for name, digest in found.items() if recorded.get(name) != digest]
    for name in wrong:
        print(f"{name}: {'other pixels' if name in recorded else 'not recorded'}")
    print("all pixels as recorded" if not wrong else f"{len(wrong)} of {len(found)} pairs differ")
    return 1 if wrong else 0


def fused(pair: Pair, template: Path, user: Path) -> Any:
    """Pixels of a fused pair: uint8 (H, W, 3) RGB."""
    if pair.model is None:
        return facemeld.fuse(template, user, profile_degree=pair.profile, feature_degree=pair.feature)
    engine, ground, photo = default_engine(), read_picture(template), read_picture(user)
    model, face = engine.analyse(ground)[0], engine.analyse(photo)[0]
    asked = _named("UltraStrengths")(warp=1 - pair.profile / 100, makeup=pair.feature / 100)
    preset = _named("PRESETS")[pair.model]
    plan = engine.plan(ground, [model])
    pixels, mask = engine.fuse_with_mask(plan, [_named("Assignment")(0, photo, face)], preset.options(asked))
    now = engine.analyse(pixels, model.box, "largest")[0]
    return _named("retouch")(pixels, mask, ground, _named("FaceInResult")(now, model, face), preset.strengths(asked))


def _named(name: str) -> Any:
    """A name of the engine, wherever this head keeps it."""
    for module in ("types", "retouch.presets", "retouch.strengths", "retouch.retouch"):
        try:
            loaded = importlib.import_module(f"facemeld.fusion.{module}")
        except ImportError:
            continue
        if hasattr(loaded, name):
            return getattr(loaded, name)
    raise ImportError(f"this head has no {name} in facemeld.fusion")


if __name__ == "__main__":
    sys.exit(main())
