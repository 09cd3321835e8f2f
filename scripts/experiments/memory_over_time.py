#!/usr/bin/env python3
"""Compare the previous matte as a network input with the temporal filter: which is more stable?

    scripts/experiments/memory_over_time.py train RUN --data people --rooms rooms
    scripts/experiments/memory_over_time.py measure RUN --data people --rooms rooms [--clips FOLDER]

`train` fine-tunes a trained network twice, by the same steps on the same scenes: as it is, and with its
previous matte as a fourth channel whose weights are zero at first (after Tkachenka et al., "Real-time Hair
Segmentation and Recoloring on Mobile GPUs", 2019). After an interruption the same command continues.

`measure` exports both to LiteRT (int8) and runs them through the live pipeline with and without the temporal
filter. The previous matte is passed in and returned as a value and is dropped on cuts. Clips are made of
foregrounds with exact mattes and of background images of the test split: camera and foreground move smoothly,
each frame has new noise.

    miou, bf, mad, leak, hole, dtssd  on the clips, as `livecam evaluate` computes them
    flicker                           on the first frames of the clips, as scripts/steadiness.py computes it
    cut in, cut out, appears, goes    frames until 90 % of a step is made: a cut from another room to the
                                      foreground and back; the foreground appears in its room and disappears
    goes 99 %                         frames until at most 1 % of the foreground is left (slow ghosts)
    ms                                CPU time of the complete matte(), median
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tqdm import tqdm

from livecam.backgrounds.factory import create_background
from livecam.core.errors import LivecamError, TrainingError, UsageError
from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame, Matte, Motion
from livecam.datasets.evaluation_set import LabeledFrame, load_evaluation_set
from livecam.evaluation.metrics import dtssd, frame_metrics
from livecam.evaluation.temporal_stability import (
    FixedRatePipeline,
    IdentityFilter,
    MatteEstimator,
    flicker,
    step_response_frames,
)
from livecam.imaging.ops import downscale
from livecam.matting.base import TemporalFilter
from livecam.matting.guided_filter import GuidedFilterUpsampler
from livecam.matting.temporal_filter import AdaptiveTemporalFilter
from livecam.models.model_card import ModelCard
from livecam.models.segmenter import LiteRTSegmenter, clip_rounding, suppress_native_stderr
from livecam.pipeline import Pipeline
from livecam.training.callbacks import EmaCallback, save_atomic, write_checkpoint
from livecam.training.checkpoint import Arrays, find_checkpoint, prepare_run_dir, restore
from livecam.training.config import RunConfig, TrainSettings
from livecam.training.data.dataset import SceneDataset
from livecam.training.data.scene_sampler import AssetPool
from livecam.training.losses import MattingLoss
from livecam.training.malloc import retain_freed_memory
from livecam.training.matting import compile_model, load_asset_pool
from livecam.training.networks.matting_net import logits_model
from livecam.training.networks.torch_layers import use_fused_torch_layers
from livecam.training.trainer import fit_epochs
from scripts.experiments.recurrent_matte import RecurrentDataset, add_memory, split_inputs
from scripts.experiments.synthetic_clips import draw_scenes, list_clips, render_clip, render_empty

START = Path(__file__).resolve().parents[2] / "weights" / "person-lite.keras"
FOLDERS = {"without memory": "without", "with memory": "with"}
WEIGHTS = "averaged.keras"
METRICS = ("miou", "bf", "mad", "leak", "hole", "dtssd")
STEPS = ("cut in", "cut out", "appears", "goes", "goes 99 %")
COLUMNS = (*METRICS, "flicker", *STEPS, "ms")


def main() -> int:
    """Train or measure; return the exit code."""
    args = build_parser().parse_args()
    try:
        return int(args.do(args))
    except LivecamError as error:
        print(f"memory_over_time: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return 130


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the two commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    train = commands.add_parser("train", help="fine-tune with and without memory")
    measure = commands.add_parser("measure", help="export both, and measure them with and without smoothing")
    for command in (train, measure):
        command.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
        command.add_argument("--data", type=Path, nargs="+", required=True, help="folders in Pets layout")
        command.add_argument("--rooms", type=Path, nargs="+", required=True, help="folders of empty rooms")
        command.add_argument(
            "--seed", type=int, default=1, metavar="N", help="seed of the random numbers (1)"
        )
    train.add_argument("--start", type=Path, default=START, metavar="FILE", help="a .keras (person-lite's)")
    train.add_argument(
        "--epochs", type=int, default=5, metavar="N", help="a checkpoint is saved after each (5)"
    )
    train.add_argument("--steps", type=int, default=80, metavar="N", help="batches per epoch (80)")
    train.add_argument("--batch", type=int, default=32, metavar="N", help="examples per batch (32)")
    train.add_argument("--learning-rate", type=float, default=1e-3, metavar="RATE", help="highest (0.001)")
    train.set_defaults(do=train_both)
    measure.add_argument(
        "--clips", type=Path, metavar="FOLDER", help="clips with mattes, instead of those made"
    )
    measure.add_argument("--takes", type=int, default=12, metavar="N", help="clips to make (12)")
    measure.add_argument("--frames", type=int, default=24, metavar="N", help="frames of each clip (24)")
    measure.add_argument(
        "--steps-of", type=int, default=4, metavar="N", help="scenes whose steps are measured (4)"
    )
    measure.add_argument("--threads", type=int, default=1, metavar="N", help="threads of the network (1)")
    measure.set_defaults(do=measure_all)
    return parser


def train_both(args: argparse.Namespace) -> int:
    """Fine-tune without and with memory; skip what is finished."""
    run = RunConfig(tuple(args.data), args.run, args.epochs, args.batch, args.learning_rate, args.seed)
    settings = TrainSettings(run, rooms=tuple(args.rooms), start=args.start, steps=args.steps)
    retain_freed_memory()
    # Scenes are rendered in their own threads.
    cv2.setNumThreads(1)
    load_network(args.start)
    pool = load_asset_pool(settings, "trainval")
    for name, folder in FOLDERS.items():
        out = args.run / folder
        resume = (out / "settings.json").is_file()
        print(f"{name}:", file=sys.stderr)
        part = replace(settings, run=replace(run, out=out, resume=resume))
        fine_tune(part, pool, remembers=folder == "with")
    return 0


def load_network(path: Path) -> keras.Model:
    """Load a trained network as it was saved.

    Raises:
        TrainingError: the file is missing or not a network of livecam.
    """
    try:
        model = keras.models.load_model(path, compile=False)
        model.get_layer("scale"), model.get_layer("head")
    except Exception as error:  # Keras, zipfile, h5py and json each have their own
        raise TrainingError(f"{path} is no trained network of livecam's; name a run's best.keras") from error
    return model


class SaveAverage(EmaCallback):
    """Save the averaged weights and the checkpoint after each epoch. `measure` evaluates them."""

    def __init__(self, run: Path, decay: float, averaged: keras.Model, average: Arrays | None) -> None:
        super().__init__(decay, average)
        self._run, self._averaged = run, averaged

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save the averaged network and the checkpoint of the epoch."""
        self._averaged.set_weights(self.average)
        save_atomic(self._averaged, self._run / WEIGHTS)
        write_checkpoint(self.model, epoch + 1, -1.0, self.average, self._run)
        tqdm.write(f"epoch {epoch + 1}: loss {(logs or {}).get('loss', np.nan):.4f}", file=sys.stderr)


