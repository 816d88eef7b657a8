"""Writes what the reference implementation says about the two public-domain portraits, for the parity test.

    python scripts/make_reference_landmarks.py BUNDLE ASTRONAUT.png GRACE_HOPPER.jpg tests/data/reference_landmarks.npz

Runs in an environment of its own that has ``mediapipe`` and ``pillow``; Facemeld itself is not needed. BUNDLE is
``face_landmarker.task``; the portraits are the ones that scikit-image and matplotlib carry.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import mediapipe
import numpy as np
from PIL import Image


def main() -> None:
    """Find the one face of each portrait and write landmarks in pixels and blendshape scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("bundle", "astronaut", "hopper", "output"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    vision = mediapipe.tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(arguments.bundle)), output_face_blendshapes=True
    )
    arrays = {}
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for name in ("astronaut", "hopper"):
            pixels = np.asarray(Image.open(getattr(arguments, name)).convert("RGB"))
            height, width = pixels.shape[:2]
            result = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels)))
            points = result.face_landmarks[0]
            arrays[f"{name}_landmarks"] = np.array([[point.x * width, point.y * height, point.z * width] for point in points], np.float32)
            arrays[f"{name}_blendshapes"] = np.array([score.score for score in result.face_blendshapes[0]], np.float32)
    np.savez_compressed(arguments.output, version=np.array(mediapipe.__version__), **arrays)
    print(f"wrote {arguments.output} with mediapipe {mediapipe.__version__}")


if __name__ == "__main__":
    main()
