"""Evaluation of a model on labelled images or clips: metrics by group and attribute, and the worst cases.

Every frame goes through the complete `Pipeline.matte` at its own size: images one by one, clips with the
temporal filter. Needs neither TensorFlow nor Keras.
"""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import FileWriteError, UsageError
from livecam.core.fileio import os_error_reason
from livecam.core.geometry import Crop, Size
from livecam.core.progress import ProgressCallback, ignore_progress
from livecam.core.types import Matte
from livecam.datasets.evaluation_set import EvaluationSample, LabeledFrame, load_evaluation_set
from livecam.evaluation.attributes import image_attributes
from livecam.evaluation.journal import SampleScore, ScoreJournal
from livecam.evaluation.metrics import dtssd, flicker, frame_metrics, iou, known_pixel_metrics
from livecam.evaluation.report import EvaluationReport, SampleResult, write_report
from livecam.evaluation.worst_cases import WorstCases
from livecam.imaging.ops import downscale_matte
from livecam.imaging.trimap import UNKNOWN, resize_trimap, trimap_from_matte
from livecam.models.model_card import ModelCard
from livecam.models.registry import resolve_model
from livecam.pipeline import Pipeline

SPLITS = ("test", "trainval")


@dataclass(frozen=True)
class EvaluateSettings:
    """Settings of an evaluation. Values are checked when it is made, the model by `evaluate`.

    `model` is a built-in name or a ``.tflite`` path, `data` a folder that `load_evaluation_set` accepts.

    Raises:
        UsageError: a value is out of range, or the model is a ``.keras`` file.
    """

    model: str
    data: Path
    out: Path = Path("evaluation")
    frames: int | None = None
    threads: int = 2
    split: str = "test"
    crop_tall: bool = False
    skip_contour: bool = False

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check all values; reads nothing from disk.

        Raises:
            UsageError: a value is out of range, or the model is a ``.keras`` file.
        """
        if self.frames is not None and self.frames < 1:
            raise UsageError(f"--frames {self.frames} is too small; give 1 or more")
        if not 1 <= self.threads <= 64:
            raise UsageError(f"--threads must lie between 1 and 64, not {self.threads}")
        if self.split not in SPLITS:
            raise UsageError(f"there is no split {self.split!r}; there are {', '.join(SPLITS)}")
        if self.model.endswith(".keras"):
            raise UsageError(_export_first(self.model))


def _export_first(model: str) -> str:
    return f"{model} must be exported first: livecam export {model} mine.tflite"


def evaluate(
    settings: EvaluateSettings,
    progress: ProgressCallback = ignore_progress,
    runner: "EvaluationRunner | None" = None,
) -> EvaluationReport:
    """Score a model on all samples; write ``scores.json``, ``.csv``, ``.md`` and ``worst.html`` into `out`.

    Every frame goes through `Pipeline.matte` at its own size. The scores of an interrupted run with the same
    model and data are not computed again.

    Args:
        settings: what to score.
        progress: called after each frame, or after several.
        runner: scores the samples; by default this process.

    Raises:
        UsageError: there is no such model.
        ModelError: the model cannot be run.
        TrainingError: the data cannot be used.
        FileWriteError: a file cannot be written.
        VideoError: a video cannot be read.
    """
    model_file = _resolve_model(settings.model)
    samples = load_evaluation_set(
        settings.data,
        settings.split,
        settings.frames,
        crop_tall=settings.crop_tall,
        skip_contour=settings.skip_contour,
    )
    sha256 = ModelCard.read(model_file).sha256
    journal = ScoreJournal(settings.out, _fingerprint(settings, samples, sha256))
    total, done = _total_frames(samples), sum(len(result.milliseconds) for result in journal.results.values())

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        progress("evaluate", done, total)

    waiting = [pair for pair in enumerate(samples) if pair[0] not in journal.results]
    with closing((runner or score_locally)(settings, waiting, advance)) as scores:
        # Only the first score needs the model, and a missing model shall leave no folder.
        for position, score in scores:
            _make_folder(settings.out)
            journal.add(position, score)
    results = tuple(journal.results[position] for position in sorted(journal.results))
    report = EvaluationReport(settings.model, settings.data.resolve().name, settings.threads, results, sha256)
    write_report(report, settings.out)
    journal.worst.write(settings.out, f"{Path(settings.model).name} on {report.data}")
    journal.remove()
    return report


def _fingerprint(settings: EvaluateSettings, samples: Sequence[EvaluationSample], sha256: str) -> str:
    """Return a text that differs for another model, other data or settings."""
    values: list[Any] = [sha256, settings.frames, settings.threads, settings.split]
    values += [settings.crop_tall, settings.skip_contour, str(settings.data.absolute())]
    for sample in samples:
        values += [sample.name, *(_file_stamp(path) for path in sample.paths)]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _file_stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:  # the sample's error says it
        return []
    return [status.st_size, status.st_mtime_ns]


EvaluationRunner = Callable[
    [EvaluateSettings, Sequence[tuple[int, EvaluationSample]], Callable[[int], None]],
    Generator[tuple[int, SampleScore], None, None],
]
"""Scores samples in any order; yields the position of each and its score. The function is called with each
number of frames that were scored."""


def score_locally(
    settings: EvaluateSettings,
    samples: Sequence[tuple[int, EvaluationSample]],
    advance: Callable[[int], None],
) -> Generator[tuple[int, SampleScore], None, None]:
    """Score the samples in this process, in order.

    Raises:
        LivecamError: as `evaluate`.
    """
    with closing(Pipeline.load(settings.model, threads=settings.threads)) as pipeline:
        scorer = SampleScorer(pipeline)
        for position, sample in samples:
            yield position, scorer.score(sample, lambda: advance(1))


def _resolve_model(model: str) -> Path:
    try:
        return resolve_model(model)
    except UsageError:
        # The folder of a training run.
        if Path(model).is_dir():
            raise UsageError(_export_first(model)) from None
        raise


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"can't write in {out} ({os_error_reason(error)})"
        raise FileWriteError(problem, "choose another folder with --out", path=out) from error


def _total_frames(samples: list[EvaluationSample]) -> int:
    """Return the number of frames in all samples, 0 if one is not known."""
    counts = [sample.count for sample in samples if sample.count is not None]
    return sum(counts) if len(counts) == len(samples) else 0


@dataclass
class _Accumulator:
    """Metrics and times of a sample's frames."""

    metrics: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    milliseconds: list[float] = field(default_factory=list)
    attributes: tuple[str, ...] = ()

    def mean(self) -> dict[str, float]:
        """Return each metric's mean over the frames that have it."""
        return {name: float(np.mean(values)) for name, values in self.metrics.items()}


