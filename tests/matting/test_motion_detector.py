import numpy as np
import pytest

from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame
from livecam.matting.motion_detector import MotionDetector, MotionSettings

SIZE = Size(64, 36)
FRAMES = MotionSettings().frames


def room(seed: int = 0, height: int = 360, width: int = 640) -> Frame:
    """Return smooth random colors."""
    coarse = np.random.default_rng(seed).integers(40, 200, (height // 40, width // 40, 3), np.uint8)
    return coarse.repeat(40, axis=0).repeat(40, axis=1)


def with_square(frame: Frame, left: float) -> Frame:
    """Return a copy with a white square of 80 pixels a side that begins at a fraction of a pixel."""
    moved, first = frame.copy(), int(left)
    moved[120:200, first : first + 80] = 255
    mixed = moved[120:200, first + 80].astype(np.float32) * (1 - left + first) + 255 * (left - first)
    moved[120:200, first + 80] = mixed.astype(np.uint8)
    return moved


def test_all_may_have_moved_until_enough_frames_were_seen() -> None:
    detector, frame = MotionDetector(), room()
    for _ in range(FRAMES):
        assert (detector.detect(frame, Crop.whole(frame), SIZE) == 1).all()
    assert (detector.detect(frame, Crop.whole(frame), SIZE) == 0).all()
    detector.reset()
    assert (detector.detect(frame, Crop.whole(frame), SIZE) == 1).all()


def test_noise_of_a_sensor_is_no_motion() -> None:
    detector, rng = MotionDetector(), np.random.default_rng(1)
    for _ in range(FRAMES + 1):
        noisy = np.clip(room() + rng.normal(0, 4, (360, 640, 3)), 0, 255).astype(np.uint8)
        motion = detector.detect(noisy, Crop.whole(noisy), SIZE)
    assert motion.mean() < 0.02


@pytest.mark.parametrize("speed", [1.0, 8.0])
def test_what_moves_is_found_at_its_old_and_new_place_and_the_rest_is_still(speed: float) -> None:
    detector = MotionDetector()
    for number in range(FRAMES + 1):
        frame = with_square(room(), 200 + speed * number)
        motion = detector.detect(frame, Crop.whole(frame), SIZE)
    edge = round((280 + speed * FRAMES) / 10)
    assert motion[13:19, edge - 1 : edge + 1].max(axis=1).min() == 1
    assert motion[13:19, 20:22].max() == 1
    assert motion[:, 40:].max() == 0
    assert motion[22:].max() == 0


def test_a_crop_shows_its_part_of_the_motion() -> None:
    detector, crop = MotionDetector(), Crop(160, 80, Size(320, 160))
    for number in range(FRAMES + 1):
        frame = with_square(room(), 200 + 8 * number)
        whole = detector.detect(frame, Crop.whole(frame), Size(128, 72))
    for number in range(FRAMES + 1):
        frame = with_square(room(), 200 + 8 * number)
        part = detector.detect(frame, crop, Size(64, 32))
    assert np.abs(part - whole[16:48, 32:96]).mean() < 0.02
    assert 0 < part.mean() < 0.5


def test_frames_of_another_size_begin_anew() -> None:
    detector = MotionDetector()
    for _ in range(FRAMES + 1):
        detector.detect(room(), Crop.whole(room()), SIZE)
    small = room(height=120, width=160)
    assert (detector.detect(small, Crop.whole(small), SIZE) == 1).all()


def test_a_frame_smaller_than_the_grid_has_a_sample_for_each_pixel() -> None:
    detector, frame = MotionDetector(), np.zeros((2, 3, 3), np.uint8)
    for _ in range(FRAMES):
        detector.detect(frame, Crop.whole(frame), Size(3, 2))
    frame[0, 0] = 255
    assert detector.detect(frame, Crop.whole(frame), Size(3, 2))[0, 0] == 1
