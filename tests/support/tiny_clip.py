"""A clip with its exact mattes, drawn: a folder with ``frames.mkv`` and ``matte.mkv``."""

from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from livecam.core.geometry import Size
from livecam.core.types import Frame
from tests.support.fakes import SIZE, is_person, secret_frame


def write_video(path: Path, images: list[Frame]) -> None:
    """Lossless, RGB (height, width, 3) or grey (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = ("gray", "gray") if images[0].ndim == 2 else ("rgb24", "bgr0")
    with av.open(str(path), "w") as box:
        stream = box.add_stream("ffv1", rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = kinds[1]
        for image in images:
            box.mux(stream.encode(av.VideoFrame.from_ndarray(image, format=kinds[0])))
        box.mux(stream.encode())


def write_clip(folder: Path, frames: int = 4, mattes: int | None = None, size: Size = SIZE) -> Path:
    """A clip of the green person, with its exact mattes."""
    images = [secret_frame(number, size) for number in range(max(frames, mattes or 0))]
    write_video(folder / "frames.mkv", images[:frames])
    true = [np.asarray(is_person(image) * 255, np.uint8) for image in images]
    write_video(folder / "matte.mkv", true[: frames if mattes is None else mattes])
    return folder


def write_sparse_clip(
    folder: Path, frames: int = 6, labeled: tuple[int, ...] = (2, 4), size: Size = SIZE
) -> Path:
    """Write a clip of the green person with labels of some frames; a line around the person is unknown."""
    images = [secret_frame(number, size) for number in range(frames)]
    write_video(folder / "frames.mkv", images)
    for number in labeled:
        person = is_person(images[number])
        outline = cv2.morphologyEx(person, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
        label = np.where(outline, 128, person * 255).astype(np.uint8)
        Image.fromarray(label).save(folder / f"truth_{number:04d}.png")
    return folder
