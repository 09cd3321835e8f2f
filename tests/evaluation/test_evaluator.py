import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livecam.cli.main import main
from livecam.core.errors import FileWriteError, UsageError, VideoError
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.datasets.evaluation_set import EvaluationSample, LabeledFrame
from livecam.evaluation.evaluator import EvaluateSettings, evaluate
from livecam.evaluation.temporal_stability import LivePipeline
from livecam.models.segmenter import LiteRTSegmenter
from livecam.pipeline import Pipeline
from tests.support.fakes import PERSON, is_person, secret_frame
from tests.support.tiny_clip import write_clip, write_sparse_clip
from tests.support.tiny_model import card_of, green_weights, write_model

BENCHES = [top / "shared" / "bench" for top in Path(__file__).resolve().parents]
BENCH = next((path for path in BENCHES if (path / "metrics.py").is_file()), None)
LARGE = Size(128, 96)


def write_people(folder: Path) -> Path:
    """Write two green persons, which the green model finds, and a blue one, which it does not find."""
    for part in ("images", "annotations/trimaps"):
        (folder / part).mkdir(parents=True)
    for name, color in {"green_1": PERSON, "green_2": PERSON, "blue_1": (20, 40, 220)}.items():
        frame = secret_frame(size=LARGE)
        foreground = is_person(frame) > 0.5
        frame[foreground] = color
        Image.fromarray(frame).save(folder / "images" / f"{name}.png")
        trimap = np.where(foreground, 1, 2).astype(np.uint8)
        Image.fromarray(trimap).save(folder / "annotations/trimaps" / f"{name}.png")
    (folder / "annotations/test.txt").write_text("green_1\ngreen_2\nblue_1\n")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(write_model(tmp_path))


def test_who_is_found_and_who_is_not_stands_in_the_figures(model: str, tmp_path: Path) -> None:
    report = evaluate(EvaluateSettings(model, write_people(tmp_path / "people"), tmp_path / "out"))

    rows = {row.name: row for row in report.rows}
    assert rows["green"].metrics["fg_iou"] > 75
    assert rows["green"].metrics["hole"] < 1
    assert rows["blue"].metrics["fg_iou"] == 0
    assert rows["blue"].metrics["hole"] == 100
    assert rows["blue"].metrics["leak"] == 0
    assert rows["head and shoulders"].count == 3
    assert rows["mean"].metrics["ms"] > 0
    # Still images have no dtSSD, hard labels no gradient error, this model no classes.
    assert not {"dtssd", "grad", "contour"} & set(rows["mean"].metrics)


