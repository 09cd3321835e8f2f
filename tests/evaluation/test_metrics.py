import sys
from pathlib import Path

import numpy as np
import pytest

from livecam.evaluation.metrics import (
    background_leak_rate,
    boundary_f,
    dtssd,
    flicker,
    foreground_miss_rate,
    frame_metrics,
    gradient_error_sobel,
    iou,
    known_pixel_metrics,
    mean_metrics,
)
from livecam.imaging.image_io import read_grayscale
from livecam.imaging.ops import to_gray
from livecam.video.video_reader import VideoReader

BENCHES = [top / "shared" / "bench" for top in Path(__file__).resolve().parents]
BENCH = next((path for path in BENCHES if (path / "metrics.py").is_file()), None)
ALL = np.ones((12, 16), bool)


def square(top: int, left: int, side: int, shape: tuple[int, int] = (12, 16)) -> np.ndarray:
    image = np.zeros(shape, bool)
    image[top : top + side, left : left + side] = True
    return image


def test_iou_of_shifted_squares_is_counted_by_hand() -> None:
    assert iou(square(2, 2, 4), square(2, 4, 4), ALL) == pytest.approx(8 / 24)


def test_iou_of_nothing_with_nothing_is_one_and_with_something_zero() -> None:
    nothing = np.zeros_like(ALL)

    assert iou(nothing, nothing, ALL) == 1.0
    assert iou(nothing, square(0, 0, 3), ALL) == 0.0


def test_iou_counts_known_pixels_only() -> None:
    known = ALL.copy()
    known[:, 4:6] = False

    assert iou(square(2, 2, 4), square(2, 2, 4), known) == 1.0
    assert iou(square(2, 2, 4), square(2, 2, 4) & (np.arange(16) < 4), known) == 1.0
    assert iou(square(2, 2, 4), square(2, 2, 4), ~ALL) == 1.0


def test_iou_agrees_with_brute_force() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        predicted, true, known = (rng.random((5, 6)) < p for p in (0.4, 0.5, 0.8))
        both = either = 0
        for s, t, k in zip(predicted.ravel(), true.ravel(), known.ravel(), strict=True):
            both += int(k and s and t)
            either += int(k and (s or t))
        assert iou(predicted, true, known) == pytest.approx(both / either if either else 1.0)


def outline(image: np.ndarray) -> list[tuple[int, int]]:
    """Return the pixels whose 3x3 neighborhood (within the image) is not uniform."""
    height, width = image.shape
    return [
        (y, x)
        for y in range(height)
        for x in range(width)
        if len(set(image[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].ravel().tolist())) > 1
    ]


def test_boundary_f_agrees_with_brute_force() -> None:
    # A tolerance of one pixel: OpenCV's 3x3 ellipse is a cross.
    rng = np.random.default_rng(1)
    for _ in range(15):
        predicted = square(*rng.integers(1, 5, 2), int(rng.integers(3, 8)), (14, 18))
        true = square(*rng.integers(1, 5, 2), int(rng.integers(3, 8)), (14, 18))
        lines = outline(predicted), outline(true)
        near = [
            np.mean([any(abs(y - v) + abs(x - u) <= 1 for v, u in theirs) for y, x in ours])
            for ours, theirs in (lines, lines[::-1])
        ]
        expected = 2 * near[0] * near[1] / sum(near) if sum(near) else 0.0
        assert boundary_f(predicted, true, tolerance=0.01) == pytest.approx(expected)


def test_boundary_f_forgives_what_the_tolerance_forgives() -> None:
    true, shifted = square(30, 30, 40, (100, 100)), square(30, 33, 40, (100, 100))

    assert boundary_f(true, true) == 1.0
    assert boundary_f(shifted, true, tolerance=0.03) > 0.99
    assert boundary_f(shifted, true, tolerance=0.0075) < 0.8


def test_boundary_f_without_outlines() -> None:
    nothing = np.zeros_like(ALL)

    assert boundary_f(nothing, nothing) == 1.0
    assert boundary_f(nothing, square(2, 2, 5)) == 0.0
    assert boundary_f(square(2, 2, 5), nothing) == 0.0


def test_a_perfect_matte_scores_a_hundred() -> None:
    matte = square(2, 3, 6).astype(np.float32)

    scores = mean_metrics([matte], [matte], [ALL])

    assert (scores.miou, scores.foreground_iou, scores.boundary_f, scores.mad) == (100, 100, 100, 0)
    assert str(scores) == "miou 100.00  foreground_iou 100.00  boundary_f 100.00  mad 0.00"


