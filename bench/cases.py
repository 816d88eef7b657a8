"""The kinds of calls that are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.world import World

from bench import pictures, references


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of call.

    Attributes:
        name: What differs from the first case.
        side: Pixels of the material's side.
        megapixels: Of each user's photo.
        faces: Users in the call.
        by_url: Whether photos are named by address.
        kind: What the caller wants back.
    """

    name: str
    side: int = 1080
    megapixels: float = 1
    faces: int = 1
    by_url: bool = False
    kind: str = "url"

    @property
    def key(self) -> str:
        """A short name without spaces."""
        return f"{self.side}-{self.megapixels:g}-{self.faces}-{'by_url' if self.by_url else 'inline'}-{self.kind}"

    @property
    def model(self) -> str:
        """Name of the material."""
        return f"{self.side}-{self.faces}"

    @property
    def photo(self) -> str:
        """Name of the photo's file."""
        return f"photo-{self.megapixels:g}.jpg"

    def floor(self, times: int = 5) -> float:
        """Processor milliseconds of decoding and encoding the same pictures alone, median of some times."""
        photos = [pictures.photo(self.megapixels)] * self.faces
        return references.processor_ms(references.floor(pictures.material(self.side, self.faces), photos), times)


BASE = Case("1080×1080, 1 face, 1 MP, base64 in, address out")
CASES = (
    BASE,
    Case("material 512×512", side=512),
    Case("material 2160×2160", side=2160),
    Case("material 4096×4096", side=4096),
    Case("photo of 0.3 MP", megapixels=0.3),
    Case("photo of 12 MP", megapixels=12),
    Case("2 faces", faces=2),
    Case("6 faces", faces=6),
    Case("photo by address", by_url=True),
    Case("base64 out", kind="base64"),
)
QUICK = (BASE, CASES[3], CASES[5], CASES[7])


def materials(cases: Sequence[Case]) -> Mapping[str, bytes]:
    """The materials that some cases need, by name."""
    return {case.model: pictures.material(case.side, case.faces) for case in cases}


def photos(cases: Sequence[Case]) -> Mapping[str, bytes]:
    """The photos that some cases need, by name."""
    return {case.photo: pictures.photo(case.megapixels) for case in cases}


def prepare(world: World, cases: Sequence[Case], files: str = "") -> None:
    """Keep the request of every case under its key.

    Args:
        world: Has their materials.
        cases: The cases.
        files: Address of a web server that has their photos, for those that name them by address.
    """
    for case in cases:
        photo = f"{files}/{case.photo}" if case.by_url else pictures.photo(case.megapixels)
        world.request(case.key, *[photo] * case.faces, model=case.model, kind=case.kind)
