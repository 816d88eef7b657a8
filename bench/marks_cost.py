"""The cost of a result's marks: processor time and bytes of each, in JPEG, PNG and WebP.

Usage:
    python -m bench.marks_cost TEMPLATE USER [--side 1080] [--runs 30]

The template is brought to the side and fused with the user's face; the marks are then written step by step as a worker does, on one
core. With no marks at all the file is only encoded.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image

from facemeld.fusion.types import Assignment, FuseOptions, Picture
from facemeld.library import default_engine, read_picture
from facemeld.marks.authority import local_identity
from facemeld.marks.credentials import CredentialSigner
from facemeld.marks.invisible import changed, embed
from facemeld.marks.label import LABEL_TEXTS, draw_label
from facemeld.marks.metadata import ImplicitLabel, write_metadata
from facemeld.marks.provenance import Ingredient, Provenance, notice
from facemeld.media.containers import ImageFormat
from facemeld.media.encode import CONTENT_TYPES, encode

KEY = b"measurements only, not a secret."
PRODUCE_ID = "3b241101-e2bb-4255-8caf-4136c566a962"
FORMATS: tuple[ImageFormat, ...] = ("jpeg", "png", "webp")
T = TypeVar("T")


def timed(work: Callable[[], T], runs: int) -> tuple[T, float]:
    """Return the result of some work, and its median processor time in milliseconds."""
    result = work()
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return result, statistics.median(times) * 1000


def fused_pair(template: Path, user: Path, side: int) -> tuple[Picture, Picture]:
    """Template and result, RGB, with the longer side brought to a length."""
    ground = read_picture(template)
    scale = side / max(ground.shape)
    size = (round(ground.shape[1] * scale), round(ground.shape[0] * scale))
    ground = np.asarray(Image.fromarray(ground).resize(size, Image.Resampling.LANCZOS))
    source = read_picture(user)
    engine = default_engine()
    faces, mine = engine.analyse(ground, search="largest"), engine.analyse(source, search="largest")
    return ground, engine.fuse(engine.plan(ground, faces), [Assignment(0, source, mine[0])], FuseOptions())


def rows(ground: Picture, fused: Picture, kind: ImageFormat, signer: CredentialSigner, runs: int) -> list[tuple[str, float, int]]:
    """Step, milliseconds and bytes added, in the order in which a worker takes them."""
    mime = CONTENT_TYPES[kind]

    plain, plain_ms = timed(lambda: encode(fused, kind), max(3, runs // 3))
    (seen, _, _), label_ms = timed(lambda: draw_label(fused, LABEL_TEXTS["en"]), runs)

    def invisible() -> Picture:
        # As the setting ``auto`` has it: what is not the template's alone where the format is lossless.
        return embed(seen, 0x0123456789ABCDEF, KEY, mask=changed(ground, seen) if kind == "png" else None)

    marked, mark_ms = timed(invisible, runs)
    with_label, data = encode(seen, kind), encode(marked, kind)
    label = ImplicitLabel(content_producer="facemeld", produce_id=PRODUCE_ID)
    labelled, xmp_ms = timed(lambda: write_metadata(data, label=label), runs)
    made = Provenance("Facemeld", "1", "mesh/1", PRODUCE_ID, Ingredient(bytes(32)), (Ingredient(bytes(range(32))),), "2026-01-02T03:04:05Z")
    signed, sign_ms = timed(lambda: signer.sign(labelled, mime, made), runs)
    _, notice_ms = timed(lambda: notice(plain, mime), runs)
    return [
        ("encoding alone", plain_ms, len(plain)),
        ("visible label", label_ms, len(with_label) - len(plain)),
        ("invisible mark", mark_ms, len(data) - len(with_label)),
        ("implicit label and source type", xmp_ms, len(labelled) - len(data)),
        ("content credentials", sign_ms, len(signed) - len(labelled)),
        ("all marks together", mark_ms + label_ms + xmp_ms + sign_ms, len(signed) - len(plain)),
        ("looking for marks in an unmarked input of that size", notice_ms, 0),
    ]


def main() -> None:
    """Read the command line and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("template", type=Path)
    parser.add_argument("user", type=Path)
    parser.add_argument("--side", type=int, default=1080)
    parser.add_argument("--runs", type=int, default=30)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    ground, fused = fused_pair(given.template, given.user, given.side)
    print(f"{fused.shape[1]}x{fused.shape[0]} pixels, milliseconds of one core and bytes\n")
    with tempfile.TemporaryDirectory() as folder:
        signer = CredentialSigner(local_identity(Path(folder) / "signing"))
        found = {kind: rows(ground, fused, kind, signer, given.runs) for kind in FORMATS}
    print("| step |" + "".join(f" {kind} |" for kind in FORMATS) + "\n|---|" + "---|" * len(FORMATS))
    for index, (name, _, _) in enumerate(found["jpeg"]):
        cells = (found[kind][index] for kind in FORMATS)
        print(f"| {name} |" + "".join(f" {ms:.2f} ms, {size:+,} |" for _, ms, size in cells))


if __name__ == "__main__":
    main()
