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
def test_the_green_person_is_kept_at_the_networks_size(segmenter: LiteRTSegmenter, size: Size) -> None:
    frame = secret_frame(size=size)
    matte = check_matte(segmenter.predict(frame), (SIZE.height, SIZE.width))
    assert matte[SIZE.height - 4, SIZE.width // 2] > 0.99
    assert matte[:3].max() < 0.01
    assert matte[:, :4].max() < 0.01
    assert matte.mean() == pytest.approx(is_person(frame).mean(), abs=0.12)


def test_colours_come_in_as_rgb(tmp_path: Path) -> None:
    segmenter = LiteRTSegmenter.load(str(write_model(tmp_path)))
    for colour, kept in (((0, 255, 0), 1.0), ((255, 0, 0), 0.0), ((0, 0, 255), 0.0)):
        matte = segmenter.predict(np.full((48, 64, 3), colour, np.uint8))
        assert matte == pytest.approx(np.full(matte.shape, kept), abs=1e-3)


@pytest.mark.parametrize(
    ("low", "high", "level", "kept"),
    # Grey of value v becomes sigmoid(-12 v - 12).
    [
        (-1.0, 1.0, 0, 0.5),
        (-1.2, 0.8, 51, 0.083),
        (0.0, 1.0, 0, 0.0),
        (-2.0, 0.0, 0, 1.0),
        (-1.0, 0.0, 51, 0.083),
    ],
)
def test_the_range_of_the_card_is_what_the_network_gets(
    low: float, high: float, level: int, kept: float
) -> None:
    weights = green_weights()
    value = low + level / 255 * (high - low)
    assert 1 / (1 + np.exp(12 * value + 12)) == pytest.approx(kept, abs=0.01)
    matte = LiteRTSegmenter(replace(card_of(weights), input_range=(low, high)), weights).predict(
        np.full((24, 32, 3), level, np.uint8)
    )
    assert matte == pytest.approx(np.full(matte.shape, kept), abs=0.01)


def test_a_matte_is_the_callers_own(segmenter: LiteRTSegmenter) -> None:
    frame = secret_frame()
    first = segmenter.predict(frame)
    kept = first.copy()
    segmenter.predict(255 - frame)
    assert (first == kept).all()
    first[:] = 0.5
    assert (segmenter.predict(frame) == kept).all()


def test_the_frame_is_not_written_to(segmenter: LiteRTSegmenter) -> None:
    frame = secret_frame()
    frame.setflags(write=False)
    segmenter.predict(frame)
    assert (frame == secret_frame()).all()


def test_a_model_is_found_by_its_weights_or_its_card(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    assert (
        resolve_model(str(path)) == resolve_model(str(path.with_suffix(".json"))) == path.with_suffix(".json")
    )


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="there are: "):
        resolve_model("nobody")


def test_weights_that_are_not_the_cards_are_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="damaged"):
        LiteRTSegmenter.load(str(path))


def test_a_card_without_weights_says_where_they_belong(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    path.unlink()
    with pytest.raises(ModelError, match=r"beside .*green\.json"):
        LiteRTSegmenter.load(str(path))


@pytest.mark.parametrize("weights", [b"", b"nonsense" * 100, green_weights()[:400]])
def test_what_is_no_model_is_refused(weights: bytes) -> None:
    with pytest.raises(ModelError, match="can't be run"):
        LiteRTSegmenter(card_of(weights), weights)


@pytest.mark.parametrize("outputs", [{"classes": 0}, {"matte": 1}, {"matte": -1}])
def test_a_card_that_promises_another_output_is_refused(outputs: dict[str, int]) -> None:
    weights = green_weights()
    with pytest.raises(ModelError, match="card describes"):
        LiteRTSegmenter(card_of(weights, outputs=outputs), weights)


def test_a_card_that_promises_another_size_is_refused() -> None:
    weights = green_weights()
    with pytest.raises(ModelError, match="card describes"):
        LiteRTSegmenter(card_of(weights, Size(64, 48)), weights)


def test_loading_says_nothing_by_itself(tmp_path: Path) -> None:
    code = "from livecam.models.segmenter import LiteRTSegmenter; LiteRTSegmenter.load"
    code += f"({str(write_model(tmp_path))!r})"
    # LiteRT says it once a process.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=TOP)
    assert (done.stdout, done.stderr) == (b"", b"")


SHIPPED = pytest.mark.skipif(
    not (builtin_dir() / "person.json").exists(), reason="the weights are not there yet"
)


def wide_astronaut() -> Frame:
    """The photo as a webcam would have it, her head in the upper half."""
    return np.ascontiguousarray(astronaut()[:288])


@SHIPPED
def test_the_shipped_model_keeps_a_head_and_not_the_flag_beside_it() -> None:
    matte = LiteRTSegmenter.load().predict(wide_astronaut())
    height, width = matte.shape
    rows, columns = height / 288, width / 512
    head = matte[int(70 * rows) : int(170 * rows), int(190 * columns) : int(250 * columns)]
    corner = matte[: int(100 * rows), int(420 * columns) :]
    assert np.median(head) > 0.9
    assert np.median(corner) < 0.1


def test_what_rounding_adds_above_one_is_taken_off_and_nonsense_is_left_for_the_check() -> None:
    said = np.array([[0.0, 0.5, 1.0, np.nextafter(np.float32(1), np.float32(2)), 1.00005]], np.float32)
    assert clip_rounding(said).tolist() == [[0.0, 0.5, 1.0, 1.0, 1.0]]
    wrong = np.array([[1.01, -0.5, np.nan, np.inf]], np.float32)
    np.testing.assert_array_equal(clip_rounding(np.array(wrong)), wrong)


def test_the_shipped_networks_give_mattes_whatever_they_see() -> None:
    rng = np.random.default_rng(0)
    frames = [np.full((360, 640, 3), level, np.uint8) for level in (0, 128, 255)]
    frames += [rng.integers(0, 256, (360, 640, 3), dtype=np.uint8), astronaut()]
    for card in builtin_dir().glob("*.json"):
        segmenter = LiteRTSegmenter.load(card.stem)
        for frame in frames:
            matte = segmenter.predict(np.ascontiguousarray(frame))
            check_matte(matte, matte.shape)
