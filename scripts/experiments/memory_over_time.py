#!/usr/bin/env python3
"""Does a network's last matte, as a further input, steady it better than the smoother alone does?

    scripts/experiments/memory_over_time.py train RUN --data people --rooms rooms
    scripts/experiments/memory_over_time.py measure RUN --data people --rooms rooms [--clips FOLDER]

`train` fine-tunes a trained network twice, by the same steps on the same scenes: as it is, and with its last
matte as a fourth channel that says nothing at first (after Tkachenka et al., "Real-time Hair Segmentation and
Recoloring on Mobile GPUs", 2019). Interrupted, the same command goes on.

`frame_metrics` exports both to LiteRT (int8) and runs them through the live pipeline with and without the
smoother,
the last matte being handed in and out as a value and forgotten on cuts. Clips are made of subjects with exact
mattes and rooms of the test split: camera and subject move smoothly, each frame has fresh noise.

    miou, bf, mad, leak, hole, dtssd  on the clips, as `livecam evaluate` counts them
    flicker                           as scripts/steadiness.py counts it, of the clips' first pictures
    cut in, cut out, appears, goes    frames until 90 % of a step is made: a cut from another room to the
                                      subject and back; the subject alone is new in its room, and goes
    goes 99 %                         until a hundredth of the subject is left at most: ghosts are slow
    ms                                the processor's time for the whole matte(), median
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
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
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
from scripts.experiments.recurrent_matte import RememberingBatches, add_memory, split_inputs
from scripts.experiments.synthetic_clips import draw_scenes, empty, take, takes

START = Path(__file__).resolve().parents[2] / "weights" / "person-lite.keras"
FOLDERS = {"without memory": "without", "with memory": "with"}
WEIGHTS = "averaged.keras"
MARKS = ("miou", "bf", "mad", "leak", "hole", "dtssd")
STEPS = ("cut in", "cut out", "appears", "goes", "goes 99 %")
COLUMNS = (*MARKS, "flicker", *STEPS, "ms")


def main() -> int:
    """Train or measure; give back the exit code."""
    said = read_words().parse_args()
    try:
        return int(said.do(said))
    except LivecamError as error:
        print(f"memory_over_time: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return 130


def read_words() -> argparse.ArgumentParser:
    """The two commands and their options."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = words.add_subparsers(required=True)
    train = commands.add_parser("train", help="fine-tune with and without memory")
    judge = commands.add_parser("measure", help="export both, and measure them with and without smoothing")
    for command in (train, judge):
        command.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
        command.add_argument("--data", type=Path, nargs="+", required=True, help="folders in Pets layout")
        command.add_argument("--rooms", type=Path, nargs="+", required=True, help="folders of empty rooms")
        command.add_argument("--seed", type=int, default=1, metavar="N", help="what is drawn (1)")
    train.add_argument("--start", type=Path, default=START, metavar="FILE", help="a .keras (person-lite's)")
    train.add_argument("--epochs", type=int, default=5, metavar="N", help="the state is kept after each (5)")
    train.add_argument("--steps", type=int, default=80, metavar="N", help="batches an epoch (80)")
    train.add_argument("--batch", type=int, default=32, metavar="N", help="views a batch (32)")
    train.add_argument("--learning-rate", type=float, default=1e-3, metavar="RATE", help="highest (0.001)")
    train.set_defaults(do=train_both)
    judge.add_argument(
        "--clips", type=Path, metavar="FOLDER", help="clips with mattes, instead of those made"
    )
    judge.add_argument("--takes", type=int, default=12, metavar="N", help="clips to make (12)")
    judge.add_argument("--frames", type=int, default=24, metavar="N", help="frames of each clip (24)")
    judge.add_argument(
        "--steps-of", type=int, default=4, metavar="N", help="scenes whose steps are counted (4)"
    )
    judge.add_argument("--threads", type=int, default=1, metavar="N", help="threads of the network (1)")
    judge.set_defaults(do=measure_all)
    return words


def train_both(said: argparse.Namespace) -> int:
    """Fine-tune without and with memory, each as far as it is not done yet."""
    run = RunConfig(tuple(said.data), said.run, said.epochs, said.batch, said.learning_rate, said.seed)
    settings = TrainSettings(run, rooms=tuple(said.rooms), start=said.start, steps=said.steps)
    retain_freed_memory()
    # Scenes are drawn in threads of their own.
    cv2.setNumThreads(1)
    load_network(said.start)
    stock = load_asset_pool(settings, "trainval")
    for name, folder in FOLDERS.items():
        out = said.run / folder
        resume = (out / "settings.json").is_file()
        print(f"{name}:", file=sys.stderr)
        part = replace(settings, run=replace(run, out=out, resume=resume))
        fine_tune(part, stock, remembers=folder == "with")
    return 0


