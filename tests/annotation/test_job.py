import errno
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.annotation import job as job
from livecam.annotation import store as labelled
from livecam.annotation.config import most_common_reason
from livecam.annotation.frame_selection import FramePlan
from livecam.annotation.job import AnnotationReport, AnnotationSettings, PersonSource, Progress, annotate
from livecam.annotation.prompts import Box, Point
from livecam.annotation.store import AnnotationStore
from livecam.core.errors import AnnotationError, FileWriteError, UsageError
from livecam.core.geometry import Size
from livecam.datasets.pets import list_samples, load_foreground
from livecam.imaging.image_io import read_image, write_image
from livecam.imaging.trimap import FOREGROUND, read_trimap
from livecam.video.video_reader import VideoReader
from tests.support.fakes import PERSON
from tests.support.synthetic_people import (
    CHAIR,
    FakeSam,
    GreenModel,
    chair_place,
    draw_scene,
    is_near,
    low_scores,
    write_scenes,
)
from tests.support.tiny_clip import write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "talk.mkv", 20)


def run(*sources: Path, out: Path, sam: FakeSam | None = None, **options: Any) -> AnnotationReport:
    names = tuple(map(str, sources))
    more = {
        name: options.pop(name) for name in ("notify", "progress", "collect", "segmenter") if name in options
    }
    settings = AnnotationSettings(names, out, **{"frames": 8, **options})
    return annotate(settings, sam or FakeSam(), **{"segmenter": GreenModel(), **more})