def test_scores_are_the_means_over_images_each_counted_by_hand() -> None:
    true = square(2, 2, 4).astype(np.float32)
    half = square(2, 4, 4).astype(np.float32)
    nothing = np.zeros_like(true)

    scores = mean_metrics([half, nothing], [true, nothing], [ALL, ALL])

    background = (192 - 24) / (192 - 8)
    assert scores.foreground_iou == pytest.approx(100 * (8 / 24 + 1) / 2)
    assert scores.miou == pytest.approx(50 * (8 / 24 + background + 2) / 2)
    assert scores.mad == pytest.approx(1000 * 16 / 192 / 2)


def test_what_is_not_known_is_not_scored() -> None:
    true = square(2, 2, 4).astype(np.float32)
    wrong = true.copy()
    wrong[:, 10:] = 1

    known = np.broadcast_to(np.arange(16) < 10, ALL.shape)

    assert mean_metrics([wrong], [true], [known]).miou == 100
    assert mean_metrics([wrong], [true], [known]).mad == 0
    assert mean_metrics([wrong], [true], [ALL]).miou < 100


def test_lists_of_different_lengths_are_a_mistake() -> None:
    matte = square(2, 2, 4).astype(np.float32)

    with pytest.raises(ValueError, match="longer"):
        mean_metrics([matte], [matte, matte], [ALL])


def test_leak_is_the_room_shown_away_from_the_subject() -> None:
    everything = np.ones((100, 100), bool)
    true = square(30, 30, 40, (100, 100)).astype(np.float32)
    grown = square(29, 29, 42, (100, 100)).astype(np.float32)
    island = true.copy()
    island[90:95, 90:95] = 0.6

    assert background_leak_rate(grown, true, everything) == 0
    # The band is one pixel wide: 42 x 42 pixels are not counted.
    assert background_leak_rate(island, true, everything) == pytest.approx(25 / (10000 - 42 * 42))
    assert background_leak_rate(island, true, ~(island == np.float32(0.6))) == 0
    assert background_leak_rate(true, np.ones_like(true), everything) == 0


def test_hole_is_the_subject_lost_away_from_its_outline() -> None:
    everything = np.ones((100, 100), bool)
    true = square(30, 30, 40, (100, 100)).astype(np.float32)
    shrunk = square(31, 31, 38, (100, 100)).astype(np.float32)
    holed = true.copy()
    holed[45:50, 45:50] = 0.4

    assert foreground_miss_rate(shrunk, true, everything) == 0
    assert foreground_miss_rate(holed, true, everything) == pytest.approx(25 / (38 * 38))
    assert foreground_miss_rate(holed, true, ~(holed == np.float32(0.4))) == 0
    assert foreground_miss_rate(holed, np.zeros_like(true), everything) == 0


def test_the_gradient_error_is_of_the_slopes_alone() -> None:
    everything = np.ones((20, 20), bool)
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32) / 40, (20, 20))

    assert gradient_error_sobel(np.full_like(ramp, 0.2), np.full_like(ramp, 0.7), everything) == 0
    middle = np.zeros_like(everything)
    middle[5:15, 5:15] = True
    # Sobel's weights add up to eight times the slope of a pixel: 8 / 40.
    assert gradient_error_sobel(ramp, np.zeros_like(ramp), middle) == pytest.approx(0.04, rel=1e-4)


def test_dtssd_asks_for_the_change_not_for_the_matte() -> None:
    still, moved = np.full((4, 4), 0.2, np.float32), np.full((4, 4), 0.7, np.float32)

    assert dtssd(still, still, moved, moved) == 0
    assert dtssd(still, moved, still, still) == pytest.approx(0.5)
    assert dtssd(still, moved, still, moved) == 0


def test_the_scales_are_percent_and_thousands() -> None:
    true = square(2, 2, 6).astype(np.float32)
    pale = np.clip(true, 0.1, 0.9)

    scores = frame_metrics(pale, true)

    assert [scores[name] for name in ("miou", "fg_iou", "bg_iou", "bf", "leak", "hole")] == [
        *(100.0,) * 4,
        0,
        0,
    ]
    assert scores["mad"] == pytest.approx(100)
    assert scores["mse"] == pytest.approx(10)
    assert "grad" not in frame_metrics(pale, true, soft=False)


