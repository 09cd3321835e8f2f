import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from livecam.core.types import Frame, Matte
from livecam.imaging.ops import rgb_to_lab
from livecam.picture.color_match import ColorMatcher, ColorMatchSettings

SETTINGS = ColorMatchSettings()
FRAME: Frame = cv2.resize(astronaut(), (320, 180))
FACE = (slice(40, 68), slice(126, 156))
BODY = (slice(75, 180), slice(60, 190))
GREEN, BLUE, WHITE, BLACK, ORANGE = (0, 177, 64), (30, 60, 200), (250,) * 3, (8,) * 3, (250, 140, 30)


def matte() -> Matte:
    drawn = np.zeros(FRAME.shape[:2], np.float32)
    drawn[FACE] = drawn[BODY] = 1.0
    return drawn


def background(color: tuple[int, ...]) -> Frame:
    return np.full_like(FRAME, color)


def match(color: tuple[int, ...], strength: float = 1.0, frame: Frame = FRAME) -> Frame:
    return ColorMatcher().apply(frame, background(color), matte(), strength, 0.0)


def lab(image: Frame) -> np.ndarray:
    return rgb_to_lab(image.reshape(-1, 3)).mean(axis=0)


def hue(color: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(color[2], color[1])))


@pytest.mark.parametrize("color", [GREEN, BLUE, WHITE, BLACK, ORANGE])
def test_person_moves_towards_the_background_within_the_limits(color: tuple[int, ...]) -> None:
    before, after = lab(FRAME[matte() == 1]), lab(match(color)[matte() == 1])
    goal = lab(background(color))
    distance, moved = np.linalg.norm(goal - before), np.linalg.norm(goal - after)
    assert moved < distance
    assert abs(after[0] - before[0]) <= SETTINGS.max_lightness + 1
    assert np.hypot(*(after - before)[1:]) <= SETTINGS.max_chroma + 1


@pytest.mark.parametrize("color", [GREEN, BLUE, WHITE, BLACK, ORANGE])
def test_skin_stays_natural(color: tuple[int, ...]) -> None:
    before, after = lab(FRAME[FACE]), lab(match(color)[FACE])
    assert abs(hue(after) - hue(before)) <= SETTINGS.max_hue_degrees + 3
    assert 1 / 1.4 < np.hypot(*after[1:]) / np.hypot(*before[1:]) < 1.4


def test_without_skin_a_gray_person_takes_the_color_of_the_background() -> None:
    gray = np.repeat(FRAME.mean(axis=2).astype(np.uint8)[..., None], 3, axis=2)
    after = lab(match(BLUE, frame=gray)[matte() == 1])
    goal = lab(background(BLUE))[1:]
    assert np.hypot(*after[1:]) == pytest.approx(SETTINGS.max_chroma, abs=2)
    assert np.dot(after[1:], goal) / np.hypot(*after[1:]) / np.hypot(*goal) > 0.95


def test_amount_grows_with_the_strength_and_zero_changes_nothing() -> None:
    changes = [np.abs(match(BLUE, s).astype(int) - FRAME).mean() for s in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert changes[0] < 0.01
    assert changes == sorted(changes)
    assert changes[-1] > 5


def test_step_of_the_background_is_followed_smoothly_without_overshoot() -> None:
    matcher = ColorMatcher()
    matcher.apply(FRAME, background(WHITE), matte(), 1.0, 0.0)
    goal = lab(match(BLACK)[matte() == 1])[0]
    path = [
        lab(matcher.apply(FRAME, background(BLACK), matte(), 1.0, n / 30)[matte() == 1])[0] for n in range(90)
    ]
    assert path[0] == pytest.approx(lab(match(WHITE)[matte() == 1])[0], abs=0.5)
    assert (np.diff(path) <= 0.05).all()
    # exp(-1) of the step remains after the time constant.
    remaining = (path[15] - goal) / (path[0] - goal)
    assert remaining == pytest.approx(np.exp(-1), abs=0.08)
    assert path[-1] == pytest.approx(goal, abs=0.5)


def test_reset_forgets_earlier_frames() -> None:
    matcher = ColorMatcher()
    matcher.apply(FRAME, background(WHITE), matte(), 1.0, 0.0)
    matcher.reset()
    assert (matcher.apply(FRAME, background(BLACK), matte(), 1.0, 0.01) == match(BLACK)).all()


def test_frame_without_a_person_keeps_its_colors() -> None:
    empty = np.zeros(FRAME.shape[:2], np.float32)
    shown = ColorMatcher().apply(FRAME, background(WHITE), empty, 1.0, 0.0)
    assert (shown == FRAME).all()
    assert shown is not FRAME


def test_person_of_one_color_stays_of_one_color() -> None:
    flat = np.full_like(FRAME, (90, 100, 110))
    shown = match(WHITE, frame=flat)
    assert np.ptp(shown.reshape(-1, 3), axis=0).max() == 0
    assert lab(shown)[0] == pytest.approx(lab(flat)[0] + SETTINGS.max_lightness, abs=1.5)