def foregrounds(folder: Path, color: tuple[int, int, int]) -> list[float]:
    """Return for each kept frame the fraction of the colored pixels that is not background."""
    fractions = []
    for split in ("trainval", "test"):
        for sample in list_samples(folder, split):
            true = is_near(read_image(sample.image).image, color, 50)
            fractions.append(float((read_trimap(sample.trimap)[true] != 2).mean()))
    return fractions


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_clip_becomes_a_data_set_that_training_reads(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    report = run(clip, out=out)
    assert report.kept == 8
    assert report.flagged == 0
    assert min(foregrounds(out, PERSON)) > 0.9
    for split in ("trainval", "test"):
        for sample in list_samples(out, split):
            assert load_foreground(sample, 160).trimap.any()
    assert len(list((out / "overlays").iterdir())) == 8
    assert max(foregrounds(out, CHAIR)) < 0.3


def test_keep_adds_a_chair_to_the_person_in_every_frame(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    report = run(clip, out=out, keep=(chair_place(0),))
    assert report.kept == 8
    assert min(foregrounds(out, CHAIR)) > 0.9
    assert min(foregrounds(out, PERSON)) > 0.9
    for path in (out / "annotations/trimaps").iterdir():
        number = int(path.stem[-6:])
        x, y = chair_place(number)
        assert read_trimap(path)[int(y), int(x)] == FOREGROUND


def test_person_none_keeps_the_chair_only(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    run(clip, out=out, boxes=(Box(14, 40, 45, 79),), person=PersonSource.NONE, segmenter=None)
    assert max(foregrounds(out, PERSON)) < 0.2
    assert min(foregrounds(out, CHAIR)) > 0.9


def refuse_to_load(*_: object) -> FakeSam:
    raise AssertionError("SAM was loaded though it is not needed")


def test_person_model_uses_sam_for_the_chair_only(clip: Path, tmp_path: Path) -> None:
    out, sam = tmp_path / "set", FakeSam()
    report = run(clip, out=out, sam=sam, keep=(chair_place(0),), person=PersonSource.MODEL)
    assert report.kept == 8
    assert min(foregrounds(out, CHAIR)) > 0.9
    assert min(foregrounds(out, PERSON)) > 0.9
    positive = {point for prompt in sam.prompts for point in prompt.positive}
    assert all(abs(point.y - chair_place(0).y) < 3 for point in positive)
    assert all(
        one.person and one.person.scores == () and one.objects
        for one in AnnotationStore(out).records.values()
    )
    assert json.loads((out / "label.json").read_text())["person"] == "model"


def test_person_model_alone_does_not_load_sam(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "_load_sam", refuse_to_load)
    settings = AnnotationSettings((str(clip),), tmp_path / "set", frames=4, person=PersonSource.MODEL)
    assert annotate(settings, segmenter=GreenModel()).kept == 4
    assert min(foregrounds(tmp_path / "set", PERSON)) > 0.9
    assert max(foregrounds(tmp_path / "set", CHAIR)) < 0.3


def test_frame_without_a_person_has_the_chair_only(tmp_path: Path) -> None:
    empty = write_scenes(tmp_path / "e.mkv", 8, lambda n: draw_scene(n, person=False))
    out = tmp_path / "set"
    report = run(empty, out=out, keep=(chair_place(0),), person=PersonSource.MODEL)
    assert (report.kept >= 1, report.flagged) == (True, 0)
    assert min(foregrounds(out, CHAIR)) > 0.9


def test_person_model_flags_doubtful_objects(tmp_path: Path) -> None:
    clip = write_scenes(tmp_path / "c.mkv", 16, lambda n: draw_scene(n, chair=n < 8))
    options = {"keep": (chair_place(0),), "person": PersonSource.MODEL}
    report = run(clip, out=tmp_path / "lost", **options)
    flagged = {one.number for one in AnnotationStore(tmp_path / "lost").records.values() if one.reasons}
    assert flagged == {
        one.number for one in AnnotationStore(tmp_path / "lost").records.values() if one.number >= 8
    }
    assert "of them as: what was kept at 30,60 is lost" in str(report)
    report = run(clip, out=tmp_path / "low", sam=FakeSam(low_scores(0.5)), **options)
    assert report.kept == 0
    assert "SAM gives its own mask 0.48" in str(report)


def test_data_set_of_an_older_version_is_continued(clip: Path, tmp_path: Path) -> None:
    run(clip, out=tmp_path / "set")
    assert not {"person", "size"} & set(json.loads((tmp_path / "set/label.json").read_text()))
    with pytest.raises(UsageError, match=r"other settings \(person\)"):
        run(clip, out=tmp_path / "set", person=PersonSource.MODEL)


def test_most_common_reason_ignores_numbers() -> None:
    reasons = [("lost at 3,4",), ("score 0.5", "lost at 7,8.5"), ("score 0.41",), ("lost at 1,1",)]
    assert most_common_reason(reasons) == "3 of them as: lost at 3,4"
    assert most_common_reason(reasons[:1]) == "lost at 3,4"
    assert most_common_reason([]) == ""


def test_covered_negative_point_flags_the_frame(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    run(clip, out=out, drop=(Point(130, 85),))
    first = min(AnnotationStore(out).records.values(), key=lambda one: one.number)
    assert first.reasons == ("130,85 was to be dropped, but is kept",)


def test_negative_point_beside_the_person_changes_nothing(clip: Path, tmp_path: Path) -> None:
    assert run(clip, out=tmp_path / "set", drop=(Point(170, 10),)).kept == 8


def test_records_name_source_and_scores(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    run(clip, out=out, keep=(chair_place(0),), preset="small")
    for line in (out / "annotations/labels.jsonl").read_text().splitlines():
        record = json.loads(line)
        assert record["source"] == str(clip)
        assert record["preset"] == "small"
        assert record["name"] == f"talk-{record['number']:06d}"
        assert record["person"]["scores"] == [0.96]
        assert record["person"]["agreement"] > 0.9
        assert record["things"][0]["score"] == 0.96


def test_low_scores_flag_frames_with_reasons(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    report = run(clip, out=out, sam=FakeSam(low_scores(0.5)))
    assert (report.kept, report.flagged) == (0, 8)
    assert len(list((out / "review/images").iterdir())) == 8
    assert not list((out / "images").iterdir())
    page = (out / "review/index.html").read_text(encoding="utf-8")
    assert page.count("SAM gives its own mask 0.48") == 8
    assert "--review" in str(report)


def test_uncertain_model_flags_an_empty_frame(tmp_path: Path) -> None:
    empty = write_scenes(tmp_path / "e.mkv", 3, lambda n: draw_scene(n, person=False))
    report = run(empty, out=tmp_path / "sure")
    assert report.flagged == 0
    assert report.kept >= 1

    def faint(frame: np.ndarray) -> Any:  # type: ignore[type-arg]
        return is_near(frame, CHAIR).astype(np.float32) * np.float32(0.7)

    report = run(empty, out=tmp_path / "unsure", segmenter=GreenModel(faint))
    assert report.kept == 0
    assert report.flagged >= 1


def test_clips_and_images_are_split_as_wholes(clip: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "other.mkv", 12, lambda n: draw_scene(n, seed=9))
    for number in range(3):
        write_image(tmp_path / f"p{number}.png", draw_scene(number * 5, seed=number))
    out = tmp_path / "set"
    run(clip, tmp_path / "other.mkv", *(tmp_path / f"p{n}.png" for n in range(3)), out=out)
    stems = [
        {json_stem(out, sample.name) for sample in list_samples(out, split)} for split in ("trainval", "test")
    ]
    assert stems[0]
    assert stems[1]
    assert not stems[0] & stems[1]


def json_stem(out: Path, name: str) -> str:
    return AnnotationStore(out).records[name].stem


def stop_after(count: int) -> FakeSam:
    def stop(embedded: int) -> None:
        if embedded == count:
            raise KeyboardInterrupt

    sam = FakeSam()
    sam.before_embed = stop
    return sam


@pytest.mark.parametrize("count", [0, 3, 7])
def test_interrupted_run_gives_the_files_of_one_run(count: int, clip: Path, tmp_path: Path) -> None:
    keep = (chair_place(0),)
    run(clip, out=tmp_path / "whole", keep=keep)
    with pytest.raises(KeyboardInterrupt):
        run(clip, out=tmp_path / "parts", keep=keep, sam=stop_after(count))
    rest = FakeSam()
    run(clip, out=tmp_path / "parts", keep=keep, sam=rest)
    assert rest.embed_count == 8 - count
    whole, parts = everything(tmp_path / "whole"), everything(tmp_path / "parts")
    page = "review/index.html"
    assert {k: v for k, v in whole.items() if k != page} == {k: v for k, v in parts.items() if k != page}


def test_finished_data_set_is_not_changed(clip: Path, tmp_path: Path) -> None:
    run(clip, out=tmp_path / "set")
    before = everything(tmp_path / "set")
    again = FakeSam()
    run(clip, out=tmp_path / "set", sam=again)
    assert again.embed_count == 0
    assert everything(tmp_path / "set") == before


def test_interrupted_while_choosing_begins_that_again(clip: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "choose" and progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(clip, out=tmp_path / "set", progress=stop)
    assert run(clip, out=tmp_path / "set").kept == 8


def test_a_full_disk_in_the_middle_can_be_resumed(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = labelled.write_atomic
    written: list[Path] = []

    def full(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) > 14:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(labelled, "write_atomic", full)
        with pytest.raises(FileWriteError, match="No space left") as raised:
            run(clip, out=tmp_path / "set")
    assert "\n" not in str(raised.value)
    assert run(clip, out=tmp_path / "set").kept == 8


def test_again_never_changes_frames_with_a_decision(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    run(clip, out=out, sam=FakeSam(low_scores(0.5)))
    made = AnnotationStore(out)
    names = sorted(made.records)
    made.set_decisions(accept=names[:2], reject=names[2:3])
    made.sync_files()
    before = everything(out)
    again = FakeSam()
    run(clip, out=out, sam=again, again=True)
    assert again.embed_count == 5
    after = everything(out)
    for name in names[:2]:
        for place in (
            f"images/{name}.jpg",
            f"annotations/trimaps/{name}.png",
            f"annotations/mattes/{name}.png",
        ):
            assert after[place] == before[place]
    assert f"review/images/{names[2]}.jpg" in after
    assert AnnotationStore(out).records[names[0]].reasons


def test_unreadable_sources_are_skipped_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        write_image(folder / f"good{number}.png", draw_scene(number * 4))
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff no image")
    (folder / "empty.png").touch()
    (folder / "broken.mp4").write_bytes(b"no video")
    messages: list[str] = []
    report = run(folder, out=tmp_path / "set", notify=messages.append)
    assert report.kept == 3
    assert len(report.skipped) == 3
    assert len(messages) == 3
    assert all(line.startswith("left out: ") for line in messages)
    assert "3 could not be read" in str(report)


def test_only_unreadable_ones_are_an_error(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.mp4"):
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(AnnotationError, match="none of 2 sources"):
        run(tmp_path / "a.jpg", tmp_path / "b.mp4", out=tmp_path / "set")
    with pytest.raises(OSError, match="no video"):
        run(tmp_path / "b.mp4", out=tmp_path / "set2")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 0}, "--frames 0"),
        ({"seconds": 0.0}, "--seconds 0"),
        ({"mattes": Path("m.mkv"), "keep": (Point(1, 1),)}, "--mattes says all"),
        ({"person": PersonSource.NONE}, "keeps nothing at all"),
        ({"person": PersonSource.MODEL, "mattes": Path("m.mkv")}, "--mattes says all"),
        ({"size": Size(640, 480)}, "--size is asked of a camera"),
        ({"keep": (Point(192, 10),)}, "outside the image of 192x108"),
        ({"drop": (Point(10, -1),)}, "outside the image"),
        ({"boxes": (Box(100, 50, 300, 90),)}, "outside the image"),
        ({"person": PersonSource.NONE, "drop": (Point(3, 3),)}, "keeps nothing at all"),
        ({"prompts": Path("missing.json")}, "there is no missing.json"),
    ],
)
def test_invalid_settings_fail_before_annotation(
    options: dict[str, Any], message: str, clip: Path, tmp_path: Path
) -> None:
    sam = FakeSam()
    with pytest.raises(UsageError, match=message):
        run(clip, out=tmp_path / "set", sam=sam, **options)
    assert sam.embed_count == 0
    assert run(clip, out=tmp_path / "set").kept == 8


def test_negative_points_alone_need_the_person(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"talk": {"drop": [[3, 3]]}}))
    with pytest.raises(UsageError, match="points to drop alone"):
        run(clip, out=tmp_path / "set", prompts=path, person=PersonSource.NONE)


def test_option_points_are_for_one_source(clip: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "p.png", draw_scene(0))
    with pytest.raises(UsageError, match=r"not in 2; .*--prompts"):
        run(clip, tmp_path / "p.png", out=tmp_path / "set", keep=(Point(3, 3),))


def test_prompts_file_applies_to_clips_images_and_frames(clip: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "p.png", draw_scene(0))
    path = tmp_path / "prompts.json"
    prompts = {
        "talk-000013": {"keep": [list(chair_place(13))]},
        "p.png": {"boxes": [[14, 40, 45, 79]]},
    }
    path.write_text(json.dumps(prompts))
    out = tmp_path / "set"
    run(clip, tmp_path / "p.png", out=out, prompts=path)
    made = AnnotationStore(out)
    assert "talk-000013" in made.records
    for one in made.records.values():
        assert len(one.objects) == (1 if one.stem == "p" or one.number >= 13 else 0)


def test_prompt_for_a_missing_frame_is_refused(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"talk": {"frames": {"20": {"keep": [[3, 3]]}}}}))
    with pytest.raises(UsageError, match="has no frame 20; its last is 19"):
        run(clip, out=tmp_path / "set", prompts=path)


def test_options_precede_the_file_and_the_file_clicks(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"talk": {"keep": [[9, 9], [8, 8]]}}))
    out = tmp_path / "a"
    run(clip, out=out, prompts=path, keep=(chair_place(0),))
    assert {len(one.objects) for one in AnnotationStore(out).records.values()} == {1}

    def never(*_: object) -> None:
        raise AssertionError("clicks were collected though the file has prompts")

    run(clip, out=tmp_path / "b", prompts=path, click=True, collect=never)
    assert {len(one.objects) for one in AnnotationStore(tmp_path / "b").records.values()} == {2}


