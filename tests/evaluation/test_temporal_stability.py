from pathlib import Path

import numpy as np
import pytest

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.evaluation.temporal_stability import (
    SIZE,
    LivePipeline,
    add_noise_frames,
    composite_over_room,
    draw_reference_room,
    flicker,
    read_room,
    read_still,
    step_response_frames,
)
from livecam.imaging.image_io import write_image

DARK, LIGHT = (np.full((36, 64, 3), level, np.uint8) for level in (0, 255))


class Lagging:
    """Fake model: first-order low-pass filter of the brightness, with coefficient `speed`."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self.reset()

    def reset(self) -> None:
        self._level: float | None = None

    def matte(self, frame: Frame) -> Matte:
        now = float(frame.mean()) / 255
        self._level = now if self._level is None else self._level + self._speed * (now - self._level)
        return np.full(frame.shape[:2], self._level, np.float32)


@pytest.mark.parametrize(("speed", "frames"), [(1.0, 1), (0.8, 2), (0.6, 3), (0.5, 4)])
def test_a_step_takes_as_long_as_the_filter_says(speed: float, frames: int) -> None:
    # After n frames, (1 - speed)^n of the change remains.
    assert step_response_frames(Lagging(speed), DARK, LIGHT) == frames


def test_nothing_to_follow_is_no_number() -> None:
    assert step_response_frames(Lagging(1.0), DARK, DARK) is None


def test_a_matte_that_leaves_again_has_not_settled() -> None:
    class Bouncing(Lagging):
        def matte(self, frame: Frame) -> Matte:
            self.light = self.light + 1 if frame is LIGHT else 0
            return super().matte(frame) * np.float32(0.2 if self.light == 3 else 1)

    assert step_response_frames(Bouncing(1.0), DARK, LIGHT) == 4


def test_flicker_follows_the_noise_and_is_nothing_without_it() -> None:
    still = np.full((36, 64, 3), 128, np.uint8)
    smooth, jittery = Lagging(0.1), Lagging(1.0)

    assert flicker(jittery, still, noise=0, frames=5) == 0
    assert flicker(smooth, still, frames=20) < 0.3 * flicker(jittery, still, frames=20)
    assert flicker(jittery, still, noise=12, frames=20) > 1.5 * flicker(jittery, still, frames=20)


def test_the_noise_is_fresh_in_every_frame_and_the_same_by_its_seed() -> None:
    still = np.full((37, 63, 3), 128, np.uint8)
    frames, again = list(add_noise_frames(still, 6, 3, 1)), list(add_noise_frames(still, 6, 3, 1))

    assert all((one == other).all() for one, other in zip(frames, again, strict=True))
    assert (frames[0] != frames[1]).mean() > 0.8
    assert np.std(frames[0].astype(float)) == pytest.approx(6, rel=0.1)
    grains = frames[0][:36, :62].reshape(18, 2, 31, 2, 3)
    assert (grains == grains[:, :1, :, :1]).all()


def test_the_shipped_model_follows_a_step_within_two_frames() -> None:
    model, room, still = LivePipeline(), read_room(None), read_still(None)

    person = composite_over_room(model, still, room)

    for before, after in [(room, still), (still, room), (room, person), (person, room)]:
        frames = step_response_frames(model, before, after)
        assert frames is not None
        assert frames <= 2


def test_the_shipped_model_flickers_less_with_its_temporal_filter() -> None:
    still = read_still(None)
    assert flicker(LivePipeline(), still, frames=12) < 0.8 * flicker(
        LivePipeline(smoothed=False), still, frames=12
    )


def test_rooms_and_stills_can_be_given(tmp_path: Path) -> None:
    write_image(tmp_path / "wide.png", np.full((90, 400, 3), 7, np.uint8))

    assert (read_room(tmp_path / "wide.png") == 7).all()
    assert Size.of(read_still(tmp_path / "wide.png")) == Size.of(read_room(None)) == SIZE
    assert draw_reference_room(Size(80, 45)).std() > 10
