"""Write a folder in Pets layout from frames with known mattes, without annotation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from livecam.core.types import Frame, Matte
from livecam.imaging.image_io import write_image
from livecam.imaging.trimap import trimap_from_matte


def write_labels(folder: Path, frames: Sequence[tuple[Frame, Matte]], held_out: int) -> Path:
    """`frames` with their mattes, the last `held_out` of them in the test list."""
    for part in ("images", "annotations/trimaps", "annotations/mattes"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    names = [f"frame-{number:03d}" for number in range(len(frames))]
    for name, (frame, matte) in zip(names, frames, strict=True):
        write_image(folder / "images" / f"{name}.png", frame)
        Image.fromarray(trimap_from_matte(matte)).save(folder / "annotations/trimaps" / f"{name}.png")
        soft = np.rint(matte * 255).astype(np.uint8)
        Image.fromarray(soft).save(folder / "annotations/mattes" / f"{name}.png")
    cut = len(names) - held_out
    (folder / "annotations/trainval.txt").write_text("\n".join(names[:cut]) + "\n")
    (folder / "annotations/test.txt").write_text("\n".join(names[cut:]) + "\n")
    return folder
