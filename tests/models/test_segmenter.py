import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from livecam.core.errors import ModelError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame, check_matte
from livecam.models.registry import builtin_dir, resolve_model
from livecam.models.segmenter import LiteRTSegmenter, clip_rounding
from tests.support.fakes import is_person, secret_frame
from tests.support.tiny_model import SIZE, card_of, green_weights, write_model

TOP = Path(__file__).parent.parent.parent


@pytest.fixture
def segmenter(tmp_path: Path) -> LiteRTSegmenter:
    return LiteRTSegmenter.load(str(write_model(tmp_path)))


@pytest.mark.parametrize("size", [Size(320, 240), Size(33, 17), Size(1280, 720), SIZE])
def test_predict_keeps_green_person_at_model_size(segmenter: LiteRTSegmenter, size: Size) -> None:
    frame = secret_frame(size=size)
    matte = check_matte(segmenter.predict(frame), (SIZE.height, SIZE.width))
    assert matte[SIZE.height - 4, SIZE.width // 2] > 0.99
    assert matte[:3].max() < 0.01
    assert matte[:, :4].max() < 0.01
    assert matte.mean() == pytest.approx(is_person(frame).mean(), abs=0.12)


def test_predict_reads_rgb(tmp_path: Path) -> None:
    segmenter = LiteRTSegmenter.load(str(write_model(tmp_path)))
    for color, expected in (((0, 255, 0), 1.0), ((255, 0, 0), 0.0), ((0, 0, 255), 0.0)):
        matte = segmenter.predict(np.full((48, 64, 3), color, np.uint8))
        assert matte == pytest.approx(np.full(matte.shape, expected), abs=1e-3)


@pytest.mark.parametrize(
    ("low", "high", "level", "expected"),
    # Grey of value v becomes sigmoid(-12 v - 12).
    [
        (-1.0, 1.0, 0, 0.5),
        (-1.2, 0.8, 51, 0.083),
        (0.0, 1.0, 0, 0.0),
        (-2.0, 0.0, 0, 1.0),
        (-1.0, 0.0, 51, 0.083),
    ],
)
def test_predict_uses_input_range_of_card(low: float, high: float, level: int, expected: float) -> None:
    weights = green_weights()
    value = low + level / 255 * (high - low)
    assert 1 / (1 + np.exp(12 * value + 12)) == pytest.approx(expected, abs=0.01)
    matte = LiteRTSegmenter(replace(card_of(weights), input_range=(low, high)), weights).predict(
        np.full((24, 32, 3), level, np.uint8)
    )
    assert matte == pytest.approx(np.full(matte.shape, expected), abs=0.01)


def test_predict_returns_a_new_array(segmenter: LiteRTSegmenter) -> None:
    frame = secret_frame()
    first = segmenter.predict(frame)
    expected = first.copy()
    segmenter.predict(255 - frame)
    assert (first == expected).all()
    first[:] = 0.5
    assert (segmenter.predict(frame) == expected).all()


def test_predict_does_not_write_to_frame(segmenter: LiteRTSegmenter) -> None:
    frame = secret_frame()
    frame.setflags(write=False)
    segmenter.predict(frame)
    assert (frame == secret_frame()).all()


def test_resolve_model_accepts_both_file_paths(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    assert (
        resolve_model(str(path)) == resolve_model(str(path.with_suffix(".json"))) == path.with_suffix(".json")
    )


def test_resolve_unknown_model_names_existing_ones() -> None:
    with pytest.raises(UsageError, match="there are: "):
        resolve_model("nobody")


def test_load_with_wrong_checksum_raises(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="damaged"):
        LiteRTSegmenter.load(str(path))


def test_load_without_weights_names_their_path(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    path.unlink()
    with pytest.raises(ModelError, match=r"beside .*green\.json"):
        LiteRTSegmenter.load(str(path))


@pytest.mark.parametrize("weights", [b"", b"nonsense" * 100, green_weights()[:400]])
def test_segmenter_of_invalid_bytes_raises(weights: bytes) -> None:
    with pytest.raises(ModelError, match="can't be run"):
        LiteRTSegmenter(card_of(weights), weights)


@pytest.mark.parametrize("outputs", [{"classes": 0}, {"matte": 1}, {"matte": -1}])
def test_segmenter_with_other_outputs_than_card_raises(outputs: dict[str, int]) -> None:
    weights = green_weights()
    with pytest.raises(ModelError, match="card describes"):
        LiteRTSegmenter(card_of(weights, outputs=outputs), weights)


def test_segmenter_with_other_size_than_card_raises() -> None:
    weights = green_weights()
    with pytest.raises(ModelError, match="card describes"):
        LiteRTSegmenter(card_of(weights, Size(64, 48)), weights)


def test_load_prints_nothing(tmp_path: Path) -> None:
    code = "from livecam.models.segmenter import LiteRTSegmenter; LiteRTSegmenter.load"
    code += f"({str(write_model(tmp_path))!r})"
    # LiteRT says it once a process.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=TOP)
    assert (done.stdout, done.stderr) == (b"", b"")


NEEDS_WEIGHTS = pytest.mark.skipif(
    not (builtin_dir() / "person.json").exists(), reason="the weights are not there yet"
)


def wide_astronaut() -> Frame:
    """The photo as a webcam would have it, her head in the upper half."""
    return np.ascontiguousarray(astronaut()[:288])


@NEEDS_WEIGHTS
def test_builtin_model_keeps_head_and_drops_flag() -> None:
    matte = LiteRTSegmenter.load().predict(wide_astronaut())
    height, width = matte.shape
    rows, columns = height / 288, width / 512
    head = matte[int(70 * rows) : int(170 * rows), int(190 * columns) : int(250 * columns)]
    corner = matte[: int(100 * rows), int(420 * columns) :]
    assert np.median(head) > 0.9
    assert np.median(corner) < 0.1


def test_clip_rounding_keeps_larger_errors() -> None:
    matte = np.array([[0.0, 0.5, 1.0, np.nextafter(np.float32(1), np.float32(2)), 1.00005]], np.float32)
    assert clip_rounding(matte).tolist() == [[0.0, 0.5, 1.0, 1.0, 1.0]]
    invalid = np.array([[1.01, -0.5, np.nan, np.inf]], np.float32)
    np.testing.assert_array_equal(clip_rounding(np.array(invalid)), invalid)


def test_builtin_models_return_valid_mattes() -> None:
    rng = np.random.default_rng(0)
    frames = [np.full((360, 640, 3), level, np.uint8) for level in (0, 128, 255)]
    frames += [rng.integers(0, 256, (360, 640, 3), dtype=np.uint8), astronaut()]
    for card in builtin_dir().glob("*.json"):
        segmenter = LiteRTSegmenter.load(card.stem)
        for frame in frames:
            matte = segmenter.predict(np.ascontiguousarray(frame))
            check_matte(matte, matte.shape)


def test_model_file_of_another_name_is_the_one_used(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    for suffix in (".tflite", ".json"):
        path.with_suffix(suffix).rename(tmp_path / f"mine{suffix}")
    assert LiteRTSegmenter.load(str(tmp_path / "mine.tflite")).card.size == SIZE


@pytest.mark.parametrize("name", ["mine.TFLITE", "mine.Json"])
def test_model_file_is_known_by_a_suffix_of_any_case(tmp_path: Path, name: str) -> None:
    path = write_model(tmp_path)
    card = tmp_path / name if name.endswith("Json") else tmp_path / "mine.json"
    path.with_suffix(".json").rename(card)
    if name.endswith("TFLITE"):
        path.with_suffix(".tflite").rename(tmp_path / name)
    assert LiteRTSegmenter.load(str(tmp_path / name)).card.size == SIZE


def test_checksum_decides_about_the_named_file(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    path.with_suffix(".json").rename(tmp_path / "mine.json")
    (tmp_path / "mine.tflite").write_bytes(b"another model")
    with pytest.raises(ModelError, match=r"mine\.tflite is damaged or not the file its card describes"):
        LiteRTSegmenter.load(str(tmp_path / "mine.tflite"))
