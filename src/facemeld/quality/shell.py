"""Measures fusion quality from the shell."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from facemeld.errors import FacemeldError
from facemeld.fusion.engine import Engine
from facemeld.quality.bench import run
from facemeld.quality.identity import DlibJudge
from facemeld.quality.pairs import listed_pairs, pictures_in, random_pairs
from facemeld.quality.records import Degrees

DEVELOPMENT_FACES = Path("../shared/data/faces")
"""Portraits for development, beside the checkout; used where no folder is named."""


def mesh_engine() -> Engine:
    """The default engine."""
    # Imported late, so that measuring another engine needs neither this one nor its models.
    from facemeld.fusion.mesh.engine import MeshEngine
    from facemeld.models import ensure_bundle

    return MeshEngine(ensure_bundle())


def named_engine(name: str) -> Engine:
    """The engine that a function without arguments makes; ``name`` is ``module:function``."""
    module, _, function = name.partition(":")
    engine: Engine = getattr(importlib.import_module(module), function)()
    return engine


def _degrees(text: str) -> Degrees:
    shape, _, features = text.partition("/")
    if not (shape.isdigit() and features.isdigit() and int(shape) <= 100 and int(features) <= 100):
        raise argparse.ArgumentTypeError(f"expected PROFILE/FACE with numbers from 0 to 100, got {text}")
    return int(shape), int(features)


def _parser(program: str) -> argparse.ArgumentParser:
    shared = DEVELOPMENT_FACES if DEVELOPMENT_FACES.is_dir() else None
    parser = argparse.ArgumentParser(prog=program, description="Fuse pairs of pictures and measure the results.")
    parser.add_argument("--users", type=Path, required=shared is None, default=shared, help=f"folder of user photos (default: {shared})")
    parser.add_argument("--templates", type=Path, help="folder of templates (default: the user photos)")
    parser.add_argument("--out", type=Path, default=Path("quality-report"), help="folder of the report")
    parser.add_argument("--degrees", type=_degrees, nargs="+", default=[(50, 50), (0, 0)], help="PROFILE/FACE, several allowed")
    parser.add_argument("--pairs-per-user", type=int, default=2)
    parser.add_argument("--pairs", type=int, help="only so many pairs of the draw")
    parser.add_argument("--list", type=Path, help="CSV file with the pairs (user,template) instead of a draw")
    parser.add_argument("--sliders", type=int, default=0, help="pairs on which the sliders' monotony is measured (10 fusions each)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", help="module:function that makes another engine")
    return parser


def main(arguments: list[str] | None = None, program: str = "python -m facemeld.quality") -> int:
    """Run the bench and print its table; returns the exit code."""
    chosen = _parser(program).parse_args(arguments)
    factory: Callable[[], Engine] = partial(named_engine, chosen.engine) if chosen.engine else mesh_engine
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
            templates,
            chosen.out,
            degrees=chosen.degrees,
            workers=chosen.workers,
            engine_factory=factory,
            progress=_progress if sys.stderr.isatty() else None,
            pairs=pairs,
            slider_pairs=chosen.sliders,
            judge_factory=DlibJudge,
        )
    except FacemeldError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{report.table()}\n\n{time.monotonic() - start:.0f} s; report in {chosen.out}\n")
    return 0


def _progress(step: str, done: int, total: int) -> None:
    sys.stderr.write(f"\r{step} {done}/{total}" + ("\n" if done == total else ""))
