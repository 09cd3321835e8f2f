"""scripts/experiments/memory_over_time.py with the smallest network on drawn discs: it works at all."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.evaluation.temporal_stability import SIZE, IdentityFilter, draw_reference_room
from livecam.imaging.image_io import write_image
from livecam.imaging.ops import downscale
from tests.support.fakes import secret_frame
from tests.support.scripts import load_script

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.networks.matting_net import ARCHITECTURES, build_model  # noqa: E402

pytestmark = [
    pytest.mark.training,
    # Keras saving a model, with TensorFlow's tensors under NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

Run = Callable[[str], int]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("experiments/memory_over_time")


@pytest.fixture
def run(script: ModuleType, tmp_path: Path, pets: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on drawn data; the given options come last."""
    for number in range(2):
        room = downscale(draw_reference_room(SIZE)[:, :: 1 - 2 * number].copy(), Size(160, 90))
        (tmp_path / "rooms").mkdir(exist_ok=True)
        write_image(tmp_path / "rooms" / f"{number}.png", room)
    keras.utils.set_random_seed(5)
    build_model(ARCHITECTURES["tiny"]).save(tmp_path / "tiny.keras")

    def call(command_line: str) -> int:
        command, *rest = command_line.split()
        data = ["--data", str(pets), "--rooms", str(tmp_path / "rooms")]
        monkeypatch.setattr(sys, "argv", ["memory_over_time", command, str(tmp_path / "run"), *data, *rest])
        return int(script.main())

    return call


class RecordingNetwork:
    """A network that records each memory it receives and returns a different matte each time."""

    def __init__(self) -> None:
        self.memories: list[Matte | None] = []

    def predict(self, frame: Frame, memory: Matte | None) -> Matte:
        self.memories.append(memory)
        return np.full((24, 32), 0.9 + 0.01 * len(self.memories), np.float32)


def test_previous_matte_is_passed_and_dropped_on_a_cut(script: ModuleType) -> None:
    network = RecordingNetwork()
    segmenter = script.RecurrentSegmenter(network, IdentityFilter())
    variant = script.Variant(segmenter, segmenter)
    frame = secret_frame(size=Size(64, 48))
    for shown in (frame, frame, 255 - frame, 255 - frame):
        variant.matte(shown)
    variant.reset()
    variant.matte(frame)

    assert [memory is None for memory in network.memories] == [True, False, True, False, True]
    for number in (1, 3):
        assert network.memories[number] == pytest.approx(0.9 + 0.01 * number)


def test_memory_is_a_copy(script: ModuleType) -> None:
    network = RecordingNetwork()
    segmenter = script.RecurrentSegmenter(network, IdentityFilter())
    coarse = segmenter.predict(secret_frame(size=Size(64, 48)))
    filtered = segmenter.apply(coarse)
    coarse[:], filtered[:] = 0, 0

    segmenter.predict(secret_frame(size=Size(64, 48)))

    assert network.memories[1] is not None
    assert network.memories[1].min() > 0.9


def test_differences_are_computed_clip_by_clip(script: ModuleType) -> None:
    metrics = dict.fromkeys(script.METRICS, 1.0)
    old = [metrics, {**metrics, "dtssd": 3.0}, {"flicker": 1.0}]
    new = [{**metrics, "dtssd": 2.0}, {**metrics, "dtssd": 2.0}, {"flicker": 2.0}]
    results = {"without memory": old, "with memory": new}
    results |= {f"{name}, smoothed": old for name in script.FOLDERS}

    unfiltered, smoothed = script.differences(results).splitlines()[2:]

    assert unfiltered == "| not smoothed | " + "+0.00 ± 0.00 | " * 5 + "+0.00 ± 1.00 |"
    assert smoothed == "| smoothed | " + "+0.00 ± 0.00 | " * 5 + "+0.00 ± 0.00 |"


def test_column_without_numbers_is_a_dash(script: ModuleType) -> None:
    row = script.mean_of([{"miou": 90.0, "goes": None}, {"miou": 95.0, "appears": 2}])
    assert (row["miou"], row["goes"], row["appears"]) == (92.5, None, 2)
    cells = script.table({"mine": row}).splitlines()[2].split("|")
    assert [cell.strip() for cell in cells[1:3]] == ["mine", "92.50"]
    assert cells.count(" - ") == len(script.COLUMNS) - 2


def test_both_are_trained_once_then_measured_four_times(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command_line = f"train --start {tmp_path / 'tiny.keras'} --epochs 1 --steps 2 --batch 8"
    assert run(command_line) == 0
    channels = []
    for folder in ("without", "with"):
        model = keras.models.load_model(tmp_path / "run" / folder / "averaged.keras", compile=False)
        channels.append(model.input_shape[3])
    assert channels == [3, 4]
    kept = (tmp_path / "run" / "with" / "averaged.keras").read_bytes()
    # A finished training is not repeated, and not continued with other settings.
    assert run(command_line) == 0
    assert (tmp_path / "run" / "with" / "averaged.keras").read_bytes() == kept
    assert run(f"{command_line} --seed 2") == 2
    assert "begun with seed 1 (now 2)" in capsys.readouterr().err

    assert run("measure --takes 1 --frames 3 --steps-of 1") == 0

    lines = capsys.readouterr().out.splitlines()
    four, changes = lines[:6], lines[7:]
    assert len({line.count("|") for line in four}) == 1
    assert len(changes) == 2 + 2
    assert len({line.count("|") for line in changes}) == 1
    rows = json.loads((tmp_path / "run" / "figures.json").read_text())["rows"]
    assert list(rows) == [
        "without memory",
        "without memory, smoothed",
        "with memory",
        "with memory, smoothed",
    ]
    assert all(row["ms"] > 0 and 0 <= row["miou"] <= 100 and row["dtssd"] >= 0 for row in rows.values())


@pytest.mark.parametrize(
    ("command_line", "code", "message"),
    [
        ("train --start no.keras", 1, "no.keras"),
        ("train --steps 0", 2, "--steps 0 is too small"),
        ("measure", 1, "averaged.keras"),
        ("measure --frames 1", 2, "--frames 2 or more"),
    ],
)
def test_error_is_printed_in_one_line(
    command_line: str, code: int, message: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command_line) == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
