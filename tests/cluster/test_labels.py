"""Labels made on a cluster: the same data set as on one machine, whatever ends in the middle."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is missing: pip install 'livecam[cluster]'")

from livecam.annotation.config import AnnotationReport, AnnotationSettings, PersonSource
from livecam.annotation.job import annotate
from livecam.annotation.store import AnnotationStore
from livecam.cluster.labels import LabelJob, label_on_cluster
from livecam.cluster.pool import PoolStats
from livecam.core.errors import VideoError
from livecam.imaging.image_io import write_image
from tests.support.cluster_commands import interrupt_kill_and_finish
from tests.support.cluster_jobs import DrawnLabelJob, FullDiskLabelJob, KilledLabelJob
from tests.support.synthetic_people import FakeSam, GreenModel, draw_scene, write_scenes
from tests.support.tiny_model import write_model


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Three clips, two images and a file that is no video."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for at, name in enumerate(("a", "b", "c")):
        write_scenes(folder / f"{name}.mkv", 14, lambda number, at=at: draw_scene(number + 7 * at))
    for number in (1, 2):
        write_image(folder / f"image-{number}.png", draw_scene(3 * number))
    (folder / "broken.mp4").write_bytes(b"no video at all" * 100)
    return folder


def settings_of(sources: Path, out: Path) -> AnnotationSettings:
    return AnnotationSettings((str(sources),), out, frames=5)


def label_here(sources: Path, out: Path) -> AnnotationReport:
    return annotate(settings_of(sources, out), FakeSam(), segmenter=GreenModel())


def label_there(
    sources: Path, out: Path, job: type[LabelJob] = DrawnLabelJob, **options: Any
) -> tuple[AnnotationReport, PoolStats]:
    return label_on_cluster(settings_of(sources, out), job=job, **options)


def everything(folder: Path) -> dict[str, bytes]:
    """Return all files by name; the review page names the folder, which is left out."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    page = "review/index.html"
    return files | {page: files[page].replace(str(folder).encode(), b"")}


def test_data_set_is_that_of_one_machine(cluster: Any, sources: Path, tmp_path: Path) -> None:
    stages: list[str] = []

    def progress(each: Any) -> None:
        stages.append(each.stage)

    report, stats = label_there(sources, tmp_path / "there" / "set", progress=progress)
    here = label_here(sources, tmp_path / "here" / "set")
    assert report.skipped == here.skipped == (str(sources / "broken.mp4"),)
    assert (report.train, report.test) == (here.train, here.test)
    assert everything(tmp_path / "there" / "set") == everything(tmp_path / "here" / "set")
    assert list(dict.fromkeys(stages)) == ["choose", "label"]
    assert stats.sent_files == 0


def test_files_are_sent_where_workers_do_not_see_them(
    cluster: Any, sources: Path, tmp_path: Path, unseen: None
) -> None:
    stats = label_there(sources, tmp_path / "there" / "set")[1]
    assert stats.sent_files
    label_here(sources, tmp_path / "here" / "set")
    assert everything(tmp_path / "there" / "set") == everything(tmp_path / "here" / "set")


def test_killed_worker_loses_no_frame_and_does_none_twice(
    cluster: Any, sources: Path, tmp_path: Path
) -> None:
    report, stats = label_there(sources, tmp_path / "there" / "set", KilledLabelJob)
    assert (tmp_path / "there" / "killed").exists()
    assert (stats.lost_workers, report.failed) == (1, ())
    label_here(sources, tmp_path / "here" / "set")
    assert everything(tmp_path / "there" / "set") == everything(tmp_path / "here" / "set")


def test_full_disk_of_a_node_loses_nothing(cluster: Any, sources: Path, tmp_path: Path) -> None:
    report, stats = label_there(sources, tmp_path / "there" / "set", FullDiskLabelJob)
    assert stats.retried >= 1
    assert report.failed == ()
    label_here(sources, tmp_path / "here" / "set")
    assert everything(tmp_path / "there" / "set") == everything(tmp_path / "here" / "set")


def test_interrupted_run_keeps_its_frames_and_goes_on(cluster: Any, sources: Path, tmp_path: Path) -> None:
    def interrupt(progress: Any) -> None:
        if progress.stage == "label" and progress.done == 7:
            raise KeyboardInterrupt

    out = tmp_path / "there" / "set"
    with pytest.raises(KeyboardInterrupt):
        label_there(sources, out, progress=interrupt)
    lines = (out / "annotations" / "labels.jsonl").read_text().splitlines()
    assert len(lines) == 7
    for line in map(json.loads, lines):
        folder = out / "review" if line["reasons"] else out
        assert (folder / "images" / f"{line['name']}.jpg").is_file()
    assert_nothing_unfinished(out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    label_there(sources, out)
    named = {json.loads(line)["name"] for line in lines}
    kept = [path for path in before if path.stem in named]
    assert kept
    assert {path: path.stat().st_mtime_ns for path in kept} == {path: before[path] for path in kept}
    label_here(sources, tmp_path / "here" / "set")
    assert everything(out) == everything(tmp_path / "here" / "set")


def test_only_source_that_can_not_be_read_is_an_error(cluster: Any, sources: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="broken"):
        label_there(sources / "broken.mp4", tmp_path / "there" / "set")
    assert not AnnotationStore(tmp_path / "there" / "set").records


def test_command_that_is_interrupted_and_killed_goes_on(three_nodes: Any, tmp_path: Path) -> None:
    sources, out, model = tmp_path / "sources", tmp_path / "there" / "set", write_model(tmp_path)
    sources.mkdir()
    for at in range(9):
        write_scenes(sources / f"{at}.mkv", 24, lambda number, at=at: draw_scene(number + 7 * at))
    settings = AnnotationSettings(
        (str(sources),), out, frames=20, person=PersonSource.MODEL, model=str(model)
    )
    arguments = ["label", sources, "--out", out, "--frames", 20, "--person", "model", "--model", model]
    arguments += ["--cluster", three_nodes.address, "--json", "--quiet"]

    def finished() -> dict[str, int]:
        """Return when the frames that have a complete line were written."""
        with suppress(FileNotFoundError):
            lines = (out / "annotations" / "labels.jsonl").read_text().split("\n")[:-1]
            return {name: written(out, name) for name in (json.loads(line)["name"] for line in lines)}
        return {}

    runs = interrupt_kill_and_finish(arguments, finished, lambda: assert_nothing_unfinished(out))
    after = finished()
    assert len(after) > len(runs.killed)
    assert runs.killed.items() <= after.items()
    annotate(replace(settings, out=tmp_path / "here" / "set"))
    assert everything(out) == everything(tmp_path / "here" / "set")


def written(out: Path, name: str) -> int:
    (image,) = out.rglob(f"images/{name}.jpg")
    return image.stat().st_mtime_ns


def assert_nothing_unfinished(out: Path) -> None:
    assert not [path for path in out.rglob("*") if "partial" in path.name or "shared" in path.name]
