"""A model on labelled pictures or clips: figures by group and condition, and the worst cases as pictures.

Everything goes through the whole `Pipeline.matte` at the frame's own size, as a user sees it: pictures each
for itself, clips with their memory over time. No TensorFlow and no Keras here.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from livecam.core.errors import FileWriteError, UsageError
from livecam.core.fileio import os_error_reason
from livecam.core.geometry import Size
from livecam.core.types import Matte
from livecam.datasets.evaluation_set import EvaluationSample, LabeledFrame, load_evaluation_set
from livecam.evaluation.attributes import image_attributes
from livecam.evaluation.metrics import dtssd, frame_metrics, iou
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
    """Settings: `model` is a built-in name or a ``.tflite`` path, `data` what `load_evaluation_set` takes."""

    model: str
    data: Path
    out: Path = Path("evaluation")
    frames: int | None = None
    threads: int = 2
    split: str = "test"
    crop_tall: bool = False
    skip_contour: bool = False


def check_settings(settings: EvaluateSettings) -> None:
    """Check every word and number, and that there is such a model.

    Raises:
        UsageError: one of them can't be used.
    """
    if settings.frames is not None and settings.frames < 1:
        raise UsageError(f"--frames {settings.frames} is too small; give 1 or more")
    if not 1 <= settings.threads <= 64:
        raise UsageError(f"--threads must lie between 1 and 64, not {settings.threads}")
    if settings.split not in SPLITS:
        raise UsageError(f"there is no split {settings.split!r}; there are {', '.join(SPLITS)}")
    export_first = f"{settings.model} must be exported first: livecam export {settings.model} mine.tflite"
    if settings.model.endswith(".keras"):
        raise UsageError(export_first)
    try:
        resolve_model(settings.model)
    except UsageError:
        if Path(settings.model).is_dir():
            raise UsageError(export_first) from None
        raise


def evaluate(settings: EvaluateSettings) -> EvaluationReport:
    """Score a model on all cases; write ``scores.json``, ``.csv``, ``.md`` and ``worst.html`` into `out`.

    Raises:
        UsageError: a word or number that can't be used. ModelError: a model that can't be run.
        TrainingError: data that can't be judged by.
        FileWriteError: the folder can't be written in.
        VideoError: a video that can't be read.
    """
    check_settings(settings)
    cases = load_evaluation_set(
        settings.data,
        settings.split,
        settings.frames,
        crop_tall=settings.crop_tall,
        skip_contour=settings.skip_contour,
    )
    worst = WorstCases()
    with closing(Pipeline.load(settings.model, threads=settings.threads)) as pipeline:
        _make(settings.out)
        with tqdm(total=_total(cases), unit="frame", disable=None, dynamic_ncols=True) as bar:
            results = [_evaluate_sample(case, pipeline, worst, bar) for case in cases]
    name, sha256 = settings.data.resolve().name, ModelCard.read(resolve_model(settings.model)).sha256
    report = EvaluationReport(settings.model, name, settings.threads, tuple(results), sha256)
    write_report(report, settings.out)
    worst.write(settings.out, f"{Path(settings.model).name} on {report.data}")
    return report


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"can't write in {out} ({os_error_reason(error)})"
        raise FileWriteError(problem, "choose another folder with --out", path=out) from error


def _total(cases: list[EvaluationSample]) -> int | None:
    counts = [case.count for case in cases if case.count is not None]
    return sum(counts) if len(counts) == len(cases) else None


@dataclass
class _Accumulator:
    """What the frames of a case have shown so far."""

    metrics: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    milliseconds: list[float] = field(default_factory=list)
    conditions: tuple[str, ...] = ()

    def mean(self) -> dict[str, float]:
        return {name: float(np.mean(values)) for name, values in self.metrics.items()}


def _evaluate_sample(
    case: EvaluationSample, pipeline: Pipeline, worst: WorstCases, bar: tqdm
) -> SampleResult:
    sums = _Accumulator()
    for number, (shot, matte, marks) in enumerate(_predict_and_score(case, pipeline, sums.milliseconds)):
        for name, value in marks.items():
            sums.metrics[name].append(value)
        if not number:
            sums.conditions = image_attributes(shot.frame, shot.matte)
        worst.add(case.name, number, shot, matte, marks)
        bar.update()
    return SampleResult(case.name, case.group, sums.conditions, sums.mean(), tuple(sums.milliseconds))


def _predict_and_score(
    case: EvaluationSample, pipeline: Pipeline, milliseconds: list[float]
) -> Iterator[tuple[LabeledFrame, Matte, dict[str, float]]]:
    """Each shot with the matte that the pipeline says and the marks it gets."""
    pipeline.reset()
    last: tuple[Matte, Matte] | None = None
    for shot in case.frames():
        start = time.perf_counter()
        matte = pipeline.matte(shot.frame, shot.seconds)
        milliseconds.append(1e3 * (time.perf_counter() - start))
        marks = frame_metrics(matte, shot.matte, shot.valid_mask, soft=shot.has_soft_matte) | _contour(
            pipeline, shot
        )
        if last is not None:
            marks["dtssd"] = 100 * dtssd(last[0], matte, last[1], shot.matte)
        last = matte, shot.matte
        yield shot, matte, marks


def _contour(pipeline: Pipeline, shot: LabeledFrame) -> dict[str, float]:
    """IoU of the contour class in %, at the network's own size; nothing if the model tells no classes."""
    told = getattr(pipeline.segmenter, "class_probabilities", lambda: None)()
    if told is None:
        return {}
    said: NDArray[np.bool_] = told.argmax(axis=2) + 1 == UNKNOWN
    size = Size.of(said)
    if shot.trimap is not None:
        trimap = resize_trimap(shot.trimap, size)
    else:
        trimap = trimap_from_matte(downscale_matte(shot.matte, size))
    return {"contour": 100 * iou(said, trimap == UNKNOWN, np.ones(said.shape, bool))}
