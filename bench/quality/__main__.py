"""Measures fusion quality: ``python -m bench.quality --users FOLDER --templates FOLDER --out FOLDER`` (``make quality``)."""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path

from bench.quality.judge import DlibJudge, JudgeMissing
from bench.quality.report import Degrees
from bench.quality.run import QualityError, listed_pairs, mesh_engine, named_engine, pictures_in, random_pairs, run

from facemeld.errors import FacemeldError

RECORD = Path(__file__).resolve().parents[2] / "docs" / "quality.json"
"""The figures from which the documentation's are made."""

DEVELOPMENT_FACES = Path("../shared/data/faces")
"""Portraits for development, beside the checkout; used where no folder is named."""


def _degrees(text: str) -> Degrees:
    shape, _, features = text.partition("/")
    if not (shape.isdigit() and features.isdigit() and int(shape) <= 100 and int(features) <= 100):
        raise argparse.ArgumentTypeError(f"expected PROFILE/FACE with numbers from 0 to 100, got {text}")
    return int(shape), int(features)


def _parser() -> argparse.ArgumentParser:
    shared = DEVELOPMENT_FACES if DEVELOPMENT_FACES.is_dir() else None
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description="Fuse pairs of pictures and measure the results.")
    parser.add_argument("--users", type=Path, required=shared is None, default=shared, help=f"folder of user photos (default: {shared})")
    parser.add_argument("--templates", type=Path, help="folder of templates (default: the user photos)")
    parser.add_argument("--out", type=Path, default=Path("quality-report"), help="folder of the report")
    parser.add_argument("--degrees", type=_degrees, nargs="+", default=[(0, 0), (50, 50)], help="PROFILE/FACE, several allowed")
    parser.add_argument("--pairs-per-user", type=int, default=2)
    parser.add_argument("--pairs", type=int, help="keep only this many pairs of the draw")
    parser.add_argument("--list", type=Path, help="CSV file with the pairs (user,template) instead of a draw")
    parser.add_argument("--sliders", type=int, default=40, help="pairs on which the sliders' monotony is measured (10 fusions each)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", help="module:function that makes another engine")
    parser.add_argument("--record", action="store_true", help="keep the figures in docs/quality.json, from which `make docs` takes them")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the bench and print its table; return the exit code."""
    chosen = _parser().parse_args(arguments)
    start = time.monotonic()
    try:
        users = pictures_in(chosen.users)
        templates = pictures_in(chosen.templates or chosen.users)
        if chosen.list:
            pairs = listed_pairs(chosen.list, users, templates)
        else:
            pairs = random_pairs(users, templates, chosen.pairs_per_user, chosen.seed, chosen.pairs)
        report = run(
            users,
            pairs,
            chosen.out,
            engine_factory=partial(named_engine, chosen.engine) if chosen.engine else mesh_engine,
            judge_factory=DlibJudge,
            degrees=chosen.degrees,
            slider_pairs=chosen.sliders,
            workers=chosen.workers,
            **({"progress": _progress} if sys.stderr.isatty() else {}),
        )
    except (QualityError, JudgeMissing, FacemeldError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if chosen.record:
        RECORD.write_text(json.dumps({**report.record(), "pairs": len(pairs)}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{report.table()}\n\n{time.monotonic() - start:.0f} s; report in {chosen.out}\n")
    return 0


def _progress(step: str, done: int, total: int) -> None:
    sys.stderr.write(f"\r{step} {done}/{total}" + ("\n" if done == total else ""))


if __name__ == "__main__":
    sys.exit(main())
