"""A tiny network that is taught in seconds to keep red discs, and scenes with one beside a green square."""

from pathlib import Path

import keras
import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.personalization.finetune import FinetuneConfig
from livecam.personalization.replay import foreground_from_matte
from livecam.personalization.synthetic_rooms import draw_room
from livecam.training.data.dataset import SceneDataset
from livecam.training.data.scene_sampler import AssetPool, SceneMix
from livecam.training.export.exporter import export_model
from livecam.training.losses import MattingLoss
from livecam.training.networks.matting_net import ARCHITECTURES, build_model, logits_model

SIZE = Size(160, 120)
SMALL = FinetuneConfig(epochs=3, steps=12, rows=(6, 3), learning_rate=4e-3)


def scene(number: int, *, with_square: bool) -> tuple[Frame, Matte]:
    """Draw a swaying red disc and a green square on gray; the matte contains the square if `with_square`."""
    rng = np.random.default_rng(number)
    down, across = np.mgrid[: SIZE.height, : SIZE.width]
    disc = np.hypot(across - 55 - 4 * np.sin(number), down - 80) < 34
    square = (abs(across - 128) < 18) & (abs(down - 70 - 3 * np.cos(number)) < 24)
    frame = np.full((SIZE.height, SIZE.width, 3), 128) + rng.normal(0, 6, (SIZE.height, SIZE.width, 3))
    frame[disc] += (90, -90, -90)
    frame[square] += (-90, 90, -90)
    kept = (disc | (square & with_square)).astype(np.float32)
    return np.clip(frame, 0, 255).astype(np.uint8), kept


def teach(folder: Path, steps: int = 90) -> Path:
    """Train the network and export it into `folder`, its .keras beside it; gives the path of the .tflite."""
    keras.utils.set_random_seed(3)
    foregrounds = [foreground_from_matte(f"disc{i}", *scene(i, with_square=False)) for i in range(6)]
    # Without changed clothes: what this network keeps is told by its color alone.
    mix = SceneMix(clothes=0.0)
    pool = AssetPool(foregrounds, [draw_room(i) for i in range(6)], [])
    batches = SceneDataset(pool, Size(64, 48), batch=8, steps=steps, seed=2, mix=mix)
    model = build_model(ARCHITECTURES["tiny"])
    student = logits_model(model)
    student.compile(optimizer=keras.optimizers.Adam(1e-2), loss=MattingLoss())
    student.fit(batches, epochs=1, shuffle=False, verbose=0)
    model.save(folder / "tiny-trained.keras")
    export_model(folder / "tiny-trained.keras", folder / "tiny.tflite", precision="float32")
    return folder / "tiny.tflite"
