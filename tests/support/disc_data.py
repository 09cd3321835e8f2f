"""Drawn data in Pets layout: red discs before blue walls with some texture."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.datasets.pets import Foreground, decontaminate_colors
from livecam.imaging.trimap import trimap_from_matte

RED, BLUE = (220, 30, 30), (30, 60, 200)


def draw_disc(size: Size, radius: float, centre: tuple[float, float]) -> np.ndarray:
    """A disc's matte, one pixel soft: float32 (height, width)."""
    down, across = np.mgrid[: size.height, : size.width]
    distance = np.hypot(across - centre[0], down - centre[1])
    return np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)


def paint(
    matte: np.ndarray, foreground: tuple[int, int, int] = RED, room: tuple[int, int, int] = BLUE
) -> Frame:
    """Composite a uniform foreground over a uniform background."""
    alpha = matte[..., None]
    return np.rint(np.array(foreground) * alpha + np.array(room) * (1 - alpha)).astype(np.uint8)


def a_foreground(*, exact: bool = True, size: Size | None = None, radius: float = 0.3) -> Foreground:
    """Return a uniform red disc on blue, cut by the image's lower edge like the user of a webcam."""
    size = size or Size(96, 80)
    matte = draw_disc(size, radius * size.height, (size.width / 2, size.height * (1 - radius / 2)))
    frame, stored = paint(matte), np.rint(matte * 255).astype(np.uint8)
    trimap = trimap_from_matte(matte)
    return Foreground("disc", frame, decontaminate_colors(frame, stored), trimap, stored, exact, True, False)


def write_pets(folder: Path, trainval: int = 4, test: int = 2, *, mattes: bool = True, seed: int = 0) -> Path:
    """A folder in Pets layout."""
    rng = np.random.default_rng(seed)
    for part in ("images", "annotations/trimaps", *(["annotations/mattes"] if mattes else [])):
        (folder / part).mkdir(parents=True)
    names = [f"disc_{i}" for i in range(trainval + test)]
    for name in names:
        size = Size(int(rng.integers(70, 110)), int(rng.integers(60, 90)))
        centre = (size.width * rng.uniform(0.4, 0.6), size.height * rng.uniform(0.8, 0.9))
        matte = draw_disc(size, size.height * rng.uniform(0.25, 0.35), centre)
        frame = cv2.add(paint(matte), rng.integers(0, 25, (size.height, size.width, 3), np.uint8))
        Image.fromarray(frame).save(folder / "images" / f"{name}.png")
        Image.fromarray(trimap_from_matte(matte)).save(folder / "annotations/trimaps" / f"{name}.png")
        if mattes:
            soft = Image.fromarray(np.rint(matte * 255).astype(np.uint8))
            soft.save(folder / "annotations/mattes" / f"{name}.png")
    # As in the official lists: the name, then numbers that don't matter here.
    lines = [f"{name} 1 1 1\n" for name in names]
    (folder / "annotations/trainval.txt").write_text("#Image CLASS-ID\n" + "".join(lines[:trainval]))
    (folder / "annotations/test.txt").write_text("".join(lines[trainval:]))
    return folder
