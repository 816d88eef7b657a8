"""Puts real dumps of a result's marks into ``docs/labels.md``: ``python -m scripts.docs_labels``.

The result is a fusion of the two public-domain portraits that matplotlib and scikit-image carry, marked as a worker does. Every run has
another id and another signature; ``tests/docs/test_labels.py`` compares the rest with the page.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import c2pa
import matplotlib
import numpy as np
import skimage
from PIL import Image

from facemeld.library import ResultMarks, fuse_file
from facemeld.marks.authority import local_identity
from facemeld.marks.metadata import extract
from facemeld.media.decode import DecodeLimits
from facemeld.models.store import ensure_bundle
from facemeld.verify.service import report
from facemeld.workers.pool.context import WorkerConfig, context_for
from facemeld.workers.tasks.marking import VerifyPicture

PAGE = Path(__file__).resolve().parents[1] / "docs" / "labels.md"
KEY = b"a key for this page, not secret."
_BLOCK = re.compile(r"(<!-- dump: (\w+) -->\n```\w*\n)(.*?)(```\n<!-- end -->)", re.DOTALL)
_HIDDEN_GROUPS = ("[ExifTool]", "[System]")


def make_result() -> tuple[bytes, str]:
    """A marked result as JPEG, and the certificate of the authority that vouches for it."""
    template = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    user = Path(skimage.__file__).parent / "data" / "astronaut.png"
    with tempfile.TemporaryDirectory() as folder:
        identity = local_identity(Path(folder) / "signing")
    with Image.open(template) as image:
        ground = np.asarray(image.convert("RGB").resize((921, 1080), Image.Resampling.LANCZOS))
    return fuse_file(ground, user, "jpeg", marks=ResultMarks(key=KEY, identity=identity)).data, identity.anchor


def dumps() -> Mapping[str, str]:
    """The dumps of a new result by their names on the page; without ExifTool its one is left out."""
    data, anchor = make_result()
    packet, _ = extract(data)
    assert packet is not None
    with c2pa.Reader("image/jpeg", io.BytesIO(data)) as reader:
        manifest = json.loads(reader.json())
    context = context_for(WorkerConfig(bundle=ensure_bundle(), mark_key=KEY))
    limits = DecodeLimits(formats=("jpeg",))
    found = report(VerifyPicture(data, limits, anchor)(context), local=True)
    made = {
        "xmp": packet.decode().replace("><", ">\n<"),
        "manifest": json.dumps(manifest, indent=2, ensure_ascii=False),
        "report": json.dumps(found, indent=2, ensure_ascii=False),
    }
    program = shutil.which("exiftool")
    if program is not None:
        done = subprocess.run([program, "-G1", "-a", "-s", "-"], input=data, capture_output=True, check=True)
        made["exiftool"] = "\n".join(line for line in done.stdout.decode().splitlines() if not line.startswith(_HIDDEN_GROUPS))
    return made


def on_the_page(page: str) -> dict[str, str]:
    """The dumps that the page holds."""
    return {found.group(2): found.group(3).rstrip("\n") for found in _BLOCK.finditer(page)}


def main() -> None:
    """Write new dumps into the page."""
    made = dumps()
    page = _BLOCK.sub(lambda found: f"{found[1]}{made[found[2]]}\n{found[4]}" if found[2] in made else found[0], PAGE.read_text("utf-8"))
    PAGE.write_text(page, "utf-8")
    print(f"wrote {', '.join(made)} into docs/{PAGE.name}")


if __name__ == "__main__":
    main()