def clicking(x: float, y: float) -> Callable[..., None]:
    def collect(plans: Sequence[FramePlan], path: Path, *_: object) -> None:
        plan = plans[0]
        path.write_text(json.dumps({plan.media.name(plan.selected[0]): {"keep": [[x, y]]}}))

    return collect


def test_clicks_are_collected_once(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    first = chair_place(0)
    run(clip, out=out, click=True, collect=clicking(first.x + 4, first.y))
    assert min(foregrounds(out, CHAIR)) > 0.9

    def never(*_: object) -> None:
        raise AssertionError("clicks were collected again")

    run(clip, out=out, click=True, collect=never)


def test_lost_object_flags_the_frame(tmp_path: Path) -> None:
    clip = write_scenes(tmp_path / "c.mkv", 16, lambda n: draw_scene(n, chair=n < 8))
    out = tmp_path / "set"
    report = run(clip, out=out, keep=(chair_place(0),))
    made = AnnotationStore(out)
    flagged = {one.number for one in made.records.values() if one.reasons}
    assert report.flagged == len(flagged) > 0
    assert flagged == {one.number for one in made.records.values() if one.number >= 8}
    assert all("lost" in " ".join(one.reasons) for one in made.records.values() if one.reasons)


def write_mattes(path: Path, count: int, shift: int = 0) -> Path:
    frames = [draw_scene(n) for n in range(count)]
    true = [np.asarray(is_near(s, PERSON) | is_near(s, CHAIR), np.uint8) * 255 for s in frames]
    if path.suffix:
        write_video(path, [each[:, shift:] for each in true])
        return path
    path.mkdir()
    for number, each in enumerate(true):
        write_image(path / f"{number:04d}.png", np.repeat(each[..., None], 3, axis=2))
    return path


@pytest.mark.parametrize("name", ["m.mkv", "m"])
def test_true_mattes_need_no_sam(name: str, clip: Path, tmp_path: Path) -> None:
    mattes = write_mattes(tmp_path / name, 20)
    out = tmp_path / "set"
    settings = AnnotationSettings((str(clip),), out, mattes=mattes, frames=8)
    report = annotate(settings)
    assert report.kept == 8
    assert min(foregrounds(out, CHAIR)) > 0.9
    for sample in list_samples(out, "trainval"):
        number = int(sample.name[-6:])
        true = is_near(draw_scene(number), PERSON) | is_near(draw_scene(number), CHAIR)
        trimap = read_trimap(sample.trimap)
        assert true[trimap == 1].all()
        assert not true[trimap == 2].any()


@pytest.mark.parametrize(
    ("count", "shift", "message"),
    [(19, 0, "holds 19 mattes, .* 20 frames"), (21, 0, "holds 21 mattes"), (20, 2, "are 190x108")],
)
def test_mattes_that_do_not_fit_are_refused(
    count: int, shift: int, message: str, clip: Path, tmp_path: Path
) -> None:
    mattes = write_mattes(tmp_path / "m.mkv", count, shift)
    with pytest.raises(AnnotationError, match=message):
        run(clip, out=tmp_path / "set", mattes=mattes)


def test_mattes_of_images_match_by_name(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "m").mkdir()
    for number in (3, 9):
        frame = draw_scene(number)
        write_image(tmp_path / f"p/shot{number}.png", frame)
        true = np.asarray(is_near(frame, PERSON), np.uint8) * 255
        write_image(tmp_path / f"m/shot{number}.png", np.repeat(true[..., None], 3, axis=2))
    write_image(tmp_path / "m/another.png", draw_scene(0))
    out = tmp_path / "set"
    run(tmp_path / "p", out=out, mattes=tmp_path / "m")
    assert min(foregrounds(out, PERSON)) > 0.9
    (tmp_path / "m/shot9.png").unlink()
    (tmp_path / "m/another.png").unlink()
    with pytest.raises(UsageError, match=r"none named like shot9\.png"):
        run(tmp_path / "p", out=tmp_path / "set2", mattes=tmp_path / "m")


def test_camera_is_recorded_once_and_annotated(tmp_path: Path) -> None:
    out = tmp_path / "set"
    stages: list[str] = []
    report = run(out=out, camera="demo", seconds=0.5, progress=lambda p: stages.append(p.stage))
    assert report.kept + report.flagged >= 1
    assert list(dict.fromkeys(stages)) == ["record", "choose", "label"]
    stages.clear()
    run(out=out, camera="demo", seconds=0.5, progress=lambda p: stages.append(p.stage))
    assert "record" not in stages


def test_camera_is_opened_with_the_requested_size(tmp_path: Path) -> None:
    out = tmp_path / "set"
    run(out=out, camera="demo", seconds=0.5, size=Size(320, 240))
    assert {read_image(path).image.shape for path in (out / "overlays").iterdir()} <= {(240, 320, 3)}
    with VideoReader(out / "recordings/camera.mp4") as clip:
        assert clip.size == Size(320, 240)


def test_progress_ends_at_its_total(clip: Path, tmp_path: Path) -> None:
    progress: list[Progress] = []
    run(clip, out=tmp_path / "set", progress=progress.append)
    assert progress[-1] == Progress("label", 8, 8)
    assert [p.done for p in progress if p.stage == "choose"] == list(range(1, 21))


def test_no_frame_is_kept_in_memory(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gc
    import weakref

    from livecam.annotation.media import IndexedFrame, MediaItem

    alive: list[weakref.ref[Any]] = []
    max_alive = 0
    inner = MediaItem.frames

    def watched(self: MediaItem) -> Any:
        nonlocal max_alive
        for indexed in inner(self):
            frame = indexed.frame.copy()
            alive.append(weakref.ref(frame))
            max_alive = max(max_alive, sum(ref() is not None for ref in alive))
            yield IndexedFrame(indexed.number, indexed.seconds, frame)
            del frame, indexed

    monkeypatch.setattr(MediaItem, "frames", watched)
    run(clip, out=tmp_path / "set", keep=(chair_place(0),))
    gc.collect()
    assert len(alive) >= 30
    assert max_alive <= 4


def test_settings_are_validated_without_the_disk(tmp_path: Path) -> None:
    """`validate` accepts names of missing files; `resolve` refuses them."""
    settings = AnnotationSettings((str(tmp_path / "none.mkv"),), tmp_path / "set")
    settings.validate()
    with pytest.raises(UsageError, match=r"there is no .*none\.mkv"):
        settings.resolve()
    assert not (tmp_path / "set").exists()
