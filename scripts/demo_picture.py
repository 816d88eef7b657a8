"""Joins what the demo made into the README's picture: ``make demo && python -m scripts.demo_picture``."""

from __future__ import annotations

from PIL import Image
from scripts.demo import ROOT

HEIGHT = 480


def main() -> None:
    """Write ``docs/images/demo.jpg``: template, user and result side by side at one height."""
    parts = []
    for name in ("template.jpg", "user.png", "fused.jpg"):
        with Image.open(ROOT / "demo" / name) as image:
            parts.append(image.convert("RGB").resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.Resampling.LANCZOS))
    joined = Image.new("RGB", (sum(part.width for part in parts) + 8 * (len(parts) - 1), HEIGHT), "white")
    left = 0
    for part in parts:
        joined.paste(part, (left, 0))
        left += part.width + 8
    target = ROOT / "docs" / "images" / "demo.jpg"
    target.parent.mkdir(exist_ok=True)
    joined.save(target, "JPEG", quality=88)
    print(f"wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
