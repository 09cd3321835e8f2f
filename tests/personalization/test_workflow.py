"""The workflow runs each stage once, here with fakes of the expensive stages."""

import json
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from livecam.annotation.config import AnnotationSettings, PersonSource
from livecam.annotation.prompts import Point
from livecam.cli.main import main
from livecam.core.clock import ManualClock
from livecam.core.errors import AnnotationError, CameraError, FileWriteError, FolderInUseError, UsageError
from livecam.core.progress import progress_values
from livecam.core.types import Frame
from livecam.models.model_card import ModelCard
from livecam.models.registry import install, list_user, remove, user_model_path
from livecam.personalization import workflow as learning
from livecam.personalization.guided_recording import record_guided, recorded
from livecam.personalization.journal import STAGES, delete_workspace, open_journal, workspace_dir
from livecam.personalization.results import ComparisonResult, FinetuneResult
from livecam.personalization.workflow import PersonalizationSettings, PersonalizationWorkflow
from tests.support.fakes import FakeCamera, is_person, secret_frame
from tests.support.second_process import held
from tests.support.tiny_model import write_model
from tests.support.written_labels import write_labels


class FakeStages:
    """Fakes of the expensive stages; records the calls, and fails once where `failing` says so."""

    def __init__(self, comparison: ComparisonResult) -> None:
        self.comparison, self.calls = comparison, []  # type: ignore[var-annotated]
        self.failing: dict[str, BaseException] = {}

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failing:
            raise self.failing.pop(name)

    def label(self, settings: AnnotationSettings, notify: Any) -> None:
        self._call("label")
        frames = [(frame, is_person(frame)) for frame in map(secret_frame, range(8))]
        write_labels(settings.out, frames, 2)

    def run_finetune(
        self, folder: Path, base: str, data: Any, backgrounds: Any, out: Path, notify: Any
    ) -> FinetuneResult:
        self._call("tune")
        out.parent.mkdir(exist_ok=True)
        green = write_model(out.parent)
        green.rename(out)
        card = green.with_suffix(".json")
        card.write_text(card.read_text().replace("green", out.stem))
        card.rename(out.with_suffix(".json"))
        return FinetuneResult(0.8, (80.0, 95.0), (97.0, 96.8))

    def run_comparison(
        self, folder: Path, base: str, data: Any, model: Path, image: Path
    ) -> ComparisonResult:
        self._call("compare")
        image.write_bytes(b"image")
        return self.comparison


BETTER, NO_BETTER = (
    ComparisonResult((80.0, 95.0), (97.0, 96.8), 2),
    ComparisonResult((80.0, 80.0), (97.0, 97.0), 2),
)
FORGETFUL = ComparisonResult((80.0, 95.0), (97.0, 96.4), 2)


@pytest.fixture
def stages_double(monkeypatch: pytest.MonkeyPatch) -> FakeStages:
    made = FakeStages(BETTER)
    fake = SimpleNamespace(run_finetune=made.run_finetune, run_comparison=made.run_comparison)
    monkeypatch.setitem(sys.modules, "livecam.personalization.stages", fake)
    real = learning.install

    def noted(card: Path, name: str) -> Path:
        made._call("install")
        return real(card, name)

    monkeypatch.setattr(learning, "install", noted)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> PersonalizationSettings:
    (tmp_path / "clip.mp4").touch()
    return PersonalizationSettings.from_options(
        sources=(str(tmp_path / "clip.mp4"),), base=str(write_model(tmp_path))
    )


def with_annotation(settings: PersonalizationSettings, **changed: Any) -> PersonalizationSettings:
    return replace(settings, annotation=replace(settings.annotation, **changed))


def learn(settings: PersonalizationSettings, stages_double: FakeStages) -> learning.PersonalizationResult:
    return PersonalizationWorkflow(settings, lambda message: None, stages_double.label, ManualClock()).learn()


