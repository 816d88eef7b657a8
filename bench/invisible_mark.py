"""Measures the invisible mark: what it outlives, what it costs, how little it shows, and how seldom it is found where it is not.

Usage:
    python bench/invisible_mark.py robustness FOLDER [--count 200] [--side 720] [--quarter]
    python bench/invisible_mark.py false-positives FOLDER [--count 10000]
    python bench/invisible_mark.py cost FOLDER
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.marks import code, detect, invisible
from facemeld.quality.colour import ciede2000, to_lab

Picture = NDArray[np.uint8]
KEY = b"measurements only, not a secret."


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
    """The picture shown at 83 % on a light page, with the colours of another screen, saved as JPEG of quality 85."""
    shown = scaled(picture, 0.83)
    page = np.full((shown.shape[0] + 120, shown.shape[1] + 200, 3), 245, np.uint8)
    page[70 : 70 + shown.shape[0], 90 : 90 + shown.shape[1]] = shown
    return jpeg(np.clip(255 * (page / 255) ** 0.95 * 0.98, 0, 255).astype(np.uint8), 85)


ATTACKS: dict[str, Callable[[Picture], Picture]] = {
    "none": lambda picture: picture,
    "JPEG 60": jpeg,
    "scale 50 %": lambda picture: scaled(picture, 0.5),
    "scale 75 %": lambda picture: scaled(picture, 0.75),
    "scale 150 %": lambda picture: scaled(picture, 1.5),
    "crop of a quarter": cropped,
    "a quarter is left": quarter,
    "screenshot": screenshot,
    "scale 50 % + JPEG 60": lambda picture: jpeg(scaled(picture, 0.5)),
    "scale 150 % + JPEG 60": lambda picture: jpeg(scaled(picture, 1.5)),
    "crop + JPEG 60": lambda picture: jpeg(cropped(picture)),
    "crop + scale 50 %": lambda picture: scaled(cropped(picture), 0.5),
    "screenshot + JPEG 60": lambda picture: jpeg(screenshot(picture)),
}


def read(path: Path, side: int | None = None) -> Picture:
    """A picture, with the longer side brought to ``side``."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"{path} is not a picture")
    return picture if side is None else scaled(picture, side / max(picture.shape))


def swapped(picture: Picture) -> Picture:
    """RGB for BGR and back."""
    return np.ascontiguousarray(picture[:, :, ::-1])


def robustness(files: list[Path], count: int, side: int) -> None:
    """One row per attack: detection rate, share of right bits, scores."""
    rows: dict[str, list[tuple[bool, int, float]]] = defaultdict(list)
    ratios, differences = [], []
    rng = np.random.default_rng(1)
    for index in range(count):
        picture = swapped(read(files[index % len(files)], side + 8 * (index // len(files))))
        identifier = int.from_bytes(rng.bytes(8), "big")
        marked = invisible.embed(picture, identifier, KEY)
        error = np.mean((marked.astype(np.float64) - picture) ** 2)
        ratios.append(10 * np.log10(255**2 / error))
        differences.append(float(np.mean(ciede2000(to_lab(picture), to_lab(marked)))))
        for name, attack in ATTACKS.items():
            found = detect.read(swapped(attack(swapped(marked))), KEY)
            right = 64 - bin(found.identifier ^ identifier).count("1") if found else 0
            rows[name].append((bool(found and found.score >= detect.THRESHOLD and right == 64), right, found.score if found else 0.0))
        if index % 10 == 9 or index == count - 1:
            print(
                f"\n{index + 1} pictures of {side} px; PSNR {min(ratios):.2f} dB at least, {np.mean(ratios):.2f} on average; "
                f"mean CIEDE2000 {np.mean(differences):.2f}, {max(differences):.2f} at most"
            )
            print("| attack | found | bits right | least score | misread |\n|---|---|---|---|---|")
            for name, results in rows.items():
                misread = sum(score >= detect.THRESHOLD and right < 64 for _, right, score in results)
                print(
                    f"| {name} | {np.mean([one[0] for one in results]):.1%} | {np.mean([one[1] for one in results]) / 64:.2%} | "
                    f"{min(one[2] for one in results):.1f} | {misread} |",
                    flush=True,
                )


def false_positives(files: list[Path], count: int) -> None:
    """Scores of unmarked crops of random place, size and scale."""
    rng = np.random.default_rng(2)
    pictures = [swapped(read(path)) for path in files]
    scores = []
    for index in range(count):
        picture = pictures[index % len(pictures)]
        size = int(rng.integers(160, min(360, *picture.shape[:2])))
        top, left = (int(rng.integers(0, extent - size)) for extent in picture.shape[:2])
        found = detect.read(np.ascontiguousarray(picture[top : top + size, left : left + size]), KEY)
        scores.append(found.score if found else 0.0)
        if index % 500 == 499 or index == count - 1:
            values = np.array(scores)
            # The greatest of many scores follows Gumbel's law: its two parameters from mean and deviation.
            scale = values.std() * np.sqrt(6) / np.pi
            place = values.mean() - 0.5772 * scale
            chance = -np.expm1(-np.exp(-(detect.THRESHOLD - place) / scale))
            print(
                f"{index + 1} crops: {np.sum(values >= detect.THRESHOLD)} found, score {values.mean():.2f} +- {values.std():.2f}, "
                f"greatest {values.max():.2f}; extrapolated chance at {detect.THRESHOLD}: {chance:.1e}",
                flush=True,
            )


def cost(files: list[Path]) -> None:
    """Processor time of embedding and finding."""
    for side in (1080, 4096):
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
    parser.add_argument("--count", type=int)
    parser.add_argument("--side", type=int, default=720)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    code.encode(0)
    files = sorted(path for path in given.folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if given.what == "robustness":
        robustness(files, given.count or 200, given.side)
    elif given.what == "false-positives":
        false_positives(files, given.count or 10_000)
    else:
        cost(files)


if __name__ == "__main__":
    main()
