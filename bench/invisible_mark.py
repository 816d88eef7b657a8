"""Measures the invisible mark: the attacks it survives, its cost, its visibility, and its false positives.

Usage, with a folder of portraits and one for the fused pictures, which are made once:
    python -m bench.invisible_mark robustness PORTRAITS --cache FOLDER [--count 200] [--face]
    python -m bench.invisible_mark false-positives PORTRAITS [--count 10000]
    python -m bench.invisible_mark cost PORTRAITS
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from bench.quality.pixels import to_lab
from bench.quality.run import Pair, pictures_in, random_pairs
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000

from facemeld.boxes import Rect
from facemeld.fusion.types import Assignment, FuseOptions
from facemeld.library import NoSuchFace, default_engine
from facemeld.marks import detect, invisible
from facemeld.workers.tasks.marking import surroundings

Picture = NDArray[np.uint8]
KEY = b"measurements only, not a secret."
SIDES = (512, 720, 1080)
"""Longest sides of the results, in turn."""


def jpeg(picture: Picture, quality: int = 60) -> Picture:
    """The picture after JPEG compression."""
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def scaled(picture: Picture, factor: float) -> Picture:
    """The picture at another size."""
    kernel = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=kernel)


def cropped(picture: Picture) -> Picture:
    """The picture without a quarter of its area, from the left."""
    return picture[:, picture.shape[1] // 4 + 3 :]


def quarter(picture: Picture) -> Picture:
    """A quarter of the picture's area, from the middle."""
    height, width = picture.shape[:2]
    return picture[height // 4 + 3 : height // 4 + 3 + height // 2, width // 4 + 5 : width // 4 + 5 + width // 2]


def screenshot(picture: Picture) -> Picture:
    """The picture shown at 83 % on a light page, an edge of it cut off, with the colours of another screen, saved as JPEG 85."""
    shown = scaled(picture, 0.83)
    page = np.full((shown.shape[0] + 120, shown.shape[1] + 200, 3), 245, np.uint8)
    page[70 : 70 + shown.shape[0], 90 : 90 + shown.shape[1]] = shown
    page = page[:, 90 + shown.shape[1] // 12 :]
    return jpeg(np.clip(255 * (page / 255) ** 0.95 * 0.98, 0, 255).astype(np.uint8), 85)


SINGLE: dict[str, Callable[[Picture], Picture]] = {
    "JPEG 60": jpeg,
    "scale 50 %": lambda picture: scaled(picture, 0.5),
    "scale 75 %": lambda picture: scaled(picture, 0.75),
    "scale 150 %": lambda picture: scaled(picture, 1.5),
    "crop of a quarter": cropped,
    "screenshot": screenshot,
}
_PAIRS = (
    ("scale 50 %", "JPEG 60"),
    ("scale 75 %", "JPEG 60"),
    ("scale 150 %", "JPEG 60"),
    ("crop of a quarter", "JPEG 60"),
    ("screenshot", "JPEG 60"),
    ("crop of a quarter", "scale 50 %"),
    ("crop of a quarter", "scale 75 %"),
    ("crop of a quarter", "scale 150 %"),
    ("crop of a quarter", "screenshot"),
    ("scale 75 %", "screenshot"),
    ("scale 150 %", "screenshot"),
    ("scale 50 %", "screenshot"),
)
ATTACKS: dict[str, tuple[Callable[[Picture], Picture], ...]] = {
    "none": (),
    **{name: (attack,) for name, attack in SINGLE.items()},
    "a quarter is left": (quarter,),
    **{f"{first}, {second}": (SINGLE[first], SINGLE[second]) for first, second in _PAIRS},
}


@dataclass(frozen=True, slots=True)
class Trial:
    """The fate of one marked result.

    Attributes:
        side: Its longest side.
        psnr: Decibels between the changed pixels before and after.
        difference: Mean CIEDE2000 of the whole picture.
        readings: For each attack how many of the 64 bits were right, and the score.
    """

    side: int
    psnr: float
    difference: float
    readings: dict[str, tuple[int, float]]


def read(path: Path, side: int | None = None) -> Picture:
    """A picture in OpenCV's order of colours, with the longer side brought to ``side``."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"{path} is not a picture")
    return picture if side is None else scaled(picture, side / max(picture.shape))


def swapped(picture: Picture) -> Picture:
    """RGB for BGR and back."""
    return np.ascontiguousarray(picture[:, :, ::-1])


def fused_pair(pair: Pair, number: int, cache: Path) -> tuple[Picture, Picture] | None:
    """Template and fused result, RGB, made once and kept as files; None where one of the portraits shows no face."""
    side = SIDES[number % len(SIDES)]
    files = [cache / f"{number:04d}-{kind}-{side}.png" for kind in ("template", "fused")]
    if not all(file.exists() for file in files):
        engine = default_engine()
        template, user = swapped(read(pair[1], side)), swapped(read(pair[0]))
        faces, mine = engine.analyse(template, search="largest"), engine.analyse(user, search="largest")
        if not faces or not mine:
            return None
        fused = engine.fuse(engine.plan(template, faces), [Assignment(0, user, mine[0])], FuseOptions())
        for file, picture in zip(files, (template, fused), strict=True):
            cv2.imwrite(str(file), swapped(picture))
    template, fused = (swapped(read(file)) for file in files)
    return template, fused


def trial(job: tuple[int, Pair], *, cache: Path, face: bool) -> Trial | None:
    """Fuse, mark, attack and read."""
    cv2.setNumThreads(1)
    number, pair = job
    made = fused_pair(pair, number, cache)
    if made is None:
        return None
    template, fused = made
    mask = invisible.changed(template, fused) if face else None
    identifier = int.from_bytes(np.random.default_rng(number).bytes(8), "big")
    marked = invisible.embed(fused, identifier, KEY, mask=mask)
    error = np.square(marked.astype(np.float64) - fused)
    area = 3.0 * (cv2.countNonZero(mask) if mask is not None else mask_free(fused))
    readings = {}
    for name, steps in ATTACKS.items():
        picture = swapped(marked)
        for step in steps:
            picture = step(picture)
        picture = swapped(picture)
        found = detect.read(picture, KEY, regions=face_regions(picture) if face else ())
        right = 64 - (found.identifier ^ identifier).bit_count() if found else 0
        readings[name] = (right, found.score if found else 0.0)
    return Trial(
        side=max(fused.shape),
        psnr=10 * math.log10(255**2 * area / float(error.sum())),
        difference=float(np.mean(deltaE_ciede2000(to_lab(fused), to_lab(marked)))),
        readings=readings,
    )


def mask_free(picture: Picture) -> int:
    """Pixels of a picture that is marked as a whole."""
    return picture.shape[0] * picture.shape[1]


def face_regions(picture: Picture) -> list[Rect]:
    """Return the areas that the verifier searches by itself: around the faces."""
    try:
        return [surroundings(one) for one in default_engine().analyse(picture)]
    except NoSuchFace:
        return []


def robustness(files: list[Path], count: int, cache: Path, *, face: bool, processes: int) -> None:
    """One row per attack: detection rate, share of right bits, scores."""
    cache.mkdir(parents=True, exist_ok=True)
    pairs = random_pairs(files, files, -(-2 * count // len(files)), seed=5)
    jobs = list(enumerate(pairs))
    with ProcessPoolExecutor(processes) as pool:
        trials: list[Trial] = []
        for done in islice((one for one in pool.map(partial(trial, cache=cache, face=face), jobs[: count + count // 8]) if one), count):
            trials.append(done)
            if len(trials) % 20 == 0 or len(trials) == count:
                print_table(trials)


def print_table(trials: list[Trial]) -> None:
    """The table of everything so far, and of each size by itself how often the mark was found."""
    ratios, differences = [one.psnr for one in trials], [one.difference for one in trials]
    print(
        f"\n{len(trials)} results; PSNR {min(ratios):.2f} dB at least, {np.mean(ratios):.2f} on average; "
        f"mean CIEDE2000 {np.mean(differences):.2f}, {max(differences):.2f} at most"
    )
    heads = "".join(f" {side} px |" for side in SIDES)
    print(f"| attack | found |{heads} bits right | least score | misread |\n|---|---|{'---|' * len(SIDES)}---|---|---|")
    for name in ATTACKS:
        by_side = "".join(f" {found_share(name, (one for one in trials if one.side == side)):.1%} |" for side in SIDES)
        readings = [one.readings[name] for one in trials]
        misread = sum(score >= detect.THRESHOLD and right < 64 for right, score in readings)
        print(
            f"| {name} | {found_share(name, trials):.1%} |{by_side} {np.mean([right for right, _ in readings]) / 64:.2%} | "
            f"{min(score for _, score in readings):.1f} | {misread} |",
            flush=True,
        )


def found_share(name: str, trials: Iterable[Trial]) -> float:
    """In how many trials all bits were read after an attack, with a score above the threshold."""
    readings = [one.readings[name] for one in trials]
    return sum(right == 64 and score >= detect.THRESHOLD for right, score in readings) / max(len(readings), 1)


def unmarked_score(number: int, files: list[Path]) -> float:
    """Score of an unmarked crop of random place and size."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng((2, number))
    picture = swapped(read(files[number % len(files)]))
    size = int(rng.integers(160, min(360, *picture.shape[:2])))
    top, left = (int(rng.integers(0, extent - size)) for extent in picture.shape[:2])
    found = detect.read(np.ascontiguousarray(picture[top : top + size, left : left + size]), KEY)
    return found.score if found else 0.0


def false_positives(files: list[Path], count: int, processes: int) -> None:
    """Scores of unmarked crops, how far the greatest is from the threshold, and the chance that one ever reaches it."""
    scores: list[float] = []
    with ProcessPoolExecutor(processes) as pool:
        for score in pool.map(partial(unmarked_score, files=files), range(count), chunksize=20):
            scores.append(score)
            if len(scores) % 1000 == 0 or len(scores) == count:
                values = np.array(scores)
                # The greatest of many scores follows Gumbel's law: its two parameters from mean and deviation.
                scale = values.std() * math.sqrt(6) / math.pi
                place = values.mean() - 0.5772 * scale
                chance = -np.expm1(-np.exp(-(detect.THRESHOLD - place) / scale))
                print(
                    f"{len(scores)} crops: {np.sum(values >= detect.THRESHOLD)} found, score {values.mean():.2f} +- {values.std():.2f}, "
                    f"greatest {values.max():.2f}; chance at {detect.THRESHOLD}: below {detect.chance(detect.THRESHOLD):.1e} by the "
                    f"bound, {chance:.1e} extrapolated",
                    flush=True,
                )


def cost(files: list[Path]) -> None:
    """Processor time of embedding and finding."""
    for side in (512, 1080, 4096):
        picture = swapped(cv2.resize(read(files[0]), (side, side), interpolation=cv2.INTER_CUBIC))
        invisible.embed(picture, 1, KEY)
        times = []
        for _ in range(11):
            start = time.process_time()
            marked = invisible.embed(picture, 1, KEY)
            times.append(time.process_time() - start)
        start = time.process_time()
        found = detect.detect(marked, KEY)
        print(f"{side}x{side}: embed {np.median(times) * 1e3:.1f} ms, find {time.process_time() - start:.2f} s, {found}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["robustness", "false-positives", "cost"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("fused"), help="folder for the fused pictures")
    parser.add_argument("--count", type=int)
    parser.add_argument("--face", action="store_true", help="mark only what the fusion changed, as in PNG results")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    invisible.encode_word(0)
    files = pictures_in(given.folder)
    if given.what == "robustness":
        robustness(files, given.count or 200, given.cache, face=given.face, processes=given.processes)
    elif given.what == "false-positives":
        false_positives(files, given.count or 10_000, given.processes)
    else:
        cost(files)


if __name__ == "__main__":
    main()