class SampleScorer:
    """Scores samples with one pipeline, one after the other."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._worst = WorstCases()

    def score(self, sample: EvaluationSample, advance: Callable[[], None] = lambda: None) -> SampleScore:
        """Score all frames of an image or a clip; `advance` is called after each.

        Raises:
            TrainingError, VideoError: the sample can't be read.
        """
        sums = _Accumulator()
        labeled = 0
        for number, (frame, matte, metrics) in enumerate(self._score_frames(sample, sums.milliseconds)):
            for name, value in metrics.items():
                sums.metrics[name].append(value)
            if frame.is_labeled:
                if not labeled:
                    sums.attributes = image_attributes(frame.frame, frame.matte)
                labeled += 1
                self._worst.add(sample.name, number, frame, matte, metrics)
            advance()
        result = SampleResult(
            sample.name, sample.group, sums.attributes, sums.mean(), tuple(sums.milliseconds)
        )
        return SampleScore(result, self._worst.cases_of(sample.name))

    def _score_frames(
        self, sample: EvaluationSample, milliseconds: list[float]
    ) -> Iterator[tuple[LabeledFrame, Matte, dict[str, float]]]:
        """Yield each frame with the pipeline's matte and its metrics."""
        self.pipeline.reset()
        previous: tuple[Matte, Matte] | None = None  # predicted and true
        for frame in sample.frames():
            start = time.perf_counter()
            matte = self.pipeline.matte(frame.frame, frame.seconds)
            milliseconds.append(1e3 * (time.perf_counter() - start))
            metrics = self._frame_metrics(frame, matte)
            if previous is not None:
                metrics["flicker"] = flicker(previous[0], matte)
                if not frame.is_sparse:
                    metrics["dtssd"] = 100 * dtssd(previous[0], matte, previous[1], frame.matte)
            previous = matte, frame.matte
            yield frame, matte, metrics

    def _frame_metrics(self, frame: LabeledFrame, matte: Matte) -> dict[str, float]:
        if not frame.is_labeled:
            return {}
        if frame.is_sparse:
            return known_pixel_metrics(matte, frame.matte, frame.valid_mask)
        metrics = frame_metrics(matte, frame.matte, frame.valid_mask, soft=frame.has_soft_matte)
        return metrics | self._contour_iou(frame)

    def _contour_iou(self, frame: LabeledFrame) -> dict[str, float]:
        """Return the IoU of the contour class in %, at the model's size; nothing without class outputs.

        It is that of the crop that the pipeline segmented.
        """
        segmenter, crop = self.pipeline.segmenter, self.pipeline.crop or Crop.whole(frame.frame)
        if not hasattr(segmenter, "class_probabilities"):
            return {}
        # Once more, because the pipeline may have segmented the whole frame last.
        segmenter.predict(frame.frame[crop.slices])
        classes = segmenter.class_probabilities()
        if classes is None:
            return {}
        predicted: NDArray[np.bool_] = classes.argmax(axis=2) + 1 == UNKNOWN
        size = Size.of(predicted)
        if frame.trimap is not None:
            trimap = resize_trimap(np.ascontiguousarray(frame.trimap[crop.slices]), size)
        else:
            trimap = trimap_from_matte(downscale_matte(frame.matte[crop.slices], size))
        return {"contour": 100 * iou(predicted, trimap == UNKNOWN, np.ones(predicted.shape, bool))}