def load_network(path: Path) -> keras.Model:
    """A trained network as it was saved.

    Raises:
        TrainingError: there is none, or one of another kind.
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
        """Save."""
        self._averaged.set_weights(self.average)
        save_atomic(self._averaged, self._run / WEIGHTS)
        write_checkpoint(self.model, epoch + 1, -1.0, self.average, self._run)
        tqdm.write(f"epoch {epoch + 1}: loss {(logs or {}).get('loss', np.nan):.4f}", file=sys.stderr)


def fine_tune(settings: TrainSettings, stock: AssetPool, *, remembers: bool) -> None:
    """Train on, or go on where it was interrupted; `settings.out` gets the averaged weights."""
    state = find_checkpoint(settings)
    keras.utils.set_random_seed(settings.run.seed)
    model = load_network(settings.start or START)
    kind = RememberingBatches if remembers else SceneDataset
    batches = kind(
        stock,
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
    """How much of the averaged weights stays at each step: a tenth of the run counts."""
    return 1 - 10 / (settings.total_steps + 10)


def measure_all(said: argparse.Namespace) -> int:
    """Export, measure, print the table; ``figures.json`` has all numbers, also those of a run cut short."""
    if min(said.takes, said.threads) < 1 or said.frames < 2 or said.steps_of < 0:
        raise UsageError("--takes and --threads must be 1 or more, --frames 2 or more, --steps-of 0 or more")
    if keras.backend.backend() != "tensorflow":
        raise UsageError("networks are exported with TensorFlow; leave KERAS_BACKEND out")
    ways = make_ways(said.run, said.threads)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for name, figures in judge_all(said, ways):
        found[name].append(figures)
        if name == [*ways][-1]:
            rows = {name: mean_of(each) for name, each in found.items()}
            told = {"clips": str(said.clips or "takes"), "rows": rows, "each": found}
            (said.run / "figures.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(f"{table(rows)}\n\n{differences(found)}")
    return 0


def judge_all(said: argparse.Namespace, ways: dict[str, "Way"]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The figures of each clip, then of each scene's steps, by each of the ways in turn."""
    settings = TrainSettings(RunConfig(tuple(said.data), said.run), rooms=tuple(said.rooms))
    count = max(0 if said.clips else said.takes, said.steps_of)
    scenes = draw_scenes(load_asset_pool(settings, "test"), count, said.seed) if count else []
    cases = takes(scenes[: said.takes], said.frames, said.seed)
    if said.clips:
        cases = load_evaluation_set(said.clips, "test", said.frames)
    for case in tqdm(cases, unit="clip", disable=None):
        shots = list(case.frames())
        for name, way in ways.items():
            yield name, {"case": case.name, **judge_clip(way, shots)}
    for number, scene in enumerate(tqdm(scenes[: said.steps_of], unit="scene", disable=None)):
        still = next(take(scene, 1, said.seed)).frame
        room, other = empty(scene, said.seed), empty(scenes[number - 1], said.seed)
        for name, way in ways.items():
            yield name, {"case": f"steps {number}", **judge_steps(way, still, room, other)}


def make_ways(run: Path, threads: int) -> dict[str, "Way"]:
    """The four ways to be compared, by name."""
    from livecam.training.export.litert_converter import convert_to_litert, output_indices, quantize_weights

    ways: dict[str, Way] = {}
    for name, folder in FOLDERS.items():
        model = load_network(run / folder / WEIGHTS)
        weights = quantize_weights(convert_to_litert(split_inputs(model) if folder == "with" else model))
        (run / f"{folder}.tflite").write_bytes(weights)
        outputs, size = output_indices(weights), Size(*model.input_shape[2:0:-1])
        for words, smoother in ((name, IdentityFilter()), (f"{name}, smoothed", AdaptiveTemporalFilter())):
            if folder == "with":
                recall = Recall(Remembering(weights, size, outputs["matte"], threads), smoother)
                ways[words] = Way(recall, recall)
            else:
                digest = hashlib.sha256(weights).hexdigest()
                card = ModelCard(folder, f"{folder}.tflite", digest, size, (0.0, 1.0), outputs)
                ways[words] = Way(LiteRTSegmenter(card, weights, threads), smoother)
    return ways