@pytest.mark.skipif(BENCH is None, reason="the benchmark (shared/bench) is not part of this repository")
def test_measures_agree_with_the_benchmark_on_its_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BENCH is not None
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(BENCH))
    import metrics

    rng = np.random.default_rng(3)
    last = None
    for folder in sorted((BENCH / "clips").iterdir())[::4]:
        with VideoReader(folder / "matte.mkv") as clip:
            for _, shade in zip(range(4), clip, strict=False):
                true = to_gray(shade).astype(np.float32) / np.float32(255)
                predicted = np.roll(true, rng.integers(-9, 10, 2), (0, 1)) * np.float32(rng.uniform(0.5, 1))
                predicted[rng.random(predicted.shape) < 0.01] = np.float32(rng.random())
                theirs, ours = metrics.frame_metrics(predicted, true), frame_metrics(predicted, true)
                if last is not None:
                    theirs["dtssd"] = metrics.dtssd(last[0], predicted, last[1], true)
                    ours["dtssd"] = 100 * dtssd(last[0], predicted, last[1], true)
                assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=1e-5)
                last = predicted, true


def test_known_pixel_metrics_are_counted_by_hand() -> None:
    true = square(2, 2, 4).astype(np.float32)
    known = np.ones_like(ALL)
    known[:, 5] = False
    predicted = np.zeros_like(true)
    predicted[2:6, 2:4] = 0.9
    predicted[9, 10] = 0.7
    predicted[:, 5] = 1.0

    metrics = known_pixel_metrics(predicted, true, known)

    # 12 of the 16 foreground pixels are known, 4 of them lost. Of 168 known background pixels one is shown.
    assert metrics["hole"] == pytest.approx(100 * 4 / 12)
    assert metrics["leak"] == pytest.approx(100 / 168)
    assert metrics["fg_iou"] == pytest.approx(100 * 8 / 13)
    assert metrics["bg_iou"] == pytest.approx(100 * 167 / 172)
    assert metrics["miou"] == pytest.approx((metrics["fg_iou"] + metrics["bg_iou"]) / 2)
    assert metrics["soft"] == pytest.approx(1000 * (8 * 0.1 + 4 * 1 + 0.7) / 180, rel=1e-5)


def test_known_pixel_metrics_of_an_unknown_frame_are_neutral() -> None:
    empty = np.zeros(ALL.shape, np.float32)
    metrics = known_pixel_metrics(empty, empty, ~ALL)
    assert metrics == {"miou": 100, "fg_iou": 100, "bg_iou": 100, "leak": 0, "hole": 0, "soft": 0}


def test_flicker_is_the_mean_change_in_thousandths() -> None:
    before, after = np.zeros((10, 10), np.float32), np.zeros((10, 10), np.float32)
    after[0] = 0.5
    assert flicker(before, after) == pytest.approx(50)
    assert flicker(after, after) == 0


@pytest.mark.skipif(BENCH is None, reason="the benchmark (shared/bench) is not part of this repository")
def test_known_pixel_metrics_are_those_of_the_benchmark_of_real_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BENCH is not None
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(BENCH))
    import compare_real

    (tmp_path / "office_walk").symlink_to(BENCH / "real" / "office_walk")

    class Luma:
        """A wrong matte that differs from frame to frame."""

        def reset(self) -> None:
            """Do nothing."""

        def __call__(self, frame: np.ndarray) -> np.ndarray:
            return to_gray(frame).astype(np.float32) / 255

    monkeypatch.setattr(compare_real.cv2, "imread", read_label)
    theirs, _ = compare_real.run(Luma(), str(tmp_path))
    rows: dict[str, list[float]] = {}
    previous = None
    for number, frame in enumerate(compare_real.frames(str(tmp_path / "office_walk" / "frames.mp4"))):
        matte = Luma()(frame)
        metrics = {} if previous is None else {"flicker": flicker(previous, matte)}
        previous, label = matte, read_label(str(tmp_path / "office_walk" / f"truth_{number:04d}.png"))
        if label is not None:
            metrics |= known_pixel_metrics(matte, (label == 255).astype(np.float32), label != 128)
        for name, value in metrics.items():
            rows.setdefault(name, []).append(value)
    expected = theirs["rows"]["office_walk"]
    assert {name: np.mean(rows[name]) for name in expected} == pytest.approx(expected, rel=1e-4)


def read_label(path: str, flags: int = 0) -> np.ndarray | None:
    """Read a label like OpenCV, without its warning about the frames that have none."""
    return read_grayscale(Path(path)) if Path(path).is_file() else None