def fine_tune(settings: TrainSettings, pool: AssetPool, *, remembers: bool) -> None:
    """Fine-tune, or continue after an interruption; write the averaged weights to `settings.run.out`."""
    state = find_checkpoint(settings)
    keras.utils.set_random_seed(settings.run.seed)
    model = load_network(settings.start or START)
    kind = RecurrentDataset if remembers else SceneDataset
    batches = kind(
        pool,
        Size(*model.input_shape[2:0:-1]),
        batch=settings.run.batch,
        steps=settings.steps,
        seed=settings.run.seed,
        pairs=settings.pairs,
        mix=settings.mix,
        workers=settings.workers,
        echo=True,
    )
    model = add_memory(model) if remembers else model
    prepare_run_dir(settings, state)
    student = use_fused_torch_layers(logits_model(model))
    compile_model(student, settings, {"loss": MattingLoss(settings.pairs)})
    if state:
        restore(student, state, settings.run.out)
    done = state.epoch if state else 0
    if done < settings.run.epochs:
        save = SaveAverage(settings.run.out, decay(settings), model, state.average if state else None)
        fit_epochs(student, batches, [save], done, settings.run.epochs)


def decay(settings: TrainSettings) -> float:
    """Return the decay of the averaged weights per step: they average about a tenth of the run."""
    return 1 - 10 / (settings.total_steps + 10)