class Remembering:
    """The network with memory, run by LiteRT; the memory goes in and comes out as the caller's value."""

    def __init__(self, weights: bytes, size: Size, output: int, threads: int = 1) -> None:
        with suppress_native_stderr():
            self._interpreter = Interpreter(model_content=weights, num_threads=threads)
            self._interpreter.allocate_tensors()
        given = {int(tensor["shape"][3]): tensor["index"] for tensor in self._interpreter.get_input_details()}
        self._picture, self._memory = given[3], given[1]
        self._matte = self._interpreter.get_output_details()[output]["index"]
        self._size = size

    def predict(self, frame: Frame, memory: Matte | None) -> Matte:
        """The matte of a frame, float32 (height, width) of the network's size, a new array.

        `memory` is the last one; None after a cut.
        """
        picture = downscale(frame, self._size)[None] * np.float32(1 / 255)
        last = np.zeros((self._size.height, self._size.width), np.float32) if memory is None else memory
        self._interpreter.set_tensor(self._picture, picture)
        self._interpreter.set_tensor(self._memory, last[None, :, :, None])
        self._interpreter.invoke()
        return clip_rounding(np.array(self._interpreter.get_tensor(self._matte)[0, :, :, 0], np.float32))


class Recall:
    """Hands a network its last matte, and forgets it whenever the smoother has to: segmenter and smoother."""

    def __init__(self, network: Remembering, smoother: TemporalFilter) -> None:
        self._network, self._smoother = network, smoother
        self._memory: Matte | None = None

    def predict(self, frame: Frame) -> Matte:
        """The matte of the next frame."""
        return self._network.predict(frame, self._memory)

    def apply(self, rough: Matte) -> Matte:
        """The calm matte; the rough one, whose islands are gone, is remembered."""
        self._memory = np.array(rough)
        return self._smoother.apply(rough)

    def reset(self) -> None:
        """Another scene: nothing is remembered."""
        self._memory = None
        self._smoother.reset()


class Way(FixedRatePipeline):
    """The live pipeline with these stages."""

    def __init__(self, segmenter: LiteRTSegmenter | Recall, smoother: TemporalFilter) -> None:
        unseen = create_background("green")
        super().__init__(Pipeline(segmenter, smoother, GuidedFilterUpsampler(), unseen))


def judge_clip(way: MatteEstimator, shots: list[LabeledFrame]) -> dict[str, Any]:
    """`MARKS` of a clip, means over its frames, and the processor's milliseconds for the median one."""
    way.reset()
    marks: dict[str, list[float]] = {name: [] for name in (*MARKS, "ms")}
    last: tuple[Matte, Matte] | None = None
    for shot in shots:
        # Not by the clock: other programs' turns are no work of this one.
        start = time.process_time()
        matte = way.matte(shot.frame)
        marks["ms"].append(1e3 * (time.process_time() - start))
        said = frame_metrics(matte, shot.matte)
        if last is not None:
            said["dtssd"] = 100 * dtssd(last[0], matte, last[1], shot.matte)
        last = matte, shot.matte
        for name in said.keys() & set(MARKS):
            marks[name].append(said[name])
    return {name: float(np.median(each) if name == "ms" else np.mean(each)) for name, each in marks.items()}


def judge_steps(way: MatteEstimator, still: Frame, room: Frame, other: Frame) -> dict[str, Any]:
    """Frames until steps between a subject, its own room and another one are followed; flicker."""
    steps = [(other, still), (still, other), (room, still), (still, room)]
    counts = [
        *(step_response_frames(way, *step) for step in steps),
        step_response_frames(way, still, room, 0.99),
    ]
    return {"flicker": flicker(way, still, frames=30), **dict(zip(STEPS, counts, strict=True))}


def mean_of(each: list[dict[str, Any]]) -> dict[str, float | None]:
    """Every column's mean, over those that have a number in it; None if none has."""
    columns = {name: [row[name] for row in each if row.get(name) is not None] for name in COLUMNS}
    return {name: float(np.mean(values)) if values else None for name, values in columns.items()}


def table(rows: dict[str, dict[str, float | None]]) -> str:
    """The means as Markdown; "-" where nothing was to be measured."""
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---|" + "---:|" * len(COLUMNS)]
    for name, row in rows.items():
        told = ["-" if row[column] is None else f"{row[column]:.2f}" for column in COLUMNS]
        lines.append(f"| {name} | {' | '.join(told)} |")
    return "\n".join(lines)


def differences(found: dict[str, list[dict[str, Any]]]) -> str:
    """What memory changes, smoothed or not: mean and standard error over the clips, as Markdown."""
    lines = [f"| with memory minus without | {' | '.join(MARKS)} |", "|---|" + "---:|" * len(MARKS)]
    without, remembering = FOLDERS
    for ending in ("", ", smoothed"):
        told = []
        for name in MARKS:
            each = zip(found[without + ending], found[remembering + ending], strict=True)
            change = np.array([new[name] - old[name] for old, new in each if name in old])
            error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else np.nan
            told.append(f"{change.mean():+.2f} ± {error:.2f}")
        lines.append(f"| {ending.lstrip(', ') or 'not smoothed'} | {' | '.join(told)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
