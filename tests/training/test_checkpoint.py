import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.core.errors import FileWriteError, TrainingError, UsageError
from livecam.core.geometry import Size
from livecam.training.checkpoint import (
    Checkpoint,
    append_history,
    find_checkpoint,
    prepare_run_dir,
    read_checkpoint,
    read_history,
)
from livecam.training.config import RunConfig, TrainSettings

RUN_OPTIONS = {field.name for field in dataclasses.fields(RunConfig)}
ROW = {"loss": 0.5, "miou": 80.0}


@pytest.fixture
def settings(tmp_path: Path) -> TrainSettings:
    return TrainSettings(RunConfig((tmp_path / "pets",), tmp_path / "run", epochs=4))


def a_state(epoch: int = 2, best: float = 80.0) -> Checkpoint:
    rng = np.random.default_rng(epoch)
    arrays = [rng.random((3, 2), np.float32) for _ in range(12)]
    return Checkpoint(
        epoch, best, arrays[:5], [np.int64(7) * np.ones((), np.int64), *arrays[5:8]], arrays[8:]
    )


def resumed(settings: TrainSettings, **changes: Any) -> TrainSettings:
    of_run = {name: changes.pop(name) for name in RUN_OPTIONS & changes.keys()}
    run = dataclasses.replace(settings.run, resume=True, **of_run)
    return dataclasses.replace(settings, run=run, **changes)


def a_run(settings: TrainSettings, rows: int = 2, kept: int | None = 2) -> None:
    """Write a run folder with `rows` epochs in its history and a checkpoint of epoch `kept`."""
    prepare_run_dir(settings, None)
    for epoch in range(1, rows + 1):
        append_history(settings.run.out, {"epoch": epoch, **ROW})
    if kept:
        a_state(kept).write(settings.run.out)


def test_a_state_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    a_state().write(tmp_path)
    back = read_checkpoint(tmp_path)

    assert back is not None
    assert (back.epoch, back.best) == (2, 80.0)
    for group in ("weights", "optimizer", "average"):
        for there, here in zip(getattr(back, group), getattr(a_state(), group), strict=True):
            np.testing.assert_array_equal(there, here)
            assert there.dtype == here.dtype


def test_a_write_cut_short_leaves_the_former_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_state(1).write(tmp_path)

    def cut(path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("livecam.training.checkpoint.np.savez", cut)
    with pytest.raises(KeyboardInterrupt):
        a_state(2).write(tmp_path)

    back = read_checkpoint(tmp_path)
    assert back is not None
    assert back.epoch == 1


def test_a_damaged_state_is_refused_with_a_remedy(tmp_path: Path) -> None:
    a_state().write(tmp_path)
    path = tmp_path / "backup/state.npz"
    for content in (path.read_bytes()[:300], b"", b"nonsense"):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match=r"state\.npz is damaged .*--out and --start .*best\.keras"):
            read_checkpoint(tmp_path)


def test_a_new_folder_begins_a_run(settings: TrainSettings) -> None:
    assert find_checkpoint(settings) is None
    prepare_run_dir(settings, None)

    assert json.loads((settings.run.out / "settings.json").read_text())["epochs"] == 4


@pytest.mark.parametrize("name", ["history.csv", "best.keras", "backup"])
def test_a_folder_in_use_needs_resume_or_another_name(settings: TrainSettings, name: str) -> None:
    settings.run.out.mkdir()
    (settings.run.out / name).touch()

    with pytest.raises(UsageError, match="holds a run already; go on with --resume or name another"):
        find_checkpoint(settings)


def test_a_folder_with_other_files_can_hold_a_new_run(settings: TrainSettings) -> None:
    settings.run.out.mkdir()
    (settings.run.out / "notes.txt").touch()

    assert find_checkpoint(settings) is None


def test_there_is_nothing_to_resume_where_nothing_is(settings: TrainSettings) -> None:
    with pytest.raises(UsageError, match=r"no run in .* to go on with; leave out --resume"):
        find_checkpoint(resumed(settings))


def test_a_run_goes_on_where_it_stood(settings: TrainSettings) -> None:
    a_run(settings)

    state = find_checkpoint(resumed(settings))

    assert state is not None
    assert state.epoch == 2


def test_a_run_stopped_in_its_first_epoch_begins_again(settings: TrainSettings) -> None:
    a_run(settings, rows=0, kept=None)

    assert find_checkpoint(resumed(settings)) is None


def test_a_row_beyond_the_state_is_dropped(settings: TrainSettings) -> None:
    a_run(settings, rows=3, kept=2)

    prepare_run_dir(settings, find_checkpoint(resumed(settings)))

    assert [row["epoch"] for row in read_history(settings.run.out)] == ["1", "2"]


def test_a_run_that_lost_its_state_is_not_begun_over_its_history(settings: TrainSettings) -> None:
    a_run(settings, rows=2, kept=None)

    with pytest.raises(TrainingError, match=r"lost its backup/state\.npz"):
        find_checkpoint(resumed(settings))
    assert len(read_history(settings.run.out)) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 9}, r"epochs 4 \(now 9\)"),
        ({"batch": 8, "seed": 3}, r"batch 16 \(now 8\), seed 1 \(now 3\)"),
        ({"learning_rate": 0.1}, r"learning_rate 0\.002 \(now 0\.1\)"),
        ({"size": Size(64, 48)}, r"size none \(now 64x48\)"),
        ({"rooms": (Path("walls"),)}, r"rooms none \(now walls\)"),
        ({"start": Path("a.keras")}, r"start none \(now a\.keras\)"),
    ],
)
def test_a_run_is_not_resumed_with_other_settings(
    settings: TrainSettings, changes: dict[str, Any], message: str
) -> None:
    a_run(settings)

    with pytest.raises(UsageError, match=f"was begun with {message}; give the same to go on") as caught:
        find_checkpoint(resumed(settings, **changes))
    assert "\n" not in str(caught.value)


def test_workers_devices_and_the_way_to_a_folder_may_change(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run(settings)
    monkeypatch.chdir(tmp_path)

    assert (
        find_checkpoint(resumed(settings, devices=2, workers=7, data=(Path("pets"),), out=Path("run")))
        is not None
    )


def test_damaged_settings_or_history_are_refused(settings: TrainSettings) -> None:
    a_run(settings)
    history = settings.run.out / "history.csv"
    for content in (
        "epoch,miou\n1",
        "miou\n3\n",
        "epoch,miou\n1,abc\n",
        "epoch,miou\nx,80\n",
        "epoch,miou\n1,2,3\n",
    ):
        history.write_text(content)
        with pytest.raises(TrainingError, match=r"history\.csv .*mend or remove it"):
            read_history(settings.run.out)
    (settings.run.out / "settings.json").write_text("{")
    with pytest.raises(TrainingError, match=r"settings\.json is damaged"):
        find_checkpoint(resumed(settings))


def test_a_folder_that_can_t_be_written_is_refused(settings: TrainSettings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = dataclasses.replace(settings.run, out=tmp_path / "file" / "run")
    blocked = dataclasses.replace(settings, run=run)

    with pytest.raises(FileWriteError, match=r"can't write in .*choose another folder with --out"):
        prepare_run_dir(blocked, None)


def test_the_history_grows_by_whole_rows(settings: TrainSettings) -> None:
    prepare_run_dir(settings, None)
    for epoch in (1, 2, 3):
        append_history(settings.run.out, {"epoch": epoch, **ROW, "loss": epoch / 3})

    rows = read_history(settings.run.out)

    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["loss"]) for row in rows] == [0.33333, 0.66667, 1.0]
