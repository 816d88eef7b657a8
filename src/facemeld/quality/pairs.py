"""Which user goes into which template."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

from facemeld.quality.errors import QualityError

Pair = tuple[Path, Path]
"""A user's photo and a template."""

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, sorted by name; a file stands for itself.

    Raises:
        QualityError: there is none.
    """
    found = [folder] if folder.is_file() else sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise QualityError(f"expected pictures ({', '.join(sorted(_SUFFIXES))}) in {folder}, found none")
    return found


def random_pairs(users: Sequence[Path], templates: Sequence[Path], per_user: int, seed: int, limit: int | None = None) -> list[Pair]:
    """Pair every user with ``per_user`` different templates that are not the user's own picture.

    The draw is balanced: templates are dealt from a shuffled pack that is shuffled anew when it is used up. With ``limit``, only the
    first so many pairs of a shuffled order are kept.

    Raises:
        QualityError: there are not enough templates.
    """
    draw, pack, pairs = random.Random(seed), list[Path](), list[Pair]()  # noqa: S311 - a reproducible draw, nothing secret
    for user in users:
        dealt: list[Path] = []
        allowed = {template for template in templates if template.resolve() != user.resolve()}
        if len(allowed) < per_user:
            raise QualityError(f"expected at least {per_user} other templates for {user.name}, got {len(allowed)}")
        while len(dealt) < per_user:
            at = next((i for i, template in enumerate(pack) if template in allowed and template not in dealt), None)
            if at is None:
                pack += draw.sample(list(templates), len(templates))
            else:
                dealt.append(pack.pop(at))
        pairs += [(user, template) for template in dealt]
    if limit is None or limit >= len(pairs):
        return pairs
    return sorted(draw.sample(pairs, limit), key=pairs.index)


def listed_pairs(table: Path, users: Sequence[Path], templates: Sequence[Path]) -> list[Pair]:
    """The pairs of a CSV file with the columns ``user`` and ``template``, which hold file names.

    Raises:
        QualityError: a column or a named picture is missing.
    """
    by_user, by_template = ({path.name: path for path in side} for side in (users, templates))
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"user", "template"} <= rows[0].keys():
        raise QualityError(f"expected the columns user and template and at least one row in {table}")
    missing = sorted({row["user"] for row in rows} - by_user.keys() | {row["template"] for row in rows} - by_template.keys())
    if missing:
        raise QualityError(f"expected every picture that {table} names, missing {', '.join(missing)}")
    return [(by_user[row["user"]], by_template[row["template"]]) for row in rows]