def test_everything_promised_is_written(model: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    evaluate(EvaluateSettings(model, write_people(tmp_path / "people"), out))

    assert {path.name for path in out.iterdir()} == {
        "scores.json",
        "scores.csv",
        "scores.md",
        "worst.html",
        "worst",
    }
    page = (out / "worst.html").read_text()
    assert '<meta name="viewport" content="width=device-width">' in page
    assert page.index("blue_1") < page.index("green_1")
    assert json.loads((out / "scores.json").read_text())["model"] == "green.tflite"


class Counting:
    """Record the resets and timestamps of the pipeline."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[float | str] = []
        matte, reset = Pipeline.matte, Pipeline.reset

        def noted(pipeline: Pipeline, frame: Frame, timestamp: float | None = None) -> Matte:
            assert timestamp is not None
            self.log.append(round(timestamp, 3))
            return matte(pipeline, frame, timestamp)

        def forgetting(pipeline: Pipeline) -> None:
            self.log.append("reset")
            reset(pipeline)

        monkeypatch.setattr(Pipeline, "matte", noted)
        monkeypatch.setattr(Pipeline, "reset", forgetting)


def test_clips_keep_their_memory_and_time_and_lose_both_at_the_next(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        write_clip(tmp_path / "clips" / name, size=LARGE)
    counting = Counting(monkeypatch)

    report = evaluate(EvaluateSettings(model, tmp_path / "clips", tmp_path / "out", frames=3))

    assert counting.log == ["reset", 0, 0.04, 0.08] * 2
    rows = {row.name: row.metrics for row in report.rows}
    assert rows["a"]["dtssd"] == rows["b"]["dtssd"] > 0
    assert rows["mean"]["miou"] > 80
    assert "grad" in rows["a"]


def test_sparse_clips_are_scored_on_known_pixels_by_scene(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clips, out = tmp_path / "clips", tmp_path / "out"
    for name in ("office/a", "office/b", "kitchen/c"):
        write_sparse_clip(clips / name, labeled=(2, 4), size=LARGE)
    label = clips / "kitchen" / "c" / "truth_0002.png"
    swapped = np.select([np.asarray(Image.open(label)) == level for level in (0, 255)], [255, 0], 128)
    Image.fromarray(swapped.astype(np.uint8)).save(label)
    counting = Counting(monkeypatch)

    assert main(["evaluate", model, str(clips), "--out", str(out)]) == 0

    # All frames go through the pipeline, those without a label too.
    assert counting.log == ["reset", 0, 0.04, 0.08, 0.12, 0.16, 0.2] * 3
    content = json.loads((out / "scores.json").read_text())
    rows = {row["name"]: row for row in content["rows"]}
    assert [(rows[name]["kind"], rows[name]["cases"]) for name in ("kitchen", "office")] == [
        ("group", 1),
        ("group", 2),
    ]
    assert rows["office"]["miou"] > 90
    assert rows["office"]["hole"] < 5
    assert 0 < rows["office"]["soft"] < 60
    assert rows["office"]["flicker"] > 0
    assert rows["kitchen"]["miou"] < 60
    assert not {"bf", "grad", "dtssd", "mad"} & set(rows["mean"])
    assert content["worst"]["name"] == "kitchen/c"
    assert f"lowest miou: {content['worst']['miou']:.2f}, kitchen/c" in capfd.readouterr().out
    page = (out / "worst.html").read_text()
    assert page.index("kitchen/c, frame 2") < page.index("office/a, frame")


def test_every_image_stands_for_itself(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(monkeypatch)
    evaluate(EvaluateSettings(model, write_people(tmp_path / "people"), tmp_path / "out"))
    assert counting.log == ["reset", 0] * 3


def test_the_contour_is_judged_where_the_model_tells_classes(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "clips" / "a", frames=1, size=LARGE)
    contour_everywhere = np.broadcast_to(np.float32([0.2, 0.2, 0.6]), (24, 32, 3))
    monkeypatch.setattr(LiteRTSegmenter, "class_probabilities", lambda _: contour_everywhere)

    report = evaluate(EvaluateSettings(model, tmp_path / "clips", tmp_path / "out"))

    # A box of 10 or 11 by 18 pixels of the coarse matte at the lower edge, with a 2-pixel line around it.
    assert 5 < report.rows[0].metrics["contour"] < 20


def test_a_model_without_classes_tells_none(model: str) -> None:
    segmenter = LiteRTSegmenter.load(model)
    segmenter.predict(secret_frame())
    assert segmenter.class_probabilities() is None
    # A card that lists an output which the file does not have is ignored.
    wrong = LiteRTSegmenter(card_of(green_weights(), outputs={"matte": 0, "classes": 0}), green_weights())
    assert wrong.class_probabilities() is None


def test_the_shipped_model_tells_its_classes() -> None:
    segmenter = LiteRTSegmenter.load()
    segmenter.predict(secret_frame())
    classes = segmenter.class_probabilities()
    assert classes is not None
    assert classes.shape == (segmenter.card.size.height, segmenter.card.size.width, 3)
    np.testing.assert_allclose(classes.sum(axis=2), 1, atol=1e-4)


@pytest.mark.skipif(BENCH is None, reason="the benchmark (shared/bench) is not part of this repository")
def test_figures_are_the_benchmarks_own_for_the_same_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BENCH is not None
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(BENCH))
    import compare

    folders = {path.name: str(path) for path in sorted((BENCH / "clips").iterdir())[:2]}

    def labeled_frames(folder: str) -> Iterator[LabeledFrame]:
        for number, (frame, true) in enumerate(compare.clip(folder, 5)):
            yield LabeledFrame(frame, true, np.ones(true.shape, bool), seconds=number / 25)

    samples = [
        EvaluationSample(name, name, partial(labeled_frames, folder)) for name, folder in folders.items()
    ]
    monkeypatch.setattr("livecam.evaluation.evaluator.load_evaluation_set", lambda *_, **__: samples)

    class Called(LivePipeline):
        """Callable as the benchmark needs; has its own clock, because a stall counts as a new scene."""

        def __call__(self, frame: Frame) -> Matte:
            return self.matte(frame)

    theirs = compare.run(
        Called(),
        {name: compare.clip(folder, 5) for name, folder in folders.items()},
    )
    report = evaluate(EvaluateSettings("person", tmp_path, tmp_path / "out"))

    ours = {row.name: row.metrics for row in report.rows}
    for row in [*theirs["rows"], {"clip": "mean", **theirs["mean"]}]:
        name = row.pop("clip")
        assert {mark: ours[name][mark] for mark in row} == pytest.approx(row, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ["best.keras", "run"])
def test_what_is_not_exported_yet_is_told_so(name: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    path = str(tmp_path / name)
    with pytest.raises(UsageError, match=f"must be exported first: livecam export {path}"):
        evaluate(EvaluateSettings(path, tmp_path))


def test_a_folder_called_like_a_shipped_model_hides_it_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "person").mkdir()
    monkeypatch.chdir(tmp_path)
    people = write_people(tmp_path / "people")
    assert evaluate(EvaluateSettings("person", people, frames=1)).results


def test_a_damaged_video_is_told(model: str, tmp_path: Path) -> None:
    write_clip(tmp_path / "clips" / "a")
    (tmp_path / "clips" / "a" / "matte.mkv").write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"matte.mkv"):
        evaluate(EvaluateSettings(model, tmp_path / "clips", tmp_path / "out"))


def test_a_file_in_the_folders_place_is_told(model: str, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(FileWriteError, match="--out"):
        evaluate(EvaluateSettings(model, write_people(tmp_path / "people"), tmp_path / "out"))


def test_the_command_prints_the_table_and_where_the_rest_is(
    model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    people = write_people(tmp_path / "people")
    argv = [
        "evaluate",
        model,
        str(people),
        "--out",
        str(tmp_path / "out"),
        "--threads",
        "1",
        "--frames",
        "2",
    ]

    assert main(argv) == 0

    captured = capfd.readouterr()
    assert captured.out.splitlines()[0].split()[:3] == ["cases", "miou", "fg_iou"]
    assert f"worst.html are in {tmp_path / 'out'}" in captured.out
    assert captured.err == ""


def test_ctrl_c_is_exit_code_130(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(pipeline: Pipeline, frame: Frame, timestamp: float | None = None) -> Matte:
        raise KeyboardInterrupt

    monkeypatch.setattr(Pipeline, "matte", interrupted)
    people = write_people(tmp_path / "people")
    assert main(["evaluate", model, str(people), "--out", str(tmp_path / "out")]) == 130
    assert not (tmp_path / "out" / "scores.json").exists()
