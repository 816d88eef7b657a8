"""Broken pictures by number: the same seed and number always give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from bench.seeds import Seed

from bench import mutants_jpeg, mutants_png

_STRUCTURED = 0.75
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0", b"%PDF-1.7\n", b"PK\3\4", b"<svg>")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken picture.

    Attributes:
        number: Which one.
        seed: Name of the whole picture that it was made from.
        how: What was done to it.
        data: Its bytes.
    """

    number: int
    seed: str
    how: tuple[str, ...]
    data: bytes = field(repr=False)


def mutant(number: int, run: int, seeds: Sequence[Seed]) -> Mutant:
    """The mutant of a number.

    Args:
        number: Which one.
        run: Seed of the whole run.
        seeds: Whole pictures to break.
    """
    dice = Random(f"{run}/{number}")
    chosen = dice.choice(seeds)
    data, how = chosen.data, []
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        data, name = _break(data, dice, seeds)
        how.append(name)
    return Mutant(number, chosen.name, tuple(how), data)


def _break(data: bytes, dice: Random, seeds: Sequence[Seed]) -> tuple[bytes, str]:
    if dice.random() < _STRUCTURED:
        if data.startswith(b"\xff\xd8") and len(segments := mutants_jpeg.parse(data)) > 3:
            name = dice.choice(list(mutants_jpeg.MUTATIONS))
            mutants_jpeg.MUTATIONS[name](segments, dice)
            return mutants_jpeg.join(segments), f"jpeg {name}"
        if data.startswith(mutants_png.SIGNATURE) and len(chunks := mutants_png.parse(data)) > 1:
            name = dice.choice(list(mutants_png.MUTATIONS))
            mutants_png.MUTATIONS[name](chunks, dice)
            return mutants_png.join(chunks), f"png {name}"
    return _break_bytes(bytearray(data), dice, seeds)


def _break_bytes(data: bytearray, dice: Random, seeds: Sequence[Seed]) -> tuple[bytes, str]:
    """What can be done to a file of any kind."""
    size = max(1, len(data))
    # Heads matter most: half of all places are among the first bytes.
    place = dice.randrange(min(size, 700)) if dice.random() < 0.5 else dice.randrange(size)
    match dice.randrange(9):
        case 0:
            for _ in range(dice.randint(1, 30)):
                at = dice.randrange(size)
                data[at : at + 1] = bytes([(data[at] if at < len(data) else 0) ^ 1 << dice.randrange(8)])
            return bytes(data), "flipped bits"
        case 1:
            return bytes(data[:place]), "cut off"
        case 2:
            other = dice.choice(seeds).data
            return bytes(data[:place]) + other[dice.randrange(len(other)) :], "spliced"
        case 3:
            return bytes(data) + dice.choice(seeds).data, "another picture behind"
        case 4:
            del data[place : place + dice.choice((1, 2, 3, 4, 100))]
            return bytes(data), "bytes missing"
        case 5:
            data[place:place] = dice.randbytes(dice.choice((1, 2, 3, 4, 100)))
            return bytes(data), "bytes put in"
        case 6:
            data[place:place] = data[place : place + dice.choice((10, 1000))]
            return bytes(data), "bytes repeated"
        case 7:
            magic = dice.choice(_MAGIC)
            return magic + bytes(data[dice.choice((0, len(magic))) :]), "another beginning"
        case _:
            return bytes(data) + dice.choice((dice.randbytes(1000), b"<?php echo 1; ?>", bytes(100_000))), "something behind"