def measure_all(args: argparse.Namespace) -> int:
    """Export, measure, print the table; ``figures.json`` has all numbers, also after an interruption."""
    if min(args.takes, args.threads) < 1 or args.frames < 2 or args.steps_of < 0:
        raise UsageError("--takes and --threads must be 1 or more, --frames 2 or more, --steps-of 0 or more")
    if keras.backend.backend() != "tensorflow":
        raise UsageError("networks are exported with TensorFlow; leave KERAS_BACKEND out")
    variants = load_variants(args.run, args.threads)
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in variants}
    for name, figures in measure_each(args, variants):
        results[name].append(figures)
        if name == [*variants][-1]:
            rows = {name: mean_of(each) for name, each in results.items()}
            report = {"clips": str(args.clips or "takes"), "rows": rows, "each": results}
            (args.run / "figures.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"{table(rows)}\n\n{differences(results)}")
    return 0


def measure_each(
    args: argparse.Namespace, variants: dict[str, "Variant"]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the figures of each clip, then of the steps of each scene, for each variant in turn."""
    settings = TrainSettings(RunConfig(tuple(args.data), args.run), rooms=tuple(args.rooms))
    count = max(0 if args.clips else args.takes, args.steps_of)
    scenes = draw_scenes(load_asset_pool(settings, "test"), count, args.seed) if count else []
    clips = list_clips(scenes[: args.takes], args.frames, args.seed)
    if args.clips:
        clips = load_evaluation_set(args.clips, "test", args.frames)
    for clip in tqdm(clips, unit="clip", disable=None):
        frames = list(clip.frames())
        for name, variant in variants.items():
            yield name, {"case": clip.name, **measure_clip(variant, frames)}
    for number, scene in enumerate(tqdm(scenes[: args.steps_of], unit="scene", disable=None)):
        still = next(render_clip(scene, 1, args.seed)).frame
        room, other = render_empty(scene, args.seed), render_empty(scenes[number - 1], args.seed)
        for name, variant in variants.items():
            yield name, {"case": f"steps {number}", **measure_steps(variant, still, room, other)}


def load_variants(run: Path, threads: int) -> dict[str, "Variant"]:
    """Load the four variants to compare, by name."""
    from livecam.training.export.litert_converter import convert_to_litert, output_indices, quantize_weights

    variants: dict[str, Variant] = {}
    for name, folder in FOLDERS.items():
        model = load_network(run / folder / WEIGHTS)
        weights = quantize_weights(convert_to_litert(split_inputs(model) if folder == "with" else model))
        (run / f"{folder}.tflite").write_bytes(weights)
        outputs, size = output_indices(weights), Size(*model.input_shape[2:0:-1])
        for label, temporal_filter in (
            (name, IdentityFilter()),
            (f"{name}, smoothed", AdaptiveTemporalFilter()),
        ):
            if folder == "with":
                segmenter = RecurrentSegmenter(
                    RecurrentNetwork(weights, size, outputs["matte"], threads), temporal_filter
                )
                variants[label] = Variant(segmenter, segmenter)
            else:
                digest = hashlib.sha256(weights).hexdigest()
                card = ModelCard(folder, f"{folder}.tflite", digest, size, (0.0, 1.0), outputs)
                variants[label] = Variant(LiteRTSegmenter(card, weights, threads), temporal_filter)
    return variants


class RecurrentNetwork:
    """Run the network with memory in LiteRT; the caller holds the memory."""

    def __init__(self, weights: bytes, size: Size, output: int, threads: int = 1) -> None:
        with suppress_native_stderr():
            self._interpreter = Interpreter(model_content=weights, num_threads=threads)
            self._interpreter.allocate_tensors()
        inputs = {
            int(tensor["shape"][3]): tensor["index"] for tensor in self._interpreter.get_input_details()
        }
        self._image_input, self._memory_input = inputs[3], inputs[1]
        self._matte = self._interpreter.get_output_details()[output]["index"]
        self._size = size

    def predict(self, frame: Frame, memory: Matte | None) -> Matte:
        """Predict the matte of a frame, float32 (height, width) in the network's size, a new array.

        `memory` is the previous matte; None after a cut.
        """
        image = downscale(frame, self._size)[None] * np.float32(1 / 255)
        last = np.zeros((self._size.height, self._size.width), np.float32) if memory is None else memory
        self._interpreter.set_tensor(self._image_input, image)
        self._interpreter.set_tensor(self._memory_input, last[None, :, :, None])
        self._interpreter.invoke()
        return clip_rounding(np.array(self._interpreter.get_tensor(self._matte)[0, :, :, 0], np.float32))


class RecurrentSegmenter:
    """Pass a network its previous matte; drop it when the temporal filter is reset.

    It is the segmenter and the temporal filter of a pipeline.
    """

    def __init__(self, network: RecurrentNetwork, temporal_filter: TemporalFilter) -> None:
        self._network, self._filter = network, temporal_filter
        self._memory: Matte | None = None

    def predict(self, frame: Frame) -> Matte:
        """Predict the matte of the next frame."""
        return self._network.predict(frame, self._memory)

    def apply(self, coarse: Matte, motion: Motion | None = None) -> Matte:
        """Return the filtered matte; keep the cleaned coarse matte, as a copy, in memory."""
        self._memory = np.array(coarse)
        return self._filter.apply(coarse, motion)

    def move(self, before: Crop, after: Crop) -> None:
        """Drop the memory: the network's next input is another part of the frame."""
        self._memory = None
        self._filter.move(before, after)

    def reset(self) -> None:
        """Drop the memory, because the scene is another one."""
        self._memory = None
        self._filter.reset()


class Variant(FixedRatePipeline):
    """The live pipeline with the given segmenter and temporal filter."""

    def __init__(
        self, segmenter: LiteRTSegmenter | RecurrentSegmenter, temporal_filter: TemporalFilter
    ) -> None:
        background = create_background("green")
        super().__init__(Pipeline(segmenter, temporal_filter, GuidedFilterUpsampler(), background))


def measure_clip(variant: MatteEstimator, frames: list[LabeledFrame]) -> dict[str, Any]:
    """Measure the `METRICS` of a clip, means over its frames, and the median CPU milliseconds."""
    variant.reset()
    metrics: dict[str, list[float]] = {name: [] for name in (*METRICS, "ms")}
    last: tuple[Matte, Matte] | None = None
    for labeled in frames:
        # CPU time, because wall time includes the work of other programs.
        start = time.process_time()
        matte = variant.matte(labeled.frame)
        metrics["ms"].append(1e3 * (time.process_time() - start))
        values = frame_metrics(matte, labeled.matte)
        if last is not None:
            values["dtssd"] = 100 * dtssd(last[0], matte, last[1], labeled.matte)
        last = matte, labeled.matte
        for name in values.keys() & set(METRICS):
            metrics[name].append(values[name])
    return {name: float(np.median(each) if name == "ms" else np.mean(each)) for name, each in metrics.items()}


def measure_steps(variant: MatteEstimator, still: Frame, room: Frame, other: Frame) -> dict[str, Any]:
    """Measure flicker and the frames until steps between a foreground, its room and another are made."""
    steps = [(other, still), (still, other), (room, still), (still, room)]
    counts = [
        *(step_response_frames(variant, *step) for step in steps),
        step_response_frames(variant, still, room, 0.99),
    ]
    return {"flicker": flicker(variant, still, frames=30), **dict(zip(STEPS, counts, strict=True))}


def mean_of(each: list[dict[str, Any]]) -> dict[str, float | None]:
    """Return the mean of each column over the rows that have a number in it; None if no row has one."""
    columns = {name: [row[name] for row in each if row.get(name) is not None] for name in COLUMNS}
    return {name: float(np.mean(values)) if values else None for name, values in columns.items()}


def table(rows: dict[str, dict[str, float | None]]) -> str:
    """Format the means as Markdown; "-" where nothing was measured."""
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
    for name, row in rows.items():
        cells = ["-" if row[column] is None else f"{row[column]:.2f}" for column in COLUMNS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def differences(results: dict[str, list[dict[str, Any]]]) -> str:
    """Format what memory changes, filtered or not: mean and standard error over the clips, as Markdown."""
    lines = [f"| with memory minus without | {' | '.join(METRICS)} |", "|---|" + "---:|" * len(METRICS)]
    without, remembering = FOLDERS
    for ending in ("", ", smoothed"):
        cells = []
        for name in METRICS:
            each = zip(results[without + ending], results[remembering + ending], strict=True)
            change = np.array([new[name] - old[name] for old, new in each if name in old])
            error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else np.nan
            cells.append(f"{change.mean():+.2f} ± {error:.2f}")
        lines.append(f"| {ending.lstrip(', ') or 'not smoothed'} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