def test_better_model_is_installed_with_its_figures(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    learnt = learn(settings, stages_double)

    assert learnt.installed
    assert learnt.comparison_image.is_file()
    info = ModelCard.read(user_model_path("me")).metadata["learnt"]
    assert info["base"] == "green"
    assert info["frames"] == {"learnt": 5, "chosen_by": 1, "held_out": 2}
    assert info["held_out_iou"] == {"before": 80.0, "after": 95.0}
    assert info["regression_miou"] == {"before": 97.0, "after": 96.8}
    assert len(info["date"]) == 10


@pytest.mark.parametrize(
    ("comparison", "reason"), [(NO_BETTER, "not cut out better"), (FORGETFUL, "became worse")]
)
def test_model_that_is_not_better_is_kept_but_not_installed(
    settings: PersonalizationSettings, stages_double: FakeStages, comparison: ComparisonResult, reason: str
) -> None:
    stages_double.comparison = comparison
    learnt = learn(settings, stages_double)

    assert not learnt.installed
    assert reason in learnt.reason
    assert not list_user()
    assert (workspace_dir("me") / "model" / "me.tflite").is_file()


@pytest.mark.parametrize("stage", STAGES[1:])
def test_same_command_continues_after_ctrl_c(
    settings: PersonalizationSettings, stages_double: FakeStages, stage: str
) -> None:
    stages_double.failing[stage] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        learn(settings, stages_double)
    assert not list_user()

    assert learn(settings, stages_double).installed
    expected = list(STAGES[1:])
    expected.insert(expected.index(stage), stage)
    assert stages_double.calls == expected


@pytest.mark.parametrize("stage", STAGES[1:])
def test_full_disk_is_one_line_and_can_be_continued(
    settings: PersonalizationSettings, stages_double: FakeStages, stage: str
) -> None:
    stages_double.failing[stage] = OSError(28, "No space left on device")
    with pytest.raises(FileWriteError, match=r"No space left on device.*same command again"):
        learn(settings, stages_double)
    assert learn(settings, stages_double).installed


def test_finished_run_returns_its_result_again(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    first = learn(settings, stages_double)
    stages_double.calls.clear()
    assert learn(settings, stages_double) == first
    assert not stages_double.calls


def test_a_model_that_was_removed_is_installed_again(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    learn(settings, stages_double)
    remove("me")
    assert learn(settings, stages_double).installed
    assert list_user() == ["me"]
    assert stages_double.calls.count("tune") == 1


def test_other_settings_for_the_same_name_are_refused(
    settings: PersonalizationSettings, stages_double: FakeStages, tmp_path: Path
) -> None:
    learn(settings, stages_double)
    other = tmp_path / "other.mp4"
    other.touch()
    changed = with_annotation(settings, sources=(str(other),))
    with pytest.raises(UsageError, match=r"sources .*clip\.mp4 \(now .*other\.mp4\).*--forget"):
        learn(changed, stages_double)


def test_another_person_source_is_refused(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    kept = with_annotation(settings, keep=(Point(3, 4),))
    learn(kept, stages_double)
    with pytest.raises(UsageError, match=r"begun with person sam \(now model\)"):
        learn(with_annotation(kept, person=PersonSource.MODEL), stages_double)


def test_run_of_an_older_version_is_continued(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    learn(settings, stages_double)
    path = workspace_dir("me") / "journal.json"
    content = json.loads(path.read_text())
    del content["words"]["person"]
    path.write_text(json.dumps(content))
    assert learn(settings, stages_double).installed
    assert stages_double.calls.count("label") == 1


def test_second_process_is_refused_and_changes_nothing(
    settings: PersonalizationSettings, stages_double: FakeStages, capsys: pytest.CaptureFixture[str]
) -> None:
    learn(settings, stages_double)
    before = {path: path.read_bytes() for path in workspace_dir("me").rglob("*") if path.is_file()}
    with held(workspace_dir("me")):
        with pytest.raises(FolderInUseError, match=r"in use by another livecam; wait .* another --name"):
            learn(with_annotation(settings, frames=20), stages_double)
        assert main(["learn", "--forget"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert before == {path: path.read_bytes() for path in workspace_dir("me").rglob("*") if path.is_file()}
    assert learn(settings, stages_double).installed


def test_frames_are_readable_by_their_owner_alone(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    workspace_dir("me").mkdir(parents=True)
    workspace_dir("me").chmod(0o755)
    learn(settings, stages_double)
    assert stat.S_IMODE(workspace_dir("me").stat().st_mode) == 0o700


def test_forgetting_deletes_every_frame_and_leaves_the_model(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    learn(settings, stages_double)
    count = sum(path.is_file() for path in workspace_dir("me").rglob("*"))

    assert f"forgotten: {count} files" in delete_workspace("me")
    assert not workspace_dir("me").exists()
    assert list_user() == ["me"]
    assert "nothing of me" in delete_workspace("me")


def test_forget_command_names_the_installed_model(
    settings: PersonalizationSettings, stages_double: FakeStages, capsys: pytest.CaptureFixture[str]
) -> None:
    learn(settings, stages_double)
    assert main(["learn", "--forget"]) == 0
    assert "livecam models remove me" in capsys.readouterr().out


def test_json_reports_progress_and_the_result(
    tmp_path: Path,
    settings: PersonalizationSettings,
    stages_double: FakeStages,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("livecam.cli.learn.require_keras", lambda: None)
    monkeypatch.setattr(learning, "annotate_sources", stages_double.label)
    argv = ["learn", "--json", "--no-install", "--from", str(tmp_path / "clip.mp4"), "--base", settings.base]
    assert main(argv) == 0
    *progress, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [(each["stage"], each["message"]) for each in progress] == [
        ("tune", "learning from 5 frames of yours")
    ]
    result = last["result"]
    assert (result["name"], result["installed"], result["reason"]) == ("me", False, "")
    assert (result["before"], result["after"]) == (80.0, 95.0)
    assert Path(result["image"]).is_file()


def test_labelling_reports_its_steps(
    settings: PersonalizationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def annotate(settings: AnnotationSettings, *, notify: Any, progress: Any) -> str:
        for done in range(9):
            progress(SimpleNamespace(stage="label", done=done, total=8))
        progress(SimpleNamespace(stage="select", done=1, total=9))
        return "8 frames"

    monkeypatch.setattr("livecam.annotation.job.annotate", annotate)
    lines: list[str] = []
    learning.annotate_sources(settings.annotation, lines.append)
    values = [progress_values(line) for line in lines]
    assert [(each["stage"], each["done"], each["total"]) for each in values] == [
        ("label", 1, 8),
        ("label", 7, 8),
        ("label", 8, 8),
        ("", 0, 0),
    ]
    assert values[1]["seconds_left"] >= 0
    assert values[2]["seconds_left"] == 0


def test_forgetting_one_name_leaves_the_others(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    learn(settings, stages_double)
    open_journal("you", {})
    delete_workspace("you")
    assert workspace_dir("me").is_dir()


def test_too_few_frames_fail_and_annotation_is_repeated(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    few = [(frame, is_person(frame)) for frame in map(secret_frame, range(4))]

    def label_few(settings: AnnotationSettings, notify: Any) -> None:
        write_labels(settings.out, few, 2)

    with pytest.raises(AnnotationError, match=r"only 2 frames are labelled.*--seconds"):
        PersonalizationWorkflow(settings, lambda message: None, label_few, ManualClock()).learn()
    assert learn(settings, stages_double).installed


def test_all_frames_flagged_names_the_review_command(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    def label_none(settings: AnnotationSettings, notify: Any) -> None:
        write_labels(settings.out, [], 0)

    with pytest.raises(AnnotationError, match=r"only 0 frames .*livecam label --review .*same command again"):
        PersonalizationWorkflow(settings, lambda message: None, label_none, ManualClock()).learn()
    assert learn(settings, stages_double).installed


def test_a_damaged_journal_is_one_line(settings: PersonalizationSettings, stages_double: FakeStages) -> None:
    learn(settings, stages_double)
    (workspace_dir("me") / "journal.json").write_text("{")
    with pytest.raises(AnnotationError, match=r"damaged.*--forget"):
        learn(settings, stages_double)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--from", "nowhere.mp4"], "there is no"),
        (["--name", "person"], "comes with livecam"),
        (["--name", "../x"], "can't be a model's name"),
        (["--keep", "here"], "here"),
        (["--seconds", "1"], "--seconds"),
        (["--frames", "3"], "--frames 3"),
        (["--base", "nobody"], "no model is called"),
        (["--person", "model"], "would learn what it says already"),
        (["--person", "model", "--drop", "3,3"], "would learn what it says already"),
        (["--size", "big"], "is not WIDTHxHEIGHT"),
    ],
)
def test_invalid_options_are_one_line(
    argv: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
    assert main(["learn", *argv]) == 2
    output = capsys.readouterr().err
    assert expected in output
    assert len([line for line in output.splitlines() if line.startswith("livecam:")]) == 1
    assert not workspace_dir("me").exists()


class ClockedCamera:
    """A camera with 10 frames per second of a manual clock; interrupted before frame `stop`."""

    size, fps = FakeCamera(0).size, 10.0

    def __init__(self, clock: ManualClock, stop: int | None = None) -> None:
        self.clock, self.stop, self.given = clock, stop, 0

    def __enter__(self) -> "ClockedCamera":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        for number in range(1000):
            if number == self.stop:
                raise KeyboardInterrupt
            self.given += 1
            yield secret_frame(number)
            self.clock.sleep(0.1)


def test_guided_recording_counts_down_and_instructs(tmp_path: Path) -> None:
    clock, messages = ManualClock(), []  # type: ignore[var-annotated]
    path = record_guided(lambda: ClockedCamera(clock), tmp_path, 5.0, messages.append, clock)

    assert sum(recorded(tmp_path).values()) == pytest.approx(5.0, abs=0.3)
    assert path == tmp_path / "part-001.mp4"
    assert [message for message in messages if "..." in message] == ["3 ...", "2 ...", "1 ..."]
    assert sum("hands" in message for message in messages) == 1
    left = [progress_values(message)["seconds_left"] for message in messages]
    assert left[:4] == [8.0, 8.0, 7.0, 6.0]
    assert left == sorted(left, reverse=True)
    assert {progress_values(message)["stage"] for message in messages} == {"record"}


def test_interrupted_recording_continues_as_one_clip(tmp_path: Path) -> None:
    clock = ManualClock()
    with pytest.raises(KeyboardInterrupt):
        record_guided(lambda: ClockedCamera(clock, stop=30), tmp_path, 5.0, lambda message: None, clock)
    rest = ClockedCamera(clock)
    path = record_guided(lambda: rest, tmp_path, 5.0, lambda message: None, clock)

    assert rest.given == pytest.approx(21, abs=2)
    assert path == tmp_path / "all.mp4"
    assert np.isclose(recorded_seconds(path), 5.0, atol=0.4)


def recorded_seconds(path: Path) -> float:
    from livecam.video.video_reader import VideoReader

    with VideoReader(path) as clip:
        return clip.duration_seconds or 0.0


def test_camera_without_frames_is_an_error(tmp_path: Path) -> None:
    class Silent(ClockedCamera):
        def __iter__(self) -> Iterator[Frame]:
            return iter(())

    clock = ManualClock()
    with pytest.raises(CameraError, match="no frames"):
        record_guided(lambda: Silent(clock), tmp_path, 5.0, lambda message: None, clock)


def test_an_installed_model_of_the_same_name_is_replaced(
    settings: PersonalizationSettings, stages_double: FakeStages, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    install(write_model(tmp_path / "old").with_suffix(".json"), "me")
    learn(settings, stages_double)
    assert "learnt" in ModelCard.read(user_model_path("me")).metadata


def test_journal_of_the_old_code_is_continued(
    settings: PersonalizationSettings, stages_double: FakeStages
) -> None:
    """journal.json in its form before results were typed."""
    fingerprint = {
        "sources": list(settings.annotation.sources), "data": [], "rooms": [], "keep": [], "drop": [],
        "boxes": [], "prompts": None, "mattes": None, "preset": "sam_base_sa1b", "click": False, "frames": 48,
        "base": settings.base, "person": "sam",
    }  # fmt: skip
    done = (
        '{"record": {"sources": ["/clips/talk.mp4"], "took_seconds": 0.0}, '
        '"label": {"learnt": 30, "chosen_by": 7, "held_out": 9, "took_seconds": 101.5}, '
        '"tune": {"share": 0.8, "chosen_iou": [80.0, 95.0], "chosen_regression": [97.0, 96.9], '
        '"took_seconds": 150.0}, "compare": {"held_out": [80.0, 80.0], "regression": [97.0, 97.0], '
        '"frames": 9, "reason": "your held-out frames are not cut out better than before", '
        '"figures": "before after", "took_seconds": 20.5}}'
    )
    workspace_dir("me").mkdir(parents=True)
    path = workspace_dir("me") / "journal.json"
    path.write_text(f'{{"words": {json.dumps(fingerprint)}, "done": {done}}}\n')
    # The default SAM of that time.
    settings = replace(settings, annotation=replace(settings.annotation, preset="sam_base_sa1b"))
    result = learn(settings, stages_double)
    assert (result.installed, result.seconds) == (False, 170.5)
    assert "not cut out better" in result.reason
    assert not stages_double.calls
    journal = open_journal("me", settings.fingerprint())
    assert journal.fingerprint == fingerprint
    journal.write()
    stored = json.loads(path.read_text())["done"]
    assert stored["label"] == {"learnt": 30, "chosen_by": 7, "held_out": 9, "took_seconds": 101.5}
    assert stored["tune"] == json.loads(done)["tune"]
    assert set(stored["compare"]) == set(json.loads(done)["compare"])


def test_settings_are_validated_without_the_disk(tmp_path: Path) -> None:
    """`validate` accepts names of missing files; `resolve` refuses them."""
    missing = PersonalizationSettings.from_options(sources=(str(tmp_path / "none.mp4"),))
    missing.validate()
    with pytest.raises(UsageError, match=r"there is no .*none\.mp4"):
        missing.resolve()
    with pytest.raises(UsageError, match="no model is called"):
        PersonalizationSettings.from_options(base="nobody").resolve()
    assert not workspace_dir("me").exists()
